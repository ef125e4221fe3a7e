"""The WSGI middleware, with plain applications and with Flask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.validate import validator

import pytest
from flask import Flask, g, request
from house import House
from werkzeug.test import Client

import doorward
from doorward.wsgi import AuthMiddleware, answer

FORBIDDEN = doorward.ForbiddenError("not yours", "other_institution")


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"hello"]


class Server(Client):
    """Reads every answer to its end and closes it."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return super().open(*args, buffered=True, **kwargs)


def client(app: Any, house: House, **options: Any) -> Server:
    """As a server that holds both sides to PEP 3333 calls it."""
    return Server(validator(AuthMiddleware(validator(app), house.door, **options)))


def test_a_good_key_is_let_in_and_known_to_the_application(stored_house: House) -> None:
    house = stored_house
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["doorward.session"].list_keys(house.acme))
        seen.append(environ["doorward.auth"])
        return hello(environ, start_response)

    answered = client(app, house).get("/", headers=house.bearer(house.admin))
    assert (answered.status_code, answered.data) == (200, b"hello")
    keys, context = seen
    assert len(keys) == 2
    assert (context.role, context.institution_id) == ("admin", house.acme)


def test_a_door_for_asyncio_does_as_well(house: House) -> None:
    app = AuthMiddleware(hello, house.door.to_async())
    assert Client(app).get("/", headers={"x-api-key": house.reader}).status_code == 200


def test_without_a_key_the_answer_is_401_and_says_missing(stored_house: House) -> None:
    answered = client(hello, stored_house).get("/")
    assert (answered.status, answered.headers["www-authenticate"]) == ("401 Unauthorized", "Bearer")
    assert answered.mimetype == "application/problem+json"
    expected = {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "missing API key"}
    assert json.loads(answered.data) == expected


@pytest.mark.parametrize("which", ["revoked", "unknown", "mistyped", "twice", "binary"])
def test_whatever_is_wrong_with_a_key_the_caller_hears_the_same(house: House, which: str) -> None:
    headers = {
        "revoked": [("x-api-key", house.revoked)],
        "unknown": [("x-api-key", "ak_nobodys")],
        "mistyped": [("authorization", f"Bearer {house.admin[:-1]}?")],
        "twice": [("x-api-key", house.admin), ("x-api-key", house.admin)],
        "binary": [("x-api-key", "\xff\xfe")],
    }[which]
    answered = client(hello, house).get("/", headers=headers)
    expected = {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "invalid API key"}
    assert json.loads(answered.data) == expected


def test_the_answer_to_head_has_no_body(house: House) -> None:
    answered = client(hello, house).head("/")
    assert (answered.status_code, answered.data) == (401, b"")


def test_an_exempt_path_is_let_through_and_nobody_is_known_there(house: House) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append((environ["doorward.auth"], environ["doorward.session"]))
        return hello(environ, start_response)

    guarded = client(app, house, exempt=["/health", "/docs/*", "/ä"])
    assert guarded.get("/health", headers=house.bearer(house.admin)).status_code == 200
    assert seen == [(None, None)]
    assert guarded.get("/docs/x").status_code == 200
    assert guarded.get("/ä").status_code == 200
    assert guarded.get("/health", base_url="http://localhost/v1").status_code == 200
    for path in ("/health/", "/docs/%2e%2e/keys", "/docs/..%2fkeys", "/docs/%252e%252e/keys", "/docs//keys", "/v1/health"):
        assert guarded.get(path).status_code == 401, path


def test_the_audit_trail_knows_the_request(house: House) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["doorward.session"].create_key(house.acme, label="new", role="admin")
        return hello(environ, start_response)

    headers = {**house.bearer(house.admin), "x-request-id": "req-17", "x-forwarded-for": "203.0.113.9, 198.51.100.4"}
    proxy = {"REMOTE_ADDR": "10.0.0.1"}
    client(app, house).post("/kéys?secret=1", base_url="http://localhost/v1", headers=headers, environ_base=proxy)
    (event,) = [event for event in house.door.list_audit_events(house.acme, action="create_key") if event.request_id]
    assert (event.method, event.path, event.request_id) == ("POST", "/v1/kéys", "req-17")
    assert event.client_address == "198.51.100.4"


