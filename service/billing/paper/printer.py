"""PDFs in a process of their own: the typesetter keeps what it has set, and takes hundreds of megabytes for long ones.

It must not be the service that lacks the memory, nor the service's interpreter that works for so long.
"""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

from service.billing.document import Document
from service.billing.paper.electronic import electronic_pdf_of
from service.faults import Fault

MEMORY_BYTES_MAX = 3 << 30
"""Of addresses; a document of LINES_MAX lines needs 1.2 GiB."""
CPU_S_MAX = 60
"""Of one document: twelve times what one of LINES_MAX lines needs."""
DOCUMENTS_A_PROCESS = 200
"""Then another one begins, and what the typesetter has kept is free again."""


class Printer:
    """Makes one PDF after the other. It begins its process with the first, and is closed when the service ends."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: ProcessPoolExecutor | None = None

    async def pdf_of(self, document: Document) -> bytes:
        """The PDF, with its data inside where the norm can say them. Raises Fault if it takes more than it may."""
        async with self._turn_here():
            pool = self._pool = self._pool or _pool()
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, _print, document)
            except BrokenProcessPool:
                self.close()
        raise Fault(
            f"{document.kind} {document.number}: its PDF takes more than {CPU_S_MAX} s or {MEMORY_BYTES_MAX >> 30} GiB,"
            " or its process was killed: try again, and if it is the same again shorten its lines"
        )

    def _turn_here(self) -> asyncio.Lock:
        """A lock belongs to a loop; tests and commands have one after the other."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._turn, self._loop = asyncio.Lock(), loop
        return self._turn

    def close(self) -> None:
        """Ends its process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _pool() -> ProcessPoolExecutor:
    # Spawned: a fork would have the service's threads' locks.
    context = get_context("spawn")
    return ProcessPoolExecutor(1, context, _begin, max_tasks_per_child=DOCUMENTS_A_PROCESS)


def _begin() -> None:
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_the_service() -> None:
    """A pool's process waits for work for ever where its service was killed: it holds both ends of their pipe."""
    service = parent_process()
    assert service is not None
    service.join()
    os._exit(1)


def _print(document: Document) -> bytes:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_S_MAX, hard))
    return electronic_pdf_of(document)
