"""Lists as files: all that have many rows, by those who may, read to their end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from scripts.benchmarks.portal.asking import Asker
from scripts.benchmarks.portal.cases import filled
from scripts.benchmarks.portal.plan import HOUR_MS, Plan
from service.api.values import moment_text
from service.portal.screens import SCREENS

CSV_LIMIT, XLSX_LIMIT = 50_000, 20_000
"""Rows a second, at least."""
GROWTH_LIMIT_KIB = 128 << 10
"""By which the service may grow while a file is sent: half of that are pages of the database that SQLite keeps."""
ROWS = 2_000_000
"""Of the operator's calls."""
ROWS_LEAST = 10_000
"""A file with fewer says little of rows a second."""
_BEAT_S = 0.1
_CSV = [screen.path for screen in SCREENS if screen.path.endswith(".csv")]


class FileFigure(NamedTuple):
    """Of one file."""

    address: str
    rows: int
    rows_per_s: float
    rows_per_cpu_s: float
    grown_kib: int
    """From before it was asked for."""
    limit: int
    """Of rows a second."""

    def is_over(self, *, by_cpu: bool) -> bool:
        """Whether it came too slowly, or took too much memory."""
        reached = self.rows_per_cpu_s if by_cpu else self.rows_per_s
        return self.grown_kib > GROWTH_LIMIT_KIB or (self.rows >= ROWS_LEAST and reached < self.limit)


def files(asker: Asker, plan: Plan) -> Iterator[FileFigure]:
    """Of all lists that are open to somebody; of calls those of some time, as many as ROWS."""
    until_ms = plan.begin_ms + max(1, min(ROWS, plan.calls) // plan.hourly) * HOUR_MS
    for path in _CSV:
        address = filled(path, asker, plan)
        if asker.get(address.removesuffix(".csv"))[0] != 200:
            continue
        asked = f"?until={moment_text(until_ms)}" if path == "/calls.csv" else ""
        first = _file(asker, address + asked, 0, CSV_LIMIT)
        yield first
        yield _file(asker, address.removesuffix("csv") + "xlsx" + asked, first.rows, XLSX_LIMIT)


def _file(asker: Asker, address: str, rows: int, limit: int) -> FileFigure:
    """A file, read to its end. `rows`: that it has; 0: its lines are counted."""
    processes = asker.processes
    used, started = processes.cpu_ns(), time.perf_counter()
    before_kib = most_kib = processes.memory_kib()
    lines, due = -1, started
    for part in asker.parts(address):
        lines += part.count(b"\n")
        if time.perf_counter() > due:
            most_kib = max(most_kib, processes.memory_kib())
            due = time.perf_counter() + _BEAT_S
    seconds, cpu_s = time.perf_counter() - started, (processes.cpu_ns() - used) / 1e9
    rows = rows or lines
    return FileFigure(address, rows, round(rows / seconds), round(rows / cpu_s), most_kib - before_kib, limit)
