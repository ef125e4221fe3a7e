"""The form of the scenario files, of which there is one copy. What is not described in their README is refused here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from .values import fill

FOLDER = Path(__file__).parents[3] / "tests" / "conformance"


@dataclass(frozen=True)
class Scenario:
    topic: str
    name: str
    config: dict[str, str]
    backends: tuple[str, ...] | None
    steps: list[dict[str, Any]]

    def runs_on(self, store: str) -> bool:
        return self.backends is None or store in self.backends


def only(members: dict[str, Any], *known: str) -> None:
    unknown = set(members) - set(known)
    assert not unknown, f"members that nobody knows: {unknown} in {str(members)[:200]}"


def load() -> list[Scenario]:
    """Every scenario of every file, once for each of its sets of values."""
    scenarios = []
    for path in sorted(FOLDER.glob("*.json")):
        if path.stem == "coverage":
            continue
        # Amounts are given on as they are written.
        written = json.loads(path.read_text(), parse_float=Decimal)
        only(written, "about", "scenarios")
        assert written["about"] and written["scenarios"], f"{path} says not what it is about, or has no scenarios"
        for scenario in written["scenarios"]:
            only(scenario, "name", "config", "backends", "with", "steps")
            for values in scenario.get("with") or [{}]:
                backends = scenario.get("backends")
                scenarios.append(
                    Scenario(
                        path.stem,
                        fill(scenario["name"], values, every=False),
                        scenario.get("config", {}),
                        None if backends is None else tuple(backends),
                        fill(scenario["steps"], values, every=False),
                    )
                )
    names = [(scenario.topic, scenario.name) for scenario in scenarios]
    assert len(names) == len(set(names)), "two runs have one name"
    assert scenarios, f"no scenarios in {FOLDER}"
    return scenarios
