"""The ASGI middleware, seen from the server: what it lets through and what it answers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from house import House

import doorward
import doorward.aio
import doorward.wsgi
from doorward.asgi import AuthMiddleware

Scope = dict[str, Any]
Message = dict[str, Any]
DENIAL = {"websocket.http.response": {}}


def ask(
    app: Any,
    path: str = "/",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    kind: str = "http",
    pair: type = tuple,
    **scope: Any,
) -> list[Message]:
    """What the application sends for one request or websocket. Each header is a pair of this type."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    whole = {
        "type": kind,
        "path": path,
        "headers": [pair((name.encode(), value.encode("latin-1"))) for name, value in pairs],
        "client": ("192.0.2.7", 4711),
        **({"method": "GET"} if kind == "http" else {}),
        **scope,
    }
    coming = ["http.request"] if kind == "http" else ["websocket.connect", "websocket.disconnect"]
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": coming.pop(0)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(whole, receive, send))
    return sent


def told(sent: list[Message]) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document of an answer."""
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(headers["content-length"]) == len(body["body"])
    assert headers["content-type"] == "application/problem+json"
    return start["status"], headers, json.loads(body["body"])


async def hello(scope: Scope, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def accept(scope: Scope, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


def failing(error: Exception, after: Any = None) -> Any:
    """An application that raises, perhaps after it has begun."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        if after is not None:
            await after(scope, receive, send)
        raise error

    return app


FORBIDDEN = doorward.ForbiddenError("create_key: the role read_only does not allow this", "role_not_allowed")


def test_a_good_key_is_let_in_and_known_to_the_application(stored_house: House) -> None:
    house = stored_house
    seen: list[Any] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(await scope["state"]["doorward"].list_keys(house.acme))
        seen.append(scope["state"]["auth"])
        await hello(scope, receive, send)

    sent = ask(AuthMiddleware(app, house.door), headers=house.bearer(house.admin), state={"of the lifespan": 1})
    assert [message.get("status") for message in sent] == [200, None]
    keys, context = seen
    assert len(keys) == 2
    assert (context.role, context.institution_id) == ("admin", house.acme)


def test_a_door_for_asyncio_does_as_well(house: House) -> None:
    assert ask(AuthMiddleware(hello, house.door.to_async()), headers={"x-api-key": house.reader})[0]["status"] == 200


def test_without_a_key_the_answer_is_401_and_says_missing(stored_house: House) -> None:
    status, headers, document = told(ask(AuthMiddleware(hello, stored_house.door)))
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert document == {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "missing API key"}


@pytest.mark.parametrize("which", ["revoked", "unknown", "mistyped", "long", "twice", "two kinds of twice", "binary"])
def test_whatever_is_wrong_with_a_key_the_caller_hears_the_same(house: House, which: str) -> None:
    headers = {
        "revoked": [("x-api-key", house.revoked)],
        "unknown": [("x-api-key", "ak_nobodys")],
        "mistyped": [("authorization", f"Bearer {house.admin[:-1]}?")],
        "long": [("x-api-key", "x" * 5000)],
        "twice": [("x-api-key", house.admin), ("x-api-key", house.admin)],
        "two kinds of twice": [("authorization", f"Bearer {house.admin}"), ("authorization", "Basic eDp5")],
        "binary": [("x-api-key", "\xff\xfe")],
    }[which]
    status, answered, document = told(ask(AuthMiddleware(hello, house.door), headers=headers))
    assert (status, answered["www-authenticate"]) == (401, "Bearer")
    assert document == {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "invalid API key"}


def test_the_answer_to_head_has_no_body(house: House) -> None:
    start, body = ask(AuthMiddleware(hello, house.door), method="HEAD")
    assert (start["status"], body["body"]) == (401, b"")


def test_an_exempt_path_is_let_through_and_nobody_is_known_there(house: House) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope)
        await hello(scope, receive, send)

    guarded = AuthMiddleware(app, house.door, exempt=["/health", "/docs/*"])
    assert ask(guarded, "/health", house.bearer(house.admin))[0]["status"] == 200
    assert seen[0]["state"] == {"auth": None, "doorward": None}
    assert not seen[0]["user"].is_authenticated
    assert ask(guarded, "/docs/x", house.bearer("dw_live_wrong"))[0]["status"] == 200
    assert ask(guarded, "/docs/../keys")[0]["status"] == 401


