"""The view and SQL answer the same bytes at the same position; DIFFERENTIAL_REQUESTS and SEED size and repeat it."""

from __future__ import annotations

import os
import random
import time
from typing import Any, Callable

import pytest

from differential import Differential, Question, shrink
from oracle import to_text
from patience import wait_for
from records import coupon, event, now_ms
from stack import App
from view_file import current

REQUESTS = int(os.environ.get("DIFFERENTIAL_REQUESTS", "3000"))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
OPERATIONS, QUESTIONS = 40, 300  # a round; operations of each company


def test_both_paths_answer_alike(server_factory: Callable[..., Any]) -> None:
    """Between rounds the view is also built anew from the database, or its process is killed."""
    app = server_factory({"VIEW_BEHIND_MS": "600000"}, index=True)
    rng = random.Random(SEED)
    pair = Differential(app, SEED)
    shown = time.monotonic()
    while pair.compared < REQUESTS:
        pair.happen(OPERATIONS)
        roll = rng.random()
        if roll < 0.1:
            old = current(app)
            app.index.signal(1)
            wait_for(lambda: current(app) not in (old, None), "another view", 60)
            pair.happen(3)
        elif roll < 0.2:
            app.index.kill9()
            app.index.start()
            pair.happen(3)
        pair.ask(QUESTIONS)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(f"{pair.compared} of {REQUESTS} compared", flush=True)
    print(f"{pair.compared} compared, no difference", flush=True)


def test_it_would_notice(server_factory: Callable[..., Any]) -> None:
    """A view that stands still answers differently: that is found, and shrunk to the operations that matter."""
    app = server_factory({"VIEW_BEHIND_MS": "600000"}, index=True)
    pair = Differential(app, 1, companies=1, wait=lambda: App.wait_caught_up(app))
    open_event = event("late", begin=now_ms() + 10**8, sport="Chess")
    question = Question("/v1/popular", [("as_of", to_text(now_ms())), ("sport", "Chess")])
    app.wait_caught_up()
    wait_for(lambda: current(app) is not None, "a view")
    app.index.pause()
    try:
        pair.sent["co0"] = [("coupon", coupon(f"c{i}", "u", ["e"])) for i in range(5)] + [("event", open_event)]
        pair.clients["co0"].send(pair.sent["co0"])
        pair.wait()
        found = question.differs(pair.clients["co0"])
        assert found is not None
        report = pair._report("co0", question, found)
        assert "1 operations suffice" in report and "late" in report, report
    finally:
        app.index.resume()


@pytest.mark.parametrize("needed", [{3}, {0, 99}, {10, 11, 57}])
def test_shrinking(needed: set[int]) -> None:
    assert shrink(list(range(100)), lambda some: needed <= set(some)) == sorted(needed)
