"""For FastAPI: dependencies that authenticate, and show in the OpenAPI document as security schemes.

>>> from typing import Annotated
>>> import doorward
>>> from doorward.fastapi import install, require_auth, require_role, session
>>> from fastapi import Depends, FastAPI
>>> app = FastAPI()
>>> install(app, doorward.Doorward.open())
>>> @app.get("/me")
... async def me(caller: Annotated[doorward.AuthContext, Depends(require_auth)]):
...     return caller.to_dict()
>>> @app.get("/keys", dependencies=[Depends(require_role("admin"))])
... async def keys(session: Annotated[doorward.aio.Session, Depends(session)]):
...     return (await session.list_keys(session.context.institution_id)).to_dict()
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.openapi.models import APIKey, HTTPBearer
from fastapi.openapi.models import SecurityBase as Scheme
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from . import aio, asgi
from ._doorward import AuthContext, Credentials, Doorward, Session
from ._problem import problem
from .errors import DoorwardError, ForbiddenError
from .words import Role

__all__ = ["blocking_session", "install", "require_auth", "require_role", "session"]


def install(app: FastAPI, door: aio.Doorward | Doorward) -> None:
    """Tells the application which door its dependencies ask, and has it answer errors of doorward as problem details. To be
    called before the application starts.

    Answers to a caller whose key has a rate limit get the fields ``RateLimit-Policy`` and ``RateLimit``; a caller that comes too
    often is answered with 429 and ``Retry-After``.

    A mounted application needs it as well. ``doorward.asgi.AuthMiddleware`` is not needed for the dependencies to work; where it
    is there too, nobody is authenticated twice.
    """
    app.state.doorward = asgi.awaited(door)
    app.add_exception_handler(DoorwardError, _answer)
    app.add_middleware(_Telling)


class _Telling:
    """Puts on answers what the dependencies know of the caller's rate limit: an endpoint may give an answer of its own, or fail."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send if scope["type"] == "lifespan" else asgi.telling(scope, send))


class _Security(SecurityBase):
    """A scheme for the OpenAPI document. It reads nothing: ``require_auth`` does, for both at once and for websockets too."""

    def __init__(self, name: str, model: Scheme) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        pass


_BEARER = _Security("bearer", HTTPBearer(description="A token of this service."))
_API_KEY = _Security("x-api-key", APIKey.model_validate({"in": "header", "name": "x-api-key", "description": "The same token."}))


async def require_auth(
    connection: HTTPConnection, _bearer: Annotated[None, Depends(_BEARER)], _api_key: Annotated[None, Depends(_API_KEY)]
) -> AuthContext:
    """Who the caller is. Who is not known is answered with 401."""
    known: AuthContext | None = connection.scope.get("doorward.auth")
    if known is not None:
        return known
    door = _door(connection)
    request = asgi.request_from_scope(connection.scope)
    context = await door.authenticate(Credentials.from_headers(connection.scope["headers"]), request=request)
    asgi.let_in(connection.scope, context, door, request)
    return context


def require_role(role: Role | str) -> Callable[..., Awaitable[AuthContext]]:
    """A dependency that wants at least this role: ``root`` does where ``admin`` is asked for, and both where ``read_only`` is.

    Others are answered with 403. A session checks roles by itself; this is for what an application does without one, and leaves
    no entry in the audit trail, which tells of operations of doorward alone.
    """
    return _AT_LEAST[Role(role)]


def _at_least(role: Role) -> Callable[..., Awaitable[AuthContext]]:
    async def caller(context: Annotated[AuthContext, Depends(require_auth)]) -> AuthContext:
        if not asgi.holds(context, role):
            raise ForbiddenError(f"the role {context.role} does not allow this", "role_not_allowed")
        return context

    return caller


# One for each role: FastAPI knows by the object that a dependency was asked already.
_AT_LEAST = {role: _at_least(role) for role in Role}


async def session(connection: HTTPConnection, context: Annotated[AuthContext, Depends(require_auth)]) -> aio.Session:
    """The door on behalf of the caller, to be awaited."""
    bound: aio.Session | None = connection.scope.get("doorward.session")
    if bound is not None and bound.context == context:
        return bound
    # The application has put a dependency of its own in the place of `require_auth`, as tests do.
    return _door(connection).session(context, request=asgi.request_from_scope(connection.scope))


def blocking_session(connection: HTTPConnection, context: Annotated[AuthContext, Depends(require_auth)]) -> Session:
    """The door on behalf of the caller, for endpoints that are no coroutines."""
    request = asgi.request_from_scope(connection.scope)
    return _door(connection).to_blocking().session(context, request=request)


def _door(connection: HTTPConnection) -> aio.Doorward:
    door = getattr(connection.app.state, "doorward", None)
    if not isinstance(door, aio.Doorward):
        raise RuntimeError("doorward.fastapi.install(app, door) was not called for this application")
    return door


async def _answer(connection: Any, error: Any) -> Any:
    """The answer to an error that no endpoint handles; on a websocket it is given here."""
    if isinstance(connection, WebSocket):
        accepted = connection.application_state is not WebSocketState.CONNECTING
        if accepted or "websocket.http.response" not in connection.scope.get("extensions", {}):
            await connection.close(asgi.close_code(error))
            return None
    status, headers, body = problem(error)
    response = Response(body, status, headers)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
        return None
    return response
