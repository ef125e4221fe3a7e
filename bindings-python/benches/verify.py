"""What verifying costs in Python: against what people write themselves, hashlib and a dict.

Run it with the package installed from a release build:

    maturin build --release -m bindings-python/Cargo.toml -o target/wheels
    pip install --force-reinstall target/wheels/doorward-*.whl
    python bindings-python/benches/verify.py

Prints medians of interleaved rounds of the thread's CPU time, and ratios within this run: only those compare.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timezone
from typing import Any

import doorward
import doorward.aio

ROUNDS = 31
CALLS = 20_000


class Record:
    """What a program of one's own would keep of a key."""

    __slots__ = ("expires_at", "institution_id", "key_id", "revoked", "role")

    def __init__(self, key_id: str, institution_id: str, role: str) -> None:
        self.key_id = key_id
        self.institution_id = institution_id
        self.role = role
        self.revoked = False
        self.expires_at: datetime | None = None


class Caller:
    """What it would answer."""

    __slots__ = ("institution_id", "key_id", "role")

    def __init__(self, key_id: str, institution_id: str, role: str) -> None:
        self.key_id = key_id
        self.institution_id = institution_id
        self.role = role


class ByHand:
    """hashlib and a dict."""

    def __init__(self) -> None:
        self.keys: dict[str, Record] = {}

    def verify(self, token: str) -> Caller | None:
        record = self.keys.get(hashlib.sha256(token.encode()).hexdigest())
        if record is None or record.revoked:
            return None
        if record.expires_at is not None and record.expires_at <= datetime.now(timezone.utc):
            return None
        return Caller(record.key_id, record.institution_id, record.role)


def filled(count: int) -> tuple[doorward.Doorward, ByHand, list[str]]:
    """The same keys in a door and by hand, and their tokens."""
    door, by_hand, tokens = doorward.Doorward.open(), ByHand(), []
    institution = door.create_institution("Bench").id
    for begin in range(0, count, 10_000):
        batch = [doorward.NewKey("bench", "admin")] * min(10_000, count - begin)
        for created in door.create_keys(institution, batch):
            tokens.append(created.token.reveal())
            by_hand.keys[created.record.key_hash] = Record(created.record.id, institution, "admin")
    return door, by_hand, tokens


def measure(ways: dict[str, Callable[[str], Any]], tokens: Sequence[str]) -> dict[str, float]:
    """Nanoseconds per call of each way: the median of rounds that take turns. The loop itself is taken off."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    empty: list[float] = []
    for _ in range(ROUNDS):
        begin = time.thread_time_ns()
        for _token in tokens:
            pass
        empty.append((time.thread_time_ns() - begin) / len(tokens))
        for name, way in ways.items():
            begin = time.thread_time_ns()
            for token in tokens:
                way(token)
            times[name].append((time.thread_time_ns() - begin) / len(tokens))
    loop = statistics.median(empty)
    return {name: statistics.median(seen) - loop for name, seen in times.items()}


def table(title: str, figures: dict[str, float], baseline: str, goal: tuple[str, float] | None = None) -> None:
    print(f"\n{title}")
    for name, nanos in figures.items():
        print(f"  {name:<44} {nanos:8.0f} ns   {nanos / figures[baseline]:5.2f} x")
    if goal is not None:
        name, most = goal
        ratio = figures[name] / figures[baseline]
        print(f"  {name}: {ratio:.2f} x, goal at most {most} x: {'met' if ratio <= most else 'MISSED'}")


async def awaiting(door: doorward.Doorward, tokens: Sequence[str]) -> dict[str, float]:
    """The blocking call and the awaited one, each in a coroutine."""
    asynchronous = door.to_async()

    async def blocking() -> None:
        verify = door.verify
        for token in tokens:
            verify(token)

    async def awaited() -> None:
        verify = asynchronous.verify
        for token in tokens:
            await verify(token)

    times: dict[str, list[float]] = {"verify": [], "await verify": []}
    ways: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [("verify", blocking), ("await verify", awaited)]
    for _ in range(ROUNDS):
        for name, way in ways:
            begin = time.thread_time_ns()
            await way()
            times[name].append((time.thread_time_ns() - begin) / len(tokens))
    return {name: statistics.median(seen) for name, seen in times.items()}


def main() -> None:
    print(f"CPython {sys.version.split()[0]}, doorward {doorward.__version__}, {ROUNDS} rounds of {CALLS} calls")
    gc.disable()

    door, by_hand, tokens = filled(256)
    calls = [random.choice(tokens) for _ in range(CALLS)]
    hand = "hashlib and a dict"

    def role(token: str) -> Any:
        match door.verify(token):
            case doorward.Granted(context):
                return context.role

    def refused(token: str) -> Any:
        try:
            door.authenticate("not a token")
        except doorward.UnauthenticatedError as error:
            return error.reason

    ways: dict[str, Callable[[str], Any]] = {
        hand: by_hand.verify,
        "door.verify": door.verify,
        "door.authenticate": door.authenticate,
        "door.verify, matched, its role read": role,
        "door.verify of an unknown token": lambda _token: door.verify("not a token"),
        "door.authenticate of one, caught": refused,
    }
    hot = measure(ways, calls)
    table("256 hot keys", hot, hand, ("door.verify", 0.45))
    difference = hot["door.authenticate"] - hot["door.verify"]
    print(f"  authenticate less verify: {difference:+.0f} ns, goal within 20 ns: {'met' if difference <= 20 else 'MISSED'}")

    awaited = asyncio.run(awaiting(door, calls))
    over = awaited["await verify"] - awaited["verify"]
    print(f"  await verify less verify: {over:+.0f} ns, goal at most 1000 ns: {'met' if over <= 1000 else 'MISSED'}")

    door, by_hand, tokens = filled(100_000)
    calls = [random.choice(tokens) for _ in range(CALLS)]
    cold = measure({hand: by_hand.verify, "door.verify": door.verify}, calls)
    table("100,000 keys, at random", cold, hand, ("door.verify", 0.65))


if __name__ == "__main__":
    main()
