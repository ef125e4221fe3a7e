"""The middleware in real servers, asked over sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, furnish
from serving import Server, served
from stores import fresh
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import doorward

PROGRAMS = Path(__file__).parent / "programs"
UVICORN = ["-m", "uvicorn", "guarded:asgi", "--app-dir", str(PROGRAMS), "--port", "{port}"]
GUNICORN = ["-m", "gunicorn", "--pythonpath", str(PROGRAMS), "--bind", "127.0.0.1:{port}", "--preload"]
SERVERS = {
    "uvicorn": [*UVICORN, "--http", "h11", "--loop", "asyncio"],
    "uvicorn with httptools and uvloop": [*UVICORN, "--http", "httptools", "--loop", "uvloop"],
    "gunicorn": [*GUNICORN, "--workers", "2", "guarded:wsgi"],
    "gunicorn with threads": [*GUNICORN, "--workers", "2", "--worker-class", "gthread", "--threads", "4", "guarded:wsgi"],
    "gunicorn for ASGI": [*GUNICORN, "--workers", "2", "--worker-class", "asgi", "guarded:asgi"],
}


@pytest.fixture(params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[House, dict[str, str]]]:
    """A store that outlives its process, with who may come in."""
    with fresh(request.param, tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:
        yield furnish(door), variables


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[House, dict[str, str]]]:
    """The same in SQLite alone."""
    with fresh("sqlite", tmp_path) as variables, doorward.Doorward.open_from_env(variables) as door:
        yield furnish(door), variables


@pytest.mark.parametrize("server", SERVERS)
def test_who_may_come_in(lasting: tuple[House, dict[str, str]], tmp_path: Path, server: str) -> None:
    house, variables = lasting
    with served(SERVERS[server], variables, tmp_path) as running:
        processes = set()
        for _ in range(30):
            answer = running.ask("GET", "/keys?limit=1", house.admin)
            assert (answer.status, answer.json()["caller"]["institutionId"], answer.json()["keys"]) == (200, house.acme, 2)
            processes.add(answer.json()["process"])
        assert (running.process.pid in processes) == ("uvicorn" in server)
        refused = running.ask("GET", "/keys", house.revoked)
        assert (refused.status, refused.json()["detail"]) == (401, "invalid API key")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert running.ask("GET", "/keys").json()["detail"] == "missing API key"
        assert (running.ask("HEAD", "/keys").status, running.ask("HEAD", "/keys").body) == (401, b"")
        # A revocation by another process is heeded at once.
        late = house.door.create_key(house.acme, label="late", role="read_only")
        house.door.revoke_key(house.acme, late.record.id)
        assert running.ask("GET", "/keys", late.token.reveal()).status == 401


def first_line(running: Server, path: str, *headers: str) -> str:
    """The first line of what is answered to a path that no client would send."""
    lines = [f"GET {path} HTTP/1.1", "host: localhost", "connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        return connection.makefile("rb").readline().decode().strip()


@pytest.mark.parametrize("server", SERVERS)
def test_no_way_of_writing_a_path_makes_it_exempt(
    sqlite: tuple[House, dict[str, str]], tmp_path: Path, server: str
) -> None:
    house, variables = sqlite
    with served(SERVERS[server], variables, tmp_path) as running:
        for path in ("/health", "/health?x=//", "/docs/a/b.html", "/docs/%61", "/h%65alth"):
            assert " 200 " in first_line(running, path), path
        for path in (
            "//health",
            "/health/",
            "/health/.",
            "/health%2f",
            "/health%00",
            "/health%0a",
            "/Health",
            "/docs",
            "/docs/",
            "/docs/..",
            "/docs/../keys",
            "/docs/%2e%2e/keys",
            "/docs/%2E%2E%2Fkeys",
            "/docs/..%2fkeys",
            "/docs/..%5ckeys",
            "/docs/%252e%252e/keys",
            "/docs//keys",
            "/docs/%2fkeys",
            "/keys/../docs/x",
            "/keys#/docs/x",
        ):
            line = first_line(running, path)
            assert " 401 " in line or " 400 " in line, (path, line)
        good = f"x-api-key: {house.admin}"
        assert " 200 " in first_line(running, "/docs/../keys", good)
        assert " 401 " in first_line(running, "/keys", good, good)
        assert " 401 " in first_line(running, "/keys", "authorization: Basic eDp5", f"authorization: Bearer {house.admin}")


@pytest.mark.parametrize("server", ["uvicorn", "uvicorn with httptools and uvloop"])
def test_websockets(lasting: tuple[House, dict[str, str]], tmp_path: Path, server: str) -> None:
    house, variables = lasting
    with served(SERVERS[server], variables, tmp_path) as running:
        address = f"ws://127.0.0.1:{running.port}/feed"
        with connect(address, additional_headers=house.bearer(house.admin), proxy=None) as websocket:
            assert json.loads(websocket.recv())["caller"]["role"] == "admin"
        for headers, status, member, value in (
            ({}, 401, "detail", "missing API key"),
            (house.bearer(house.revoked), 401, "detail", "invalid API key"),
            (house.bearer(house.reader), 403, "reason", "role_not_allowed"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                connect(address, additional_headers=headers, proxy=None)
            response = refused.value.response
            assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
            assert json.loads(response.body or b"")[member] == value
