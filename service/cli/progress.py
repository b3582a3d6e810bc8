"""How far long work has come: a line on a terminal's standard error, from the second second on."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Line

PATIENCE_S = 1.0
T = TypeVar("T")


class Progress:
    """Of one piece of work. `total` None: nobody knows how much there is."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total = what, total
        self._began_s = time.monotonic()
        self._done = 0
        self._line: Line | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def advance(self, by: int = 1) -> None:
        """So much more is done."""
        self._done += by
        if time.monotonic() - self._began_s > PATIENCE_S:
            self.show()
        if self._line is not None:
            self._line.update(self._line.task_ids[0], completed=self._done)

    def show(self) -> None:
        """From here on there is a line, if anybody can see one."""
        if self._line is not None or not sys.stderr.isatty():
            return
        from rich.console import Console  # noqa: PLC0415 -- rich takes 60 ms
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        self._line = Progress(*columns, console=Console(stderr=True), transient=True)
        self._line.add_task(self._what, total=self._total, completed=self._done)
        self._line.start()

    async def watch(self, work: Awaitable[T]) -> T:
        """Waits for one step, and shows the line if that takes long."""
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        if not done:
            self.show()
        return await task
