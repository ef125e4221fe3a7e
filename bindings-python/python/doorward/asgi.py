"""For ASGI applications (Starlette, FastAPI, Litestar, Quart, …): middleware that lets in who has a good API key.

>>> import doorward, doorward.asgi
>>> async def hello(scope, receive, send):
...     caller = scope["state"]["auth"]
...     await send({"type": "http.response.start", "status": 200, "headers": []})
...     await send({"type": "http.response.body", "body": f"hello {caller.institution_id}".encode()})
>>> app = doorward.asgi.AuthMiddleware(hello, doorward.Doorward.open(), exempt=["/health", "/docs/*"])

With Starlette it is ``app.add_middleware(AuthMiddleware, door=door)``; a middleware that must answer without a key, such as one
for CORS, is added after it, which puts it around it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from . import aio
from ._doorward import AuthContext, Credentials, Doorward, Request
from ._exempt import Exempt
from ._problem import limit_fields, problem
from .errors import DoorwardError, ValidationError
from .words import Role

__all__ = ["AuthMiddleware", "Caller", "Permissions", "request_from_scope"]

Fields = list[tuple[bytes, bytes]]
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where a scope keeps the fields that are put on the answer, and the messages that begin one.
_FIELDS = "doorward.fields"
_ANSWERS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

# Whoever has the first of them has the others as well.
_RANKS = (Role.ROOT, Role.ADMIN, Role.READ_ONLY)


class AuthMiddleware:
    """Authenticates every request and websocket that is not for an exempt path, and answers those that are refused.

    The application finds the auth context as ``scope["state"]["auth"]`` and an asynchronous session for the caller as
    ``scope["state"]["doorward"]``: in Starlette and FastAPI ``request.state.auth`` and ``request.state.doorward``. On an exempt
    path both are ``None``. Starlette's ``request.user``, ``request.auth`` and ``@requires("admin")`` work as well; a role has
    those below it too.

    Refusals are ``application/problem+json``. So are the errors of doorward that the application does not handle. A websocket
    is refused with the same answer if the server can give it, and else closed with code 1008.

    Where the caller's key has a rate limit, every answer has the fields ``RateLimit-Policy`` and ``RateLimit``; a caller that
    comes too often is answered with 429 and ``Retry-After``.

    ``exempt`` lists the paths that need no key: ``"/health"`` is that path alone, ``"/docs/*"`` everything below ``/docs/``, but
    not ``/docs/`` itself, which some routers take for ``/docs``. They are compared with the decoded path below where the
    application is mounted. A path with ``//``, a segment ``.`` or ``..``, one of ``;?#``, a backslash, a control character, or a
    percent sign that is left after decoding is never exempt.
    """

    def __init__(self, app: App, door: aio.Doorward | Doorward, *, exempt: Iterable[str] = ()) -> None:
        self.app = app
        self._door = awaited(door)
        self._exempt = Exempt(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise RuntimeError(f"there is no rule for who may use a scope of the type {scope['type']}")
        exchange = _Exchange(scope, receive, telling(scope, send))
        try:
            if self._exempt.covers(_path(scope)):
                pass_by(scope)
            else:
                request = request_from_scope(scope)
                context = await self._door.authenticate(Credentials.from_headers(scope["headers"]), request=request)
                let_in(scope, context, self._door, request)
            await self.app(scope, exchange.receive, exchange.send)
        except DoorwardError as error:
            await exchange.refuse(error)


def awaited(door: aio.Doorward | Doorward) -> aio.Doorward:
    """The door for asyncio. Something else is told at once, and not with the first request."""
    if isinstance(door, Doorward):
        return door.to_async()
    if isinstance(door, aio.Doorward):
        return door
    raise TypeError(f"door must be a Doorward, opened already, not {type(door).__name__}")


class Caller:
    """Who asks, as ``request.user`` of Starlette."""

    def __init__(self, context: AuthContext | None) -> None:
        self.context = context

    @property
    def is_authenticated(self) -> bool:
        """Whether the caller is known."""
        return self.context is not None

    @property
    def display_name(self) -> str:
        """The same as the identity."""
        return self.identity

    @property
    def identity(self) -> str:
        """The id of the caller's key; ``root``; nothing for an unknown caller."""
        if self.context is None:
            return ""
        return self.context.api_key_id or str(self.context.role)


