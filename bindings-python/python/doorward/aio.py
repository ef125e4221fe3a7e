"""doorward for asyncio: the methods of ``doorward.Doorward`` and ``doorward.Session``, to be awaited.

An operation is under way from the call on; to cancel the task that awaits it ends the waiting, not the operation.

The loop must be able to watch sockets (``add_reader``). On Windows asyncio's usual one cannot: where records are not in memory,
run ``asyncio.SelectorEventLoop`` there, for instance by ``asyncio.run(main(), loop_factory=asyncio.SelectorEventLoop)``.

>>> import asyncio, doorward.aio
>>> async def main():
...     async with await doorward.aio.Doorward.open() as door:
...         acme = await door.create_institution("Acme Bank", regions=["US"])
...         created = await door.create_key(acme.id, label="ci", role="read_only")
...         return bool(await door.verify(created.token.reveal()))
>>> asyncio.run(main())
True
"""

from ._doorward import AsyncDoorward as Doorward
from ._doorward import AsyncSession as Session

__all__ = ["Doorward", "Session"]
