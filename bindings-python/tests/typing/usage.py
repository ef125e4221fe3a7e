"""What type checkers say of programs that use doorward. It is checked, not run."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from typing_extensions import assert_type

import doorward
import doorward.aio
import doorward.asgi
import doorward.wsgi
from doorward import Granted, KeyStatus, Refused, Role

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def blocking(door: doorward.Doorward) -> None:
    acme = door.create_institution("Acme Bank", regions=["US"])
    assert_type(acme, doorward.Institution)
    assert_type(acme.regions, tuple[str, ...])
    created = door.create_key(acme.id, label="ci", role="admin")
    assert_type(created.token.reveal(), str)
    assert_type(created.record.expires_at, datetime | None)
    assert_type(created.record.status, KeyStatus)
    for key in door.list_keys(acme.id, role=Role.ADMIN):
        assert_type(key, doorward.ApiKey)
    assert_type(door.find_by_token("x"), doorward.ApiKey | None)
    decision = door.check_position(acme.id, "US", doorward.Position(Decimal(1), "USD"))
    assert_type(decision.violations, tuple[doorward.Violation, ...])
    limited = door.create_key(acme.id, label="ci", role="admin", rate_limit=doorward.RateLimit(100, timedelta(minutes=1)))
    assert_type(limited.record.rate_limit, doorward.RateLimit | None)
    door.update_key(acme.id, limited.record.id, rate_limit=None)
    left = door.rate_limit(door.authenticate("x"))
    assert_type(left, doorward.RateLimitStatus | None)
    if left is not None:
        assert_type(left.http_fields(), dict[str, str])
        assert_type(left.limit.window, float)
    doorward.Position(1.5, "USD")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    door.create_key(acme.id, "ci", "admin")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def verdicts(door: doorward.Doorward) -> str | None:
    verdict = door.verify("x")
    assert_type(verdict, Granted | Refused)
    if verdict:
        assert_type(verdict, Granted)
    else:
        assert_type(verdict.reason, str)
        assert_type(verdict.retry_after, float | None)
    match verdict:
        case Granted(context):
            assert_type(context, doorward.AuthContext)
            return context.institution_id
        case Refused(reason):
            assert_type(reason, str)
            return reason


async def awaited(door: doorward.aio.Doorward) -> None:
    assert_type(await door.verify("x"), Granted | Refused)
    policy, health = await asyncio.gather(door.get_policy("acme", "US"), door.health())
    assert_type(policy, doorward.Policy)
    assert_type(health, doorward.Health)
    assert_type(await asyncio.wait_for(door.get_policy("acme", "US"), 1), doorward.Policy)
    assert_type(asyncio.create_task(door.get_policy("acme", "US")), "asyncio.Task[doorward.Policy]")
    async with await doorward.aio.Doorward.open() as opened:
        assert_type(opened, doorward.aio.Doorward)
    assert_type(door.session(await door.authenticate("x")), doorward.aio.Session)


def errors(error: doorward.DoorwardError) -> None:
    assert_type(error.retry_after, float | None)
    assert_type(error.rate_limit, doorward.RateLimitStatus | None)
    assert_type(error.kind, doorward.ErrorKind)


def middleware(door: doorward.Doorward, app: WSGIApplication, asgi: Any) -> None:
    assert_type(doorward.wsgi.AuthMiddleware(app, door)({}, lambda *_: print).__iter__().__next__(), bytes)
    doorward.asgi.AuthMiddleware(asgi, door.to_async(), exempt=["/health"])
    doorward.asgi.AuthMiddleware(asgi, door, exempt=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
