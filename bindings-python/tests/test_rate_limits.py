"""Rate limits: of keys, their records and arguments, and what a caller is told of them."""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta
from typing import Any

import pytest

import doorward
import doorward.aio
from doorward import RateLimit

HOUR = timedelta(hours=1)


@pytest.fixture
def memory() -> doorward.Doorward:
    return doorward.Doorward.open()


def created(door: doorward.Doorward, limit: RateLimit | None = None) -> doorward.CreatedKey:
    acme = door.create_institution("Acme Bank").id
    return door.create_key(acme, label="ci", role="admin", rate_limit=limit)


def test_a_limit_is_a_value_with_its_window_in_seconds() -> None:
    limit = RateLimit(100, timedelta(minutes=1))
    assert (limit.max_requests, limit.window) == (100, 60.0)
    assert limit == RateLimit(100, 60) == RateLimit(window=60.0, max_requests=100) != RateLimit(100, 61)
    assert {limit, RateLimit(100, 60)} == {limit}
    assert limit.to_dict() == {"maxRequests": 100, "windowMs": 60_000}
    assert repr(limit) == "RateLimit(max_requests=100, window=60.0)"
    assert pickle.loads(pickle.dumps(limit)) == limit
    assert pickle.loads(pickle.dumps(RateLimit(7, 0.001))) == RateLimit(7, timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("most", "window", "field"),
    [
        (0, 1, "max_requests"),
        (1_000_001, 1, "max_requests"),
        (2**40, 1, "max_requests"),
        (-1, 1, "max_requests"),
        (1, 0, "window"),
        (1, -1, "window"),
        (1, 0.0009, "window"),
        (1, timedelta(days=1, milliseconds=1), "window"),
        (1, float("inf"), "window"),
    ],
)
def test_what_is_no_limit_is_told_at_once(most: Any, window: Any, field: str) -> None:
    with pytest.raises(doorward.ValidationError) as told:
        RateLimit(most, window)
    assert (told.value.reason, told.value.field) == ("out_of_range", field)


@pytest.mark.parametrize(("most", "window"), [("1", 1), (1, "1"), (1.5, 1)])
def test_other_types_are_refused(most: Any, window: Any) -> None:
    with pytest.raises(TypeError):
        RateLimit(most, window)


@pytest.mark.parametrize("wrong", [(1, 60), {"max_requests": 1, "window": 60}, 100, "100/1m"])
def test_an_argument_must_be_a_limit(memory: doorward.Doorward, wrong: Any) -> None:
    key = created(memory).record
    with pytest.raises(TypeError, match="rate_limit must be a RateLimit, not"):
        memory.create_key(key.institution_id, label="x", role="admin", rate_limit=wrong)
    with pytest.raises(TypeError, match="rate_limit must be a RateLimit, not"):
        memory.update_key(key.institution_id, key.id, rate_limit=wrong)
    with pytest.raises(TypeError, match=r"keys\[0\].rate_limit must be a RateLimit, not"):
        memory.create_keys(key.institution_id, [doorward.NewKey("x", "admin", rate_limit=wrong)])


def test_a_key_keeps_its_limit_until_it_is_replaced_or_removed(door: doorward.Doorward) -> None:
    key = created(door, RateLimit(2, HOUR)).record
    assert key.rate_limit == RateLimit(2, HOUR)
    assert pickle.loads(pickle.dumps(key)) == key

    def update(**change: Any) -> RateLimit | None:
        return door.update_key(key.institution_id, key.id, **change).rate_limit

    assert update(label="x") == RateLimit(2, HOUR)
    assert update(rate_limit=...) == RateLimit(2, HOUR)
    assert update(rate_limit=RateLimit(3, 1.5)) == RateLimit(3, 1.5)
    assert update(rate_limit=None) is None
    imported = doorward.ImportedKey("ab" * 32, "old", "read_only", rate_limit=RateLimit(5, 1))
    report = door.import_keys(key.institution_id, [imported])
    assert report.imported[0].rate_limit == RateLimit(5, 1)


