"""Forked and spawned processes, servers, and the end of the interpreter: with real processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import doorward
from serving import served
from stores import fresh

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a store that outlives its process."""
    with fresh(request.param, tmp_path) as variables:
        yield variables


def issue(variables: dict[str, str]) -> tuple[str, str]:
    """An institution and the token of a key of it, made by another handle."""
    with doorward.Doorward.open_from_env(variables) as door:
        institution = door.create_institution("Acme Bank").id
        return institution, door.create_key(institution, label="ci", role="admin").token.reveal()


def run(program: str, variables: dict[str, str] | None = None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, with the checks that Python has for developers, and warnings as errors."""
    environ = {**os.environ, "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error", **(variables or {})}
    # Of Python 3.12 on: a fork of a process with threads, which is what is tested here.
    options = ["-W", "ignore:.*fork.*:DeprecationWarning"]
    command = [sys.executable, *options, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def clean(program: str, variables: dict[str, str] | None = None, *arguments: str) -> str:
    """The same, and it must end well and silently."""
    ended = run(program, variables, *arguments)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    return ended.stdout


def test_nothing_starts_at_import() -> None:
    program = """
        import os
        before = os.listdir("/proc/self/task"), os.listdir("/proc/self/fd")
        import doorward, doorward.aio
        assert (os.listdir("/proc/self/task"), os.listdir("/proc/self/fd")) == before
        import sys
        assert "asyncio" not in sys.modules, "a program that does not await needs no asyncio"
    """
    clean(program)


def test_a_forked_child_goes_on_with_the_handle_and_so_does_its_parent(lasting: dict[str, str]) -> None:
    institution, token = issue(lasting)
    program = """
        import asyncio, os, sys
        import doorward
        institution, token = sys.argv[1:]
        door = doorward.Doorward.open_from_env()
        assert door.verify(token)
        asynchronous = door.to_async()
        assert asyncio.run(asynchronous.get_institution(institution)).id == institution
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                assert door.verify(token) and not door.verify("other")
                door.create_key(institution, label="child", role="read_only")
                assert asyncio.run(asynchronous.get_institution(institution)).id == institution
                door.close()
                os._exit(7)
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert door.verify(token)
        assert len(door.list_keys(institution)) == 5
        door.close()
    """
    clean(program, lasting, institution, token)


def test_a_forked_child_of_memory_has_its_parents_records() -> None:
    program = """
        import os
        import doorward
        door = doorward.Doorward.open()
        institution = door.create_institution("Acme Bank").id
        token = door.create_key(institution, label="ci", role="admin").token.reveal()
        child = os.fork()
        if child == 0:
            assert door.verify(token)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    """
    clean(program)


def test_a_fork_in_the_middle_of_other_threads_calls_harms_neither_side(variables: dict[str, str]) -> None:
    program = """
        import asyncio, os, threading
        import doorward
        door = doorward.Doorward.open_from_env()
        institution = door.create_institution("Acme Bank").id
        token = door.create_key(institution, label="ci", role="admin").token.reveal()
        begun, ended = threading.Barrier(4), threading.Event()
        def blocking():
            while not ended.is_set():
                assert door.verify(token) and not door.verify("other")
                door.create_key(institution, label="parent", role="read_only")
        async def calls(rounds):
            asynchronous = door.to_async()
            while rounds():
                await asyncio.gather(*(asynchronous.verify(token) for _ in range(3)), asynchronous.get_institution(institution))
        def awaited():
            asyncio.run(calls(lambda: not ended.is_set()))
        def after_the_first(work):
            door.verify(token)
            begun.wait()
            work()
        threads = [threading.Thread(target=after_the_first, args=(work,)) for work in (blocking, blocking, awaited)]
        for thread in threads:
            thread.start()
        begun.wait()
        for _ in range(15):
            child = os.fork()
            if child == 0:
                assert door.verify(token) and not door.verify("other")
                door.create_key(institution, label="child", role="read_only")
                once = iter([True])
                asyncio.run(calls(lambda: next(once, False)))
                door.close()
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        ended.set()
        for thread in threads:
            thread.join()
        assert door.verify(token)
        door.close()
    """
    clean(program, variables)


def test_a_fork_within_a_coroutine_leaves_the_parents_loop_alone(lasting: dict[str, str]) -> None:
    institution, token = issue(lasting)
    program = """
        import asyncio, os, sys
        import doorward.aio
        institution, token = sys.argv[1:]
        async def main():
            async with await doorward.aio.Doorward.open_from_env() as door:
                assert await door.verify(token)
                child = os.fork()
                if child == 0:
                    # A new loop: the parent's belongs to the parent.
                    asyncio._set_running_loop(None)
                    loop = asyncio.new_event_loop()
                    assert loop.run_until_complete(door.verify(token))
                    os._exit(7)
                assert await door.verify(token)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
                assert (await door.get_institution(institution)).id == institution
        asyncio.run(main())
    """
    clean(program, lasting, institution, token)


def verified(variables: dict[str, str], token: str) -> tuple[int, bool]:
    with doorward.Doorward.open_from_env(variables) as door:
        return os.getpid(), bool(door.verify(token))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_pools_of_processes_open_their_own(lasting: dict[str, str], method: str) -> None:
    _, token = issue(lasting)
    with multiprocessing.get_context(method).Pool(2) as pool:
        answers = pool.starmap(verified, [(lasting, token)] * 6)
        pool.close()
        pool.join()
    assert all(good for _, good in answers)
    assert os.getpid() not in {process for process, _ in answers}


@pytest.mark.parametrize("used", [False, True], ids=["untouched", "used-before-fork"])
def test_workers_of_gunicorn_with_preload(lasting: dict[str, str], used: bool, tmp_path: Path) -> None:
    institution, token = issue(lasting)
    variables = {**lasting, **({"USED_BEFORE_FORK": "1"} if used else {})}
    command = ["-m", "gunicorn", "--pythonpath", str(PROGRAMS), "--preload", "--workers", "3"]
    with served([*command, "--bind", "127.0.0.1:{port}", "prefork:app"], variables, tmp_path) as server:
        workers = set()
        for _ in range(30):
            answer = server.ask("GET", "/", x_api_key=token)
            assert answer.status == 200, answer.body
            worker, found = answer.body.decode().split()
            assert found == institution
            workers.add(int(worker))
        assert workers and server.process.pid not in workers
        assert server.ask("GET", "/", x_api_key="dw_live_nonsense").body == b"malformed"
        assert (server.ask("GET", "/").status, server.ask("GET", "/").body) == (401, b"missing")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "asyncio:SelectorEventLoop"])
def test_workers_of_uvicorn(lasting: dict[str, str], loop: str, tmp_path: Path) -> None:
    institution, token = issue(lasting)
    command = ["-m", "uvicorn", "asgi:app", "--app-dir", str(PROGRAMS), "--loop", loop, "--lifespan", "on"]
    with served([*command, "--port", "{port}"], lasting, tmp_path) as server:
        for _ in range(20):
            answer = server.ask("GET", "/", x_api_key=token)
            running, found = answer.body.decode().split()
            assert (answer.status, found) == (200, institution)
            assert (running == "uvloop") == (loop == "uvloop")
        answer = server.ask("GET", "/", x_api_key="dw_live_nonsense")
        assert (answer.status, answer.body) == (401, b"malformed")


ENDS = {
    "an open door in a global": "",
    "a door that was used": "door.list_institutions()",
    "a closed door": "door.close()",
    "a door in a cycle": "cycle = [door]; cycle.append(cycle)",
    "a daemon thread in the middle of calls": """
        import threading
        begun = threading.Barrier(5)
        def calls():
            door.list_institutions()
            begun.wait()
            while True:
                door.list_institutions()
        for _ in range(4):
            threading.Thread(target=calls, daemon=True).start()
        begun.wait()
    """,
    "answers that nobody awaits": """
        for _ in range(50):
            door.to_async().list_institutions().close()
    """,
    "a loop that is stopped while answers are on their way": """
        import asyncio
        loop = asyncio.new_event_loop()
        async def wait():
            await asyncio.gather(*(door.to_async().list_institutions() for _ in range(50)))
        task = loop.create_task(wait())
        loop.call_soon(loop.stop)
        loop.run_forever()
        task.cancel()
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        loop.close()
    """,
    "a daemon thread with a loop that never ends": """
        import asyncio, threading
        begun = threading.Event()
        async def calls():
            while True:
                await door.to_async().list_institutions()
                begun.set()
        threading.Thread(target=lambda: asyncio.run(calls()), daemon=True).start()
        begun.wait()
    """,
    "SystemExit within a coroutine": """
        import asyncio
        async def main():
            await door.to_async().list_institutions()
            raise SystemExit(0)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends_well_with(variables: dict[str, str], end: str) -> None:
    program = "import doorward\ndoor = doorward.Doorward.open_from_env()\n" + textwrap.dedent(ENDS[end])
    assert clean(program, variables) == ""


def test_a_killed_process_has_what_it_was_told_is_stored(lasting: dict[str, str]) -> None:
    program = """
        import os, signal
        import doorward
        door = doorward.Doorward.open_from_env()
        print(door.create_institution("Acme Bank").id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = run(program, lasting)
    assert ended.returncode == -signal.SIGKILL, ended
    with doorward.Doorward.open_from_env(lasting) as door:
        assert door.get_institution(ended.stdout.strip()).name == "Acme Bank"


def test_a_second_interpreter_of_a_process_is_told_that_it_cannot() -> None:
    program = """
        import doorward
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        second = interpreters.create()
        program = "try:\\n import doorward\\nexcept ImportError as e:\\n assert 'subinterpreters' in str(e)\\nelse:\\n raise SystemError"
        failed = None
        try:
            failed = getattr(interpreters, "run_string")(second, program)
        finally:
            interpreters.destroy(second)
        assert failed is None, failed
        assert not doorward.Doorward.open().verify("x")
    """
    clean(program)


def test_no_secret_is_in_what_a_crash_prints() -> None:
    program = """
        import doorward
        door = doorward.Doorward.open(root_api_key="correct-horse-battery-staple-and-more")
        institution = door.create_institution("Acme Bank").id
        created = door.create_key(institution, label="ci", role="admin")
        credentials = doorward.Credentials(created.token.reveal())
        print(created.token.reveal())
        raise RuntimeError(door, created, credentials, door.verify(credentials), door.session(door.authenticate(credentials)))
    """
    ended = run(program)
    assert ended.returncode == 1
    token: Any = re.fullmatch(r"dw_live_(\w{8})(\w+)\n", ended.stdout)
    assert token[2] not in ended.stderr and "correct-horse" not in ended.stderr and token[1] in ended.stderr
