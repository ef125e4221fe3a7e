"""The words of doorward: closed lists of texts, each an enum whose members are texts.

Where an operation takes one of them, the text alone does as well: ``role="admin"`` is ``role=Role.ADMIN``.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "DefaultDecision",
    "ErrorKind",
    "HistoryAction",
    "KeyStatus",
    "Order",
    "Outcome",
    "PolicySource",
    "Region",
    "Role",
    "ViolationCode",
]


class _Word(str, Enum):
    """As ``enum.StrEnum``, which CPython 3.10 does not have: a member prints and formats as its text."""

    def __new__(cls, value: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        return member

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, form: str, /) -> str:
        return str.__format__(self, form)


class Role(_Word):
    """What a caller may do. ``root`` is nobody's key: it comes from the configured root token."""

    ROOT = "root"
    ADMIN = "admin"
    READ_ONLY = "read_only"


class Region(_Word):
    """The regions that are always known. Where a region is asked for, the text of a configured one does as well."""

    US = "US"
    EU_UK = "EU_UK"
    SG = "SG"
    UAE = "UAE"


class KeyStatus(_Word):
    """Whether a key is good, and if not, why."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class PolicySource(_Word):
    """Where the rules of a decision came from."""

    FOUND = "found"
    NONE = "none"
    UNREADABLE = "unreadable"
    GIVEN = "given"


class ViolationCode(_Word):
    """Which rule a position violates."""

    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    CURRENCY_NOT_ALLOWED = "currency_not_allowed"


class HistoryAction(_Word):
    """What happened to a policy."""

    UPSERTED = "upserted"
    MERGED = "merged"
    DELETED = "deleted"


class Outcome(_Word):
    """What came of what the audit trail tells."""

    SUCCEEDED = "succeeded"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    UNSTATED = "unstated"


class Order(_Word):
    """Which end of a list comes first."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


class DefaultDecision(_Word):
    """What is decided where an institution has no policy."""

    ALLOW = "allow"
    DENY = "deny"


class ErrorKind(_Word):
    """What a caller is to do about an error. Each has a class of its own under ``DoorwardError``."""

    VALIDATION = "Validation"
    UNAUTHENTICATED = "Unauthenticated"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    CONFLICT = "Conflict"
    RATE_LIMITED = "RateLimited"
    DATABASE = "Database"
    UNAVAILABLE = "Unavailable"
    CONFIG = "Config"
    CLOSED = "Closed"
    INTERNAL = "Internal"
