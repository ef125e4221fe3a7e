"""Sequences of operations, made up by hypothesis, against a door and against a plain dict."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

import doorward
from stores import fresh

REGIONS = st.sampled_from(["US", "EU_UK", "SG", "UAE"])
AMOUNTS = st.decimals(min_value=0, max_value=Decimal(10) ** 19, places=8, allow_nan=False)
LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255).filter(lambda text: text.strip() == text)
ROLES = st.sampled_from(list(doorward.Role)[1:])
METADATA = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    max_size=4,
)


class Door(RuleBasedStateMachine):
    """Keys and policies of two institutions, of which a dict knows as much as the door should."""

    store = "memory"
    tokens = Bundle("tokens")

    @initialize()
    def opened(self) -> None:
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.fresh = fresh(self.store, Path(self.folder.name))
        self.door = doorward.Doorward.open_from_env(self.fresh.__enter__())
        self.institutions = [self.door.create_institution(name).id for name in ("Acme", "Bmce")]
        self.keys: dict[str, dict[str, Any]] = {}
        self.policies: dict[tuple[str, str], tuple[Decimal, int]] = {}

    @rule(target=tokens, which=st.integers(0, 1), label=LABELS, role=ROLES, metadata=METADATA)
    def create(self, which: int, label: str, role: doorward.Role, metadata: dict[str, Any]) -> str:
        created = self.door.create_key(self.institutions[which], label=label, role=role, metadata=metadata)
        assert (created.record.label, created.record.role, created.record.metadata) == (label, role, metadata)
        token = created.token.reveal()
        known = {"id": created.record.id, "institution": self.institutions[which], "role": role, "status": "active"}
        self.keys[token] = known | {"label": label}
        return token

    @rule(token=tokens, label=LABELS)
    def relabel(self, token: str, label: str) -> None:
        key = self.keys[token]
        try:
            self.door.update_key(key["institution"], key["id"], label=label)
        except doorward.ConflictError as error:
            assert (key["status"], error.reason) == ("revoked", "key_revoked")
        else:
            assert key["status"] != "revoked"
            key["label"] = label

    @rule(token=tokens, to=st.sampled_from(["enable", "disable"]))
    def switch(self, token: str, to: str) -> None:
        key = self.keys[token]
        try:
            getattr(self.door, f"{to}_key")(key["institution"], key["id"])
        except doorward.ConflictError as error:
            assert (key["status"], error.reason) == ("revoked", "key_revoked")
        else:
            key["status"] = {"enable": "active", "disable": "disabled"}[to]

    @rule(token=consumes(tokens), again=st.booleans(), target=tokens)
    def revoke(self, token: str, again: bool) -> Any:
        key = self.keys[token]
        record = self.door.revoke_key(key["institution"], key["id"])
        assert record.status == "revoked"
        key["status"] = "revoked"
        return token if again else multiple()

    @rule(token=tokens)
    def elsewhere(self, token: str) -> None:
        key = self.keys[token]
        other = next(institution for institution in self.institutions if institution != key["institution"])
        try:
            self.door.get_key(other, key["id"])
        except doorward.NotFoundError as error:
            assert error.reason == "key_not_found"
        else:
            raise AssertionError("a key was found in another institution")

    @rule(which=st.integers(0, 1), region=REGIONS, most=AMOUNTS)
    def limit(self, which: int, region: str, most: Decimal) -> None:
        policy = self.door.upsert_policy(self.institutions[which], region, {"position": {"maxAmount": most}})
        _, version = self.policies.get((self.institutions[which], region), (None, 0))
        assert policy.version == version + 1 and policy.config["position"]["maxAmount"] == most
        self.policies[self.institutions[which], region] = (most, policy.version)

    @rule(which=st.integers(0, 1), region=REGIONS, amount=AMOUNTS)
    def ask(self, which: int, region: str, amount: Decimal) -> None:
        decision = self.door.check_position(self.institutions[which], region, doorward.Position(amount, "USD"))
        known = self.policies.get((self.institutions[which], region))
        if known is None:
            assert decision and decision.policy == "none"
        else:
            assert (decision.allowed, decision.policy_version) == (amount <= known[0], known[1])

    @invariant()
    def the_door_knows_what_the_dict_knows(self) -> None:
        if not hasattr(self, "keys"):
            return
        for token, key in self.keys.items():
            verdict = self.door.verify(token)
            if key["status"] == "active":
                assert isinstance(verdict, doorward.Granted)
                context = verdict.context
                assert (context.role, context.institution_id, context.api_key_id) == (key["role"], key["institution"], key["id"])
            else:
                assert verdict == self.door.verify(token) and verdict.reason == key["status"]  # type: ignore[union-attr]
        for institution in self.institutions:
            listed = self.door.list_keys(institution, include_revoked=True, limit=1000, order="oldest_first")
            known = [key for key in self.keys.values() if key["institution"] == institution]
            assert [(key.id, key.label, key.status) for key in listed] == [(key["id"], key["label"], key["status"]) for key in known]

    def teardown(self) -> None:
        if hasattr(self, "door"):
            self.door.close()
            self.fresh.__exit__(None, None, None)
            self.folder.cleanup()


class SqliteDoor(Door):
    store = "sqlite"


class PostgresDoor(Door):
    store = "postgres"


TestMemory = Door.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSqlite = SqliteDoor.TestCase
TestSqlite.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestPostgres = PostgresDoor.TestCase
TestPostgres.settings = settings(max_examples=6, stateful_step_count=15, deadline=None)
