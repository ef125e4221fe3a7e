"""Servers for tests, in processes of their own, and how they are asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    port: int
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, token: str | None = None, document: Any = None, **headers: str) -> Answer:
        """Sends one request, its path as it is written, on a connection of its own."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        if document is not None:
            named["content-type"] = "application/json"
        body = document if document is None or isinstance(document, (str, bytes)) else json.dumps(document)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()


@contextmanager
def served(command: list[str], variables: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Runs a Python program that serves at ``{port}``, and ends it by its id. It must end well, and have found no fault."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, **variables, "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    arguments = [sys.executable, *(part.format(port=port) for part in command)]
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(arguments, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                # Not yet, unless it has ended.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        yield Server(port, process)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        said = log.read_text()
        assert process.returncode in (0, -signal.SIGTERM), said
        assert "Traceback" not in said and "panicked" not in said, said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
