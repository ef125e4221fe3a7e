"""What doorward raises: one class for each kind of error, all under ``DoorwardError``.

Catch by class, look at ``reason`` for why, show ``str(error)`` to people. The kinds, their numbers and what each reason means
are the same in every language; a test compares the classes here with the table of the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .words import ErrorKind

if TYPE_CHECKING:
    from ._doorward import RateLimitStatus

__all__ = [
    "ClosedError",
    "ConfigError",
    "ConflictError",
    "DatabaseError",
    "DoorwardError",
    "ForbiddenError",
    "InternalError",
    "NotFoundError",
    "RateLimitedError",
    "UnauthenticatedError",
    "UnavailableError",
    "ValidationError",
]


class DoorwardError(Exception):
    """Why an operation did not succeed. It never carries a token, a password or another secret."""

    kind: ClassVar[ErrorKind]
    """What a caller is to do about it."""
    http_status: ClassVar[int]
    """The status that an HTTP gateway answers with."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without any change by the caller."""

    # The arguments are all that there is: an exception is made without a line of Python being run, since a thread must not end
    # within one, as daemons do with the interpreter, while the extension module waits for it.

    def _argument(self, place: int) -> Any:
        # What an application raises of its own may have fewer.
        return self.args[place] if place < len(self.args) else None

    @property
    def reason(self) -> str:
        """The stable word for the cause, such as ``key_not_found``."""
        return str(self._argument(1) or "")

    @property
    def field(self) -> str | None:
        """The argument, member of a document or configuration variable that is to blame, if one is."""
        given: str | None = self._argument(2)
        return given

    @property
    def operation(self) -> str | None:
        """The operation in which it happened, such as ``create_key``."""
        given: str | None = self._argument(3)
        return given

    @property
    def retry_after(self) -> float | None:
        """How many seconds to wait before trying again, where that is known."""
        given: float | None = self._argument(4)
        return given

    @property
    def rate_limit(self) -> RateLimitStatus | None:
        """What the caller has left of the rate limit of its key, if it is that which it met."""
        given: RateLimitStatus | None = self._argument(5)
        return given

    def __str__(self) -> str:
        return str(self._argument(0) or "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, reason={self.reason!r})"


class ValidationError(DoorwardError):
    """The arguments are wrong; ``field`` names the one to blame."""

    kind = ErrorKind.VALIDATION
    http_status = 400


class UnauthenticatedError(DoorwardError):
    """The caller is not known: no credentials, or ones that are not good. The reason is for the host alone."""

    kind = ErrorKind.UNAUTHENTICATED
    http_status = 401


class ForbiddenError(DoorwardError):
    """The caller is known and may not do this."""

    kind = ErrorKind.FORBIDDEN
    http_status = 403


class NotFoundError(DoorwardError):
    """The thing does not exist."""

    kind = ErrorKind.NOT_FOUND
    http_status = 404


class ConflictError(DoorwardError):
    """The change contradicts what is stored: a duplicate, or another version than the expected one."""

    kind = ErrorKind.CONFLICT
    http_status = 409


class RateLimitedError(DoorwardError):
    """The caller asks too often; ``retry_after`` says when to try again."""

    kind = ErrorKind.RATE_LIMITED
    http_status = 429
    retryable = True


class DatabaseError(DoorwardError):
    """The database refused or answered nonsense; trying again will not help."""

    kind = ErrorKind.DATABASE
    http_status = 500


class UnavailableError(DoorwardError):
    """The store cannot be reached in time; trying again may help."""

    kind = ErrorKind.UNAVAILABLE
    http_status = 503
    retryable = True


class ConfigError(DoorwardError):
    """The configuration is wrong; ``field`` names the variable."""

    kind = ErrorKind.CONFIG
    http_status = 500


class ClosedError(DoorwardError):
    """The handle was closed."""

    kind = ErrorKind.CLOSED
    http_status = 500


class InternalError(DoorwardError):
    """A bug of doorward, or a panic that was caught. The handle stays usable."""

    kind = ErrorKind.INTERNAL
    http_status = 500
