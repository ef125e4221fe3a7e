"""doorward for asyncio: the methods of ``doorward.Doorward`` and ``doorward.Session``, to be awaited.

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
from ._doorward import Reply

__all__ = ["Doorward", "Reply", "Session"]
