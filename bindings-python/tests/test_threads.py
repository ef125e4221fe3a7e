"""One handle in many threads, and what goes on while one of them waits."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import doorward
from doorward._doorward import testkit  # type: ignore[attr-defined]
from stores import Locked, fresh


def test_eight_threads_hammer_one_handle(door: doorward.Doorward) -> None:
    institution = door.create_institution("Acme Bank").id
    good = door.create_key(institution, label="good", role="admin").token.reveal()
    door.upsert_policy(institution, "US", {"position": {"maxAmount": 100}})
    failed: list[BaseException] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(25):
                created = door.create_key(institution, label=f"{number}-{turn}", role="read_only")
                token = created.token.reveal()
                assert door.verify(token) and door.verify(good) and not door.verify("none")
                assert not door.check_position(institution, "US", doorward.Position(101, "USD"))
                session = door.session(door.authenticate(token))
                with pytest.raises(doorward.ForbiddenError):
                    session.revoke_all_keys(institution)
                door.revoke_key(institution, created.record.id)
                verdict = door.verify(token)
                assert not verdict and verdict.reason == "revoked"  # type: ignore[union-attr]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    keys, cursor = 0, None
    while True:
        page = door.list_keys(institution, include_revoked=True, limit=100, cursor=cursor)
        keys, cursor = keys + len(page), page.next
        if cursor is None:
            break
    assert keys == 8 * 25 + 1


OPERATIONS: dict[str, Callable[[doorward.Doorward], Any]] = {
    "verify": lambda door: door.verify("ak_token_made_elsewhere").reason == "unknown",  # type: ignore[union-attr]
    "authenticate": lambda door: unknown(lambda: door.authenticate("ak_token_made_elsewhere")),
    "get_institution": lambda door: unknown(lambda: door.get_institution("nobody")),
    "create_institution": lambda door: door.create_institution("Acme Bank").id,
    "health": lambda door: door.health(),
}


def unknown(call: Callable[[], Any]) -> bool:
    """Whether the store was asked, and knew nothing of what was asked for."""
    with pytest.raises(doorward.DoorwardError) as raised:
        call()
    return raised.value.reason in ("unknown", "institution_not_found")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_threads_go_on_while_a_call_waits(tmp_path: Path, operation: str) -> None:
    with fresh("postgres", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:
        with Locked(variables) as lock, ThreadPoolExecutor(1) as other:
            answer = other.submit(OPERATIONS[operation], door)
            # Held up by that call, this thread would not let go of the lock before the call's time is over.
            lock.wait_for_others()
            assert not answer.done()
            lock.release()
            assert answer.result()


def test_ctrl_c_is_raised_once_the_call_that_waits_has_its_answer(tmp_path: Path) -> None:
    with fresh("postgres", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:
        with Locked(variables) as lock, ThreadPoolExecutor(1) as other:

            def interrupt() -> None:
                lock.wait_for_others()
                _thread.interrupt_main()
                lock.release()

            interrupting = other.submit(interrupt)
            with pytest.raises(KeyboardInterrupt):
                door.create_institution("Acme Bank", id="acme")
            interrupting.result()
        assert door.get_institution("acme").name == "Acme Bank"


def test_a_store_that_fails_lets_nobody_in_but_root() -> None:
    root = "root-token-of-the-tests-0123456789"
    door, faults = testkit.open_faulty({"STORE_BACKEND": "memory", "ROOT_API_KEY": root})
    institution = door.create_institution("Acme Bank").id
    token = door.create_key(institution, label="ci", role="admin").token.reveal()
    assert door.verify(token)
    for reason, kind in [("unavailable", "Unavailable"), ("database_error", "Database"), ("panic", "Internal"), ("abandon", "Internal")]:
        faults.fail(reason)
        verdict = door.verify(token)
        assert not verdict and verdict.kind == kind
        assert door.verify(root)
        assert not door.health()
    faults.fail("none")
    assert door.verify(token) and door.health()
    door.close()
