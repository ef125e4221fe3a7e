"""Every scenario of ``tests/conformance``, on each store, blocking and through asyncio."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.faces import FACES, face
from conformance.scenarios import Scenario, load
from conformance.world import World
from stores import STORES, fresh

RUNS = [
    pytest.param(scenario, store, way, id=f"{scenario.topic}-{store}-{way}-{scenario.name}")
    for scenario in load()
    for store in STORES
    if scenario.runs_on(store)
    for way in FACES
]


@pytest.mark.parametrize(("scenario", "store", "way"), RUNS)
def test_scenario(scenario: Scenario, store: str, way: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with fresh(store, tmp_path) as variables:
        faced = face(way)
        try:
            world = World(scenario, variables, faced, folder)
            try:
                world.play()
            finally:
                world.close()
        finally:
            faced.close()
