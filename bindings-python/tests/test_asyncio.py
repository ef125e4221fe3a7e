"""The door for asyncio: what memory knows is answered on the spot, the rest comes through the loop."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest

import doorward
import doorward.aio
from doorward._doorward import testkit  # type: ignore[attr-defined]
from stores import Locked, fresh

if sys.platform != "win32":
    import uvloop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine in a new loop, asyncio's own or uvloop's."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        loop = LOOPS[request.param]()
        try:
            return loop.run_until_complete(main)
        finally:
            loop.close()

    return run


@pytest.fixture
def postgres(tmp_path: Path) -> Any:
    with fresh("postgres", tmp_path) as variables:
        yield variables


async def opened(door: doorward.aio.Doorward) -> tuple[str, str]:
    """An institution and the token of an administrator of it."""
    institution = await door.create_institution("Acme Bank", regions=["US"])
    created = await door.create_key(institution.id, label="ci", role="admin")
    return institution.id, created.token.reveal()


def test_every_method_can_be_awaited_and_answers_as_the_blocking_one(door: doorward.Doorward, run: Any) -> None:
    async def main() -> None:
        asynchronous = door.to_async()
        institution, token = await opened(asynchronous)
        assert await asynchronous.verify(token) == door.verify(token)
        assert await asynchronous.authenticate(token) == door.authenticate(token)
        assert await asynchronous.get_institution(institution) == door.get_institution(institution)
        assert (await asynchronous.list_keys(institution)).items == door.list_keys(institution).items
        session = asynchronous.session(await asynchronous.authenticate(token))
        assert (await session.list_keys(institution)).items == door.list_keys(institution).items
        with pytest.raises(doorward.NotFoundError):
            await asynchronous.get_institution("nobody")
        with pytest.raises(doorward.ForbiddenError):
            await session.create_institution("Other")

    run(main())


def test_what_memory_knows_is_answered_without_a_loop() -> None:
    with doorward.Doorward.open() as door:
        institution = door.create_institution("Acme Bank").id
        token = door.create_key(institution, label="ci", role="admin").token.reveal()
        asynchronous = door.to_async()
        replies: list[Any] = [
            asynchronous.verify(token),
            asynchronous.authenticate(token),
            asynchronous.get_institution(institution),
            asynchronous.check_position(institution, "US", doorward.Position(5, "USD")),
            asynchronous.list_keys(institution),
        ]
        for reply in replies:
            with pytest.raises(StopIteration) as end:
                reply.send(None)
            assert end.value.value is not None


def test_a_reply_is_a_coroutine_to_whoever_asks_and_is_awaited_once() -> None:
    with doorward.Doorward.open() as door:
        reply = door.to_async().verify("x")
        assert isinstance(reply, collections.abc.Coroutine) and asyncio.iscoroutine(reply)

        async def main() -> None:
            assert not await reply
            with pytest.raises(RuntimeError, match="once"):
                await reply
            task = asyncio.create_task(door.to_async().verify("y"))
            assert not await asyncio.wait_for(task, 5)
            assert [bool(verdict) for verdict in await asyncio.gather(*map(door.to_async().verify, "abc"))] == [False] * 3

        asyncio.run(main(), debug=True)
        unused = door.to_async().verify("z")
        unused.close()
        with pytest.raises(KeyError):
            door.to_async().verify("z").throw(KeyError("told to"))


def test_two_hundred_lookups_are_all_under_way_at_once(postgres: dict[str, str], run: Any) -> None:
    async def main() -> None:
        async with await doorward.aio.Doorward.open_from_env(postgres) as door:
            _, token = await opened(door)
            with Locked(postgres) as lock:
                # While the tables are locked no lookup can be answered: those that are begun pile up.
                tasks = [asyncio.ensure_future(door.verify(token)) for _ in range(200)]
                await asyncio.sleep(0)
                lock.wait_for_others()
                assert not any(task.done() for task in tasks)
                lock.release()
                verdicts = await asyncio.wait_for(asyncio.gather(*tasks), 4)
            assert all(verdicts)

    run(main())


def test_to_cancel_ends_the_waiting_and_not_the_operation(postgres: dict[str, str], run: Any) -> None:
    async def main() -> None:
        async with await doorward.aio.Doorward.open_from_env(postgres) as door:
            await opened(door)
            with Locked(postgres) as lock:
                task = asyncio.ensure_future(door.create_institution("Late", id="late"))
                await asyncio.sleep(0)
                lock.wait_for_others()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                lock.release()
            for _ in range(100):
                page = await door.list_institutions()
                if any(institution.id == "late" for institution in page):
                    break
                await asyncio.sleep(0.05)
            assert (await door.get_institution("late")).name == "Late"

    run(main())


def test_the_loop_goes_on_while_an_answer_is_on_its_way(tmp_path: Path, run: Any) -> None:
    with fresh("sqlite", tmp_path) as variables:
        blocking, faults = testkit.open_faulty(variables)

        async def main() -> None:
            door = blocking.to_async()
            faults.stall(0.3)
            slow = asyncio.ensure_future(door.get_institution("nobody"))
            ticks = 0
            while not slow.done():
                await asyncio.sleep(0.005)
                ticks += 1
            with pytest.raises(doorward.NotFoundError):
                await slow
            assert ticks > 20

        run(main())
        faults.fail("none")
        blocking.close()


def test_several_loops_in_several_threads_share_a_door(door: doorward.Doorward) -> None:
    institution = door.create_institution("Acme Bank").id
    token = door.create_key(institution, label="ci", role="admin").token.reveal()
    failed: list[BaseException] = []

    async def main() -> None:
        asynchronous = door.to_async()
        for _ in range(20):
            verdicts = await asyncio.gather(*(asynchronous.verify(token) for _ in range(20)))
            assert all(verdicts)
            await asynchronous.get_institution(institution)

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_anyio_runs_it(door: doorward.Doorward) -> None:
    async def main() -> None:
        asynchronous = door.to_async()
        institution, token = await opened(asynchronous)
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(asynchronous.verify, token)
        with anyio.fail_after(5):
            assert (await asynchronous.get_institution(institution)).id == institution

    anyio.run(main)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_closed_loop_lets_its_mailbox_go(tmp_path: Path, run: Any) -> None:
    with fresh("sqlite", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:
        asynchronous = door.to_async()

        async def main() -> None:
            with pytest.raises(doorward.NotFoundError):
                await asynchronous.get_institution("nobody")

        run(main())
        gc.collect()
        before = descriptors()
        for _ in range(20):
            run(main())
        assert descriptors() == before


def test_a_loop_that_is_closed_while_an_answer_is_on_its_way_is_let_go(tmp_path: Path) -> None:
    with fresh("sqlite", tmp_path) as variables:
        door, faults = testkit.open_faulty(variables)
        faults.fail("silence")

        async def cancelled() -> None:
            task = asyncio.ensure_future(door.to_async().get_institution("nobody"))
            # Once for the task to begin, once more for an answer that it must not have.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not task.done()

        loop = asyncio.new_event_loop()
        known = weakref.ref(loop)
        asyncio.set_event_loop(None)
        loop.run_until_complete(cancelled())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del loop, task
        gc.collect()
        assert known() is None
        # Nobody is there any more to be told.
        faults.fail("none")
        door.close()


def test_an_answer_that_came_in_the_meantime_is_taken_without_waiting(tmp_path: Path) -> None:
    with fresh("sqlite", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:

        async def main() -> None:
            reply = door.to_async().create_institution("Acme Bank")
            for _ in range(500):
                if door.list_institutions().items:
                    break
            # Blocking on purpose: the writer's thread fills the reply meanwhile.
            threading.Event().wait(0.2)
            with pytest.raises(StopIteration) as end:
                reply.send(None)
            assert end.value.value.name == "Acme Bank"

        asyncio.run(main())


def test_the_bell_is_no_socket_of_pythons(tmp_path: Path) -> None:
    # Python warns of sockets that are not closed; with warnings as errors this module would fail of them.
    with fresh("sqlite", tmp_path) as variables:

        async def main() -> None:
            async with await doorward.aio.Doorward.open_from_env(variables) as door:
                await door.create_institution("Acme Bank")

        asyncio.run(main())
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, socket.socket) and thing.fileno() >= 0]


class Blind(asyncio.SelectorEventLoop):
    """A loop that watches no sockets for others, as asyncio's usual one on Windows."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        raise NotImplementedError


def test_a_loop_that_watches_no_sockets_is_told_which_one_does(tmp_path: Path) -> None:
    with fresh("sqlite", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door, doorward.Doorward.open() as memory:
        loop = Blind()
        # Its own socket it may watch.
        try:
            with pytest.raises(RuntimeError, match="Blind watches no sockets.* use asyncio.SelectorEventLoop"):
                loop.run_until_complete(door.to_async().create_institution("Acme Bank"))
            assert not loop.run_until_complete(memory.to_async().verify("x"))
        finally:
            loop.close()
