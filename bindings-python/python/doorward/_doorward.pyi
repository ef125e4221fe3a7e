"""The part of doorward that is written in Rust."""

from asyncio import Future
from collections.abc import Coroutine, Generator, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from types import EllipsisType, GenericAlias, TracebackType
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, final, type_check_only

from typing_extensions import Self

from .arguments import ImportedKey, NewKey, Position
from .words import (
    DefaultDecision,
    ErrorKind,
    HistoryAction,
    KeyStatus,
    Order,
    Outcome,
    PolicySource,
    Role,
    ViolationCode,
)

__version__: Final[str]

_T_co = TypeVar("_T_co", covariant=True)
_Json: TypeAlias = dict[str, Any]
_Duration: TypeAlias = timedelta | float
"""A duration, or seconds."""
_Time: TypeAlias = datetime | str
"""An aware datetime, or RFC 3339."""
_Document: TypeAlias = Mapping[str, Any] | str
"""An object of JSON, or its text. Amounts in it are `Decimal`, `int` or `str`."""
_Presented: TypeAlias = str | bytes | Credentials
"""A token, or what was found in headers."""

_Answer: TypeAlias = Coroutine[Any, Any, _T_co]
"""The answer of an asynchronous method; the operation is under way from the call on."""

def error_table() -> list[tuple[str, int, int, list[str]]]:
    """The kinds of errors, as the core has them: name, number, HTTP status, and the reasons that belong to it."""

def _restore(name: str, fields: tuple[Any, ...]) -> _Plain: ...
@type_check_only
class _Record:
    """A frozen record: compared by value, hashable, made by doorward alone."""

    def to_dict(self) -> _Json:
        """The record as JSON has it (camelCase)."""

    def to_json(self) -> str:
        """The record as JSON text."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@type_check_only
class _Plain(_Record):
    """A record that can be pickled and copied."""

    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Institution(_Plain):
    """A tenant: the owner of keys and policies."""

    __match_args__ = ("id", "name", "regions", "created_at", "updated_at")
    @property
    def id(self) -> str:
        """`inst_…`, or what the host chose."""
    @property
    def name(self) -> str:
        """1 to 255 characters."""
    @property
    def regions(self) -> tuple[str, ...]:
        """Where the institution is at work. It describes; a policy may be set for every known region."""
    @property
    def created_at(self) -> datetime:
        """When it was created."""
    @property
    def updated_at(self) -> datetime:
        """When it was last changed."""

@final
class ApiKey(_Plain):
    """An API key as it is stored: everything about a token but the token."""

    __match_args__ = (
        "id",
        "institution_id",
        "key_hash",
        "hint",
        "label",
        "role",
        "created_at",
        "revoked_at",
        "disabled_at",
        "expires_at",
        "last_used_at",
        "allowed_addresses",
        "rate_limit",
        "metadata",
        "rotated_from",
        "rotated_to",
        "version",
    )
    @property
    def id(self) -> str:
        """`ak_…`"""
    @property
    def institution_id(self) -> str:
        """The institution that owns the key."""
    @property
    def key_hash(self) -> str:
        """SHA-256 of the token, in hex."""
    @property
    def hint(self) -> str:
        """What may be shown of the token."""
    @property
    def label(self) -> str:
        """1 to 255 characters for people."""
    @property
    def role(self) -> Role:
        """`admin` or `read_only`."""
    @property
    def status(self) -> KeyStatus:
        """Whether it is good at this moment, as the record says."""
    @property
    def created_at(self) -> datetime:
        """When it was created or imported."""
    @property
    def revoked_at(self) -> datetime | None:
        """When it was revoked."""
    @property
    def disabled_at(self) -> datetime | None:
        """Since when it is disabled."""
    @property
    def expires_at(self) -> datetime | None:
        """From when on it is no longer good."""
    @property
    def last_used_at(self) -> datetime | None:
        """When it was last accepted, to within the interval at which uses are written."""
    @property
    def allowed_addresses(self) -> tuple[str, ...]:
        """From where it may be used; an empty list means from anywhere."""
    @property
    def rate_limit(self) -> RateLimit | None:
        """How often it is accepted, if it has a limit of its own; else as often as the configuration says."""
    @property
    def metadata(self) -> _Json:
        """The host's own data; a copy."""
    @property
    def rotated_from(self) -> str | None:
        """The key of which this one is the successor."""
    @property
    def rotated_to(self) -> str | None:
        """The key's successor. Not part of its JSON."""
    @property
    def version(self) -> int:
        """1 when created; raised by every change."""

@final
class Token:
    """A token that was just made. `reveal` shows it; everything else shows its hint. It cannot be pickled."""

    def reveal(self) -> str:
        """The secret itself, to be handed to its owner and to nobody else."""
    @property
    def hint(self) -> str:
        """What may be shown and logged."""

@final
class CreatedKey:
    """A key with its token. It cannot be pickled."""

    __match_args__ = ("token", "record")
    @property
    def token(self) -> Token:
        """The secret. Its JSON is its hint."""
    @property
    def record(self) -> ApiKey:
        """The stored record."""
    def to_dict(self) -> _Json:
        """The record as JSON has it, and the token's hint."""
    def to_json(self) -> str:
        """The same as JSON text."""

