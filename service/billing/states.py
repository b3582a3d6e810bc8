"""What state an invoice is in, by what is open of it. Pure."""

from __future__ import annotations

from typing import NamedTuple

DRAFT, ISSUED, PART_PAID, PAID, OVERDUE, VOID = "draft", "issued", "part_paid", "paid", "overdue", "void"
OPEN_STATES = (ISSUED, PART_PAID, OVERDUE)


class Standing(NamedTuple):
    """Of an issued invoice."""

    total_micros: int
    paid_micros: int
    credited_micros: int
    due_ms: int
    """The last moment to pay."""

    @property
    def open_micros(self) -> int:
        """What is yet to be paid; below zero: more was paid or credited than it asks for."""
        return self.total_micros - self.paid_micros - self.credited_micros


def state_of(standing: Standing, now_ms: int) -> str:
    """Which one it is in at a moment."""
    if standing.open_micros <= 0:
        return PAID
    if now_ms > standing.due_ms:
        return OVERDUE
    return PART_PAID if standing.paid_micros or standing.credited_micros else ISSUED
