"""An ASGI application on a door for asyncio, opened in the server's own loop."""

from __future__ import annotations

import asyncio
from typing import Any

import doorward.aio

door: doorward.aio.Doorward


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    global door
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                door = await doorward.aio.Doorward.open_from_env()
            else:
                await door.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    verdict = await door.verify(doorward.Credentials.from_headers(scope["headers"]))
    match verdict:
        case doorward.Granted(context):
            status, body = 200, f"{type(asyncio.get_running_loop()).__module__} {context.institution_id}"
        case doorward.Refused(reason):
            status, body = verdict.http_status, reason
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body.encode()})
