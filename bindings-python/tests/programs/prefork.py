"""A WSGI application whose door is opened before gunicorn forks. ``/verify`` answers with who presents the token."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import doorward

door = doorward.Doorward.open_from_env()
if os.environ.get("USED_BEFORE_FORK"):
    # Threads and connections are there by then, and none of them is in the workers.
    door.list_institutions()


def app(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]) -> Iterable[bytes]:
    match door.verify(environ.get("HTTP_X_API_KEY", "")):
        case doorward.Granted(context):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [f"{os.getpid()} {context.institution_id}".encode()]
        case doorward.Refused(reason):
            start_response("401 Unauthorized", [("Content-Type", "text/plain")])
            return [reason.encode()]
    raise AssertionError