class Permissions:
    """What the caller may do, as ``request.auth`` of Starlette: its role and those below it."""

    def __init__(self, context: AuthContext | None) -> None:
        self.scopes: list[str] = [] if context is None else ["authenticated", *map(str, _RANKS[_RANKS.index(context.role) :])]


def holds(context: AuthContext, role: Role) -> bool:
    """Whether the caller has at least this role."""
    return _RANKS.index(context.role) <= _RANKS.index(role)


def let_in(scope: Scope, context: AuthContext, door: aio.Doorward, request: Request) -> aio.Session:
    """Puts who the caller is where the application looks for it, and what is left of its rate limit on the answer."""
    session = door.session(context, request=request)
    left = door.rate_limit(context)
    if left is not None:
        fields: Fields = scope.get(_FIELDS, [])
        fields.extend((name.encode(), value.encode()) for name, value in limit_fields(left).items())
    scope["doorward.auth"] = context
    scope["doorward.session"] = session
    scope["auth"] = Permissions(context)
    scope["user"] = Caller(context)
    scope.setdefault("state", {}).update(auth=context, doorward=session)
    return session


def telling(scope: Scope, send: Send) -> Send:
    """Sends answers with what they tell of rate limits, once it is known. One that is around this one does it for both."""
    if _FIELDS in scope:
        return send
    fields: Fields = []
    scope[_FIELDS] = fields

    async def told(message: Message) -> None:
        if fields and message["type"] in _ANSWERS:
            message = {**message, "headers": [*message.get("headers", ()), *fields]}
        await send(message)

    return told


def pass_by(scope: Scope) -> None:
    """On an exempt path nobody is known, unless another middleware knows somebody."""
    scope.setdefault("auth", Permissions(None))
    scope.setdefault("user", Caller(None))
    scope.setdefault("state", {}).update(auth=None, doorward=None)


def request_from_scope(scope: Scope) -> Request:
    """What an ASGI scope tells of a request. The request id is the header ``x-request-id``."""
    request_id = None
    forwarded = []
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value.decode("latin-1")
        elif name == b"x-forwarded-for":
            forwarded.append(value.decode("latin-1"))
    known: dict[str, Any] = {
        "method": scope.get("method", "GET"),
        "path": scope["path"],
        "request_id": request_id,
        "forwarded_for": ", ".join(forwarded) if forwarded else None,
    }
    client = scope.get("client")
    try:
        return Request(**known, peer=client[0] if client else None)
    except ValidationError:
        # The other end of a socket of the file system, or of a test, has no address.
        return Request(**known)


def _path(scope: Scope) -> str:
    """The path below where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path


class _Exchange:
    """One request or websocket, and how far it has come."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._asked = scope["type"] == "http"
        self._begun = False
        self._over = False

    async def receive(self) -> Message:
        """Receives for the application."""
        message = await self._receive()
        self._asked = True
        self._over = self._over or message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: Message) -> None:
        """Sends for the application."""
        self._begun = True
        self._over = self._over or message["type"] == "websocket.close"
        await self._send(message)

    async def refuse(self, error: DoorwardError) -> None:
        """Answers with the error, if it is not too late."""
        websocket = self._scope["type"] == "websocket"
        if not self._asked:
            await self.receive()
        if self._over or (self._begun and not websocket):
            raise error
        status, headers, body = problem(error)
        if websocket and (self._begun or "websocket.http.response" not in (self._scope.get("extensions") or {})):
            await self._send({"type": "websocket.close", "code": close_code(error)})
            return
        kind = "websocket.http.response" if websocket else "http.response"
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": f"{kind}.start", "status": status, "headers": pairs})
        await self._send({"type": f"{kind}.body", "body": b"" if self._scope.get("method") == "HEAD" else body})


def close_code(error: DoorwardError) -> int:
    """The code with which an error closes a websocket: try again later, against the rules, or a fault of this side."""
    if error.retryable:
        return 1013
    return 1008 if error.http_status < 500 else 1011