def test_exempt_paths_are_those_below_where_the_application_is_mounted(house: House) -> None:
    guarded = AuthMiddleware(hello, house.door, exempt=["/health"])
    assert ask(guarded, "/v1/health", root_path="/v1")[0]["status"] == 200
    assert ask(guarded, "/health", root_path="/v1")[0]["status"] == 200, "as Starlette routes it"
    assert ask(guarded, "/v1/health")[0]["status"] == 401
    assert ask(guarded, "/v10/health", root_path="/v1")[0]["status"] == 401
    assert ask(guarded, "/v1/v1/health", root_path="/v1")[0]["status"] == 401


def test_the_audit_trail_knows_the_request(house: House) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await scope["state"]["doorward"].create_key(house.acme, label="new", role="admin")
        await hello(scope, receive, send)

    headers = {
        **house.bearer(house.admin),
        "x-request-id": "req-17",
        "x-forwarded-for": "198.51.100.4",
    }
    ask(AuthMiddleware(app, house.door), "/v1/keys", headers, method="POST", query_string=b"secret=1", client=("10.0.0.1", 1))
    (event,) = [event for event in house.door.list_audit_events(house.acme, action="create_key") if event.request_id]
    assert (event.method, event.path, event.request_id) == ("POST", "/v1/keys", "req-17")
    assert event.client_address == "198.51.100.4"


@pytest.mark.parametrize(
    ("forwarded", "client", "status"),
    [
        (["198.51.100.4"], ("10.0.0.1", 1), 200),
        (["203.0.113.9", "198.51.100.4"], ("10.0.0.1", 1), 200),
        (["198.51.100.4", "203.0.113.9"], ("10.0.0.1", 1), 401),
        (["198.51.100.4"], ("192.0.2.7", 1), 401),
        (["nonsense"], ("10.0.0.1", 1), 401),
        ([], ("198.51.100.4", 1), 200),
        ([], ("", 0), 401),
        ([], ("testclient", 0), 401),
        ([], None, 401),
    ],
)
def test_an_address_rule_looks_at_the_peer_or_what_a_trusted_proxy_says(
    house: House, forwarded: list[str], client: Any, status: int
) -> None:
    key = house.door.create_key(house.acme, label="bound", role="admin", allowed_addresses=["198.51.100.0/24"])
    headers = [("x-api-key", key.token.reveal()), *(("x-forwarded-for", value) for value in forwarded)]
    assert ask(AuthMiddleware(hello, house.door), headers=headers, client=client)[0]["status"] == status


def test_errors_that_the_application_does_not_handle_are_problems(house: House) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await scope["state"]["doorward"].create_key(house.acme, label="new", role="admin")

    status, headers, document = told(ask(AuthMiddleware(app, house.door), headers=house.bearer(house.reader)))
    assert (status, document["title"], document["reason"]) == (403, "Forbidden", "role_not_allowed")
    assert "www-authenticate" not in headers


@pytest.mark.parametrize(
    ("error", "status", "retry_after", "members"),
    [
        (doorward.ValidationError("name: must not be empty", "empty", "name"), 400, None, {"detail", "reason", "field"}),
        (doorward.UnauthenticatedError("revoked meanwhile", "revoked"), 401, None, {"detail"}),
        (doorward.NotFoundError("there is no key x", "key_not_found"), 404, None, {"detail", "reason"}),
        (doorward.ConflictError("another version", "version_mismatch"), 409, None, {"detail", "reason"}),
        (doorward.RateLimitedError("too often", "rate_limited", None, None, 1.2), 429, "2", {"detail", "reason"}),
        (doorward.DatabaseError("table api_keys", "database"), 500, None, set()),
        (doorward.UnavailableError("db.example:5432", "unavailable"), 503, "1", set()),
        (doorward.UnavailableError("db.example:5432", "unavailable", None, None, 30.0), 503, "30", set()),
        (doorward.ConfigError("ROOT_API_KEY", "too_short"), 500, None, set()),
        (doorward.ClosedError("closed", "closed"), 500, None, set()),
        (doorward.InternalError("a panic", "panicked"), 500, None, set()),
    ],
)
def test_a_problem_says_what_the_caller_can_use_and_the_log_the_rest(
    house: House,
    caplog: pytest.LogCaptureFixture,
    error: doorward.DoorwardError,
    status: int,
    retry_after: str | None,
    members: set[str],
) -> None:
    with caplog.at_level(logging.DEBUG, logger="doorward"):
        answered, headers, document = told(ask(AuthMiddleware(failing(error), house.door), headers=house.bearer(house.admin)))
    assert (answered, headers.get("retry-after")) == (status, retry_after)
    assert set(document) == {"type", "title", "status"} | members
    if status >= 500:
        assert str(error) not in json.dumps(document)
        (record,) = caplog.records
        assert str(error) in record.getMessage()
        assert (record.levelname, record.exc_info is None) == (("WARNING", True) if status == 503 else ("ERROR", False))
    else:
        assert not caplog.records


