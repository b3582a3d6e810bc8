"""Batches of a file: the next one is read while one is sent, and nothing is read on when nobody wants more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from service.api.lines import Lines
from service.portal.components.files import ahead


class Database:
    """Gives so many batches, and keeps what was asked of it."""

    def __init__(self, batches: int) -> None:
        self.read: list[int] = []
        self.is_closed = False
        self._batches = batches

    async def batches(self) -> AsyncIterator[Lines]:
        """One after the other."""
        try:
            for number in range(self._batches):
                self.read.append(number)
                await asyncio.sleep(0)
                yield Lines(str(number), 1, None)
        finally:
            self.is_closed = True


async def test_the_next_batch_is_read_while_one_is_sent() -> None:
    """Each comes once, in their order; one ahead, not more."""
    database = Database(3)
    found = []
    async with aclosing(ahead(database.batches())) as batches:
        async for batch in batches:
            for _ in range(9):
                await asyncio.sleep(0)  # it is sent
            found.append((batch.text, list(database.read)))
    assert found == [("0", [0, 1]), ("1", [0, 1, 2]), ("2", [0, 1, 2])]
    assert database.is_closed


async def _send(batches: AsyncIterator[Lines], sent: list[str], *, most: int) -> None:
    """Whoever is sent to hangs up after so many."""
    async with aclosing(ahead(batches)) as found:
        async for batch in found:
            await asyncio.sleep(0)
            sent.append(batch.text)
            if len(sent) == most:
                raise ConnectionResetError


async def test_nothing_is_read_for_whom_nobody_sends() -> None:
    """Whoever hangs up ends the reading, at a batch that is half read too."""
    database = Database(9)
    with pytest.raises(ConnectionResetError):
        await _send(database.batches(), [], most=1)
    assert (database.read, database.is_closed) == ([0, 1], True)


async def test_what_fails_ahead_is_told_when_its_turn_comes() -> None:
    """Not before what was read well has been sent."""

    async def failing() -> AsyncIterator[Lines]:
        yield Lines("0", 1, None)
        raise ValueError("revoked")

    sent: list[str] = []
    with pytest.raises(ValueError, match="revoked"):
        await _send(failing(), sent, most=9)
    assert sent == ["0"]
