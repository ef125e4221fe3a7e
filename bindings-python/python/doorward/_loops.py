"""How answers from other threads reach those who await them: through the mailbox of their event loop.

In Python, not in Rust: a daemon's thread ends with the interpreter wherever it waits for its turn, and must not do so in the
middle of a call of Rust's.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from typing import Any
from weakref import WeakKeyDictionary, ref

from ._doorward import Mailbox, Pending

# Weak on both sides: the loop alone owns its mailbox, as what it calls when the bell rings, and a closed loop lets it go.
_mailboxes: WeakKeyDictionary[AbstractEventLoop, ref[Mailbox]] = WeakKeyDictionary()


async def wait(pending: Pending) -> Any:
    """The answer of an operation that is under way."""
    loop = get_running_loop()
    future = loop.create_future()
    if pending.expect(_mailbox(loop), future):
        return await future
    # It came in the meantime.
    return pending.answer()


def _mailbox(loop: AbstractEventLoop) -> Mailbox:
    known = _mailboxes.get(loop)
    mailbox = known() if known is not None else None
    if mailbox is None or not mailbox.is_ours():
        mailbox = Mailbox()
        try:
            loop.add_reader(mailbox.fileno(), _hand_out, mailbox)
        except NotImplementedError:
            raise RuntimeError(
                f"{type(loop).__name__} watches no sockets, through which answers come: use asyncio.SelectorEventLoop"
            ) from None
        _mailboxes[loop] = ref(mailbox)
    return mailbox


def _hand_out(mailbox: Mailbox) -> None:
    for future, answer, error in mailbox.delivered():
        # Who waited may have been cancelled.
        if future.done():
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
