"""The client: batches, tries again, hands positions on."""

from __future__ import annotations

import json
import random
import time
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union, cast
from urllib.parse import quote

import requests

from .errors import TipsterError, Unavailable, error_of
from .records import Coupon, Event, Item, Recommendations, Rejected, User

BATCH_LINES_MAX = 1000
BATCH_BYTES_MAX = 1_000_000  # the server takes 1 MiB
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 2.0
_PASSING = (408, 425, 429)  # and 5xx: the same request may succeed later
_Params = List[Tuple[str, str]]


class Pushed(NamedTuple):
    """What became of a push: how many records Kafka has, and where."""

    accepted: int
    position: Optional[str]  # Tipster-Position of the last batch; hand it to a read as `after`


class _Answer(NamedTuple):
    body: Any
    position: Optional[str]


class Tipster:
    """One server, one key. Not for several threads at once: a session keeps its connection.

    retry_for_s bounds how long one request is tried while the server is away or busy; timeout_s each single try.
    """

    def __init__(self, url: str, key: Optional[str] = None, *, timeout_s: float = 10.0, retry_for_s: float = 60.0,
                 batch_lines: int = 500) -> None:
        if not 1 <= batch_lines <= BATCH_LINES_MAX:
            raise ValueError(f"batch_lines must be from 1 to {BATCH_LINES_MAX}")
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        self.retry_for_s = retry_for_s
        self.batch_lines = batch_lines
        self._session = requests.Session()
        if key is not None:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> "Tipster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- pushing

    def push_users(self, users: Iterable[User]) -> Pushed:
        return self._push("users", users)

    def push_events(self, events: Iterable[Event]) -> Pushed:
        return self._push("events", events)

    def push_coupons(self, coupons: Iterable[Coupon]) -> Pushed:
        return self._push("coupons", coupons)

    def withdraw_event(self, event_id: str, version: Optional[int] = None) -> Pushed:
        params = [] if version is None else [("version", str(version))]
        return _pushed(self._request("DELETE", f"/v1/events/{_segment(event_id)}", params))

    def erase_user(self, user_id: str) -> Pushed:
        """Everything about the user; needs the scope admin."""
        return _pushed(self._request("DELETE", f"/v1/users/{_segment(user_id)}"))

    def _push(self, kind: str, records: Iterable[Mapping[str, Any]]) -> Pushed:
        total, position = 0, None
        for body in _batches(records, self.batch_lines):
            accepted, position = _pushed(self._request("POST", f"/v1/{kind}", body=body))
            total += accepted
        return Pushed(total, position)

    # --- asking

    def recommendations(self, user_id: str, n: int = 10, *, sport: Sequence[str] = (), league: Sequence[str] = (),
                        country: Sequence[str] = (), exclude: Sequence[str] = (), before: Optional[str] = None,
                        explain: bool = False, after: Optional[str] = None) -> Recommendations:
        params = _filters(n, sport=sport, league=league, country=country, exclude=exclude)
        if before is not None:
            params.append(("before", before))
        if explain:
            params.append(("explain", "1"))
        return cast(Recommendations, self._get(f"/v1/recommendations/{_segment(user_id)}", params, after))

    def similar(self, event_id: str, n: int = 10, *, after: Optional[str] = None) -> List[Item]:
        return cast(List[Item], self._get(f"/v1/events/{_segment(event_id)}/similar", _filters(n), after)["items"])

    def popular(self, n: int = 10, *, sport: Sequence[str] = (), league: Sequence[str] = (), country: Sequence[str] = (),
                after: Optional[str] = None) -> List[Item]:
        params = _filters(n, sport=sport, league=league, country=country)
        return cast(List[Item], self._get("/v1/popular", params, after)["items"])

    # --- looking up; None where the server has no such record

    def user(self, user_id: str, *, after: Optional[str] = None) -> Optional[User]:
        return cast(Optional[User], self._find(f"/v1/users/{_segment(user_id)}", [], after))

    def event(self, event_id: str, *, after: Optional[str] = None) -> Optional[Event]:
        return cast(Optional[Event], self._find(f"/v1/events/{_segment(event_id)}", [], after))

    def coupon(self, coupon_id: str, user_id: Optional[str] = None, *, after: Optional[str] = None) -> Optional[Coupon]:
        """Several users may have coupons of one id: then user_id says whose."""
        params = [] if user_id is None else [("user_id", user_id)]
        return cast(Optional[Coupon], self._find(f"/v1/coupons/{_segment(coupon_id)}", params, after))

    def events(self, **filters: Union[str, Sequence[str]]) -> Iterator[Event]:
        """Upcoming ones by default, in their order; sport=, league=, country=, participant=, from_=, to=."""
        return cast(Iterator[Event], self._pages("/v1/events", _filters(None, **filters)))

    def coupons_of(self, user_id: str) -> Iterator[Coupon]:
        """Newest first."""
        return cast(Iterator[Coupon], self._pages(f"/v1/users/{_segment(user_id)}/coupons", []))

    def rejected(self) -> Iterator[Rejected]:
        """What could not be stored, newest first; needs the scope admin."""
        return cast(Iterator[Rejected], self._pages("/v1/rejected", []))

    # --- requests

    def _get(self, path: str, params: _Params, after: Optional[str]) -> Any:
        return self._request("GET", path, params, after=after).body

    def _find(self, path: str, params: _Params, after: Optional[str]) -> Any:
        try:
            return self._get(path, params, after)
        except TipsterError as error:
            if error.status == 404:
                return None
            raise

    def _pages(self, path: str, params: _Params) -> Iterator[Any]:
        cursor: Optional[str] = ""
        while cursor is not None:
            page = self._get(path, params + ([("cursor", cursor)] if cursor else []), None)
            yield from page["items"]
            cursor = page["next_cursor"]

    def _request(self, method: str, path: str, params: Optional[_Params] = None, body: Optional[bytes] = None,
                 after: Optional[str] = None) -> _Answer:
        """One request, tried again while that may help. Every one may be repeated: records have ids."""
        headers: Dict[str, str] = {}
        if body is not None:
            headers["Content-Type"] = "application/x-ndjson"
        if after is not None:
            headers["Tipster-After"] = after
        give_up = time.monotonic() + self.retry_for_s
        attempt = 0
        while True:
            wait_s = _backoff_s(attempt)
            try:
                answer = self._session.request(method, self.url + path, params=params, data=body, headers=headers,
                                               timeout=self.timeout_s)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as failure:
                problem: TipsterError = Unavailable(0, "", f"{self.url}: {failure}")
            else:
                said = _json(answer)
                if answer.status_code < 300 and said is not None:
                    return _Answer(said, answer.headers.get("Tipster-Position"))
                problem = _problem_of(answer, said)
                if not isinstance(problem, Unavailable):
                    raise problem
                wait_s = max(wait_s, _retry_after_s(answer))
            if time.monotonic() + wait_s > give_up:
                raise problem
            time.sleep(wait_s)
            attempt += 1


