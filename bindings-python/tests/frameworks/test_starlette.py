"""The ASGI middleware under Starlette: what its users know their caller by."""

from __future__ import annotations

from typing import Any

import pytest
from house import House
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

import doorward
from doorward.asgi import AuthMiddleware


async def me(request: Request) -> JSONResponse:
    return JSONResponse(request.state.auth.to_dict())


def blocking_me(request: Request) -> JSONResponse:
    return JSONResponse(request.state.auth.to_dict())


@requires("admin")
async def for_admins(request: Request) -> JSONResponse:
    return JSONResponse([request.user.identity, request.user.is_authenticated, request.user.display_name])


async def health(request: Request) -> JSONResponse:
    return JSONResponse([request.user.is_authenticated, request.auth.scopes])


async def create_key(request: Request) -> JSONResponse:
    created = await request.state.doorward.create_key(request.state.auth.institution_id, label="new", role="read_only")
    return JSONResponse(created.to_dict())


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.state.auth.to_dict())
    await websocket.state.doorward.create_key(websocket.state.auth.institution_id, label="new", role="read_only")
    await websocket.close()


def client(house: House, **options: Any) -> TestClient:
    routes = [
        Route("/me", me),
        Route("/blocking", blocking_me),
        Route("/admins", for_admins),
        Route("/health", health),
        Route("/keys", create_key, methods=["POST"]),
        WebSocketRoute("/echo", echo),
    ]
    guard = Middleware(AuthMiddleware, door=house.door, exempt=["/health"])
    cors = Middleware(CORSMiddleware, allow_origins=["https://app.example"], allow_headers=["authorization"])
    return TestClient(Starlette(routes=[*routes, Mount("/v1", routes=routes)], middleware=[cors, guard]), **options)


@pytest.mark.parametrize("path", ["/me", "/blocking", "/v1/me"])
def test_the_state_of_a_request_has_the_caller(stored_house: House, path: str) -> None:
    house = stored_house
    assert client(house).get(path, headers=house.bearer(house.reader)).json()["institutionId"] == house.acme


def test_roles_are_starlettes_scopes(house: House) -> None:
    http = client(house)
    assert http.get("/admins", headers=house.bearer(house.reader)).status_code == 403
    identity, known, name = http.get("/admins", headers=house.bearer(house.admin)).json()
    assert identity.startswith("ak_") and known and name == identity
    assert http.get("/admins", headers=house.bearer(house.root)).json() == ["root", True, "root"]


def test_an_exempt_path_has_a_caller_who_is_not_known(house: House) -> None:
    assert client(house).get("/health").json() == [False, []]


def test_errors_that_no_endpoint_handles_are_problems(stored_house: House) -> None:
    house = stored_house
    http = client(house)
    assert http.post("/keys", headers=house.bearer(house.admin)).status_code == 200
    refused = http.post("/keys", headers=house.bearer(house.reader))
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")


def test_a_middleware_around_it_answers_without_a_key(house: House) -> None:
    asking = {"origin": "https://app.example", "access-control-request-method": "GET"}
    http = client(house)
    assert http.options("/me", headers=asking).status_code == 200
    refused = http.get("/me", headers={"origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")


def test_websockets(stored_house: House) -> None:
    house = stored_house
    http = client(house)
    with http.websocket_connect("/echo", headers=house.bearer(house.admin)) as websocket:
        assert websocket.receive_json()["role"] == "admin"
        assert websocket.receive() == {"type": "websocket.close", "code": 1000, "reason": ""}
    with http.websocket_connect("/echo", headers=house.bearer(house.reader)) as websocket:
        assert websocket.receive_json()["role"] == "read_only"
        assert websocket.receive()["code"] == 1008
    with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/echo"):
        pass
    assert refused.value.status_code == 401
    assert refused.value.json()["detail"] == "missing API key"


def test_what_the_caller_is_cannot_be_set_by_the_caller(house: House) -> None:
    http = client(house)
    forged = {"doorward.auth": "root", "x-forwarded-user": "root", **house.bearer(house.reader)}
    assert http.get("/me?auth=root", headers=forged).json()["role"] == doorward.Role.READ_ONLY
