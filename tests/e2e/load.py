"""Clients with ledgers that send every kind of record until they are told to stop, and the checker that judges them."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from ledger import OK, UNKNOWN, Ledger, LedgerClient
from records import coupon, event, fresh, user

EVENTS = 40


class Load:
    """Clients that send until they are told to stop, each with a ledger and ids of its own."""

    def __init__(self, base_url: str, folder: Path, coupon_clients: int = 4, admin_key: Optional[str] = None):
        self.base_url = base_url
        self.admin_key = admin_key  # with one, users are erased, too
        self.folder = folder
        self.stopping = threading.Event()
        self.pause_s = 0.0  # after each request
        self.ledgers: list[Ledger] = []
        self.failures: list[BaseException] = []
        self.event_ids = [fresh("e") for _ in range(EVENTS)]
        jobs: list[Callable[[LedgerClient, random.Random], Iterator[None]]] = [self._coupons] * coupon_clients
        jobs += [self._users, self._events]
        folder.mkdir(parents=True, exist_ok=True)
        self.threads = [threading.Thread(target=self._run, args=(number, job), daemon=True) for number, job in enumerate(jobs)]

    def _run(self, number: int, job: Callable[[LedgerClient, random.Random], Iterator[None]]) -> None:
        ledger = Ledger(self.folder / f"connection-{number}.ledger")
        self.ledgers.append(ledger)
        try:
            for _ in job(LedgerClient(self.base_url, ledger, key=self.admin_key), random.Random(number)):
                if self.stopping.wait(self.pause_s):
                    return
        except BaseException as error:  # told by stop()
            self.failures.append(error)
        finally:
            ledger.close()

    def _coupon(self, rng: random.Random, user_ids: list[str]) -> dict[str, Any]:
        events = rng.sample(self.event_ids, rng.choice((1, 1, 2, 3, 8)))
        return coupon(user_id=rng.choice(user_ids), events=events, stake=rng.choice((1, 2.5, 0.0001)))

    def _coupons(self, client: LedgerClient, rng: random.Random) -> Iterator[None]:
        user_ids = [fresh("u") for _ in range(200)]
        sent: list[dict[str, Any]] = []
        while True:
            kind = rng.random()
            if kind < 0.5:
                batch = [self._coupon(rng, user_ids) for _ in range(rng.choice((2, 20, 60)))]
                batch += rng.sample(sent[-50:], min(2, len(sent)))  # repeats of what was sent before
                batch += batch[:1]  # and within the batch
                if client.post_batch("coupon", batch) == UNKNOWN:
                    client.post_batch("coupon", batch)  # as a client would: the same again
                sent += batch
            elif kind < 0.8:
                record = self._coupon(rng, user_ids)
                (client.post if rng.random() < 0.5 else client.register)("coupon", record)
                sent.append(record)
            elif sent and kind < 0.9:
                client.post("coupon", {**rng.choice(sent), "stake": rng.choice((7, 8, 9))})  # a conflict
            elif sent and kind < 0.96:
                client.post("coupon", rng.choice(sent))
            elif kind < 0.97 and self.admin_key is not None:
                client.erase_user(rng.choice(user_ids))
            else:
                client.post("coupon", {**self._coupon(rng, user_ids), "stake": 0})  # refused
            yield

    def _users(self, client: LedgerClient, rng: random.Random) -> Iterator[None]:
        user_ids = [fresh("u") for _ in range(30)]
        version = 0
        while True:
            record = user(rng.choice(user_ids), birth_year=rng.randint(1920, 2000))
            version += 1
            if rng.random() < 0.6:
                record["version"] = max(0, version - rng.choice((0, 0, 0, 5)))
            if rng.random() < 0.05 and self.admin_key is not None:
                client.erase_user(record["user_id"])
            elif rng.random() < 0.5:
                client.put("user", record)
            else:
                client.post_batch("user", [record, user(rng.choice(user_ids))])
            yield

    def _events(self, client: LedgerClient, rng: random.Random) -> Iterator[None]:
        version = 0
        while True:
            event_id = rng.choice(self.event_ids)
            version += 1
            number = max(0, version - rng.choice((0, 0, 0, 5)))
            if rng.random() < 0.25:
                client.delete_event(event_id, number if rng.random() < 0.7 else None)
            else:
                names = rng.sample(["Ajax", "Bayern", "Everton", "Arsenal", "Porto"], rng.choice((1, 2, 3)))
                record = event(event_id, participants=names, league=rng.choice(("A", "B")))
                if rng.random() < 0.7:
                    record["version"] = number
                client.put("event", record)
            yield

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client does not come back"
        if self.failures:
            raise self.failures[0]

    def acknowledged(self) -> int:
        return sum(ledger.counts[OK] for ledger in self.ledgers)


def check(app: Any, folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and result of `tipster check` on all ledgers of a folder."""
    done = app.run("check", "--json", "--wait", "60", "--ledger", *sorted(folder.glob("*.ledger")), check=False)
    assert done.returncode in (0, 1), f"status {done.returncode}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)


def require_clean(app: Any, folder: Path) -> dict[str, Any]:
    status, result = check(app, folder)
    assert status == 0, json.dumps({"found": result["found"], "findings": result["findings"]}, indent=1)
    return result
