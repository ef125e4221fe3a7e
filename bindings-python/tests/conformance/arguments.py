"""Reads the arguments of a step. What no operation asked for is left over, and makes the step fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import doorward

from .values import Broken

MISSING = object()


@contextmanager
def named(place: str, **names: str) -> Iterator[None]:
    """An argument that says by itself what is wrong with it says so of the operation here, in the words of the core."""
    try:
        yield
    except doorward.ValidationError as error:
        field = names.get(str(error.field), error.field)
        raise doorward.ValidationError(str(error), error.reason, f"{place}.{field}") from None


class Arguments:
    def __init__(self, members: dict[str, Any], place: str = "") -> None:
        self.members = dict(members)
        self.place = place

    def take(self, name: str, default: Any = MISSING) -> Any:
        if name not in self.members:
            if default is MISSING:
                raise Broken(f"{name} is missing")
            return default
        return self.members.pop(name)

    def finish(self) -> None:
        if self.members:
            raise Broken(f"arguments that this operation does not know: {sorted(self.members)}")

    def given(self, **names: str) -> dict[str, Any]:
        """Those that are given, by their names in Python."""
        return {python: self.members.pop(name) for python, name in names.items() if name in self.members}

    def page(self) -> dict[str, Any]:
        return self.given(limit="limit", cursor="cursor", order="order")

    def document(self, name: str) -> dict[str, Any]:
        """A document, or its text."""
        if name in self.members and f"{name}Text" in self.members:
            raise Broken(f"{name} is given twice")
        return self.given(**{name: name}) or self.given(**{name: f"{name}Text"})

    def required(self, name: str) -> Any:
        document = self.document(name)
        if not document:
            raise Broken(f"{name} is missing")
        return document[name]

    def key(self) -> dict[str, Any]:
        """What describes a key to be created."""
        key = {"label": self.take("label"), "role": self.take("role")}
        key.update(self.given(expires_at="expiresAt", allowed_addresses="allowedAddresses"))
        return key | self.rate_limit() | self.document("metadata")

    def rate_limit(self) -> dict[str, Any]:
        given = self.given(rate_limit="rateLimit")
        if given.get("rate_limit") is not None:
            members = Arguments(given["rate_limit"])
            most, window = members.take("maxRequests"), members.take("windowMs") / 1000
            members.finish()
            with named(f"{self.place}rate_limit", window="window_ms"):
                given["rate_limit"] = doorward.RateLimit(most, window)
        return given

    def request(self) -> doorward.Request | None:
        value = self.take("request", None)
        if value is None:
            return None
        members = Arguments(value)
        given = members.given(
            method="method", path="path", request_id="requestId", peer="peer", forwarded_for="forwardedFor"
        )
        members.finish()
        return doorward.Request(**given)

    def credentials(self) -> Any:
        """A token, the bytes of one, or headers."""
        token = self.take("token", None)
        if token is not None:
            return token
        digits = self.take("tokenHex", None)
        if digits is not None:
            return bytes.fromhex(digits)
        return doorward.Credentials.from_headers([(name, value) for name, value in self.take("headers")])

    def position(self) -> doorward.Position:
        return position(self.take("position"))

    def positions(self) -> list[doorward.Position]:
        return [position(item) for item in self.take("positions")]

    def keys(self) -> list[dict[str, Any]]:
        keys = []
        for index, item in enumerate(self.take("keys")):
            members = Arguments(item, f"keys[{index}].")
            keys.append(members.given(key_hash="keyHash") | members.key())
            members.finish()
        return keys


def position(value: dict[str, Any]) -> doorward.Position:
    members = Arguments(value)
    made = doorward.Position(members.take("amount"), members.take("currency"))
    members.finish()
    return made
