"""How an error is told to a remote caller: as problem details (RFC 9457), and with no more than the caller should know."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from math import ceil
from typing import Any

from ._doorward import RateLimitStatus
from .errors import DoorwardError, UnauthenticatedError
from .words import ErrorKind

__all__ = ["limit_fields", "problem"]

# What the caller is not told is said here.
_logger = logging.getLogger("doorward")


def limit_fields(left: RateLimitStatus | None) -> dict[str, str]:
    """What an answer tells a caller of its rate limit, by names as ASGI wants them; nothing if it has none."""
    return {} if left is None else {name.lower(): value for name, value in left.http_fields().items()}


def problem(error: DoorwardError) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of the answer.

    401 says "missing" or "invalid API key" and not why. What is wrong on this side (500 and above) says nothing but the
    status: the reason goes to the logger ``doorward``.
    """
    status = error.http_status
    document: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    headers = {"content-type": "application/problem+json"}
    if isinstance(error, UnauthenticatedError):
        document["detail"] = "missing API key" if error.reason == "missing" else "invalid API key"
        headers["www-authenticate"] = "Bearer"
    elif status < 500:
        document |= {"detail": str(error), "reason": error.reason}
        if error.field is not None:
            document["field"] = error.field
    elif error.kind is ErrorKind.UNAVAILABLE:
        _logger.warning("answered with %d: %s", status, error)
    else:
        _logger.error("answered with %d: %s", status, error, exc_info=error)
    if error.retryable:
        headers["retry-after"] = str(max(1, ceil(error.retry_after or 0)))
    headers |= limit_fields(error.rate_limit)
    body = json.dumps(document).encode()
    headers["content-length"] = str(len(body))
    return status, headers, body
