"""Prices that move by more than a set part from one version of a tariff to the next: a slip of the pen, often. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ratebook.compare import Difference, compared_calls

PERCENT = 100
ROUNDED_MICROS = 1
"""Half a micro-unit of either price: half of a rate is no more than half of it, however short the call."""


class Jump(NamedTuple):
    """A prefix whose price moves far."""

    prefix: str
    from_s: int | None
    """Wall-clock second; None: at once."""
    seconds: int
    """The call, of those compared, whose price moves most."""
    before_micros: int
    after_micros: int

    @property
    def percent(self) -> int | None:
        """By how much, towards zero; None: it cost nothing before."""
        if not self.before_micros:
            return None
        moved = abs(self.after_micros - self.before_micros) * PERCENT // self.before_micros
        return moved if self.after_micros > self.before_micros else -moved


def jumps(found: Iterable[Difference], percent: int) -> list[Jump]:
    """Those that move by more than `percent` of what they cost before. New, withdrawn and blocked ones have no move."""
    asked: dict[tuple[int, int], tuple[int, int, int] | None] = {}
    moved = []
    for one in found:
        if one.before is None or one.after is None or one.before.terms.blocked or one.after.terms.blocked:
            continue
        before, after = one.before.terms, one.after.terms
        key = (id(before), id(after))
        if key not in asked:
            calls = [call for call in compared_calls(before, after) if _is_far(*call[1:], percent)]
            asked[key] = max(calls, key=_move) if calls else None
        call = asked[key]
        if call is not None:
            moved.append(Jump(one.prefix, one.from_s, *call))
    return moved


def _is_far(before_micros: int, after_micros: int, percent: int) -> bool:
    moved = abs(after_micros - before_micros) - ROUNDED_MICROS
    return moved * PERCENT > before_micros * percent


def _move(call: tuple[int, int, int]) -> tuple[bool, int]:
    """From nothing is farthest; then by hundredths of a percent."""
    _, before_micros, after_micros = call
    if not before_micros:
        return True, after_micros
    return False, abs(after_micros - before_micros) * PERCENT * PERCENT // before_micros
