"""The dependencies for FastAPI."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from house import House
from starlette.testclient import WebSocketDenialResponse

import doorward
from doorward.asgi import AuthMiddleware
from doorward.fastapi import blocking_session, install, require_auth, require_role, session

router = APIRouter()
Caller = Annotated[doorward.AuthContext, Depends(require_auth)]
Session = Annotated[doorward.aio.Session, Depends(session)]
BlockingSession = Annotated[doorward.Session, Depends(blocking_session)]


@router.get("/health")
async def health() -> str:
    return "well"


@router.get("/me")
async def me(caller: Caller) -> dict[str, Any]:
    return caller.to_dict()


@router.get("/blocking/me")
def blocking_me(caller: Caller) -> dict[str, Any]:
    return caller.to_dict()


@router.get("/admins", dependencies=[Depends(require_role("admin"))])
async def admins() -> str:
    return "welcome"


@router.get("/readers")
async def readers(caller: Annotated[doorward.AuthContext, Depends(require_role(doorward.Role.READ_ONLY))]) -> str:
    return str(caller.role)


@router.get("/root", dependencies=[Depends(require_role("root"))])
async def root() -> str:
    return "welcome"


@router.post("/keys")
async def create_key(caller: Caller, door: Session) -> dict[str, Any]:
    assert caller == door.context
    return (await door.create_key(caller.institution_id or "", label="new", role="read_only")).to_dict()


@router.post("/blocking/keys")
def create_key_blocking(caller: Caller, door: BlockingSession) -> dict[str, Any]:
    assert caller == door.context
    return door.create_key(caller.institution_id or "", label="new", role="read_only").to_dict()


@router.websocket("/echo")
async def echo(websocket: WebSocket, door: Session) -> None:
    await websocket.accept()
    await door.create_key(door.context.institution_id or "", label="new", role="read_only")
    await websocket.close()


def application(door: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    install(app, door)
    return app


@pytest.fixture(params=["dependencies alone", "behind the middleware"])
def http(request: pytest.FixtureRequest, stored_house: House) -> TestClient:
    app = application(stored_house.door)
    if request.param == "behind the middleware":
        app.add_middleware(AuthMiddleware, door=stored_house.door, exempt=["/health"])
    return TestClient(app)


@pytest.mark.parametrize("path", ["/me", "/blocking/me"])
def test_endpoints_know_their_caller(stored_house: House, http: TestClient, path: str) -> None:
    answered = http.get(path, headers={"x-api-key": stored_house.reader})
    assert (answered.status_code, answered.json()["institutionId"]) == (200, stored_house.acme)
    refused = http.get(path)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert (refused.headers["www-authenticate"], refused.json()["detail"]) == ("Bearer", "missing API key")
    assert http.get(path, headers=stored_house.bearer(stored_house.revoked)).json()["detail"] == "invalid API key"


def test_where_nothing_is_asked_for_nothing_is_needed(http: TestClient) -> None:
    assert http.get("/health").json() == "well"


def test_a_role_is_the_least_that_is_needed(stored_house: House, http: TestClient) -> None:
    house = stored_house
    statuses = {
        path: [http.get(path, headers=house.bearer(token)).status_code for token in (house.root, house.admin, house.reader)]
        for path in ("/root", "/admins", "/readers")
    }
    assert statuses == {"/root": [200, 403, 403], "/admins": [200, 200, 403], "/readers": [200, 200, 200]}
    assert http.get("/admins").status_code == 401
    refused = http.get("/admins", headers=house.bearer(house.reader))
    assert (refused.headers["content-type"], refused.json()["reason"]) == ("application/problem+json", "role_not_allowed")


@pytest.mark.parametrize("path", ["/keys", "/blocking/keys"])
def test_sessions_act_for_the_caller(stored_house: House, http: TestClient, path: str) -> None:
    house = stored_house
    headers = {**house.bearer(house.admin), "x-request-id": "req-3"}
    created = http.post(path, headers=headers)
    assert created.status_code == 200
    (event,) = [event for event in house.door.list_audit_events(house.acme, action="create_key") if event.request_id]
    assert (event.method, event.path, event.request_id) == ("POST", path, "req-3")
    assert event.resource_id == created.json()["record"]["id"]
    refused = http.post(path, headers=house.bearer(house.reader))
    assert (refused.status_code, refused.json()["reason"]) == (403, "role_not_allowed")


def test_websockets(stored_house: House, http: TestClient) -> None:
    house = stored_house
    with http.websocket_connect("/echo", headers=house.bearer(house.admin)) as websocket:
        assert websocket.receive()["code"] == 1000
    with http.websocket_connect("/echo", headers=house.bearer(house.reader)) as websocket:
        assert websocket.receive()["code"] == 1008
    with pytest.raises(WebSocketDenialResponse) as refused, http.websocket_connect("/echo"):
        pass
    assert (refused.value.status_code, refused.value.json()["detail"]) == (401, "missing API key")


def test_the_openapi_document_has_both_schemes(house: House) -> None:
    document = application(house.door).openapi()
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token of this service."},
        "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same token."},
    }
    either = [{"bearer": []}, {"x-api-key": []}]
    for path in ("/me", "/blocking/me", "/admins", "/readers", "/root"):
        assert document["paths"][path]["get"]["security"] == either, path
        assert "parameters" not in document["paths"][path]["get"]
    for path in ("/keys", "/blocking/keys"):
        assert document["paths"][path]["post"]["security"] == either, path
    assert "security" not in document["paths"]["/health"]["get"]


def test_nobody_is_authenticated_twice(house: House) -> None:
    app = application(house.door)
    app.add_middleware(AuthMiddleware, door=house.door, exempt=["/health"])
    before = house.door.metrics().count("authenticate")
    assert TestClient(app).post("/keys", headers=house.bearer(house.admin)).status_code == 200
    assert house.door.metrics().count("authenticate") == before + 1


def test_on_an_exempt_path_an_endpoint_can_still_ask(house: House) -> None:
    app = application(house.door)
    app.add_middleware(AuthMiddleware, door=house.door, exempt=["/me"])
    assert TestClient(app).get("/me").status_code == 401
    assert TestClient(app).get("/me", headers=house.bearer(house.reader)).status_code == 200


def test_a_door_for_asyncio_does_as_well(house: House) -> None:
    http = TestClient(application(house.door.to_async()))
    assert http.post("/blocking/keys", headers=house.bearer(house.admin)).status_code == 200
    assert http.get("/me", headers=house.bearer(house.reader)).status_code == 200


def test_a_caller_can_be_put_in_the_place_of_authentication(house: House) -> None:
    app = application(house.door)
    reader, admin = house.door.authenticate(house.reader), house.door.authenticate(house.admin)
    app.dependency_overrides[require_auth] = lambda: reader
    http = TestClient(app)
    assert http.get("/me").json()["role"] == "read_only"
    assert http.get("/admins").status_code == 403
    for path in ("/keys", "/blocking/keys"):
        assert http.post(path, headers=house.bearer(house.admin)).status_code == 403, "the reader acts"
    app.dependency_overrides[require_auth] = lambda: admin
    assert http.post("/keys").status_code == 200
    assert http.post("/blocking/keys").status_code == 200


def test_an_application_without_a_door_says_so() -> None:
    app = FastAPI()
    app.include_router(router)
    with pytest.raises(RuntimeError, match="install"):
        TestClient(app).get("/me")


def test_an_unknown_role_is_an_error_where_the_application_is_written() -> None:
    with pytest.raises(ValueError, match="owner"):
        require_role("owner")
