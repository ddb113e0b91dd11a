"""What Schemathesis is told about the contract: the rules that stand there in words, because JSON Schema has none for them.

Loaded by SCHEMATHESIS_HOOKS. Requests that are valid by the schema are bent to those rules and to nothing else; invalid ones
are left alone.
"""

from __future__ import annotations

import datetime
import json
import os
from typing import Any
from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NOT_SET

ID_BYTES = 64
NOT_IN_IDS = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
DECIMALS = 4
INT64_MAX = 2**63 - 1
INTEGERS = {"birth_year", "version"}
FIELDS = INTEGERS | {"user_id", "country", "currency", "gender", "registration_date", "event_id", "sport", "league",
                     "participants", "begin_timestamp", "end_timestamp", "coupon_id", "stake", "timestamp", "selections"}

characters = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in NOT_IN_IDS])
ids = (st.text(characters, min_size=1, max_size=ID_BYTES)
       .map(lambda text: text.encode()[:ID_BYTES].decode(errors="ignore")).filter(bool))
dates = st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 12, 30)).map(str)
times = st.times()
offsets = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-11:00"])
date_times = st.builds("{}{}{}{}".format, dates, st.sampled_from("Tt"), times, offsets)
older_times = st.one_of(dates, date_times, st.builds("{}T{}".format, dates, times))

schemathesis.openapi.format("tipster-id", ids)
schemathesis.openapi.format("tipster-older-time", older_times)
schemathesis.openapi.format("date", dates)
schemathesis.openapi.format("date-time", date_times)
# Cursors are opaque: the test has taken some from the server.
for name in ("events", "coupons", "rejected"):
    cursors = os.environ[f"TIPSTER_CURSORS_{name.upper()}"].split()
    schemathesis.openapi.format(f"tipster-cursor-{name}", st.sampled_from(cursors))


# As opaque, and as much taken from the server.
POSITIONS = os.environ.get("TIPSTER_POSITIONS", "u:0.0").split()
schemathesis.openapi.format("tipster-position", st.sampled_from(POSITIONS))


@schemathesis.deserializer("application/x-ndjson")
def from_ndjson(ctx: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """Lines on the wire are an array in the contract."""
    return [json.loads(line) for line in response.content.splitlines()]


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """A batch is an array in the contract and lines on the wire; what is no array goes as one line."""
    if isinstance(value, bytes):
        return value
    return b"".join(json.dumps(item).encode() + b"\n" for item in (value if isinstance(value, list) else [value]))


@schemathesis.hook
def before_load_schema(ctx: schemathesis.HookContext, schema: dict[str, Any]) -> None:
    """"Not after this year" as a number."""
    for name in ("User", "UserPut", "OlderUser"):
        schema["components"]["schemas"][name]["properties"]["birth_year"]["maximum"] = datetime.date.today().year


def _decimal(value: Any, above: float) -> Any:
    if not isinstance(value, float) or value <= above:
        return value
    return max(round(value, DECIMALS), above + 10 ** -DECIMALS)


def _instant(value: Any) -> Any:
    """A well-formed time as a number to compare; None for anything else."""
    try:
        moment = datetime.datetime.fromisoformat(value.upper())
    except (AttributeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def _bend_selections(selections: list[dict[str, Any]]) -> None:
    """Odds of 4 decimals, each event once."""
    seen: set[str] = set()
    for number, selection in enumerate(selections):
        if "odds" in selection:
            selection["odds"] = _decimal(selection["odds"], 1)
        if selection["event_id"] in seen:
            selection["event_id"] = f"other-{number}"
        seen.add(selection["event_id"])


def _plain(value: Any) -> Any:
    """Any JSON that older clients may send besides: without U+0000, integers of 64 bits."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-INT64_MAX, min(value, INT64_MAX))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(name): _plain(item) for name, item in value.items()}
    return value


def _bend(record: dict[str, Any], path: dict[str, Any]) -> None:
    fields = {name: record[name] for name in FIELDS & record.keys()}
    plain = {**_plain(record), **fields, "selections": _plain(fields.get("selections", []))}
    record.clear()
    record.update({name: value for name, value in plain.items() if name != "selections" or "selections" in fields})
    for name in INTEGERS & record.keys():
        record[name] = int(record[name])
    begin, end = (_instant(record.get(name)) for name in ("begin_timestamp", "end_timestamp"))
    if begin and end and end < begin:
        record["begin_timestamp"], record["end_timestamp"] = record["end_timestamp"], record["begin_timestamp"]
    placed = _instant(record.get("timestamp"))
    if placed and placed > datetime.datetime.now(datetime.timezone.utc):
        record["timestamp"] = "2026-01-01"
    if "stake" in record:
        record["stake"] = _decimal(record["stake"], 0)
    _bend_selections(record.get("selections", []))
    record.update({name: unquote(value) for name, value in path.items() if name in record})  # PUT: one id in both places


@schemathesis.hook
def before_call(ctx: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Bends the bodies that are valid by the schema; the others stay as they are.

    A request with a method that the path does not take goes without the body of the one it does: GET and DELETE with a
    body are answered 400 before anybody looks at the path, and that is another test's matter.
    """
    if case.method.lower() != case.operation.method.lower():
        case.body = NOT_SET
        return
    if (case.query or {}).get("via") == "view":  # 503 where there is none: an answer of the contract, and no proof
        case.query["via"] = "sql"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if (case.headers or {}).get("Tipster-After"):  # opaque: one of the server's own
        case.headers["Tipster-After"] = POSITIONS[0]
    for record in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(record, dict):
            _bend(record, case.path_parameters or {})


@schemathesis.auth()
class Key:
    """Every request that is to be authenticated carries the one key, in the way that its operation's turn is for."""

    def get(self, case: schemathesis.Case, ctx: schemathesis.AuthContext) -> str:
        return os.environ["TIPSTER_KEY"]

    def set(self, case: schemathesis.Case, data: str, ctx: schemathesis.AuthContext) -> None:
        case.headers = {**(case.headers or {}), "X-API-Key": data}
        case.headers.pop("Authorization", None)
