"""Doors for the tests of middleware: see `house.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import doorward

sys.path.insert(0, str(Path(__file__).parent))

from house import ROOT, House, furnish  # noqa: E402


@pytest.fixture
def house() -> House:
    """In memory."""
    return furnish(doorward.Doorward.open(root_api_key=ROOT, trusted_proxies=["10.0.0.1"]))


@pytest.fixture
def stored_house(door: doorward.Doorward) -> House:
    """In each store."""
    return furnish(door)
