"""Which mailbox an event loop has: the way on which answers from other threads reach those who await them."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary, ref

from ._doorward import Mailbox

# Weak on both sides: the loop alone owns its mailbox, as what it calls when the bell rings, and a closed loop lets it go.
_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Mailbox]] = WeakKeyDictionary()


def expect() -> tuple[Mailbox, asyncio.Future[Any]]:
    """The mailbox of the running loop, and a future of that loop for an answer to come."""
    loop = asyncio.get_running_loop()
    known = _mailboxes.get(loop)
    mailbox = known() if known is not None else None
    if mailbox is None or not mailbox.is_ours():
        mailbox = Mailbox()
        loop.add_reader(mailbox.fileno(), mailbox.hand_out)
        _mailboxes[loop] = ref(mailbox)
    return mailbox, loop.create_future()
