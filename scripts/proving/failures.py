"""What failed, of a stage's log, in few lines: the end of all, which is what is kept of a run that nobody watched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LINES_MAX = 100
"""Of all failures together: who keeps 150 lines has the table of stages beside."""
FAILURE_LINES_MIN = 8
"""Of one failure, where there are many."""
NAMED_MAX = 30
"""Those that have no room are named; of more, it is said how many there are."""
LINE_CHARACTERS_MAX = 2_000
"""A page may be in one: its ends say which."""
END_LINES = 25
"""Of a log that tells no test: a linter's, a report's, one that was broken off."""
SAID_LINES = 6
"""The last ones of what a test wrote."""

_SECTION = re.compile(r"^=+ ([\w ]+) .*=+$|^=+$")
_TEST = re.compile(r"^_+ (\S.*?) _+$")
_SAID = re.compile(r"^-+ Captured .* -+$")
_PLACE = re.compile(r"^\S+:\d+: ")
_ERROR = re.compile(r"^E( |$)")
_DIFF = "Full diff"
_CHANGED = re.compile(r"^E\s+[-+?] ")


def excerpt(log: str, lines_max: int = LINES_MAX) -> list[str]:
    """Each failed test with its places, what was asserted and both values; the end of a log that has none."""
    found = list(_failures(log.splitlines()))
    if not found:
        return end_of(log)
    room = max(FAILURE_LINES_MIN, lines_max // len(found))
    shown = max(1, lines_max // room)
    lines = [line for name, told in found[:shown] for line in (f"-- {name}", *_shortened(told, room - 1))]
    more = [f"-- and {len(found) - NAMED_MAX} more"] if len(found) > NAMED_MAX else []
    return [*lines, *(f"-- {name}" for name, _ in found[shown:NAMED_MAX]), *more]


def end_of(log: str) -> list[str]:
    """Its last lines."""
    return [_cut(line) for line in log.splitlines()[-END_LINES:]]


def _failures(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Names, and what pytest tells of each."""
    section, name, told = "", "", list[str]()
    for line in lines:
        begins = _SECTION.match(line)
        test = _TEST.match(line) if section in {"ERRORS", "FAILURES"} else None
        if (begins or test) and name:
            yield name, told
        if begins:
            section, name, told = begins[1] or "", "", []
        elif test:
            name, told = test[1], []
        else:
            told.append(line)
    if name:
        yield name, told


def _shortened(told: list[str], room: int) -> list[str]:
    """Errors first: what of them has no room is in the middle."""
    tells, said = _parted(told)
    lines = list(_essence(tells)) or [line for line in tells if line.strip()][-END_LINES:]
    if len(lines) > room:
        begin = room // 2
        lines = [*lines[:begin], f"... {len(lines) - room + 1} lines", *lines[len(lines) - (room - begin - 1) :]]
    return [_cut(line) for line in [*lines, *said[: room - len(lines)]]]


def _parted(told: list[str]) -> tuple[list[str], list[str]]:
    """What pytest tells, and the ends of what the test wrote."""
    at = next((at for at, line in enumerate(told) if _SAID.match(line)), len(told))
    parts: list[list[str]] = []
    for line in told[at:]:
        if _SAID.match(line):
            parts.append([])
        parts[-1].append(line)
    return told[:at], [line for heading, *wrote in parts for line in (heading, *wrote[-SAID_LINES:])]


def _essence(tells: list[str]) -> Iterator[str]:
    """Lines that failed, errors, places; of a difference only what differs."""
    is_diff = False
    for line in tells:
        if _ERROR.match(line):
            if not is_diff or _CHANGED.match(line):
                yield line
            is_diff = is_diff or _DIFF in line
        else:
            is_diff = False
            if line.startswith(">") or _PLACE.match(line):
                yield line


def _cut(line: str) -> str:
    half = LINE_CHARACTERS_MAX // 2
    return line if len(line) <= LINE_CHARACTERS_MAX else f"{line[:half]} ... {line[-half:]}"
