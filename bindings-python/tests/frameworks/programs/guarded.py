"""Applications that say whom they see, behind the middleware and a door that is opened before any process is forked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import doorward
import doorward.asgi
import doorward.wsgi

door = doorward.Doorward.open_from_env()
# Threads and connections are there by then, and a forked worker has none of them.
door.list_institutions()

EXEMPT = ["/health", "/docs/*"]


def seen(path: str, caller: doorward.AuthContext | None, keys: int | None) -> bytes:
    known = None if caller is None else caller.to_dict()
    return json.dumps({"path": path, "caller": known, "keys": keys, "process": os.getpid()}).encode()


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    state = scope["state"]
    keys = None if state["auth"] is None else len(await state["doorward"].list_keys(state["auth"].institution_id))
    body = seen(scope["path"], state["auth"], keys)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": body.decode()})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    caller = environ["doorward.auth"]
    keys = None if caller is None else len(environ["doorward.session"].list_keys(caller.institution_id))
    start_response("200 OK", [("content-type", "application/json")])
    return [seen(environ["PATH_INFO"], caller, keys)]


asgi = doorward.asgi.AuthMiddleware(asgi_app, door, exempt=EXEMPT)
wsgi = doorward.wsgi.AuthMiddleware(wsgi_app, door, exempt=EXEMPT)
