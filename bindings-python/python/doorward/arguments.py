"""What operations take that is more than a text or a number. These hold what they are given; the operation judges it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from ._doorward import RateLimit
from .words import Role

__all__ = ["ImportedKey", "NewKey", "Position"]


@dataclass(frozen=True)
class Position:
    """What a policy is asked about: an amount, in major units, in a currency.

    An amount is a ``Decimal``, an ``int`` or a decimal text; a float, which is not exact, is refused.
    """

    amount: Decimal | int | str
    currency: str


@dataclass(frozen=True)
class NewKey:
    """A key to be created."""

    label: str
    """1 to 255 characters for people."""
    role: Role | str
    """``admin`` or ``read_only``."""
    expires_at: datetime | str | None = None
    """From when on it is no longer good: an aware datetime, or RFC 3339."""
    allowed_addresses: Iterable[str] = ()
    """From where it may be used: addresses and CIDR ranges; none means from anywhere."""
    rate_limit: RateLimit | None = None
    """How often it is accepted; ``None`` means as often as the configuration says."""
    metadata: Mapping[str, Any] | str = field(default_factory=dict)
    """The host's own data: an object of JSON, or its text."""


@dataclass(frozen=True)
class ImportedKey:
    """A key that exists elsewhere, known by the SHA-256 of its token in hex."""

    key_hash: str
    label: str
    role: Role | str
    expires_at: datetime | str | None = None
    allowed_addresses: Iterable[str] = ()
    rate_limit: RateLimit | None = None
    metadata: Mapping[str, Any] | str = field(default_factory=dict)
