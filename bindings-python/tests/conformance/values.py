"""Values in steps: ``${saved.member}`` is replaced by what was saved, and ``{"$repeat": …}`` and its like by what they make."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from itertools import cycle, islice
from typing import Any

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
REFERENCE = re.compile(r"\$\{([^}]*)\}")


class Broken(Exception):
    """The scenario asks for what there is not."""


def look_up(known: dict[str, Any], path: str) -> Any:
    value: Any = known
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def fill(value: Any, known: dict[str, Any], *, every: bool) -> Any:
    """Replaces references to what is known. With ``every`` one that cannot be replaced is an error, else it stays."""
    if isinstance(value, list):
        return [fill(item, known, every=every) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, known, every=every) for key, item in value.items()}
    if not isinstance(value, str):
        return value

    def find(path: str, otherwise: str) -> Any:
        try:
            return look_up(known, path)
        except (KeyError, IndexError, TypeError, ValueError):
            if every:
                raise Broken(f"nothing was saved as ${{{path}}}") from None
            return otherwise

    whole = REFERENCE.fullmatch(value)
    if whole and "$" not in whole[1]:
        return find(whole[1], value)

    def replaced(match: re.Match[str]) -> str:
        found = find(match[1], match[0])
        return found if isinstance(found, str) else json.dumps(found)

    return REFERENCE.sub(replaced, value)


def generate(value: Any) -> Any:
    """Makes what the generators among the arguments say."""
    if isinstance(value, list):
        return [generate(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not any(key.startswith("$") for key in value):
        return {key: generate(item) for key, item in value.items()}
    match value:
        case {"$repeat": str(text), "times": int(times), **rest} if not rest:
            return text * times
        case {"$repeat": list(items), "times": int(times), **rest} if not rest:
            return generate(list(islice(cycle(items), len(items) * times)))
        case {"$concat": list(parts), **rest} if not rest:
            return "".join(generate(part) for part in parts)
        case {"$time": str(offset), **rest} if not rest:
            return written(time(offset))
    raise Broken(f"not a generator: {value}")


def time(offset: str) -> datetime:
    """The present and an offset: ``+1h``, ``-5m``."""
    return datetime.now(timezone.utc) + timedelta(**{UNITS[offset[-1]]: int(offset[:-1])})


def written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
