"""Attempts beside each other: so many at most, faults told, none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.attempts import Attempts


class Desk:
    """What is to be done: for those who take things, and for those who took nothing last."""

    def __init__(self, do: Callable[[int], Awaitable[None]], *, due: int = 0, again: int = 0) -> None:
        self.left = {False: list(range(due)), True: list(range(100, 100 + again))}
        self.done: list[int] = []
        self.attempts = Attempts(self._claim, do, most=5, again_max=2)

    async def _claim(self, again: bool) -> int | None:
        return self.left[again].pop(0) if self.left[again] else None


async def turn() -> None:
    """Others have theirs."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_at_once_and_each_kind_in_its_places() -> None:
    """Those that hang leave the others their places; what is left goes on where one has ended."""
    begun: list[int] = []
    ends = {number: asyncio.Event() for number in (*range(10), *range(100, 110))}

    async def wait(number: int) -> None:
        begun.append(number)
        await ends[number].wait()

    desk = Desk(wait, due=5, again=3)
    assert await desk.attempts.begin() == 5
    await turn()
    assert begun == [0, 1, 2, 100, 101]
    assert await desk.attempts.begin() == 0
    ends[1].set()
    await turn()
    assert begun[5:] == [3]
    for one in ends.values():
        one.set()
    await desk.attempts.settle()
    assert sorted(begun) == [0, 1, 2, 3, 4, 100, 101, 102]


async def test_a_fault_is_told_once() -> None:
    """To whoever looks next; the others go on, and so does its place then."""
    done: list[int] = []

    async def fail_first(number: int) -> None:
        if number == 0:
            raise ValueError("gone")
        done.append(number)

    desk = Desk(fail_first, due=6)
    await desk.attempts.begin()
    with pytest.raises(ValueError, match="gone"):
        await desk.attempts.settle()
    assert sorted(done) == [1, 2, 3, 4, 5]
    assert await desk.attempts.begin() == 0


async def test_what_can_not_be_claimed_is_a_fault_too() -> None:
    """Of whoever asks; what is on its way isn't lost by it."""
    done: list[int] = []

    async def do(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    desk = Desk(do, due=1)

    async def away(again: bool) -> int | None:
        if not desk.left[False]:
            raise OSError("away")
        return desk.left[False].pop()

    attempts = Attempts(away, do, most=5, again_max=2)
    with pytest.raises(OSError, match="away"):
        await attempts.begin()
    with pytest.raises(OSError, match="away"):
        await attempts.settle()
    assert done == [0]


async def test_none_is_left_behind() -> None:
    """What puts its things away is waited for; that it was broken off is no fault."""
    told: list[int] = []

    async def hang(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await turn()
            told.append(number)

    desk = Desk(hang, due=4)
    await desk.attempts.begin()
    await turn()
    await desk.attempts.close()
    assert sorted(told) == [0, 1, 2]
    await desk.attempts.settle()
    assert desk.left[False] == [3]
