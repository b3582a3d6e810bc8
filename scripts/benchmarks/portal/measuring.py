"""Asks for lists and pages, and says what that came to."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from scripts.benchmarks.portal.asking import Asker, Took
from scripts.benchmarks.portal.cases import Case

LIMIT_MS = 150.0
"""95 of 100 answers of any list, page or report."""
WARM = 1


class Figure(NamedTuple):
    """Of one address, milliseconds."""

    case: Case
    wall: tuple[float, float]
    """Median and 95 of 100."""
    cpu: tuple[float, float]
    status: int

    def worst(self, *, by_cpu: bool) -> float:
        """What is held against the limit."""
        return (self.cpu if by_cpu else self.wall)[1]


def at(values: Sequence[float], part: float) -> float:
    """The value that such a part of all lie at or below."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(part * len(ordered)) - 1)], 1)


def measured(asker: Asker, case: Case, samples: int) -> Figure:
    """So many answers, after one that warms up; after one that fails no more."""
    took: list[Took] = []
    status = 0
    for _ in range(samples + WARM):
        status, one = asker.timed(case.path)
        took.append(one)
        if status != 200:
            break
    counted = took[WARM:] or took
    walls, cpus = [one.wall for one in counted], [one.cpu for one in counted]
    return Figure(case, (at(walls, 0.5), at(walls, 0.95)), (at(cpus, 0.5), at(cpus, 0.95)), status)


def told(database: str, person: str, figures: Sequence[Figure], *, by_cpu: bool) -> int:
    """A line for each list and page: its slowest way; a line for each way above the limit. How many those are."""
    groups: dict[str, list[Figure]] = {}
    for one in figures:
        groups.setdefault(one.case.what, []).append(one)
    for what, ways in groups.items():
        slowest = max(ways, key=lambda one: one.worst(by_cpu=by_cpu))
        line = {"database": database, "person": person, "what": what, "ways": len(ways), "slowest": slowest.case.how}
        print(json.dumps(line | {"wall_ms": slowest.wall, "cpu_ms": slowest.cpu}), flush=True)
    failed = [one for one in figures if one.worst(by_cpu=by_cpu) > LIMIT_MS or one.status != 200]
    for one in failed:
        over = {
            "over": one.case.what,
            "how": one.case.how,
            "address": one.case.path,
            "wall_ms": one.wall,
            "cpu_ms": one.cpu,
        }
        print(json.dumps({"database": database, "person": person, **over, "status": one.status}), flush=True)
    return len(failed)
