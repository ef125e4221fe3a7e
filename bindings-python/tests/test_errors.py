"""Errors: one class for each kind, as the core's table says."""

from __future__ import annotations

import copy
import pickle

import pytest

import doorward
from doorward import _doorward, errors
from doorward._doorward import testkit  # type: ignore[attr-defined]


def test_the_classes_are_those_of_the_cores_table() -> None:
    table = _doorward.error_table()
    assert [kind.value for kind in doorward.ErrorKind] == [name for name, _, _, _ in table]
    for name, _, status, _ in table:
        error = getattr(errors, f"{name}Error")
        assert (error.kind, error.http_status) == (name, status)
        assert error.retryable == (name in {"RateLimited", "Unavailable"})
        assert issubclass(error, doorward.DoorwardError) and getattr(doorward, error.__name__) is error


def test_every_reason_of_the_store_arrives_as_the_class_of_its_kind() -> None:
    door, faults = testkit.open_faulty({"STORE_BACKEND": "memory"})
    met = set()
    for name, _, _, reasons in _doorward.error_table():
        for reason in reasons:
            faults.fail(reason)
            with pytest.raises(getattr(errors, f"{name}Error")) as raised:
                door.list_institutions()
            assert (raised.value.reason, raised.value.operation) == (reason, "list_institutions")
            met.add(reason)
    assert len(met) > 50
    faults.fail("none")
    door.close()


def test_an_error_can_be_sent_to_another_process() -> None:
    with doorward.Doorward.open() as door, pytest.raises(doorward.NotFoundError) as raised:
        door.get_key("acme", "ak_1")
    error = raised.value
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is doorward.NotFoundError
        assert (str(again), again.reason, again.field, again.operation) == (
            str(error), "institution_not_found", "institution_id", "get_key",
        )  # fmt: skip
    assert error.retry_after is None and not error.retryable and error.http_status == 404
    assert "institution_not_found" in repr(error)


def test_a_panic_is_an_internal_error_and_the_handle_stays_usable() -> None:
    with pytest.raises(doorward.InternalError) as raised:
        testkit.panic()
    assert raised.value.reason == "panicked" and isinstance(raised.value, Exception)
    door, faults = testkit.open_faulty({"STORE_BACKEND": "memory"})
    faults.fail("panic")
    with pytest.raises(doorward.InternalError):
        door.create_institution("Acme Bank")
    assert door.verify("x") == door.verify("x") and door.verify("x").kind == "Internal"
    faults.fail("none")
    assert door.create_institution("Acme Bank").name == "Acme Bank"
    door.close()


def test_a_closed_door_says_so() -> None:
    door = doorward.Doorward.open()
    door.close()
    door.close()
    with pytest.raises(doorward.ClosedError):
        door.list_institutions()
    assert not door.health() and door.health().error == "closed"


def test_what_is_wrong_with_the_configuration_names_the_variable() -> None:
    for options, field in [
        ({"store": "redis"}, "STORE_BACKEND"),
        ({"store": "postgres"}, "DATABASE_URL"),
        ({"root_api_key": "short"}, "ROOT_API_KEY"),
        ({"root_api_key": "x" * 32, "root_api_key_allowed_ips": []}, "ROOT_API_KEY_ALLOWED_IPS"),
        ({"trusted_proxies": ["nowhere"]}, "DOORWARD_TRUSTED_PROXIES"),
        ({"default_decision": "maybe"}, "DOORWARD_DEFAULT_DECISION"),
        ({"store": "postgres", "database_url": "postgres://x", "pool_max": 0}, "DOORWARD_POOL_MAX"),
    ]:
        with pytest.raises(doorward.ConfigError) as raised:
            doorward.Doorward.open(**options)  # type: ignore[arg-type]
        assert raised.value.field == field, options
    secret = "postgres://user:hunter2@host/db"
    with pytest.raises(doorward.ConfigError) as raised:
        doorward.Doorward.open(store="sqlite", database_url=secret)
    assert "hunter2" not in repr(raised.value)
