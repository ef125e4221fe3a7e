"""A door with an institution behind it, and tokens of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import doorward

#: Three requests, after which one comes back every eight hours.
PER_DAY = doorward.RateLimit(3, timedelta(days=1))
POLICY = '"key";q=3;w=86400'
ROOT = "root-token-of-the-tests-0123456789"


@dataclass(frozen=True)
class House:
    """A door, one institution behind it, and who may come in."""

    door: doorward.Doorward
    acme: str
    admin: str
    reader: str
    revoked: str
    root: str = ROOT

    def bearer(self, token: str) -> dict[str, str]:
        return {"authorization": f"Bearer {token}"}

    def limited(self) -> dict[str, str]:
        """The headers of a new caller that has a rate limit."""
        created = self.door.create_key(self.acme, label="limited", role="admin", rate_limit=PER_DAY)
        return self.bearer(created.token.reveal())


def furnish(door: doorward.Doorward) -> House:
    acme = door.create_institution("Acme Bank", regions=["US"]).id
    admin = door.create_key(acme, label="admin", role="admin").token.reveal()
    reader = door.create_key(acme, label="reader", role="read_only").token.reveal()
    gone = door.create_key(acme, label="gone", role="admin")
    door.revoke_key(acme, gone.record.id)
    return House(door, acme, admin, reader, gone.token.reveal())
