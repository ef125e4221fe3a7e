"""What operations take, and what they refuse."""

from __future__ import annotations

import asyncio
import re
from collections import UserDict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

import pytest

import doorward
import doorward.aio


@pytest.fixture
def acme() -> Any:
    with doorward.Doorward.open() as door:
        yield door, door.create_institution("Acme Bank", id="acme").id


def refused(reason: str, field: str | None, call: Any) -> None:
    with pytest.raises(doorward.ValidationError) as raised:
        call()
    assert (raised.value.reason, raised.value.field) == (reason, field)


@pytest.mark.parametrize("amount", [5000, "5000", Decimal(5000), Decimal("5E+3"), Decimal("5000.00")])
def test_amounts_are_exact(acme: Any, amount: Any) -> None:
    door, institution = acme
    policy = door.upsert_policy(institution, "US", {"position": {"maxAmount": amount}})
    assert policy.config["position"]["maxAmount"] == Decimal(5000)
    assert door.check_position(institution, "US", doorward.Position(amount, "usd"))
    assert not door.check_position(institution, "US", doorward.Position(Decimal("5000.00000001"), "USD"))


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (1.5, "not_a_decimal"), (float("nan"), "not_a_decimal"), (Decimal("NaN"), "not_a_decimal"),
        (Decimal("Infinity"), "not_a_decimal"), ("1e3", "not_a_decimal"), (-1, "negative_amount"),
        (Decimal("1e-9"), "too_precise"), (Decimal("1e999999"), "out_of_range"), pytest.param(10**5000, "out_of_range", id="5000-digits"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_by_name(acme: Any, amount: Any, reason: str) -> None:
    door, institution = acme
    refused(reason, "amount", lambda: door.check_position(institution, "US", doorward.Position(amount, "USD")))
    positions = [doorward.Position(1, "USD"), doorward.Position(amount, "USD")]
    refused(reason, "positions[1].amount", lambda: door.check_positions(institution, "US", positions))


def test_a_float_is_refused_where_an_amount_stands_and_nowhere_else(acme: Any) -> None:
    door, institution = acme
    for name in ("minAmount", "maxAmount"):
        config = {"position": {name: 1.5}}
        refused("not_a_decimal", f"config.position.{name}", lambda: door.upsert_policy(institution, "US", config))
    policy = door.upsert_policy(institution, "US", {"position": {"tier": 1.5}, "minAmount": 0.25})
    assert policy.config == {"position": {"tier": 1.5}, "minAmount": 0.25}
    patch = {"position": {"minAmount": 2.5}}
    refused("not_a_decimal", "patch.position.minAmount", lambda: door.merge_policy(institution, "US", patch))


def test_documents_are_mappings_or_texts(acme: Any) -> None:
    door, institution = acme
    for document in ({"a": (1, "x")}, UserDict(a=[1, "x"]), MappingProxyType({"a": [1, "x"]}), '{"a": [1, "x"]}'):
        assert door.create_key(institution, label="x", role="admin", metadata=document).record.metadata == {"a": [1, "x"]}
    endless: dict[str, Any] = {}
    endless["again"] = endless

    def create(metadata: Any) -> Any:
        return lambda: door.create_key(institution, label="x", role="admin", metadata=metadata)

    refused("too_deep", "metadata", create(endless))
    refused("too_large", "metadata", create({"a": "x" * 70_000}))
    refused("too_large", "metadata", create({"a": ["x"] * 10_000_000}))
    refused("unsafe_number", "metadata", create({"a": float("inf")}))
    refused("unsafe_number", "metadata", create({"a": 2**60 + 1}))
    refused("nul_character", "metadata", create({"a": "\0"}))
    refused("not_utf8", "metadata", create({"a": "\udc80"}))
    refused("invalid_json", "metadata", create("[]"))
    for wrong in ({1: 2}, {"a": {1, 2}}, {"a": datetime.now()}, [1], 5):
        with pytest.raises(TypeError):
            create(wrong)()


def test_times_are_aware(acme: Any) -> None:
    door, institution = acme
    east = timezone(timedelta(hours=5))
    later = datetime.now(east).replace(microsecond=0) + timedelta(days=1)
    record = door.create_key(institution, label="x", role="admin", expires_at=later).record
    assert record.expires_at == later and record.expires_at.tzinfo is timezone.utc
    record = door.update_key(institution, record.id, expires_at=later.isoformat())
    assert record.expires_at == later
    assert door.update_key(institution, record.id, label="y").expires_at == later
    assert door.update_key(institution, record.id, expires_at=...).expires_at == later
    assert door.update_key(institution, record.id, expires_at=None).expires_at is None

    def create(at: Any) -> Any:
        return lambda: door.create_key(institution, label="x", role="admin", expires_at=at)

    refused("invalid_format", "expires_at", create(datetime.now() + timedelta(days=1)))
    refused("invalid_format", "expires_at", create("tomorrow"))
    refused("in_the_past", "expires_at", create(datetime(2020, 1, 1, tzinfo=timezone.utc)))
    refused("out_of_range", "expires_at", create(datetime(1960, 1, 1, tzinfo=timezone.utc)))
    with pytest.raises(TypeError):
        create(1_900_000_000)()


def test_durations_are_timedeltas_or_seconds(acme: Any) -> None:
    door, institution = acme
    for grace in (3600, 3600.0, timedelta(hours=1)):
        key = door.create_key(institution, label="x", role="admin").record
        door.rotate_key(institution, key.id, grace=grace)
        left = door.get_key(institution, key.id).expires_at - datetime.now(timezone.utc)
        assert timedelta(minutes=59) < left <= timedelta(hours=1)
    key = door.create_key(institution, label="x", role="admin").record
    for wrong in (-1, timedelta(seconds=-1), float("nan"), float("inf"), 10**400, timedelta(days=91)):
        refused("out_of_range", "grace", lambda: door.rotate_key(institution, key.id, grace=wrong))
    with pytest.raises(TypeError):
        door.rotate_key(institution, key.id, grace="1h")


def test_wrong_types_are_type_errors_at_once_and_also_where_one_awaits(acme: Any) -> None:
    door, institution = acme
    asynchronous = door.to_async()
    for face in (door, asynchronous):
        for call in (
            lambda face: face.get_institution(5),
            lambda face: face.get_institution(),
            lambda face: face.create_institution("x", regions="US"),
            lambda face: face.create_key(institution, label="x", role="admin", nonsense=1),
            lambda face: face.list_keys(institution, limit="many"),
            lambda face: face.verify(5),
            lambda face: face.verify("x", request={}),
            lambda face: face.session("admin"),
            lambda face: face.check_positions(institution, "US", 5),
        ):
            with pytest.raises(TypeError):
                call(face)
    reply = asynchronous.get_institution("no id at all")

    async def main() -> None:
        with pytest.raises(doorward.ValidationError):
            await reply

    asyncio.run(main())


def faulty(field: str, call: Any) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(field)} must .*, not "):
        call()


