"""The facts of ``tests/vectors``, which a program that is no part of this project computed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import doorward

FACTS = Path(__file__).parents[2] / "tests" / "vectors"


def read(name: str) -> Any:
    return json.loads((FACTS / name).read_text(), parse_float=Decimal)


@pytest.fixture
def acme() -> Any:
    with doorward.Doorward.open() as door:
        yield door, door.create_institution("Acme Bank", id="acme").id


def test_tokens_are_found_by_the_stated_hash_or_refused_by_their_form() -> None:
    seen = set()
    for fact in read("tokens.json"):
        brand, env = fact.get("brand") or "dw", fact.get("env") or "live"
        with doorward.Doorward.open(token_brand=brand, token_env=env) as door:
            institution = door.create_institution("Acme Bank").id
            door.import_keys(institution, [doorward.ImportedKey(fact["sha256"], "fact", "admin")])
            found = door.find_by_token(fact["token"])
            if not fact["token"] or len(fact["token"].encode()) > 512:
                # Hashed by the facts, but no token of anybody.
                verdict = door.verify(fact["token"])
                assert isinstance(verdict, doorward.Refused) and verdict.reason in {"missing", "malformed"}
                assert found is None
            elif fact.get("valid") or fact.get("foreign"):
                assert door.verify(fact["token"]) and found is not None and found.key_hash == fact["sha256"], fact
                assert found.hint == fact["sha256"][:8]
            else:
                assert found is None and door.verify(fact["token"]) == malformed(door), fact
            seen.add((fact.get("valid", False), fact.get("foreign", False)))
    assert len(seen) == 3


def malformed(door: doorward.Doorward) -> Any:
    """What is answered to a token that is certainly none."""
    verdict = door.verify(b"\xff")
    assert isinstance(verdict, doorward.Refused) and verdict.reason == "malformed"
    return verdict


def test_amounts_are_read_exactly_or_refused(acme: Any) -> None:
    door, institution = acme
    facts = read("amounts.json")

    def limit(config: Any) -> Decimal:
        return door.upsert_policy(institution, "US", config).config["position"]["maxAmount"]

    for fact in facts["strings"]:
        assert limit({"position": {"maxAmount": fact["text"]}}) == Decimal(fact["exact"])
        assert format(limit({"position": {"maxAmount": Decimal(fact["text"])}}), "f") == fact["exact"]
        exact = doorward.Position(fact["text"], "USD")
        assert door.check_position(institution, "US", exact)
    for fact in facts["json_numbers"]:
        assert format(limit(f'{{"position":{{"maxAmount":{fact["text"]}}}}}'), "f") == fact["exact"]
    for text in facts["refused_strings"]:
        with pytest.raises(doorward.ValidationError):
            limit({"position": {"maxAmount": text}})
        with pytest.raises(doorward.ValidationError):
            door.check_position(institution, "US", doorward.Position(text, "USD"))
    for text in facts["refused_json_numbers"]:
        with pytest.raises(doorward.ValidationError):
            limit(f'{{"position":{{"maxAmount":{text}}}}}')


def test_policies_decide_as_stated_with_the_violations_in_order(acme: Any) -> None:
    door, institution = acme
    for fact in read("policies.json"):
        config, position = {"position": fact["position"]}, doorward.Position(fact["amount"], fact["currency"])
        (decision,) = door.dry_run(institution, "US", config, [position])
        assert [violation.code for violation in decision.violations] == fact["violations"], fact
        assert decision.allowed == bool(decision) == fact["allowed"], fact


def test_headers_carry_the_stated_token(acme: Any) -> None:
    door, institution = acme
    for fact in read("credentials.json"):
        credentials = doorward.Credentials.from_headers([(name, value) for name, value in fact["headers"]])
        if fact.get("token"):
            assert door.verify(credentials) == door.verify(fact["token"]), fact
            assert not credentials.missing
        else:
            assert door.verify(credentials).reason == ("malformed" if fact.get("malformed") else "missing"), fact


def test_addresses_pass_as_stated(acme: Any) -> None:
    door, institution = acme
    facts = read("addresses.json")
    created = door.create_key(institution, label="x", role="admin", allowed_addresses=facts["allow"])
    assert facts["cases"]
    for address, passes in facts["cases"]:
        try:
            request = doorward.Request(peer=address)
        except doorward.ValidationError:
            # No address at all: then none is known.
            request = doorward.Request()
        assert bool(door.verify(created.token.reveal(), request=request)) == passes, address
