"""For WSGI applications (Flask, Django, Bottle, …): middleware that lets in who has a good API key.

>>> import doorward, doorward.wsgi
>>> def hello(environ, start_response):
...     caller = environ["doorward.auth"]
...     start_response("200 OK", [("content-type", "text/plain")])
...     return [f"hello {caller.institution_id}".encode()]
>>> app = doorward.wsgi.AuthMiddleware(hello, doorward.Doorward.open(), exempt=["/health", "/docs/*"])

With Flask it is ``app.wsgi_app = AuthMiddleware(app.wsgi_app, door)`` and ``app.register_error_handler(DoorwardError, answer)``:
Flask lets no exception of its views through to a middleware.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import aio, asgi
from ._doorward import Credentials, Doorward, Request
from ._exempt import Exempt
from ._problem import limit_fields, problem
from .errors import DoorwardError, ValidationError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["AuthMiddleware", "answer", "request_from_environ"]


class AuthMiddleware:
    """Authenticates every request that is not for an exempt path, and answers those that are refused.

    The application finds the auth context as ``environ["doorward.auth"]`` and a session for the caller as
    ``environ["doorward.session"]``. On an exempt path both are ``None``.

    Refusals are ``application/problem+json``. So are the errors of doorward that the application does not handle.

    Where the caller's key has a rate limit, every answer has the fields ``RateLimit-Policy`` and ``RateLimit``; a caller that
    comes too often is answered with 429 and ``Retry-After``.

    ``exempt`` lists the paths that need no key: ``"/health"`` is that path alone, ``"/docs/*"`` everything below ``/docs/``, but
    not ``/docs/`` itself, which some routers take for ``/docs``. They are compared with the decoded path below where the
    application is mounted. A path with ``//``, a segment ``.`` or ``..``, one of ``;?#``, a backslash, a control character, or a
    percent sign that is left after decoding is never exempt.
    """

    def __init__(self, app: WSGIApplication, door: Doorward | aio.Doorward, *, exempt: Iterable[str] = ()) -> None:
        self.app = app
        self._door = asgi.awaited(door).to_blocking()
        self._exempt = Exempt(exempt)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = _Exchange(environ, start_response)
        try:
            if self._exempt.covers(_text(environ.get("PATH_INFO", ""))):
                environ["doorward.auth"] = environ["doorward.session"] = None
            else:
                request = request_from_environ(environ)
                context = self._door.authenticate(Credentials.from_headers(_headers(environ)), request=request)
                environ["doorward.auth"] = context
                environ["doorward.session"] = self._door.session(context, request=request)
                exchange.fields = list(limit_fields(self._door.rate_limit(context)).items())
            body = self.app(environ, exchange.start)
        except DoorwardError as error:
            return exchange.refuse(error)
        # A generator does its work when the first part of the body is asked for.
        return body if exchange.begun else _Body(body, exchange)


def answer(error: DoorwardError) -> tuple[bytes, int, dict[str, str]]:
    """An error of doorward as Flask takes answers: body, status and headers."""
    status, headers, body = problem(error)
    return body, status, headers


def request_from_environ(environ: WSGIEnvironment) -> Request:
    """What a WSGI environment tells of a request. The request id is the header ``x-request-id``."""
    known: dict[str, Any] = {
        "method": environ["REQUEST_METHOD"],
        "path": _text(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")),
        "request_id": environ.get("HTTP_X_REQUEST_ID"),
        "forwarded_for": environ.get("HTTP_X_FORWARDED_FOR"),
    }
    try:
        return Request(**known, peer=environ.get("REMOTE_ADDR"))
    except ValidationError:
        # The other end of a socket of the file system has no address.
        return Request(**known)


def _text(path: str) -> str:
    """WSGI gives each byte of a path as one character."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _headers(environ: WSGIEnvironment) -> Iterator[tuple[str, bytes]]:
    for name, key in (("x-api-key", "HTTP_X_API_KEY"), ("authorization", "HTTP_AUTHORIZATION")):
        if key in environ:
            yield name, environ[key].encode("latin-1")


class _Exchange:
    """One request, and whether its answer has begun."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._head = environ["REQUEST_METHOD"] == "HEAD"
        self._start_response = start_response
        self.begun = False
        # What every answer tells of the caller's rate limit.
        self.fields: list[tuple[str, str]] = []

    def start(self, status: str, headers: list[tuple[str, str]], *trouble: Any) -> Callable[[bytes], object]:
        """Begins the answer of the application."""
        self.begun = True
        return self._start_response(status, [*headers, *self.fields] if self.fields else headers, *trouble)

    def refuse(self, error: DoorwardError) -> list[bytes]:
        """Answers with the error. Where headers were sent already the server raises the error again."""
        status, headers, body = problem(error)
        trouble = (sys.exc_info(),) if self.begun else ()
        self._start_response(f"{status} {HTTPStatus(status).phrase}", [*headers.items(), *self.fields], *trouble)
        return [] if self._head else [body]


class _Body:
    """The body of an application that has not begun its answer when it returns."""

    def __init__(self, body: Iterable[bytes], exchange: _Exchange) -> None:
        self._body = body
        self._parts = iter(body)
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except DoorwardError as error:
            self._parts = iter(self._exchange.refuse(error))
            return next(self._parts, b"")

    def close(self) -> None:
        """Closes the application's."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