@pytest.mark.parametrize(("address", "status"), [("198.51.100.4", 200), ("192.0.2.7", 401), ("", 401), ("unix:", 401)])
def test_an_address_rule_looks_at_the_peer(house: House, address: str, status: int) -> None:
    key = house.door.create_key(house.acme, label="bound", role="admin", allowed_addresses=["198.51.100.0/24"])
    headers = house.bearer(key.token.reveal())
    answered = client(hello, house).get("/", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answered.status_code == status


def failing(environ: Any, start_response: Any) -> list[bytes]:
    raise FORBIDDEN


def failing_when_begun(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    raise FORBIDDEN


def failing_generator(environ: Any, start_response: Any) -> Iterator[bytes]:
    if environ["PATH_INFO"]:
        raise FORBIDDEN
    yield b""


def failing_begun_generator(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    if environ["PATH_INFO"]:
        raise FORBIDDEN
    yield b""


@pytest.mark.parametrize("app", [failing, failing_when_begun, failing_generator, failing_begun_generator])
def test_errors_that_the_application_does_not_handle_are_problems(house: House, app: Any) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_X_API_KEY": house.admin}
    sent, log = BytesIO(), StringIO()
    SimpleHandler(BytesIO(), sent, log, environ).run(AuthMiddleware(app, house.door))
    head, body = sent.getvalue().split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 403 Forbidden\r\n")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["reason"] == "other_institution"
    assert log.getvalue() == ""


def test_an_error_after_the_headers_is_the_servers_to_deal_with(house: House) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("content-type", "text/plain")])
        yield b"hello"
        raise FORBIDDEN

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_X_API_KEY": house.admin}
    sent, log = BytesIO(), StringIO()
    SimpleHandler(BytesIO(), sent, log, environ).run(AuthMiddleware(app, house.door))
    assert sent.getvalue().endswith(b"hello")
    assert "ForbiddenError" in log.getvalue()


def test_errors_of_others_pass_and_the_body_is_closed(house: House) -> None:
    closed: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("200 OK", [("content-type", "text/plain")])
            yield b"one "
            yield b"two"
        finally:
            closed.append(True)

    answered = client(app, house).get("/", headers=house.bearer(house.admin))
    assert (answered.data, closed) == (b"one two", [True])

    def broken(environ: Any, start_response: Any) -> list[bytes]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        Server(AuthMiddleware(broken, house.door)).get("/", headers=house.bearer(house.admin))


def test_flask(stored_house: House) -> None:
    house = stored_house
    app = Flask(__name__)
    app.wsgi_app = AuthMiddleware(app.wsgi_app, house.door, exempt=["/health"])  # type: ignore[method-assign]
    app.register_error_handler(doorward.DoorwardError, answer)

    @app.before_request
    def remember_the_caller() -> None:
        g.auth = request.environ["doorward.auth"]

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"known": g.auth is not None}

    @app.get("/me")
    def me() -> Any:
        return g.auth.to_dict()

    @app.post("/keys")
    def keys() -> Any:
        created = request.environ["doorward.session"].create_key(house.acme, label="new", role="read_only")
        return created.to_dict(), 201

    http = app.test_client()
    assert http.get("/health").json == {"known": False}
    assert http.get("/me").status_code == 401
    assert http.get("/me", headers=house.bearer(house.reader)).json["institutionId"] == house.acme
    assert http.post("/keys", headers=house.bearer(house.admin)).status_code == 201
    refused = http.post("/keys", headers=house.bearer(house.reader))
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    assert refused.json["reason"] == "role_not_allowed"


def test_a_path_without_its_slash_needs_a_key_though_what_is_below_it_does_not(house: House) -> None:
    app = Flask(__name__)
    app.url_map.strict_slashes = False
    app.wsgi_app = AuthMiddleware(app.wsgi_app, house.door, exempt=["/docs/*"])  # type: ignore[method-assign]
    app.add_url_rule("/docs", "docs", lambda: "guarded")
    app.add_url_rule("/docs/<page>", "page", lambda page: page)
    http = app.test_client()
    assert http.get("/docs/first").text == "first"
    # Both are the route of `/docs`.
    assert [http.get(path, headers=house.bearer(house.reader)).text for path in ("/docs", "/docs/")] == ["guarded"] * 2
    assert [http.get(path).status_code for path in ("/docs", "/docs/")] == [401] * 2
