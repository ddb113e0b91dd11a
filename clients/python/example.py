"""Pushes an event and a coupon, then asks what to show next.

    python3 example.py [http://127.0.0.1:5000]        the key, where one is wanted, in API_KEY
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone

from tipster_client import Coupon, Event, Tipster, User


def at(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def match(event_id: str, days: float, *teams: str) -> Event:
    return {"event_id": event_id, "sport": "Chess", "league": "Example League", "country": "Norway", "participants": list(teams),
            "begin_timestamp": at(days), "end_timestamp": at(days + 0.1)}


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    user: User = {"user_id": "example-py", "birth_year": 1990, "country": "Norway", "currency": "NOK", "gender": "female",
                  "registration_date": "2026-01-01"}
    coupon: Coupon = {"coupon_id": "example-py-1", "user_id": "example-py", "stake": 10.5, "timestamp": "2026-11-01T12:00:00Z",
                      "selections": [{"event_id": "example-py-a", "odds": 2.15}]}
    with Tipster(url, os.environ.get("API_KEY") or None) as tipster:
        tipster.push_users([user])
        events = tipster.push_events([match("example-py-a", 1, "Ada", "Bo"), match("example-py-b", 2, "Ada", "Cy")])
        coupons = tipster.push_coupons([coupon])
        print(f"accepted {events.accepted} events, {coupons.accepted} coupon")
        tips = tipster.recommendations("example-py", n=1, sport=["Chess"], explain=True, after=coupons.position)
        for item in tips["items"]:
            reasons = ", ".join(f"{reason['tag']} {reason['value']}" for reason in item.get("because", []))
            print(f"{item['event']['event_id']} {item['source']} {item['score']:.2f} ({reasons})")


if __name__ == "__main__":
    main()
