"""Which paths need no API key.

A path is compared as the application routes it: decoded, below where the application is mounted, letter by letter. ``/health``
exempts that path alone, ``/docs/*`` everything below ``/docs/``, but not ``/docs/``, which some routers take for ``/docs``. A path
that others might read as another one is never exempt: one with an empty segment (``//``), a segment ``.`` or ``..``, one of ``;?#``, a
backslash, a control character, or a percent sign that is left after decoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Exempt"]

_AMBIGUOUS = re.compile(r"//|/\.{1,2}(?:/|\Z)|[;?#\\%\x00-\x1f\x7f]")


def _plain(path: str) -> bool:
    return path.startswith("/") and _AMBIGUOUS.search(path) is None


class Exempt:
    """The paths that need no API key."""

    def __init__(self, paths: Iterable[str]) -> None:
        if isinstance(paths, str):
            raise TypeError("exempt is a list of paths")
        exact = set()
        below = []
        for path in paths:
            if not isinstance(path, str):
                raise TypeError(f"exempt is a list of paths, and {path!r} is no text")
            stem = path[:-1] if path.endswith("/*") else path
            if stem == "/" != path or "*" in stem or not _plain(stem):
                raise ValueError(f"exempt: {path!r} is neither a plain path nor one followed by /*")
            if stem == path:
                exact.add(path)
            else:
                below.append(stem)
        self._exact = frozenset(exact)
        self._below = tuple(below)

    def covers(self, path: str) -> bool:
        """Whether this path needs no API key."""
        below = any(path.startswith(stem) and path != stem for stem in self._below)
        return (below or path in self._exact) and _plain(path)