def test_an_argument_of_a_wrong_type_is_told_with_its_name(acme: Any) -> None:
    door, institution = acme
    for options, name in (
        ({"store": None}, "store"), ({"store": 5}, "store"), ({"token_brand": b"dw"}, "token_brand"), ({"token_env": 5}, "token_env"),
        ({"default_decision": 5}, "default_decision"), ({"memory_audit_capacity": "5"}, "memory_audit_capacity"),
        ({"pool_max": 1.5}, "pool_max"), ({"trusted_proxies": ["10.0.0.1", 5]}, "trusted_proxies[1]"), ({"regions": "US"}, "regions"),
    ):  # fmt: skip
        faulty(name, lambda: doorward.Doorward.open(**options))  # type: ignore[arg-type]
        faulty(name, lambda: doorward.aio.Doorward.open(**options))  # type: ignore[arg-type]
    faulty("STORE_BACKEND", lambda: doorward.Doorward.open_from_env({"STORE_BACKEND": None}))  # type: ignore[dict-item]
    faulty("environ", lambda: doorward.Doorward.open_from_env({5: "memory"}))  # type: ignore[dict-item]
    good = doorward.NewKey("x", "admin")
    for call, name in (
        (lambda: door.list_keys(institution, limit="5"), "limit"), (lambda: door.list_keys(institution, limit=5.0), "limit"),
        (lambda: door.list_keys(institution, order=5), "order"),
        (lambda: door.create_key(institution, label="x", role="admin", allowed_addresses=["10.0.0.1", 5]), "allowed_addresses[1]"),
        (lambda: door.create_key(institution, label="x", role="admin", metadata={"a": {1}}), "metadata"),
        (lambda: door.create_key(institution, label="x", role="admin", metadata={1: 2}), "metadata"),
        (lambda: door.create_keys(institution, [good, {"label": "x"}]), "keys[1]"),
        (lambda: door.create_keys(institution, [good, doorward.NewKey(5, "admin")]), "keys[1].label"),  # type: ignore[arg-type]
        (lambda: door.create_keys(institution, [doorward.NewKey("x", "admin", allowed_addresses=[5])]),  # type: ignore[list-item]
            "keys[0].allowed_addresses[0]"),
        (lambda: door.import_keys(institution, [good]), "keys[0]"),
        (lambda: door.check_position(institution, "US", (5, "USD")), "position"),
        (lambda: door.check_position(institution, "US", doorward.Position(5, 5)), "currency"),  # type: ignore[arg-type]
        (lambda: door.check_positions(institution, "US", [doorward.Position(5, "USD"), None]), "positions[1]"),
        (lambda: doorward.Request(path=5), "path"), (lambda: doorward.Request(peer=5), "peer"),  # type: ignore[arg-type]
        (lambda: doorward.Request(peer=b"192.0.2.7"), "peer"),  # type: ignore[arg-type]
        (lambda: doorward.Credentials.from_headers(None), "headers"),  # type: ignore[arg-type]
        (lambda: doorward.Credentials.from_headers([("a", "b", "c")]), "headers"),  # type: ignore[list-item]
        (lambda: doorward.Credentials.from_headers("ab"), "headers"),  # type: ignore[arg-type]
    ):  # fmt: skip
        faulty(name, call)


