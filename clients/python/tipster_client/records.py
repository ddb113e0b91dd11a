"""The shapes of the contract (assets/openapi.json) as types; at run time they are plain dicts."""

from __future__ import annotations

from typing import List, TypedDict


class _User(TypedDict):
    user_id: str
    birth_year: int
    country: str
    currency: str
    gender: str
    registration_date: str


class User(_User, total=False):
    version: int  # of two records with one, the higher wins


class _Event(TypedDict):
    event_id: str
    sport: str
    league: str
    country: str
    participants: List[str]
    begin_timestamp: str
    end_timestamp: str


class Event(_Event, total=False):
    version: int


class Selection(TypedDict):
    event_id: str
    odds: float


class Coupon(TypedDict):
    coupon_id: str
    user_id: str
    stake: float
    timestamp: str
    selections: List[Selection]


class Reason(TypedDict):
    tag: str  # sport, league, country or participant
    value: str
    share: float


class _Item(TypedDict):
    event: Event
    score: float
    source: str  # similar or popular


class Item(_Item, total=False):
    because: List[Reason]  # with explain


class Recommendations(TypedDict):
    user_id: str
    as_of: str
    items: List[Item]


class Rejected(TypedDict, total=False):
    kind: str
    id: str
    user_id: str
    reason: str  # conflict, malformed or database
    detail: str
    payload: str
    payload_encoding: str
    payload_bytes: int
    position: str
    time: str
    request_id: str
