"""Records: frozen, compared by value, matched, pickled; and what must not leave the process."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

import doorward

EVERY = ["institution", "key", "policy", "version", "decision", "violation", "event", "report", "conflict", "page"]


@pytest.fixture
def records(door: doorward.Doorward) -> dict[str, Any]:
    """One of each of the records that can be pickled, from a store of each kind."""
    institution = door.create_institution("Acme Bank", regions=["US", doorward.Region.SG])
    expiry = datetime.now(timezone.utc) + timedelta(days=1)
    key = door.create_key(
        institution.id,
        label="ci",
        role=doorward.Role.READ_ONLY,
        expires_at=expiry,
        allowed_addresses=["10.0.0.0/8"],
        metadata={"team": "ops", "level": 1.5, "deep": {"a": [1, None, True]}},
    ).record
    rules = {"position": {"minAmount": Decimal("100.50"), "maxAmount": "9999999999999999999999999999"}, "note": "x"}
    policy = door.upsert_policy(institution.id, "US", rules)
    decision = door.check_position(institution.id, "US", doorward.Position("1", "USD"))
    imported = [doorward.ImportedKey("ab" * 32, "old", "admin"), doorward.ImportedKey(key.key_hash, "twice", "admin")]
    report = door.import_keys(institution.id, imported, dry_run=True)
    return {
        "institution": institution,
        "key": key,
        "policy": policy,
        "version": door.policy_history(institution.id, "US").items[0],
        "decision": decision,
        "violation": decision.violations[0],
        "event": door.list_audit_events(institution.id).items[0],
        "report": report,
        "conflict": report.conflicts[0],
        "page": door.list_keys(institution.id),
    }


def test_records_are_pickled_and_copied_whole(records: dict[str, Any]) -> None:
    assert list(records) == EVERY
    for name, record in records.items():
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(record, protocol))
            assert again == record and hash(again) == hash(record) and again.to_dict() == record.to_dict(), name
        assert copy.copy(record) == record and copy.deepcopy(record) == record
        assert record != "another" and record in {record}
        with pytest.raises(AttributeError):
            setattr(record, type(record).__match_args__[0], None)


def test_fields_are_of_pythons_own_types(records: dict[str, Any]) -> None:
    key: doorward.ApiKey = records["key"]
    assert key.role is doorward.Role.READ_ONLY and key.role == "read_only" and f"{key.role}" == "read_only"
    assert key.status is doorward.KeyStatus.ACTIVE
    assert key.created_at.tzinfo is not None and key.created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - key.created_at) < timedelta(minutes=1)
    assert key.allowed_addresses == ("10.0.0.0/8",)
    assert key.metadata == {"team": "ops", "level": 1.5, "deep": {"a": [1, None, True]}}
    position = records["policy"].config["position"]
    assert position == {"minAmount": Decimal("100.5"), "maxAmount": Decimal("9999999999999999999999999999")}
    assert all(isinstance(amount, Decimal) for amount in position.values())
    assert records["institution"].regions == ("US", "SG") == (doorward.Region.US, doorward.Region.SG)
    assert records["decision"].policy is doorward.PolicySource.FOUND and not records["decision"]


def test_json_is_that_of_all_languages(records: dict[str, Any]) -> None:
    for name in EVERY[:-1]:
        assert json.loads(records[name].to_json()) == records[name].to_dict()
    assert set(records["key"].to_dict()) == {
        "id", "institutionId", "keyHash", "hint", "label", "role", "status", "createdAt", "revokedAt", "disabledAt",
        "expiresAt", "lastUsedAt", "allowedAddresses", "rateLimit", "metadata", "rotatedFrom",
        "version",
    }  # fmt: skip
    assert records["key"].to_dict()["createdAt"].endswith("Z")


def test_a_page_is_iterated_and_has_a_cursor(door: doorward.Doorward) -> None:
    institution = door.create_institution("Acme Bank").id
    for index in range(5):
        door.create_key(institution, label=f"key {index}", role="admin")
    labels, cursor = [], None
    while True:
        page = door.list_keys(institution, limit=2, cursor=cursor, order=doorward.Order.OLDEST_FIRST)
        assert len(page) <= 2
        labels += [key.label for key in page]
        cursor = page.next
        if cursor is None:
            break
    assert labels == [f"key {index}" for index in range(5)]
    assert doorward.Page[doorward.ApiKey]


def test_verdicts_are_matched_and_true_or_false() -> None:
    with doorward.Doorward.open() as door:
        institution = door.create_institution("Acme Bank").id
        created = door.create_key(institution, label="ci", role="admin")
        match door.verify(created.token.reveal()):
            case doorward.Granted(doorward.AuthContext(role=doorward.Role.ADMIN, institution_id=found)):
                assert found == institution
            case _:
                pytest.fail("not granted")
        match door.verify("dw_live_nonsense"):
            case doorward.Refused("malformed" as reason):
                assert reason == "malformed"
            case _:
                pytest.fail("not refused")
        granted, refused = door.verify(created.token.reveal()), door.verify("x")
        assert granted and not refused and granted != refused
        assert granted == door.verify(created.token.reveal()) and hash(granted) == hash(door.verify(created.token.reveal()))
        assert (refused.kind, refused.http_status) == (doorward.ErrorKind.UNAUTHENTICATED, 401)  # type: ignore[union-attr]


def test_what_gives_rights_is_neither_pickled_nor_shown() -> None:
    with doorward.Doorward.open() as door:
        institution = door.create_institution("Acme Bank").id
        created = door.create_key(institution, label="ci", role="admin")
        secret = created.token.reveal()
        credentials = doorward.Credentials(secret)
        granted = door.verify(credentials)
        context = door.authenticate(secret)
        kept: list[Any] = [created, created.token, credentials, granted, context, door, door.session(context), door.to_async()]
        for thing in [*kept, door.admit(secret, region="US", position=doorward.Position(1, "USD")), doorward.Request(path="/")]:
            with pytest.raises(TypeError):
                pickle.dumps(thing)
            with pytest.raises(TypeError):
                copy.copy(thing)
            for shown in (repr(thing), str(thing), f"{thing}"):
                assert secret[16:] not in shown
        assert secret[16:] not in json.dumps(created.to_dict()) and secret[16:] not in created.to_json()
        assert created.token.hint in repr(created) and created.record.key_hash not in repr(created)
        for made in (doorward.AuthContext, doorward.Granted, doorward.ApiKey, doorward.Token, doorward.Session):
            with pytest.raises(TypeError):
                made()
