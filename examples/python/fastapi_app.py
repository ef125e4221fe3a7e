"""A small service that manages API keys and policies over HTTP, and answers whether positions are allowed.

    pip install fastapi uvicorn
    export ROOT_API_KEY=$(openssl rand -hex 32)
    python examples/python/fastapi_app.py

It keeps records in memory, or where the environment says: ``STORE_BACKEND=sqlite DATABASE_URL=sqlite:keys.db``, or ``postgres``
with its address. The page http://127.0.0.1:8000/docs lists what it answers. With more processes, each with a door of its own:

    uvicorn --factory fastapi_app:create_app --app-dir examples/python --workers 4
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel, Field

import doorward
import doorward.aio
from doorward.fastapi import install, require_auth, session

Caller = Annotated[doorward.AuthContext, Depends(require_auth)]
Session = Annotated[doorward.aio.Session, Depends(session)]
Answer = dict[str, Any]


class NewInstitution(BaseModel):
    """A tenant to be."""

    name: str
    id: str | None = Field(None, description="The id that you know it by; without it one is made.")
    regions: list[str] = []


class NewKey(BaseModel):
    """A key to be."""

    label: str
    role: doorward.Role = doorward.Role.READ_ONLY
    expires_at: str | None = Field(None, alias="expiresAt", description="RFC 3339.")


class Rotation(BaseModel):
    """How long the old token stays good beside the new one."""

    grace: float = Field(0, ge=0, description="Seconds.")


class Position(BaseModel):
    """What a policy is asked about."""

    amount: str = Field(description="A decimal text in major units: a JSON number would pass through a binary float here.")
    currency: str


async def document(request: Request) -> str:
    """The body as its text: doorward reads numbers from it exactly, which a parsed body would not have kept."""
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise doorward.ValidationError("the body must be JSON in UTF-8", "invalid_format") from None


Document = Annotated[str, Depends(document)]
JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def with_token(created: doorward.CreatedKey) -> Answer:
    """The one answer that holds a token."""
    return {"token": created.token.reveal(), "record": created.record.to_dict()}


def as_version(if_match: str | None) -> int | None:
    """The version of a policy that a client has seen, from its ETag."""
    if if_match is None:
        return None
    if not (if_match[:1] == if_match[-1:] == '"' and if_match[1:-1].isdecimal()):
        raise doorward.ValidationError("If-Match must be the ETag of a policy", "invalid_format", "If-Match")
    return int(if_match[1:-1])


v1 = APIRouter(prefix="/v1")


@v1.get("/me")
async def who_am_i(caller: Caller) -> Answer:
    return caller.to_dict()


@v1.post("/institutions", status_code=201)
async def create_institution(door: Session, new: NewInstitution) -> Answer:
    return (await door.create_institution(new.name, id=new.id, regions=new.regions)).to_dict()


@v1.get("/institutions/{institution_id}")
async def get_institution(door: Session, institution_id: str) -> Answer:
    return (await door.get_institution(institution_id)).to_dict()


@v1.post("/institutions/{institution_id}/keys", status_code=201)
async def create_key(door: Session, institution_id: str, new: NewKey) -> Answer:
    created = await door.create_key(institution_id, label=new.label, role=new.role, expires_at=new.expires_at)
    return with_token(created)


@v1.get("/institutions/{institution_id}/keys")
async def list_keys(door: Session, institution_id: str, limit: int = 50, cursor: str | None = None) -> Answer:
    return (await door.list_keys(institution_id, limit=limit, cursor=cursor)).to_dict()


@v1.post("/institutions/{institution_id}/keys/{key_id}/rotate", status_code=201)
async def rotate_key(door: Session, institution_id: str, key_id: str, rotation: Rotation) -> Answer:
    return with_token(await door.rotate_key(institution_id, key_id, grace=rotation.grace))


@v1.delete("/institutions/{institution_id}/keys/{key_id}")
async def revoke_key(door: Session, institution_id: str, key_id: str) -> Answer:
    return (await door.revoke_key(institution_id, key_id)).to_dict()


@v1.get("/institutions/{institution_id}/policies/{region}")
async def get_policy(door: Session, institution_id: str, region: str, response: Response) -> Answer:
    policy = await door.get_policy(institution_id, region)
    response.headers["etag"] = f'"{policy.version}"'
    return policy.to_dict()


@v1.put("/institutions/{institution_id}/policies/{region}", openapi_extra=JSON_BODY)
async def put_policy(
    door: Session,
    institution_id: str,
    region: str,
    config: Document,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> Answer:
    policy = await door.upsert_policy(institution_id, region, config, expected_version=as_version(if_match))
    response.headers["etag"] = f'"{policy.version}"'
    return policy.to_dict()


@v1.post("/institutions/{institution_id}/policies/{region}/check")
async def check_position(door: Session, institution_id: str, region: str, position: Position) -> Answer:
    decision = await door.check_position(institution_id, region, doorward.Position(position.amount, position.currency))
    return decision.to_dict()


@v1.get("/institutions/{institution_id}/audit-events")
async def list_audit_events(door: Session, institution_id: str, limit: int = 50, cursor: str | None = None) -> Answer:
    return (await door.list_audit_events(institution_id, limit=limit, cursor=cursor)).to_dict()


def create_app() -> FastAPI:
    """The application on a door that the environment describes."""
    door = doorward.Doorward.open_from_env()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await door.to_async().close()

    app = FastAPI(title="Keys and policies", version=doorward.__version__, lifespan=lifespan)
    install(app, door)
    app.include_router(v1)

    @app.get("/health")
    async def health(response: Response) -> Answer:
        found = await door.to_async().health()
        response.status_code = 200 if found else 503
        return {"store": found.backend, "reachable": found.reachable}

    return app


if __name__ == "__main__":
    import uvicorn

    if "ROOT_API_KEY" not in os.environ:
        raise SystemExit("Set ROOT_API_KEY first: without it nobody may create the first institution.")
    uvicorn.run(create_app(), port=int(os.environ.get("PORT", "8000")))
