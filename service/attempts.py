"""Attempts at what may hang, beside each other: so many at most, and none outlives the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

C = TypeVar("C")


class Attempts(Generic[C]):
    """Of one kind. Closed at the end.

    `claim`: what is due becomes one's own, one thing at a time; None: nothing is due. It is asked with True for what is
    for those who took nothing last, with False for all else. Those have `again_max` places of their own and no other:
    however many of them hang, whoever answers isn't held up. `do`: an attempt, with the note of what came of it.
    """

    def __init__(
        self,
        claim: Callable[[bool], Awaitable[C | None]],
        do: Callable[[C], Awaitable[None]],
        *,
        most: int,
        again_max: int,
    ) -> None:
        self._claim = claim
        self._do = do
        self._places = {False: most - again_max, True: again_max}
        self._tasks: dict[bool, set[asyncio.Task[None]]] = {False: set(), True: set()}
        self._fault: BaseException | None = None

    async def begin(self) -> int:
        """As many as are due and have a place; waits for none of them. Returns how many began.

        Raises what an earlier one ended with, if it was a fault.
        """
        self._check()
        began = 0
        for again, tasks in self._tasks.items():
            while len(tasks) < self._places[again] and (claimed := await self._claim(again)) is not None:
                task = asyncio.create_task(self._go_on(claimed, again=again))
                tasks.add(task)
                task.add_done_callback(self._end)
                began += 1
        return began

    async def _go_on(self, claimed: C | None, *, again: bool) -> None:
        """A place is kept while something is due for it."""
        while claimed is not None:
            await self._do(claimed)
            claimed = await self._claim(again)

    def _end(self, task: asyncio.Task[None]) -> None:
        for tasks in self._tasks.values():
            tasks.discard(task)
        if not task.cancelled():
            self._fault = self._fault or task.exception()

    def _check(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    async def settle(self) -> None:
        """Waits until none is left. Raises as `begin` does."""
        await self._all_ended()
        self._check()

    async def _all_ended(self) -> None:
        while on_their_way := set().union(*self._tasks.values()):
            await asyncio.wait(on_their_way)

    async def close(self) -> None:
        """Breaks off what is on its way, and waits until it has put its things away."""
        for tasks in self._tasks.values():
            for task in tasks:
                task.cancel()
        await self._all_ended()