@final
class ImportConflict(_Plain):
    """A key of an import that cannot be stored."""

    __match_args__ = ("index", "key_hash", "reason")
    @property
    def index(self) -> int:
        """Its place in the import, from 0."""
    @property
    def key_hash(self) -> str:
        """Its hash."""
    @property
    def reason(self) -> str:
        """`key_exists` (stored already), or `duplicate` (earlier in the same import)."""

@final
class ImportReport(_Plain):
    """What an import did, or in a dry run would do."""

    __match_args__ = ("dry_run", "imported", "conflicts")
    @property
    def dry_run(self) -> bool:
        """Whether nothing was to be stored."""
    @property
    def imported(self) -> tuple[ApiKey, ...]:
        """The records that were stored; in a dry run those that would be."""
    @property
    def conflicts(self) -> tuple[ImportConflict, ...]:
        """What stands in the way. Filled by a dry run only: an import with a conflict stores nothing and fails."""

@final
class Policy(_Plain):
    """The rules of one institution in one region."""

    __match_args__ = ("id", "institution_id", "region", "config", "version", "created_at", "updated_at")
    @property
    def id(self) -> str:
        """`pol_…`"""
    @property
    def institution_id(self) -> str:
        """Whose policy it is."""
    @property
    def region(self) -> str:
        """Where it holds."""
    @property
    def config(self) -> _Json:
        """The rules, as the JSON of a config has them, amounts as `Decimal`; a copy."""
    @property
    def version(self) -> int:
        """Raised by every change, and by deletion and creation anew, so that no version number ever means two configs."""
    @property
    def created_at(self) -> datetime:
        """When it was created."""
    @property
    def updated_at(self) -> datetime:
        """When it was last changed."""

@final
class PolicyVersion(_Plain):
    """One version of a policy, as the history keeps it."""

    __match_args__ = ("policy_id", "institution_id", "region", "version", "action", "config", "changed_by", "changed_at")
    @property
    def policy_id(self) -> str:
        """The policy's id."""
    @property
    def institution_id(self) -> str:
        """Whose policy it was."""
    @property
    def region(self) -> str:
        """Where it held."""
    @property
    def version(self) -> int:
        """The version that this change made."""
    @property
    def action(self) -> HistoryAction:
        """What happened."""
    @property
    def config(self) -> _Json | None:
        """The config from then on, amounts as `Decimal`; `None` after a deletion. A copy."""
    @property
    def changed_by(self) -> str:
        """Who did it: `system`, `root`, or a key's id."""
    @property
    def changed_at(self) -> datetime:
        """When."""

@final
class Violation(_Plain):
    """A rule that a position violates."""

    __match_args__ = ("code", "limit", "value")
    @property
    def code(self) -> ViolationCode:
        """Which rule."""
    @property
    def limit(self) -> str:
        """What the rule allows: an amount, or the allowed currencies separated by commas."""
    @property
    def value(self) -> str:
        """What the position has."""

@final
class Decision(_Plain):
    """The answer of a policy. True if the position is allowed."""

    __match_args__ = ("allowed", "violations", "policy_id", "policy_version", "policy")
    @property
    def allowed(self) -> bool:
        """Whether the position is allowed."""
    @property
    def violations(self) -> tuple[Violation, ...]:
        """What it violates: `below_min`, `above_max`, `currency_not_allowed`, in this order."""
    @property
    def policy_id(self) -> str | None:
        """The policy that it was decided on."""
    @property
    def policy_version(self) -> int | None:
        """That policy's version."""
    @property
    def policy(self) -> PolicySource:
        """Where the rules came from."""
    def __bool__(self) -> bool: ...

@final
class AuditEvent(_Plain):
    """An entry of the audit trail: who did what to what, from where, and what came of it."""

    __match_args__ = (
        "sequence",
        "id",
        "occurred_at",
        "actor",
        "action",
        "outcome",
        "institution_id",
        "api_key_id",
        "resource_type",
        "resource_id",
        "method",
        "path",
        "request_id",
        "client_address",
        "status_code",
        "error",
        "payload",
    )
    @property
    def sequence(self) -> int:
        """Its place in the trail: rises with every event, in the order in which they were written."""
    @property
    def id(self) -> str:
        """`evt_…`"""
    @property
    def occurred_at(self) -> datetime:
        """When it happened."""
    @property
    def actor(self) -> str:
        """Who did it: `system`, `root`, `anonymous`, or a key's id."""
    @property
    def action(self) -> str:
        """The operation, by its name in all languages (`create_key`)."""
    @property
    def outcome(self) -> Outcome:
        """What came of it."""
    @property
    def institution_id(self) -> str | None:
        """The institution concerned."""
    @property
    def api_key_id(self) -> str | None:
        """The key whose holder did it."""
    @property
    def resource_type(self) -> str | None:
        """What it was done to: `institution`, `api_key` or `policy`."""
    @property
    def resource_id(self) -> str | None:
        """Its id; the region for a policy."""
    @property
    def method(self) -> str | None:
        """The HTTP method or its like."""
    @property
    def path(self) -> str | None:
        """The path without its query."""
    @property
    def request_id(self) -> str | None:
        """The host's id of the request."""
    @property
    def client_address(self) -> str | None:
        """The client's address."""
    @property
    def status_code(self) -> int | None:
        """The HTTP status of a refusal."""
    @property
    def error(self) -> str | None:
        """The reason of a refusal."""
    @property
    def payload(self) -> _Json:
        """What else is kept; never a secret. A copy."""

