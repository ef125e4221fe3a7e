"""The two ways of calling: blocking, and through asyncio. Steps are written once for both."""

from __future__ import annotations

import asyncio
from typing import Any

import doorward
import doorward.aio

FACES = ("blocking", "asyncio")


class Blocking:
    def door(self, door: doorward.Doorward) -> Any:
        return door

    def call(self, answer: Any) -> Any:
        return answer

    def close(self) -> None:
        pass


class Asyncio:
    """Each call runs in the loop until its answer is there."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def door(self, door: doorward.Doorward) -> Any:
        return door.to_async()

    def call(self, answer: Any) -> Any:
        return self.loop.run_until_complete(answer)

    def close(self) -> None:
        self.loop.close()


def face(name: str) -> Blocking | Asyncio:
    return Blocking() if name == "blocking" else Asyncio()
