"""One handle in many threads, and what goes on while one of them waits."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import doorward
from doorward._doorward import testkit  # type: ignore[attr-defined]
from stores import fresh


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


@pytest.mark.parametrize("operation", ["verify", "authenticate", "get_institution", "create_institution", "health"])
def test_other_threads_go_on_while_a_call_waits(tmp_path: Path, operation: str) -> None:
    with fresh("sqlite", tmp_path) as variables:
        door, faults = testkit.open_faulty(variables)
        faults.stall(0.3)
        ended = threading.Event()

        def wait() -> None:
            try:
                getattr(door, operation)(*([] if operation == "health" else ["ak_token_made_elsewhere"]))
            except doorward.DoorwardError:
                pass
            finally:
                ended.set()

        thread = threading.Thread(target=wait)
        begin = time.monotonic()
        thread.start()
        turns = 0
        while not ended.is_set():
            turns += 1
            time.sleep(0.001)
        thread.join()
        # One that held the others up would have let this one have a turn or two.
        assert time.monotonic() - begin >= 0.3 and turns > 50
        faults.fail("none")
        door.close()


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