@final
class AuthContext(_Record):
    """Who the caller is. Only authentication makes one; it can be written as JSON, and neither be read back nor pickled."""

    __match_args__ = ("role", "institution_id", "api_key_id")
    @property
    def role(self) -> Role:
        """What the caller may do."""
    @property
    def institution_id(self) -> str | None:
        """The institution to which the caller belongs; `None` for root."""
    @property
    def api_key_id(self) -> str | None:
        """The caller's key; `None` for root."""

@final
class Granted:
    """The caller is known and its key is good. True."""

    __match_args__ = ("context",)
    @property
    def context(self) -> AuthContext:
        """Who the caller is."""
    def __bool__(self) -> Literal[True]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Refused:
    """The caller is not let in. False."""

    __match_args__ = ("reason",)
    @property
    def reason(self) -> str:
        """Why: for the host; a remote caller is told no more than "missing" or "invalid API key"."""
    @property
    def retry_after(self) -> float | None:
        """After how many seconds the caller may come again, if it comes too often."""
    @property
    def kind(self) -> ErrorKind:
        """The kind to which the reason belongs: `Unauthenticated`, or that of what the store answered."""
    @property
    def http_status(self) -> int:
        """The status that an HTTP gateway answers with."""
    def __bool__(self) -> Literal[False]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class RateLimit(_Plain):
    """So many requests in so much time: all of them may come at once, and room comes back evenly."""

    def __new__(cls, max_requests: int, window: _Duration) -> Self: ...

    __match_args__ = ("max_requests", "window")
    @property
    def max_requests(self) -> int:
        """1 to 1,000,000."""
    @property
    def window(self) -> float:
        """In seconds: from a millisecond to a day."""

@final
class RateLimitStatus(_Plain):
    """What is left of a rate limit at a moment."""

    __match_args__ = ("limit", "remaining", "reset_after")
    @property
    def limit(self) -> RateLimit:
        """The limit."""
    @property
    def remaining(self) -> int:
        """How many requests may come at once now."""
    @property
    def reset_after(self) -> float:
        """After how many seconds without a request all of them may."""
    def http_fields(self) -> dict[str, str]:
        """The status as HTTP fields for an answer to the caller: `RateLimit-Policy` and `RateLimit`
        (draft-ietf-httpapi-ratelimit-headers-10).
        """

@final
class Admission(_Record):
    """The answer of `admit`: who the caller is, and what the policy says."""

    __match_args__ = ("context", "decision")
    @property
    def context(self) -> AuthContext:
        """Who the caller is."""
    @property
    def decision(self) -> Decision:
        """What the policy says about the position."""

@final
class Health(_Record):
    """Whether the store can be reached, how quickly, and how far it has come. True if it can."""

    __match_args__ = ("backend", "reachable", "error", "schema_version", "generation", "latency_seconds")
    @property
    def backend(self) -> str:
        """`memory`, `sqlite`, `postgres`; `unknown` if it cannot be told."""
    @property
    def reachable(self) -> bool:
        """Whether the store answered."""
    @property
    def error(self) -> str | None:
        """Why it did not."""
    @property
    def schema_version(self) -> int | None:
        """The version of its tables, if it has some and answered."""
    @property
    def generation(self) -> int | None:
        """How many changes the store has had, if it answered."""
    @property
    def latency_seconds(self) -> float:
        """How long the answer took."""
    def __bool__(self) -> bool: ...

@final
class OperationCount(_Record):
    """How often an operation had an outcome."""

    __match_args__ = ("operation", "outcome", "total")
    @property
    def operation(self) -> str:
        """The operation."""
    @property
    def outcome(self) -> str:
        """`ok`, or the reason of the error."""
    @property
    def total(self) -> int:
        """How often."""

@final
class OperationLatency(_Record):
    """How long an operation took."""

    __match_args__ = ("operation", "count", "sum_seconds", "buckets")
    @property
    def operation(self) -> str:
        """The operation."""
    @property
    def count(self) -> int:
        """How many calls were timed."""
    @property
    def sum_seconds(self) -> float:
        """How long they took together."""
    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """For each upper bound in seconds, how many took no longer than it and longer than the one before."""

@final
class MetricsSnapshot(_Record):
    """What was counted and timed since the handle was opened, in this process."""

    __match_args__ = ("counts", "latencies", "audit_dropped")
    @property
    def counts(self) -> tuple[OperationCount, ...]:
        """Calls by operation and outcome; those that never happened are left out."""
    @property
    def latencies(self) -> tuple[OperationLatency, ...]:
        """Latencies by operation. What memory answers is sampled, one call in 64."""
    @property
    def audit_dropped(self) -> int:
        """Audit events that found no row: see the bounds of the trail."""
    def count(self, operation: str, outcome: str = "ok") -> int:
        """The total of an operation's outcome (`ok`, or a reason)."""
    def to_prometheus(self) -> str:
        """The snapshot in Prometheus' text format (version 0.0.4)."""

