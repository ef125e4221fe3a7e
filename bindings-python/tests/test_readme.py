"""The page of the package: its code runs, in the order in which it is read, and type checkers are content with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

PAGE = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAM = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's code has defined after its end."""
    monkeypatch.chdir(tmp_path)
    defined: dict[str, Any] = {"__name__": "page"}
    exec(compile(PROGRAM, "README.md", "exec", dont_inherit=True), defined)
    return defined


def test_every_block_of_code_is_known_to_this_test() -> None:
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"python", "sh"}
    assert re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) == ["pip install doorward\n"]


def test_the_applications_answer(page: dict[str, Any]) -> None:
    key = {"x-api-key": page["token"]}
    acme = page["acme"].id
    http = TestClient(page["app"])
    assert http.get("/me").status_code == 401
    assert http.get("/me", headers=key).json()["institutionId"] == acme
    assert http.get("/reports", headers=key).json() == ["a report"]
    assert len(http.get(f"/keys/{acme}", headers=key).json()["items"]) == 3
    assert len(http.get(f"/policies/{acme}", headers=key).json()["items"]) == 1
    http = TestClient(page["guarded"])
    assert http.get("/orders").status_code == 401
    assert http.get("/orders", headers=key).json() == {"role": "admin"}
    site = page["site"].test_client()
    assert site.get("/orders").status_code == 401
    assert site.get("/orders", headers=key).json == {"institution": acme}


def test_mypy_is_content_with_it(tmp_path: Path) -> None:
    program = tmp_path / "page.py"
    program.write_text(PROGRAM)
    environ = {**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "mypy", "--strict", program.name]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