def test_an_error_after_the_answer_has_begun_is_the_servers_to_deal_with(house: House) -> None:
    with pytest.raises(doorward.ForbiddenError):
        ask(AuthMiddleware(failing(FORBIDDEN, after=hello), house.door), headers=house.bearer(house.admin))


def test_errors_of_others_pass(house: House) -> None:
    with pytest.raises(KeyError):
        ask(AuthMiddleware(failing(KeyError("x")), house.door), headers=house.bearer(house.admin))


def test_a_closed_door_lets_nobody_in(house: House) -> None:
    house.door.close()
    assert told(ask(AuthMiddleware(hello, house.door), headers=house.bearer(house.admin)))[0] == 500


def test_a_lifespan_passes_untouched(house: House) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": "lifespan", "state": {}}
    asyncio.run(AuthMiddleware(app, house.door)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan", "state": {}}]


def test_what_is_not_known_is_not_let_through(house: House) -> None:
    with pytest.raises(RuntimeError, match="webtransport"):
        ask(AuthMiddleware(hello, house.door), kind="webtransport")


def test_a_websocket_with_a_good_key_is_let_in(house: House) -> None:
    sent = ask(AuthMiddleware(accept, house.door), kind="websocket", headers=house.bearer(house.reader))
    assert sent == [{"type": "websocket.accept"}]


def test_a_refused_websocket_is_closed(house: House) -> None:
    sent = ask(AuthMiddleware(accept, house.door), kind="websocket")
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_refused_websocket_hears_why_where_the_server_can_say_it(house: House) -> None:
    start, body = ask(AuthMiddleware(accept, house.door), kind="websocket", extensions=DENIAL)
    assert (start["type"], body["type"]) == ("websocket.http.response.start", "websocket.http.response.body")
    status, headers, document = told([start, body])
    assert (status, headers["www-authenticate"], document["detail"]) == (401, "Bearer", "missing API key")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FORBIDDEN, 1008),
        (doorward.UnavailableError("down", "unavailable"), 1013),
        (doorward.InternalError("a panic", "panicked"), 1011),
    ],
)
def test_an_open_websocket_is_closed_by_an_error(house: House, error: doorward.DoorwardError, code: int) -> None:
    app = AuthMiddleware(failing(error, after=accept), house.door)
    sent = ask(app, kind="websocket", headers=house.bearer(house.reader), extensions=DENIAL)
    assert sent == [{"type": "websocket.accept"}, {"type": "websocket.close", "code": code}]


def test_a_websocket_that_is_gone_is_not_closed_again(house: House) -> None:
    async def until_gone(scope: Scope, receive: Any, send: Any) -> None:
        await accept(scope, receive, send)
        await receive()

    with pytest.raises(doorward.ForbiddenError):
        app = AuthMiddleware(failing(FORBIDDEN, after=until_gone), house.door)
        ask(app, kind="websocket", headers=house.bearer(house.reader))


@pytest.mark.parametrize("pair", [list, tuple])
def test_a_header_may_be_a_list_or_a_tuple(house: House, pair: type) -> None:
    start, _ = ask(AuthMiddleware(hello, house.door), headers=house.bearer(house.admin), pair=pair)
    assert start["status"] == 200


def test_a_path_that_is_no_text_is_the_callers_fault(house: House) -> None:
    status, _, document = told(ask(AuthMiddleware(hello, house.door), "/\udc80", house.bearer(house.admin)))
    assert (status, document["field"], document["reason"]) == (400, "path", "not_utf8")


@pytest.mark.parametrize("door", [None, "door", doorward.aio.Doorward])
def test_what_is_no_door_is_told_at_once(door: Any) -> None:
    for middleware in (AuthMiddleware, doorward.wsgi.AuthMiddleware):
        with pytest.raises(TypeError, match="door must be a Doorward"):
            middleware(hello, door)