@final
class Request:
    """What the host knows of the request that a caller came with, for the audit trail and for address rules."""

    def __new__(
        cls,
        *,
        method: str | None = None,
        path: str | None = None,
        request_id: str | None = None,
        peer: str | IPv4Address | IPv6Address | None = None,
        forwarded_for: str | None = None,
    ) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Credentials:
    """What a caller presents: a token, taken from request headers or given as it is. Shows nothing of it."""

    def __new__(cls, token: str | bytes) -> Self: ...
    @staticmethod
    def from_headers(
        headers: Mapping[str, str | bytes] | Iterable[tuple[str | bytes, str | bytes]],
    ) -> Credentials:
        """Finds the token in request headers: `x-api-key`, or else `Authorization: Bearer …`.

        Names count without regard to case, values are trimmed. The same one of the two headers twice is malformed.
        """
    @property
    def missing(self) -> bool:
        """Whether there is no token at all."""

@final
class Page(_Plain, Generic[_T_co]):
    """A part of a list, and where the next part begins. `len` and iteration are those of its items."""

    __match_args__ = ("items", "next")
    @property
    def items(self) -> tuple[_T_co, ...]:
        """The items, in the order that was asked for."""
    @property
    def next(self) -> str | None:
        """The cursor of the next page; `None` on the last one. Opaque."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Reply(Coroutine[Any, Any, _T_co], Generic[_T_co]):
    """An answer that is already here; to be awaited once, as a coroutine is."""

    def send(self, value: Any, /) -> Any:
        """As a coroutine's: ends at once with the answer."""
    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> Any:
        """As a coroutine's: ends with this exception."""
    def close(self) -> None:
        """As a coroutine's: forgets the answer."""
    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def __iter__(self) -> Generator[Any, Any, _T_co]: ...
    def __next__(self) -> Any: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Pending:
    """An operation that is under way. For `doorward._loops` alone."""

    def expect(self, mailbox: Mailbox, future: Future[Any]) -> bool: ...
    def answer(self) -> Any: ...

@final
class Mailbox:
    """The way on which answers from other threads reach a loop. For `doorward._loops` alone."""

    def __new__(cls) -> Self: ...
    def is_ours(self) -> bool: ...
    def fileno(self) -> int: ...
    def delivered(self) -> list[tuple[Future[Any], Any, BaseException | None]]: ...

