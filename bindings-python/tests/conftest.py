"""What tests share: stores, doors on them, and the two ways of calling."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import doorward

sys.path.insert(0, str(Path(__file__).parent))

from stores import STORES, fresh  # noqa: E402

ROOT = "root-token-of-the-tests-0123456789"


@pytest.fixture(params=STORES)
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a new and empty store; the test runs on each kind."""
    with fresh(request.param, tmp_path) as variables:
        yield {**variables, "ROOT_API_KEY": ROOT}


@pytest.fixture
def door(variables: dict[str, str]) -> Iterator[doorward.Doorward]:
    """A door on such a store."""
    with doorward.Doorward.open_from_env(variables) as door:
        yield door
