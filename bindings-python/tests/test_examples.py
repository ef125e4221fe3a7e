"""The examples, run as their readers run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Answer, Server, served
from stores import fresh

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
ROOT = "root-token-of-the-tests-0123456789"


def test_first_steps(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(EXAMPLES / "first_steps.py")]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    said = [line for line in ended.stdout.splitlines() if not line.startswith(("made", "caller", "audit"))]
    assert said == [
        "rules     {'position': {'minAmount': Decimal('100'), 'maxAmount': Decimal('5000'), "
        "'allowedCurrencies': ['USD', 'EUR']}} version 1",
        "granted   admin",
        "refused   malformed",
        "refused   unknown",
        "decision  1250.50 USD -> allowed",
        "decision  5000.01 JPY -> (Violation(code='above_max', limit='5000', value='5000.01'), "
        "Violation(code='currency_not_allowed', limit='USD,EUR', value='JPY'))",
        "forbidden role_not_allowed",
        "conflict  version_mismatch",
        "both good True True",
        "one good  False True",
        "asyncio   [False, True]",
    ]
    assert not re.search(r"dw_live_\w{9}", ended.stdout), "no token is shown"
    assert os.listdir(tmp_path) == []


def problem(answer: Answer) -> tuple[int, str | None]:
    """Status and reason of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.json().get("reason")


def use(server: Server) -> None:
    """A tenant's way through the service."""
    assert server.ask("GET", "/health").json()["reachable"] is True
    assert problem(server.ask("GET", "/v1/me")) == (401, None)
    assert server.ask("GET", "/v1/me", ROOT).json() == {"role": "root", "institutionId": None, "apiKeyId": None}

    created = server.ask("POST", "/v1/institutions", ROOT, {"name": "Acme Bank", "id": "acme", "regions": ["US"]})
    assert (created.status, created.json()["id"]) == (201, "acme")
    assert problem(server.ask("POST", "/v1/institutions", ROOT, {"name": "Acme Bank", "id": "acme"}))[0] == 409
    made = server.ask("POST", "/v1/institutions/acme/keys", ROOT, {"label": "back office", "role": "admin"})
    assert made.status == 201
    admin, record = made.json()["token"], made.json()["record"]
    reader = server.ask("POST", "/v1/institutions/acme/keys", admin, {"label": "dashboard"}).json()["token"]
    assert server.ask("GET", "/v1/me", reader).json()["role"] == "read_only"
    assert server.ask("GET", "/v1/me", x_api_key=reader).status == 200
    assert problem(server.ask("POST", "/v1/institutions/acme/keys", reader, {"label": "x"})) == (403, "role_not_allowed")
    assert problem(server.ask("GET", "/v1/institutions/other", reader)) == (403, "other_institution")
    assert problem(server.ask("GET", "/v1/institutions/other", ROOT)) == (404, "institution_not_found")
    first = server.ask("GET", "/v1/institutions/acme/keys?limit=1", admin).json()
    assert len(first["items"]) == 1 and first["next"]

    rules = '{"position":{"minAmount":99999999999.99,"maxAmount":"12345678901234567890.12345678"}}'
    put = server.ask("PUT", "/v1/institutions/acme/policies/US", admin, rules)
    assert (put.status, put.headers["etag"]) == (200, '"1"')
    assert put.json()["config"]["position"] == {"minAmount": 99999999999.99, "maxAmount": "12345678901234567890.12345678"}
    again = server.ask("PUT", "/v1/institutions/acme/policies/US", admin, rules.replace(".99", ".98"), if_match='"1"')
    assert again.headers["etag"] == '"2"'
    late = server.ask("PUT", "/v1/institutions/acme/policies/US", admin, rules, if_match='"1"')
    assert problem(late) == (409, "version_mismatch")
    assert problem(server.ask("PUT", "/v1/institutions/acme/policies/US", admin, b"\xff"))[0] == 400
    assert problem(server.ask("PUT", "/v1/institutions/acme/policies/US", admin, rules, if_match="2"))[0] == 400
    assert server.ask("GET", "/v1/institutions/acme/policies/US", reader).headers["etag"] == '"2"'

    check = "/v1/institutions/acme/policies/US/check"
    assert server.ask("POST", check, reader, {"amount": "99999999999.98", "currency": "USD"}).json()["allowed"] is True
    refused = server.ask("POST", check, reader, {"amount": "12345678901234567890.12345679", "currency": "USD"}).json()
    assert [violation["code"] for violation in refused["violations"]] == ["above_max"]
    assert problem(server.ask("POST", check, reader, {"amount": "1e3", "currency": "USD"}))[0] == 400

    rotated = server.ask("POST", f"/v1/institutions/acme/keys/{record['id']}/rotate", admin, {"grace": 60}).json()
    assert rotated["record"]["rotatedFrom"] == record["id"]
    assert server.ask("GET", "/v1/me", admin).status == 200
    assert server.ask("DELETE", f"/v1/institutions/acme/keys/{record['id']}", rotated["token"]).json()["status"] == "revoked"
    assert server.ask("GET", "/v1/me", admin).json()["detail"] == "invalid API key"
    trail = server.ask("GET", "/v1/institutions/acme/audit-events", rotated["token"]).json()["items"]
    (revocation,) = [event for event in trail if event["action"] == "revoke_key"]
    assert (revocation["method"], revocation["path"]) == ("DELETE", f"/v1/institutions/acme/keys/{record['id']}")

    document = server.ask("GET", "/openapi.json").json()
    assert document["paths"]["/v1/me"]["get"]["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert server.ask("GET", "/docs").status == 200


def test_the_service_by_itself(variables: dict[str, str], tmp_path: Path) -> None:
    with served([str(EXAMPLES / "fastapi_app.py")], variables, tmp_path) as server:
        use(server)


@pytest.fixture(params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a store that several processes share."""
    with fresh(request.param, tmp_path) as variables:
        yield {**variables, "ROOT_API_KEY": ROOT}


def test_the_service_in_several_processes(lasting: dict[str, str], tmp_path: Path) -> None:
    command = ["-m", "uvicorn", "--factory", "fastapi_app:create_app", "--app-dir", str(EXAMPLES)]
    with served([*command, "--port", "{port}", "--workers", "2"], lasting, tmp_path) as server:
        use(server)


def test_the_service_wants_a_root_token(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "ROOT_API_KEY"}
    command = [sys.executable, str(EXAMPLES / "fastapi_app.py")]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "ROOT_API_KEY" in ended.stderr and "Traceback" not in ended.stderr