def test_a_caller_is_told_what_is_left_and_when_to_come_again(door: doorward.Doorward) -> None:
    token = created(door, RateLimit(2, HOUR)).token.reveal()
    context = door.authenticate(token)
    left = door.rate_limit(context)
    assert left is not None and door.rate_limit(context) is not None
    assert (left.limit, left.remaining) == (RateLimit(2, HOUR), 1)
    assert 1700 < left.reset_after <= 1800
    assert left.http_fields() == {"RateLimit-Policy": '"key";q=2;w=3600', "RateLimit": '"key";r=1;t=1800'}
    assert left.to_dict()["remaining"] == 1
    assert pickle.loads(pickle.dumps(left)) == left

    assert door.verify(token)
    verdict = door.verify(token)
    assert isinstance(verdict, doorward.Refused)
    assert (verdict.reason, verdict.kind, verdict.http_status) == ("rate_limited", "RateLimited", 429)
    assert verdict.retry_after is not None and 1700 < verdict.retry_after <= 1800
    assert repr(verdict).startswith("Refused(reason='rate_limited', retry_after=17")

    with pytest.raises(doorward.RateLimitedError) as refused:
        door.authenticate(token)
    assert refused.value.retryable and refused.value.retry_after is not None and 1700 < refused.value.retry_after <= 1800
    assert refused.value.rate_limit is not None and refused.value.rate_limit.remaining == 0
    again = pickle.loads(pickle.dumps(refused.value))
    assert again.rate_limit == refused.value.rate_limit
    with pytest.raises(doorward.UnauthenticatedError) as unknown:
        door.authenticate("ak_nobodys")
    assert unknown.value.rate_limit is None
    assert door.verify("ak_nobodys").retry_after is None  # type: ignore[union-attr]


def test_the_same_for_asyncio(door: doorward.Doorward) -> None:
    token = created(door, RateLimit(1, HOUR)).token.reveal()

    async def callers(door: doorward.aio.Doorward) -> None:
        left = door.rate_limit(await door.authenticate(token))
        assert left is not None and left.remaining == 0
        verdict = await door.verify(token)
        assert isinstance(verdict, doorward.Refused) and verdict.retry_after is not None
        with pytest.raises(doorward.RateLimitedError):
            await door.authenticate(token)

    asyncio.run(callers(door.to_async()))


def test_a_caller_without_a_limit_has_none_left() -> None:
    door = doorward.Doorward.open(root_api_key="r" * 32, rate_limit=RateLimit(5, HOUR))
    root = door.authenticate("r" * 32)
    assert door.rate_limit(root) is None
    limited = door.rate_limit(door.authenticate(created(door).token.reveal()))
    assert limited is not None and limited.remaining == 4
    without = doorward.Doorward.open()
    assert without.rate_limit(without.authenticate(created(without).token.reveal())) is None


def test_failures_and_creations_are_limited_as_the_door_is_opened() -> None:
    door = doorward.Doorward.open(failures_per_minute=1, keys_per_hour=1)
    key = created(door)
    admin = door.session(door.authenticate(key.token.reveal()))
    admin.create_key(key.record.institution_id, label="one", role="admin")
    with pytest.raises(doorward.RateLimitedError) as refused:
        admin.create_key(key.record.institution_id, label="two", role="admin")
    assert refused.value.retry_after is not None and refused.value.rate_limit is None
    assert getattr(door.verify("ak_nobodys"), "reason", None) == "unknown"
    assert getattr(door.verify("ak_nobodys"), "reason", None) == "rate_limited"
    for wrong, variable in (("failures_per_minute", "DOORWARD_FAILURES_PER_MINUTE"), ("keys_per_hour", "DOORWARD_KEYS_PER_HOUR")):
        with pytest.raises(doorward.ConfigError) as told:
            doorward.Doorward.open(**{wrong: 0})  # type: ignore[arg-type]
        assert told.value.field == variable