def test_a_text_that_is_not_unicode_is_refused_by_name_wherever_it_stands(acme: Any) -> None:
    door, institution = acme
    text = "a\udc80"
    for name in ("store", "database_url", "token_brand", "token_env", "default_decision"):
        refused("not_utf8", name, lambda: doorward.Doorward.open(**{name: text}))  # type: ignore[arg-type]
    for name in ("method", "path", "request_id", "peer", "forwarded_for"):
        refused("not_utf8", name, lambda: doorward.Request(**{name: text}))  # type: ignore[arg-type]
    for name in ("label", "role", "expires_at", "metadata"):
        options: dict[str, Any] = {"label": "x", "role": "admin", name: text}
        refused("not_utf8", name, lambda: door.create_key(institution, **options))
    for name in ("cursor", "order", "status"):
        refused("not_utf8", name, lambda: door.list_keys(institution, **{name: text}))
    refused("not_utf8", "regions[1]", lambda: doorward.Doorward.open(regions=["A", text]))
    refused("not_utf8", "institution_id", lambda: door.get_institution(text))
    refused("not_utf8", "config", lambda: door.upsert_policy(institution, "US", text))
    refused("not_utf8", "amount", lambda: door.check_position(institution, "US", doorward.Position(text, "USD")))
    refused("not_utf8", "since", lambda: door.list_audit_events(since=text))


@pytest.mark.parametrize("limit", [0, -1, 1001, 2**63, -(2**63) - 1, 10**5000], ids=["0", "-1", "1001", "2^63", "-2^63-1", "10^5000"])
def test_a_limit_is_from_1_to_1000(acme: Any, limit: int) -> None:
    door, institution = acme
    refused("out_of_range", "limit", lambda: door.list_keys(institution, limit=limit))
    refused("out_of_range", "memory_audit_capacity", lambda: doorward.Doorward.open(memory_audit_capacity=limit and limit * 2**24))


def test_what_counts_as_an_int_is_one(acme: Any) -> None:
    class Two:
        def __index__(self) -> int:
            return 2

    door, institution = acme
    for _ in range(3):
        door.create_key(institution, label="x", role="admin")
    assert len(door.list_keys(institution, limit=Two())) == 2


def test_credentials_are_texts_bytes_or_headers(acme: Any) -> None:
    door, institution = acme
    token = door.create_key(institution, label="x", role="admin").token.reveal()
    from_headers = doorward.Credentials.from_headers
    for good in (
        token, token.encode(), doorward.Credentials(token), doorward.Credentials(token.encode()),
        from_headers({"X-API-Key": token}), from_headers([(b"authorization", b"Bearer " + token.encode())]),
        from_headers([["X-API-Key", token]]), from_headers(iter([("Accept", "*/*"), ("authorization", f"bearer  {token} ")])),
    ):  # fmt: skip
        assert door.verify(good) and asyncio.run(door.to_async().verify(good))
    for bad, reason in (
        ("", "missing"), (b"", "missing"), (from_headers({}), "missing"), (from_headers({"Cookie": token}), "missing"),
        ("\udc80", "malformed"), (b"\xff", "malformed"), ("x" * 513, "malformed"), ("é" * 300, "malformed"),
        (from_headers([("x-api-key", token), ("X-Api-Key", token)]), "malformed"),
    ):  # fmt: skip
        assert door.verify(bad) == asyncio.run(door.to_async().verify(bad))
        assert door.verify(bad).reason == reason
    assert from_headers({}).missing and not doorward.Credentials(token).missing


def test_a_request_tells_where_it_came_from() -> None:
    with doorward.Doorward.open(trusted_proxies=["10.0.0.1"]) as door:
        institution = door.create_institution("Acme Bank").id
        created = door.create_key(institution, label="x", role="admin", allowed_addresses=["192.0.2.0/24"])
        token = created.token.reveal()
        for request, good in (
            (doorward.Request(peer="192.0.2.7"), True),
            (doorward.Request(peer=ip_address("192.0.2.7")), True),
            (doorward.Request(peer="::ffff:192.0.2.7"), True),
            (doorward.Request(peer="10.0.0.1", forwarded_for="192.0.2.7"), True),
            (doorward.Request(peer="10.0.0.2", forwarded_for="192.0.2.7"), False),
            (None, False),
        ):
            assert bool(door.verify(token, request=request)) == good
        request = doorward.Request(method="POST", path="/v1/orders?secret=1", request_id="r-1", peer="192.0.2.7")
        session = door.session(door.authenticate(token, request=request), request=request)
        session.create_key(institution, label="y", role="read_only")
        event = door.list_audit_events(institution, action="create_key").items[0]
        assert (event.method, event.path, event.request_id, event.client_address) == ("POST", "/v1/orders", "r-1", "192.0.2.7")
        assert event.actor == event.api_key_id == created.record.id
        with pytest.raises(doorward.ValidationError):
            doorward.Request(peer="host:80")
