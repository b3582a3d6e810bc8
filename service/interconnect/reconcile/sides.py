"""What is compared: each side's calls that took time or cost money, column by column: a million of them are small."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

QUARTER_MS = 900_000
"""Time zones lie whole quarters of an hour apart."""


class Fault(NamedTuple):
    """Something in a file that can't be read."""

    line: int
    """From 1; 0: the file as a whole."""
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


class Answers(NamedTuple):
    """What is known about a partner's files, said once and kept. Empty or None: it is found out each time."""

    columns: dict[str, str]
    """The header's name by what it is."""
    zone: str = "UTC"
    """Of times that name none themselves."""
    date_order: str | None = None
    """dmy or mdy."""
    duration_unit: str | None = None
    """s, ms or min: of durations that are plain numbers."""
    tech_prefixes: tuple[str, ...] = ()
    """What stands before their numbers and is taken off."""
    sheet: str = ""
    """Of a workbook; empty: the one with the longest table."""

    def to_record(self) -> dict[str, Any]:
        """As JSON; `from_record` reads it back."""
        return {**self._asdict(), "tech_prefixes": list(self.tech_prefixes)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Answers:
        """Raises TypeError for what `to_record` didn't make."""
        return cls(**{**record, "tech_prefixes": tuple(record.get("tech_prefixes", ()))})


class Theirs(NamedTuple):
    """A partner's file, read."""

    called: list[str]
    callers: list[str]
    """Empty: the file doesn't tell."""
    at_ms: array[int]
    """UTC, if the file's zone is what was said."""
    duration_ms: array[int]
    amount_micros: array[int]
    """Empty: the file doesn't tell."""
    lines: array[int]
    """Where each stands in the file."""
    unanswered: int = 0
    """Rows of neither time nor money, which are not compared."""
    notices: tuple[str, ...] = ()


class Ours(NamedTuple):
    """Our records of the same traffic."""

    called: list[str]
    callers: list[str]
    start_ms: array[int]
    answer_ms: array[int]
    duration_ms: array[int]
    billed_ms: array[int]
    amount_micros: array[int]
    ids: array[int]
    """Of the records."""


class Rules(NamedTuple):
    """How far apart the two may be and yet be the same."""

    time_s: int = 5
    """Of a call's moment, once the zone's and the clock's difference are taken off."""
    duration_s: int = 0
    money_micros: int = 100
    """Partners write amounts with fewer decimals than we do."""
    since_ms: int = 0
    """Of the calls that are judged, by our clock. What lies outside serves as a partner only."""
    until_ms: int = 1 << 62


class OurCall(NamedTuple):
    """One record of ours."""

    called: str
    caller: str
    start_ms: int
    answer_ms: int
    duration_ms: int
    billed_ms: int
    amount_micros: int
    id: int


def ours_of(calls: Iterable[OurCall]) -> Ours:
    """Column by column."""
    ours = Ours([], [], *(array("q") for _ in range(6)))
    add = (
        ours.called.append, ours.callers.append, ours.start_ms.append, ours.answer_ms.append, ours.duration_ms.append,
        ours.billed_ms.append, ours.amount_micros.append, ours.ids.append,
    )  # fmt: skip
    called, caller, start, answer, duration, billed, amount, number = add
    for call in calls:
        called(call[0])
        caller(call[1])
        start(call[2])
        answer(call[3])
        duration(call[4])
        billed(call[5])
        amount(call[6])
        number(call[7])
    return ours
