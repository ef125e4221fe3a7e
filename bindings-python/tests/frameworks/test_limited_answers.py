"""What middleware tells a caller of the rate limit of its key, on every answer and on none but those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.testclient import TestClient
from flask import Flask
from house import POLICY, House
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket

import doorward
import doorward.fastapi
import doorward.wsgi
from doorward.asgi import AuthMiddleware
from doorward.fastapi import require_auth

NOT_YOURS = doorward.ForbiddenError("not yours", "other_institution")
Caller = Annotated[doorward.AuthContext, Depends(require_auth)]


def starlette(house: House) -> Any:
    async def good(request: Request) -> PlainTextResponse:
        return PlainTextResponse("good", headers={"ratelimit-kept": "mine"})

    async def streamed(request: Request) -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    async def forbidden(request: Request) -> PlainTextResponse:
        raise NOT_YOURS

    routes = {"/": good, "/streamed": streamed, "/forbidden": forbidden, "/health": good}
    app = Starlette(routes=[*(Route(path, endpoint) for path, endpoint in routes.items()), WebSocketRoute("/socket", socket)])
    app.add_middleware(AuthMiddleware, door=house.door, exempt=["/health"])
    return TestClient(app)


def around_starlette(house: House) -> Any:
    """Starlette answers to what it did not expect around its middleware."""

    async def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("a bug of the application's")

    return TestClient(AuthMiddleware(Starlette(routes=[Route("/broken", broken)]), house.door), raise_server_exceptions=False)


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def fastapi(house: House) -> Any:
    app = FastAPI()

    @app.get("/")
    async def good(caller: Caller) -> str:
        return "good"

    @app.get("/streamed")
    async def streamed(caller: Caller) -> Response:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/forbidden")
    async def forbidden(caller: Caller) -> str:
        raise NOT_YOURS

    @app.get("/health")
    async def health() -> str:
        return "good"

    @app.get("/refused")
    async def refused(caller: Caller) -> str:
        raise HTTPException(418)

    @app.get("/number")
    async def number(caller: Caller, n: int) -> int:
        return n

    doorward.fastapi.install(app, house.door)
    return TestClient(app)


def fastapi_behind_the_middleware(house: House) -> Any:
    client = fastapi(house)
    client.app.add_middleware(AuthMiddleware, door=house.door, exempt=["/health"])
    return client


def mounted_fastapi(house: House) -> Any:
    app = FastAPI(routes=[Mount("/", fastapi(house).app)])
    doorward.fastapi.install(app, house.door)
    return TestClient(app)


class FlaskClient:
    """Flask's own, with the names of the others."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, headers: dict[str, str]) -> Any:
        answered = self.client.get(path, headers=headers)
        answered.text, answered.close()
        return answered


def flask(house: House) -> Any:
    app = Flask(__name__)
    app.register_error_handler(doorward.DoorwardError, doorward.wsgi.answer)

    @app.get("/")
    def good() -> str:
        return "good"

    @app.get("/streamed")
    def streamed() -> Iterator[str]:
        yield "ab"

    @app.get("/forbidden")
    def forbidden() -> str:
        raise NOT_YOURS

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a bug of the application's")

    app.get("/health")(good)
    app.wsgi_app = doorward.wsgi.AuthMiddleware(app.wsgi_app, house.door, exempt=["/health"])  # type: ignore[method-assign]
    return FlaskClient(app)


APPS = [starlette, fastapi, fastapi_behind_the_middleware, mounted_fastapi, flask]


@pytest.fixture(params=APPS, ids=[app.__name__ for app in APPS])
def http(request: pytest.FixtureRequest, stored_house: House) -> Any:
    make: Callable[[House], Any] = request.param
    return make(stored_house)


def listed(answered: Any, name: str) -> list[str]:
    """All fields of this name."""
    headers = answered.headers
    values: list[str] = headers.get_list(name) if hasattr(headers, "get_list") else headers.getlist(name)
    return values


def limits(answered: Any) -> list[list[str]]:
    return [listed(answered, "RateLimit-Policy"), listed(answered, "RateLimit")]


def test_every_answer_tells_what_is_left_until_nothing_is(http: Any, stored_house: House) -> None:
    headers = stored_house.limited()
    for path, status, left in [("/", 200, 2), ("/streamed", 200, 1), ("/forbidden", 403, 0)]:
        answered = http.get(path, headers=headers)
        assert answered.status_code == status
        assert limits(answered) == [[POLICY], [f'"key";r={left};t={(3 - left) * 28800}']]
        assert listed(answered, "retry-after") == []
    refused = http.get("/", headers=headers)
    assert refused.status_code == 429
    [[policy], [state]] = limits(refused)
    assert policy == POLICY and state.startswith('"key";r=0;t=86')
    [wait] = listed(refused, "retry-after")
    assert 28700 < int(wait) <= 28800
    assert b'"reason": "rate_limited"' in (refused.content if hasattr(refused, "content") else refused.data)


def test_where_there_is_no_limit_nothing_is_told_of_one(http: Any, stored_house: House) -> None:
    for headers, path in [
        (stored_house.bearer(stored_house.admin), "/"),
        (stored_house.bearer(stored_house.admin), "/forbidden"),
        (stored_house.limited(), "/health"),
        (stored_house.bearer(stored_house.root), "/"),
        (stored_house.bearer(stored_house.revoked), "/"),
        ({}, "/"),
    ]:
        answered = http.get(path, headers=headers)
        assert limits(answered) == [[], []], path
        assert listed(answered, "retry-after") == []


@pytest.mark.parametrize("make", [around_starlette, flask])
def test_an_answer_to_a_bug_tells_it_as_well(house: House, make: Callable[[House], Any]) -> None:
    answered = make(house).get("/broken", headers=house.limited())
    assert answered.status_code == 500 and limits(answered)[0] == [POLICY]


@pytest.mark.parametrize(("path", "status"), [("/refused", 418), ("/number?n=x", 422)])
def test_what_fastapi_refuses_by_itself_tells_it_as_well(house: House, path: str, status: int) -> None:
    answered = fastapi(house).get(path, headers=house.limited())
    assert answered.status_code == status and limits(answered)[0] == [POLICY]


def test_what_an_application_says_of_its_own_stays(house: House) -> None:
    answered = starlette(house).get("/", headers=house.limited())
    assert listed(answered, "ratelimit-kept") == ["mine"]


def test_a_websocket_is_told_when_it_is_accepted_and_when_it_is_not(house: House) -> None:
    client, headers = starlette(house), house.limited()
    for _ in range(3):
        with client.websocket_connect("/socket", headers=headers) as accepted:
            told = dict(accepted.extra_headers)
        assert told[b"ratelimit-policy"] == POLICY.encode()
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/socket", headers=headers):
        pass
    assert denied.value.status_code == 429 and limits(denied.value)[0] == [POLICY]


def test_too_many_failures_are_answered_without_a_limit_of_a_key() -> None:
    door = doorward.Doorward.open(failures_per_minute=1)
    app = Starlette(routes=[])
    client = TestClient(AuthMiddleware(app, door))
    answers = [client.get("/", headers={"x-api-key": "ak_nobodys"}) for _ in range(2)]
    assert [answered.status_code for answered in answers] == [401, 429]
    assert limits(answers[1]) == [[], []]
    assert 0 < int(answers[1].headers["retry-after"]) <= 60
