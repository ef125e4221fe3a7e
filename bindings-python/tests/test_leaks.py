"""A million calls do not make memory grow."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

import doorward


def resident() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def check(calls: Callable[[int], Any], times: int, name: str = "") -> None:
    """So many calls must leave no memory behind, once a tenth of them has been made."""
    calls(times // 10)
    gc.collect()
    before, blocks = resident(), sys.getallocatedblocks()
    calls(times)
    gc.collect()
    # Python's own objects are counted one by one; of Rust's, sixteen bytes a call of a million would show.
    assert sys.getallocatedblocks() - blocks < times // 10, name
    assert resident() - before < max(times * 16, 2 << 20), name


@pytest.fixture(scope="module")
def ready() -> Any:
    # Refusals are written into the trail, which has its bound.
    with doorward.Doorward.open(memory_audit_capacity=100) as door:
        institution = door.create_institution("Acme Bank", regions=["US"]).id
        token = door.create_key(institution, label="ci", role="admin", metadata={"a": [1, 2]}).token.reveal()
        door.upsert_policy(institution, "US", {"position": {"minAmount": 1, "maxAmount": "100.5"}})
        yield door, institution, token


def read(record: Any) -> None:
    for name in type(record).__match_args__:
        getattr(record, name)


def failing(call: Callable[[], Any]) -> None:
    try:
        call()
    except (doorward.DoorwardError, TypeError) as error:
        _ = getattr(error, "reason", None), str(error)


CALLS: dict[str, tuple[int, Callable[[Any, str, str], Any]]] = {
    "verify": (1_000_000, lambda door, institution, token: door.verify(token)),
    "verify, refused": (200_000, lambda door, institution, token: door.verify("other")),
    "context read": (100_000, lambda door, institution, token: read(door.verify(token).context)),
    "authenticate, raised": (100_000, lambda door, institution, token: failing(lambda: door.authenticate("other"))),
    "position": (100_000, lambda door, institution, token: door.check_position(institution, "US", doorward.Position("7", "USD"))),
    "list read": (20_000, lambda door, institution, token: [read(key) for key in door.list_keys(institution)]),
    "policy read": (20_000, lambda door, institution, token: read(door.get_policy(institution, "US"))),
    "to_dict": (20_000, lambda door, institution, token: door.get_policy(institution, "US").to_dict()),
    "session": (50_000, lambda door, institution, token: door.session(door.authenticate(token)).get_institution(institution)),
    "wrong type": (100_000, lambda door, institution, token: failing(lambda: door.check_position(institution, "US", (7, "USD")))),
    "document": (50_000, lambda door, institution, token: failing(lambda: door.upsert_policy("no id", "US", {"position": {}}))),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_leave_nothing_behind(ready: Any, name: str) -> None:
    times, call = CALLS[name]

    def calls(count: int) -> None:
        for _ in range(count):
            call(*ready)

    check(calls, times, name)


def test_awaited_calls_leave_nothing_behind(ready: Any, tmp_path: Any) -> None:
    door, _, token = ready
    asynchronous = door.to_async()

    async def many(count: int, call: Callable[[], Any]) -> None:
        for _ in range(count):
            await call()

    check(lambda count: asyncio.run(many(count, lambda: asynchronous.verify(token))), 200_000)

    with doorward.Doorward.open(store="sqlite", database_url=f"sqlite:{tmp_path / 'doorward.db'}") as lasting:
        institution = lasting.create_institution("Acme Bank").id
        asynchronous = lasting.to_async()
        check(lambda count: asyncio.run(many(count, lambda: asynchronous.get_institution(institution))), 20_000)
