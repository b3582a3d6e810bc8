"""Batches of a file: two are read at once, and nothing is read on when nobody wants more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from service.api.lines import Lines
from service.portal.components.batches import Read, Told, ahead


class Database:
    """Gives so many batches, and keeps what was asked of it. `is_early`: where the next one begins is known first."""

    def __init__(self, batches: int, *, is_early: bool = False) -> None:
        self.read: list[int] = []
        self.at_once: set[int] = set()
        self.most = 0
        self._last, self._is_early = batches - 1, is_early

    async def batch(self, cursor: str, told: Told) -> Lines:
        """The one behind a cursor."""
        number = int(cursor or 0)
        following = None if number == self._last else str(number + 1)
        self.read.append(number)
        self.at_once.add(number)
        self.most = max(self.most, len(self.at_once))
        try:
            if self._is_early:
                told(following)
            for _ in range(3):
                await asyncio.sleep(0)
            return Lines(str(number), 1, following)
        finally:
            self.at_once.discard(number)


@pytest.mark.parametrize("is_early", [False, True])
async def test_the_next_batch_is_read_while_one_is_sent(*, is_early: bool) -> None:
    """Each comes once, in their order; one ahead of what is sent, not more."""
    database = Database(4, is_early=is_early)
    found = []
    async with aclosing(ahead(database.batch, "")) as batches:
        async for batch in batches:
            for _ in range(9):
                await asyncio.sleep(0)  # it is sent
            found.append((batch.text, list(database.read)))
    assert found == [("0", [0, 1]), ("1", [0, 1, 2]), ("2", [0, 1, 2, 3]), ("3", [0, 1, 2, 3])]


@pytest.mark.parametrize(("is_early", "most"), [(False, 1), (True, 2)])
async def test_two_are_read_at_once_where_the_second_ones_beginning_is_known(*, is_early: bool, most: int) -> None:
    """Never three."""
    database = Database(9, is_early=is_early)
    async with aclosing(ahead(database.batch, "")) as batches:
        assert [batch.text async for batch in batches] == [str(number) for number in range(9)]
    assert (database.most, database.at_once) == (most, set())


async def _send(read: Read, sent: list[str], *, most: int) -> None:
    """Whoever is sent to hangs up after so many."""
    async with aclosing(ahead(read, "")) as found:
        async for batch in found:
            await asyncio.sleep(0)
            sent.append(batch.text)
            if len(sent) == most:
                raise ConnectionResetError


@pytest.mark.parametrize("is_early", [False, True])
async def test_nothing_is_read_for_whom_nobody_sends(*, is_early: bool) -> None:
    """Whoever hangs up ends the reading, of a batch that is half read too."""
    database = Database(9, is_early=is_early)
    with pytest.raises(ConnectionResetError):
        await _send(database.batch, [], most=1)
    assert (database.read, database.at_once) == ([0, 1], set())


@pytest.mark.parametrize("is_early", [False, True])
async def test_what_fails_ahead_is_told_when_its_turn_comes(*, is_early: bool) -> None:
    """Not before what was read well has been sent."""

    async def read(cursor: str, told: Told) -> Lines:
        if cursor:
            raise ValueError("revoked")
        if is_early:
            told("1")
        await asyncio.sleep(0)
        return Lines("0", 1, "1")

    sent: list[str] = []
    with pytest.raises(ValueError, match="revoked"):
        await _send(read, sent, most=9)
    assert sent == ["0"]


async def test_a_first_batch_that_cannot_be_read_ends_all() -> None:
    """As it is told, though it had said that more would follow."""

    async def read(cursor: str, told: Told) -> Lines:
        told("1")
        raise ValueError(f"away at {cursor!r}")

    with pytest.raises(ValueError, match="away at ''"):
        await _send(read, [], most=9)