def _segment(text: str) -> str:
    """An id as a part of a path."""
    return quote(text, safe="")


def _filters(n: Optional[int], **values: Union[str, Sequence[str]]) -> _Params:
    params = [] if n is None else [("n", str(n))]
    for name, value in values.items():
        params += [(name.rstrip("_"), one) for one in ([value] if isinstance(value, str) else value)]
    return params


def _batches(records: Iterable[Mapping[str, Any]], lines_max: int) -> Iterator[bytes]:
    lines: List[bytes] = []
    size = 0
    for record in records:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        if lines and (len(lines) == lines_max or size + len(line) + 1 > BATCH_BYTES_MAX):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def _problem_of(answer: requests.Response, said: Any) -> TipsterError:
    if answer.status_code < 300:
        return Unavailable(0, "", f"{answer.url}: the answer is not whole")
    return error_of(answer.status_code, said, answer.status_code in _PASSING or answer.status_code >= 500)


def _pushed(answer: _Answer) -> Pushed:
    return Pushed(int(answer.body["accepted"]), answer.position)


def _backoff_s(attempt: int) -> float:
    """Half to one and a half of a doubling pause: clients must not come back in one moment."""
    return min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(attempt, 10)) * (0.5 + random.random())


def _retry_after_s(answer: requests.Response) -> float:
    """Seconds; a date (a proxy's) counts as none, as does nonsense."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
