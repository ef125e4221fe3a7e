"""Whether an answer is what a step expects: the expected members must be there and equal, further ones may be."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .values import Broken, time


def meets(seen: Any, expected: Any, place: str = "answer") -> None:
    """Fails with where they differ."""
    if isinstance(expected, dict) and any(key.startswith("$") for key in expected):
        assert matches(seen, expected, place), f"{place}: expected {expected}, saw {seen}"
    elif isinstance(expected, dict):
        assert isinstance(seen, dict), f"{place}: expected {expected}, saw {seen}"
        for key, value in expected.items():
            assert key in seen, f"{place}: has no member {key}: {seen}"
            meets(seen[key], value, f"{place}.{key}")
    elif isinstance(expected, list):
        assert isinstance(seen, list), f"{place}: expected {expected}, saw {seen}"
        assert len(seen) == len(expected), f"{place}: expected {len(expected)} items, saw {len(seen)}: {seen}"
        for index, (item, value) in enumerate(zip(seen, expected)):
            meets(item, value, f"{place}[{index}]")
    else:
        # A number is a number, however it is written; but True is none.
        if isinstance(expected, Decimal) and isinstance(seen, float):
            expected = float(expected)
        same = isinstance(seen, bool) == isinstance(expected, bool) and seen == expected
        assert same, f"{place}: expected {expected!r}, saw {seen!r}"


def matches(seen: Any, expected: dict[str, Any], place: str) -> bool:
    def met(value: Any, wanted: Any) -> bool:
        try:
            meets(value, wanted, place)
        except AssertionError:
            return False
        return True

    match expected:
        case {"$any": True, **rest} if not rest:
            return seen is not None
        case {"$prefix": str(prefix), **rest} if not rest:
            return isinstance(seen, str) and seen.startswith(prefix) and len(seen) > len(prefix)
        case {"$time": str(offset), **rest} if not rest:
            if not isinstance(seen, str) or len(seen) != 24 or not seen.endswith("Z"):
                return False
            at = datetime.fromisoformat(seen.replace("Z", "+00:00"))
            return abs(at - time(offset)) <= timedelta(minutes=1)
        case {"$length": int(length), **rest} if not rest:
            return isinstance(seen, list | str | dict) and len(seen) == length
        case {"$contains": list(items), **rest} if not rest:
            return isinstance(seen, list) and all(any(met(value, item) for value in seen) for item in items)
        case {"$not": unwanted, **rest} if not rest:
            return not met(seen, unwanted)
        case {"$without": list(names), **rest} if not rest:
            return isinstance(seen, dict) and not any(name in seen for name in names)
        case {"$atLeast": int(least) | float(least), **rest} if not rest:
            return isinstance(seen, int | float) and not isinstance(seen, bool) and seen >= least
    raise Broken(f"{place}: not a matcher: {expected}")