@type_check_only
class _Operations:
    """The operations on institutions, keys and policies."""

    def create_institution(self, name: str, *, id: str | None = None, regions: Iterable[str] | None = None) -> Institution:
        """Creates an institution. Only root may. Without an `id` of the host's own it gets one.

        Raises `ValidationError`; `ForbiddenError`; `ConflictError` / `institution_exists`; what a store can answer.
        """
    def get_institution(self, institution_id: str) -> Institution:
        """Gets an institution.

        Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def list_institutions(
        self, *, limit: int = 50, cursor: str | None = None, order: Order | str = "newest_first"
    ) -> Page[Institution]:
        """Lists institutions by creation. Only root may.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; what a store can answer.
        """
    def update_institution(
        self, institution_id: str, *, name: str | None = None, regions: Iterable[str] | None = None
    ) -> Institution:
        """Changes an institution. Only root may. What is not given stays as it is.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def create_key(
        self,
        institution_id: str,
        *,
        label: str,
        role: Role | str,
        expires_at: _Time | None = None,
        allowed_addresses: Iterable[str] | None = None,
        rate_limit: RateLimit | None = None,
        metadata: _Document | None = None,
    ) -> CreatedKey:
        """Creates a key. The answer holds its token, which cannot be had again. Only root and the host's own code give a key a rate
        limit.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def create_keys(self, institution_id: str, keys: Iterable[NewKey]) -> list[CreatedKey]:
        """Creates up to 10,000 keys, all or none.

        Raises as `create_key`; fields are named `keys[3].label`.
        """
    def import_keys(
        self, institution_id: str, keys: Iterable[ImportedKey], *, dry_run: bool = False
    ) -> ImportReport:
        """Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. A dry run stores nothing
        and reports every conflict.

        Raises as `create_keys`, and `ConflictError` / `key_exists` naming the first one that is stored already.
        """
    def get_key(self, institution_id: str, key_id: str) -> ApiKey:
        """Gets a key of an institution.

        Raises `ForbiddenError`; `NotFoundError`: `institution_not_found`, `key_not_found`; what a store can answer.
        """
    def list_keys(
        self,
        institution_id: str,
        *,
        include_revoked: bool = False,
        role: Role | str | None = None,
        status: KeyStatus | str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> Page[ApiKey]:
        """Lists an institution's keys by creation; revoked ones on request.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """
    def update_key(
        self,
        institution_id: str,
        key_id: str,
        *,
        label: str | None = None,
        expires_at: _Time | None | EllipsisType = ...,
        allowed_addresses: Iterable[str] | None = None,
        rate_limit: RateLimit | None | EllipsisType = ...,
        metadata: _Document | None = None,
        expected_version: int | None = None,
    ) -> ApiKey:
        """Changes a key's label, expiry, addresses, rate limit or metadata. What is not given stays as it is; `expires_at=None`
        removes the expiry, and `rate_limit=None` the key's own limit.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError`; `ConflictError`: `version_mismatch`, `key_revoked`,
        `key_expired`, `key_rotated` (expiry of a rotated key); what a store can answer.
        """
    def rotate_key(self, institution_id: str, key_id: str, *, grace: _Duration = 0) -> CreatedKey:
        """Gives a key a successor with a token of its own. The old token stays good for `grace` (a timedelta, or seconds), then
        dies by itself; its expiry is never extended, and the successor's is what the key's was.

        Raises `ValidationError` (a grace over 90 days); `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`,
        `key_expired`, `key_disabled`, `key_rotated`; what a store can answer.
        """
    def enable_key(self, institution_id: str, key_id: str) -> ApiKey:
        """Switches a key on again. Enabling an enabled key changes nothing.

        Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
        """
    def disable_key(self, institution_id: str, key_id: str) -> ApiKey:
        """Switches a key off until it is enabled. Disabling a disabled key changes nothing.

        Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
        """
    def revoke_key(self, institution_id: str, key_id: str) -> ApiKey:
        """Revokes a key for good. Revoking it again gives the same record and date back.

        Raises `ForbiddenError`; `NotFoundError`; what a store can answer.
        """
    def revoke_all_keys(self, institution_id: str) -> int:
        """Revokes all keys of an institution, the caller's own too, and says how many were not revoked before.

        Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def upsert_policy(
        self, institution_id: str, region: str, config: _Document, *, expected_version: int | None = None
    ) -> Policy:
        """Creates an institution's policy in a region, or replaces its config. With an expected version it does so only if the
        stored version is that one; 0 means: only if there is none.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; `ConflictError` /
        `version_mismatch`; what a store can answer.
        """
    def merge_policy(
        self, institution_id: str, region: str, patch: _Document, *, expected_version: int | None = None
    ) -> Policy:
        """Merges a patch (RFC 7396) into a policy's config.

        Raises as `upsert_policy`, and `NotFoundError` / `policy_not_found`.
        """
    def get_policy(self, institution_id: str, region: str) -> Policy:
        """Gets an institution's policy in a region.

        Raises `ValidationError` / `unknown_region`; `ForbiddenError`; `NotFoundError`: `institution_not_found`,
        `policy_not_found`; what a store can answer.
        """
    def list_policies(
        self,
        institution_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> Page[Policy]:
        """Lists an institution's policies by creation.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """
    def delete_policy(self, institution_id: str, region: str, *, expected_version: int | None = None) -> Policy:
        """Deletes a policy, and gives it back as it was. From then on the configured default decides.

        Raises as `merge_policy`.
        """
    def policy_history(
        self,
        institution_id: str,
        region: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> Page[PolicyVersion]:
        """Lists the versions of a policy: what it was, who changed it and when.

        Raises `ValidationError` (region, limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
        store can answer.
        """
    def check_position(self, institution_id: str, region: str, position: Position) -> Decision:
        """Asks an institution's policy in a region about a position.

        Raises `ValidationError` (region, amount, currency); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
        store can answer.
        """
    def check_positions(self, institution_id: str, region: str, positions: Iterable[Position]) -> list[Decision]:
        """Asks about up to 1000 positions, all on one view of the policy.

        Raises as `check_position`; fields are named `positions[3].currency`.
        """
    def dry_run(
        self, institution_id: str, region: str, config: _Document, positions: Iterable[Position]
    ) -> list[Decision]:
        """Asks a config that is not stored about up to 1000 positions.

        Raises as `check_positions`, and those of the config as in `upsert_policy`.
        """
    def list_audit_events(
        self,
        institution_id: str | None = None,
        *,
        actor: str | None = None,
        action: str | None = None,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> Page[AuditEvent]:
        """Lists audit events in the order of writing. A key's holder sees those of its institution; only root may leave the
        institution open. `since` and `until` are aware datetimes, or RFC 3339.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """

@final
class Doorward(_Operations):
    """The handle to keys and policies. Its methods block for as long as the store takes (not at all in memory), without holding
    other threads up. May be shared by threads; goes on working in a forked child. As a context manager it closes.

    The operations act for the host's own trusted code: nothing is asked of permission, and the audit trail names the actor
    `system`. `session` gives the same on behalf of a caller.
    """

    @staticmethod
    def open(
        *,
        store: Literal["memory", "sqlite", "postgres"] | str = "memory",
        database_url: str | None = None,
        schema: str | None = None,
        pool_max: int | None = None,
        pool_acquire_timeout: _Duration | None = None,
        statement_timeout: _Duration | None = None,
        root_api_key: str | None = None,
        root_api_key_allowed_ips: Iterable[str] | None = None,
        trusted_proxies: Iterable[str] | None = None,
        token_brand: str = "dw",
        token_env: str = "live",
        regions: Iterable[str] | None = None,
        currencies: Iterable[str] | None = None,
        default_decision: DefaultDecision | str = "allow",
        rate_limit: RateLimit | None = None,
        failures_per_minute: int | None = None,
        keys_per_hour: int | None = None,
        metrics: bool = True,
        audit_authentications: bool = False,
        audit_reads: bool = False,
        memory_audit_capacity: int = 10_000,
    ) -> Doorward:
        """Opens the store that is named: `memory`, `sqlite` (the file of `database_url`, `sqlite:PATH`, which is made if it
        is not there) or `postgres` (`postgres://user:password@host:port/database`).

        `root_api_key` is the root token, bound to `root_api_key_allowed_ips` if they are given. `regions` and
        `currencies` are known besides the built-in ones. Where an institution has no policy, `default_decision` decides.
        `rate_limit` is how often each key is accepted that has no limit of its own, `failures_per_minute` how many
        authentications may fail from an address, `keys_per_hour` how many keys the callers of an institution may create.
        Timeouts are timedeltas, or seconds. What is wrong raises `ConfigError` naming the variable of the environment
        that stands for it.
        """
    @staticmethod
    def open_from_env(environ: Mapping[str, str] | None = None) -> Doorward:
        """Opens as the variables of the environment say, or those of a mapping in its place. The README lists them."""
    def close(self, deadline: _Duration = 10) -> None:
        """Writes what was gathered (audit rows, last uses), finishes what was begun, and lets go of threads and files. Every later
        call raises `ClosedError`; closing again is no error, and goes on with what an earlier close had no time for. The
        deadline is a timedelta, or seconds.

        Raises what a store can answer; `UnavailableError` if the deadline passes first. Calls are refused all the same.
        """
    def health(self) -> Health:
        """Whether the store can be reached. Never an exception: that it cannot is part of the answer."""
    def metrics(self) -> MetricsSnapshot:
        """What was counted and timed since the handle was opened, in this process."""
    def verify(self, credentials: _Presented, *, request: Request | None = None) -> Granted | Refused:
        """Whether a caller is let in, and who it is: `Granted(context)` or `Refused(reason)`. No exception is made of a refusal:
        for hot paths that expect them. If the store cannot answer, the verdict is `Refused` with the reason of its error.

        `credentials` are a token, or what `Credentials.from_headers` found.
        """
    def authenticate(self, credentials: _Presented, *, request: Request | None = None) -> AuthContext:
        """Who the caller is.

        Raises `UnauthenticatedError`, whose reason is for the host (tell a remote caller no more than "missing" or "invalid
        API key"); `RateLimitedError`, which says when to come again; and what a store can answer.
        """
    def admit(
        self,
        credentials: _Presented,
        *,
        region: str,
        position: Position,
        institution_id: str | None = None,
        request: Request | None = None,
    ) -> Admission:
        """Authenticates the caller and asks the policy of its institution in a region about a position: one call, on one view of
        key and policy. `institution_id` is whose policy is meant, the caller's own unless it is given; root has to name one.

        Raises `ValidationError`; those of `authenticate`; `ForbiddenError` / `other_institution`; `NotFoundError` /
        `institution_not_found` (root); what a store can answer.
        """
    def find_by_token(self, token: str) -> ApiKey | None:
        """The record of the live key that has this token, or nothing."""
    def rate_limit(self, context: AuthContext) -> RateLimitStatus | None:
        """What an authenticated caller has left of its rate limit, in this process; `None` if it has no limit. Asking takes
        nothing.
        """
    def session(self, context: AuthContext, *, request: Request | None = None) -> Session:
        """Binds the door to an authenticated caller for one request."""
    def to_async(self) -> AsyncDoorward:
        """The same handle for asyncio."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class Session(_Operations):
    """The door bound to an authenticated caller, for one request: its methods check what the caller may do, act, and write the
    audit trail. Each of its changes checks again that the caller's key is still good.
    """

    @property
    def context(self) -> AuthContext:
        """Who the caller is."""

@type_check_only
class _AsyncOperations:
    """The operations on institutions, keys and policies."""

    def create_institution(self, name: str, *, id: str | None = None, regions: Iterable[str] | None = None) -> _Answer[Institution]:
        """Creates an institution. Only root may. Without an `id` of the host's own it gets one.

        Raises `ValidationError`; `ForbiddenError`; `ConflictError` / `institution_exists`; what a store can answer.
        """
    def get_institution(self, institution_id: str) -> _Answer[Institution]:
        """Gets an institution.

        Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def list_institutions(
        self, *, limit: int = 50, cursor: str | None = None, order: Order | str = "newest_first"
    ) -> _Answer[Page[Institution]]:
        """Lists institutions by creation. Only root may.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; what a store can answer.
        """
    def update_institution(
        self, institution_id: str, *, name: str | None = None, regions: Iterable[str] | None = None
    ) -> _Answer[Institution]:
        """Changes an institution. Only root may. What is not given stays as it is.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def create_key(
        self,
        institution_id: str,
        *,
        label: str,
        role: Role | str,
        expires_at: _Time | None = None,
        allowed_addresses: Iterable[str] | None = None,
        rate_limit: RateLimit | None = None,
        metadata: _Document | None = None,
    ) -> _Answer[CreatedKey]:
        """Creates a key. The answer holds its token, which cannot be had again. Only root and the host's own code give a key a rate
        limit.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def create_keys(self, institution_id: str, keys: Iterable[NewKey]) -> _Answer[list[CreatedKey]]:
        """Creates up to 10,000 keys, all or none.

        Raises as `create_key`; fields are named `keys[3].label`.
        """
    def import_keys(
        self, institution_id: str, keys: Iterable[ImportedKey], *, dry_run: bool = False
    ) -> _Answer[ImportReport]:
        """Imports up to 1,000,000 keys that exist elsewhere by the SHA-256 of their tokens, all or none. A dry run stores nothing
        and reports every conflict.

        Raises as `create_keys`, and `ConflictError` / `key_exists` naming the first one that is stored already.
        """
    def get_key(self, institution_id: str, key_id: str) -> _Answer[ApiKey]:
        """Gets a key of an institution.

        Raises `ForbiddenError`; `NotFoundError`: `institution_not_found`, `key_not_found`; what a store can answer.
        """
    def list_keys(
        self,
        institution_id: str,
        *,
        include_revoked: bool = False,
        role: Role | str | None = None,
        status: KeyStatus | str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> _Answer[Page[ApiKey]]:
        """Lists an institution's keys by creation; revoked ones on request.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """
    def update_key(
        self,
        institution_id: str,
        key_id: str,
        *,
        label: str | None = None,
        expires_at: _Time | None | EllipsisType = ...,
        allowed_addresses: Iterable[str] | None = None,
        rate_limit: RateLimit | None | EllipsisType = ...,
        metadata: _Document | None = None,
        expected_version: int | None = None,
    ) -> _Answer[ApiKey]:
        """Changes a key's label, expiry, addresses, rate limit or metadata. What is not given stays as it is; `expires_at=None`
        removes the expiry, and `rate_limit=None` the key's own limit.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError`; `ConflictError`: `version_mismatch`, `key_revoked`,
        `key_expired`, `key_rotated` (expiry of a rotated key); what a store can answer.
        """
    def rotate_key(self, institution_id: str, key_id: str, *, grace: _Duration = 0) -> _Answer[CreatedKey]:
        """Gives a key a successor with a token of its own. The old token stays good for `grace` (a timedelta, or seconds), then
        dies by itself; its expiry is never extended, and the successor's is what the key's was.

        Raises `ValidationError` (a grace over 90 days); `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`,
        `key_expired`, `key_disabled`, `key_rotated`; what a store can answer.
        """
    def enable_key(self, institution_id: str, key_id: str) -> _Answer[ApiKey]:
        """Switches a key on again. Enabling an enabled key changes nothing.

        Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
        """
    def disable_key(self, institution_id: str, key_id: str) -> _Answer[ApiKey]:
        """Switches a key off until it is enabled. Disabling a disabled key changes nothing.

        Raises `ForbiddenError`; `NotFoundError`; `ConflictError`: `key_revoked`, `key_expired`; what a store can answer.
        """
    def revoke_key(self, institution_id: str, key_id: str) -> _Answer[ApiKey]:
        """Revokes a key for good. Revoking it again gives the same record and date back.

        Raises `ForbiddenError`; `NotFoundError`; what a store can answer.
        """
    def revoke_all_keys(self, institution_id: str) -> _Answer[int]:
        """Revokes all keys of an institution, the caller's own too, and says how many were not revoked before.

        Raises `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can answer.
        """
    def upsert_policy(
        self, institution_id: str, region: str, config: _Document, *, expected_version: int | None = None
    ) -> _Answer[Policy]:
        """Creates an institution's policy in a region, or replaces its config. With an expected version it does so only if the
        stored version is that one; 0 means: only if there is none.

        Raises `ValidationError`; `ForbiddenError`; `NotFoundError` / `institution_not_found`; `ConflictError` /
        `version_mismatch`; what a store can answer.
        """
    def merge_policy(
        self, institution_id: str, region: str, patch: _Document, *, expected_version: int | None = None
    ) -> _Answer[Policy]:
        """Merges a patch (RFC 7396) into a policy's config.

        Raises as `upsert_policy`, and `NotFoundError` / `policy_not_found`.
        """
    def get_policy(self, institution_id: str, region: str) -> _Answer[Policy]:
        """Gets an institution's policy in a region.

        Raises `ValidationError` / `unknown_region`; `ForbiddenError`; `NotFoundError`: `institution_not_found`,
        `policy_not_found`; what a store can answer.
        """
    def list_policies(
        self,
        institution_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> _Answer[Page[Policy]]:
        """Lists an institution's policies by creation.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """
    def delete_policy(self, institution_id: str, region: str, *, expected_version: int | None = None) -> _Answer[Policy]:
        """Deletes a policy, and gives it back as it was. From then on the configured default decides.

        Raises as `merge_policy`.
        """
    def policy_history(
        self,
        institution_id: str,
        region: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> _Answer[Page[PolicyVersion]]:
        """Lists the versions of a policy: what it was, who changed it and when.

        Raises `ValidationError` (region, limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
        store can answer.
        """
    def check_position(self, institution_id: str, region: str, position: Position) -> _Answer[Decision]:
        """Asks an institution's policy in a region about a position.

        Raises `ValidationError` (region, amount, currency); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a
        store can answer.
        """
    def check_positions(
        self, institution_id: str, region: str, positions: Iterable[Position]
    ) -> _Answer[list[Decision]]:
        """Asks about up to 1000 positions, all on one view of the policy.

        Raises as `check_position`; fields are named `positions[3].currency`.
        """
    def dry_run(
        self, institution_id: str, region: str, config: _Document, positions: Iterable[Position]
    ) -> _Answer[list[Decision]]:
        """Asks a config that is not stored about up to 1000 positions.

        Raises as `check_positions`, and those of the config as in `upsert_policy`.
        """
    def list_audit_events(
        self,
        institution_id: str | None = None,
        *,
        actor: str | None = None,
        action: str | None = None,
        since: _Time | None = None,
        until: _Time | None = None,
        limit: int = 50,
        cursor: str | None = None,
        order: Order | str = "newest_first",
    ) -> _Answer[Page[AuditEvent]]:
        """Lists audit events in the order of writing. A key's holder sees those of its institution; only root may leave the
        institution open. `since` and `until` are aware datetimes, or RFC 3339.

        Raises `ValidationError` (limit, cursor); `ForbiddenError`; `NotFoundError` / `institution_not_found`; what a store can
        answer.
        """

@final
class AsyncDoorward(_AsyncOperations):
    """The handle for asyncio: the methods of `doorward.Doorward`, to be awaited. What memory can answer is answered on the spot;
    the rest comes through the running loop. Works in any number of loops at once. As an asynchronous context manager it closes.
    """

    @staticmethod
    def open(
        *,
        store: Literal["memory", "sqlite", "postgres"] | str = "memory",
        database_url: str | None = None,
        schema: str | None = None,
        pool_max: int | None = None,
        pool_acquire_timeout: _Duration | None = None,
        statement_timeout: _Duration | None = None,
        root_api_key: str | None = None,
        root_api_key_allowed_ips: Iterable[str] | None = None,
        trusted_proxies: Iterable[str] | None = None,
        token_brand: str = "dw",
        token_env: str = "live",
        regions: Iterable[str] | None = None,
        currencies: Iterable[str] | None = None,
        default_decision: DefaultDecision | str = "allow",
        rate_limit: RateLimit | None = None,
        failures_per_minute: int | None = None,
        keys_per_hour: int | None = None,
        metrics: bool = True,
        audit_authentications: bool = False,
        audit_reads: bool = False,
        memory_audit_capacity: int = 10_000,
    ) -> _Answer[AsyncDoorward]:
        """Opens the store that is named: `memory`, `sqlite` (the file of `database_url`, `sqlite:PATH`, which is made if it
        is not there) or `postgres` (`postgres://user:password@host:port/database`).

        `root_api_key` is the root token, bound to `root_api_key_allowed_ips` if they are given. `regions` and
        `currencies` are known besides the built-in ones. Where an institution has no policy, `default_decision` decides.
        `rate_limit` is how often each key is accepted that has no limit of its own, `failures_per_minute` how many
        authentications may fail from an address, `keys_per_hour` how many keys the callers of an institution may create.
        Timeouts are timedeltas, or seconds. What is wrong raises `ConfigError` naming the variable of the environment
        that stands for it.
        """
    @staticmethod
    def open_from_env(environ: Mapping[str, str] | None = None) -> _Answer[AsyncDoorward]:
        """Opens as the variables of the environment say, or those of a mapping in its place. The README lists them."""
    def close(self, deadline: _Duration = 10) -> _Answer[None]:
        """As `doorward.Doorward.close`."""
    def health(self) -> _Answer[Health]:
        """As `doorward.Doorward.health`."""
    def metrics(self) -> MetricsSnapshot:
        """As `doorward.Doorward.metrics`, at once."""
    def verify(self, credentials: _Presented, *, request: Request | None = None) -> _Answer[Granted | Refused]:
        """As `doorward.Doorward.verify`."""
    def authenticate(self, credentials: _Presented, *, request: Request | None = None) -> _Answer[AuthContext]:
        """As `doorward.Doorward.authenticate`."""
    def admit(
        self,
        credentials: _Presented,
        *,
        region: str,
        position: Position,
        institution_id: str | None = None,
        request: Request | None = None,
    ) -> _Answer[Admission]:
        """As `doorward.Doorward.admit`."""
    def find_by_token(self, token: str) -> _Answer[ApiKey | None]:
        """As `doorward.Doorward.find_by_token`."""
    def rate_limit(self, context: AuthContext) -> RateLimitStatus | None:
        """As `doorward.Doorward.rate_limit`, at once."""
    def session(self, context: AuthContext, *, request: Request | None = None) -> AsyncSession:
        """Binds the door to an authenticated caller for one request."""
    def to_blocking(self) -> Doorward:
        """The same handle for code that blocks."""
    def __aenter__(self) -> _Answer[Self]: ...
    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> _Answer[None]: ...

@final
class AsyncSession(_AsyncOperations):
    """The door bound to an authenticated caller, for one request: `doorward.Session`, to be awaited."""

    @property
    def context(self) -> AuthContext:
        """Who the caller is."""
