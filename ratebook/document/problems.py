"""Faults of what an operator wrote: collected, never raised one by one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

PROBLEMS_MAX = 1_000
"""More than anybody reads; the rest is counted in one line."""
SHOWN_MAX = 60
"""Characters of what was found, in a message."""


class Place(NamedTuple):
    """A spot in a file; line and column from 1."""

    file: str
    line: int
    column: int


class Problem(NamedTuple):
    """One fault."""

    place: Place
    message: str
    """What is wrong."""
    expected: str
    """What should stand there."""

    def __str__(self) -> str:
        """`tariffs/x.yaml:6:13: what is wrong: what was expected`."""
        file, line, column = self.place
        return f"{file}:{line}:{column}: {self.message}: {self.expected}"


class Listed:
    """A list that is being written."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.found: list[Problem] = []
        self.left_out = 0

    def __len__(self) -> int:
        """With those left out."""
        return len(self.found) + self.left_out

    def add(self, place: Place, message: str, expected: str) -> None:
        """One more."""
        if len(self.found) < PROBLEMS_MAX:
            self.found.append(Problem(place, message, expected))
        else:
            self.left_out += 1

    def listed(self) -> list[Problem]:
        """All of them by file and line, and how many were left out."""
        ordered = sorted(self.found)
        if self.left_out:
            last = ordered[-1].place
            ordered.append(Problem(last, f"{self.left_out} more {self._what}", "correct these first"))
        return ordered


class Problems:
    """Faults, with which nothing is published, and warnings, with which it is."""

    def __init__(self) -> None:
        self._faults = Listed("faults")
        self._warnings = Listed("warnings")

    @property
    def count(self) -> int:
        """All faults: equal before and after, and what was read in between is sound."""
        return len(self._faults)

    def add(self, place: Place, message: str, expected: str) -> None:
        """One more fault."""
        self._faults.add(place, message, expected)

    def warn(self, place: Place, message: str, expected: str) -> None:
        """Something that is allowed and rarely meant."""
        self._warnings.add(place, message, expected)

    def listed(self) -> list[Problem]:
        """The faults by file and line."""
        return self._faults.listed()

    def warnings(self) -> list[Problem]:
        """The warnings by file and line."""
        return self._warnings.listed()


def shorten(text: str) -> str:
    """Quoted, and cut where it is long."""
    return repr(text) if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]!r}…"


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for a word that is nearly one of these; else nothing."""
    near = difflib.get_close_matches(word[:SHOWN_MAX], list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""
