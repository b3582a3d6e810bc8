"""Batches of a file, in their order, of which two are read at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

from service.api.lines import Lines

Told = Callable[[str | None], None]
Read = Callable[[str, Told], Awaitable[Lines]]
"""Reads the batch behind a cursor, and tells the next one's cursor as soon as it knows it; None: there is none."""


class _Reading(NamedTuple):
    lines: asyncio.Task[Lines]
    following: asyncio.Future[str | None]
    """The cursor of the next batch, told before or with these lines; None: none, or they could not be read."""


async def ahead(read: Read, cursor: str) -> AsyncGenerator[Lines, None]:
    """All batches from a cursor on. While one is put together or sent, the next one is put together: by another
    connection, and so another processor, where its cursor is known early.
    """
    readings = [_begun(read, cursor)]
    try:
        while readings:
            following = await readings[-1].following
            if following is not None:
                readings.append(_begun(read, following))
            yield await readings[0].lines
            del readings[0]
    finally:
        for one in readings:
            one.lines.cancel()
        await asyncio.gather(*(one.lines for one in readings), return_exceptions=True)


def _begun(read: Read, cursor: str) -> _Reading:
    following: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def tell(cursor: str | None) -> None:
        if not following.done():
            following.set_result(cursor)

    async def whole() -> Lines:
        try:
            lines = await read(cursor, tell)
            tell(lines.next)
            return lines
        finally:
            tell(None)

    return _Reading(asyncio.ensure_future(whole()), following)
