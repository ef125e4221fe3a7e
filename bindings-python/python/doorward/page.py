"""Lists come in pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Page"]

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list, and where the next part begins. ``len`` and iteration are those of its items."""

    items: tuple[T, ...]
    """The items, in the order that was asked for."""
    next: str | None
    """The cursor of the next page; ``None`` on the last one. Opaque."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def to_dict(self) -> dict[str, Any]:
        """The page as JSON has it."""
        return {"items": [item.to_dict() for item in self.items], "next": self.next}  # type: ignore[attr-defined]
