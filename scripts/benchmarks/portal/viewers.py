"""Many people who leave an overview open while calls come and go: what each gets, and what that takes."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import NamedTuple

import aiohttp

from scripts.benchmarks.portal.asking import HOST, PORT, Processes
from scripts.benchmarks.portal.measuring import at
from scripts.benchmarks.portal.people import Person
from service.portal.streams import PAUSE_S

VIEWERS = 50
SECONDS = 20
LATE_LIMIT_MS = 150.0
"""By which 95 of 100 pieces may come later than they are due."""
PROCESSOR_LIMIT = 0.5
"""Of one processor, that all of them together may take."""
CHANGED_LEAST = 0.25
"""Of all pieces: each second calls come and go, but not everybody has some."""
PATH = "/overview/running"


class Viewed(NamedTuple):
    """What many viewers came to."""

    viewers: int
    pieces: int
    changed: int
    """Of these, unlike the one before."""
    late_ms: tuple[float, float]
    """Later than the pause after the one before: median and 95 of 100."""
    processors: float
    """That the service takes for as many pieces as are due."""

    @property
    def address(self) -> str:
        """What was looked at."""
        return PATH

    def is_over(self, *, by_cpu: bool) -> bool:
        """Whether somebody had to wait or was shown what was over, or the service was too busy."""
        is_late = self.late_ms[1] > LATE_LIMIT_MS and not by_cpu
        return is_late or self.processors > PROCESSOR_LIMIT or self.changed < self.pieces * CHANGED_LEAST


class _Piece(NamedTuple):
    at_s: float
    text: bytes


def viewed(people: list[Person], processes: Processes) -> Viewed:
    """Fifty, taken in turn from some people, for a while."""
    used = processes.cpu_ns()
    found = asyncio.run(_all([people[number % len(people)] for number in range(VIEWERS)]))
    used_s = (processes.cpu_ns() - used) / 1e9
    pairs = [pair for pieces in found for pair in itertools.pairwise(pieces)]
    late = [(later.at_s - one.at_s - PAUSE_S) * 1000 for one, later in pairs] or [float("inf")]
    changed = sum(1 for one, later in pairs if one.text != later.text)
    pieces = sum(map(len, found))
    processors = round(used_s / pieces * VIEWERS / PAUSE_S, 2)
    return Viewed(len(found), pieces, changed, (at(late, 0.5), at(late, 0.95)), processors)


async def _all(people: list[Person]) -> list[list[_Piece]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://{HOST}:{PORT}", connector=connector) as session:
        spread_s = PAUSE_S / len(people)
        looking = [_one(session, person, spread_s * number) for number, person in enumerate(people)]
        return await asyncio.gather(*looking)


async def _one(session: aiohttp.ClientSession, person: Person, after_s: float) -> list[_Piece]:
    """What one is sent, from the moment on at which they open the page."""
    await asyncio.sleep(after_s)
    found: list[_Piece] = []
    until_s = time.perf_counter() + SECONDS
    async with session.get(PATH, headers={"Cookie": f"kambill_session={person.session}"}) as answer:
        answer.raise_for_status()
        while time.perf_counter() < until_s:
            piece = await answer.content.readuntil(b"\n\n")
            found.append(_Piece(time.perf_counter(), piece))
    return found
