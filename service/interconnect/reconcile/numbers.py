"""Numbers of both sides made alike: the partner's tech prefix found, callers compared only where they tell."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from service.interconnect.reconcile.sides import Ours, Theirs

SAMPLE = 2_000
PREFIX_DIGITS_MAX = 8
FEW = 3
"""Rows that a tech prefix must explain at least."""


class Alike(NamedTuple):
    """By what calls of both sides are found together: a key each."""

    ours: list[str]
    theirs: list[str]
    notices: tuple[str, ...]


def alike(ours: Ours, theirs: Theirs) -> Alike:
    """Called numbers, and callers where both sides have them and they agree as a rule."""
    called, notices = _without_prefix(set(ours.called), theirs.called)
    if not theirs.callers:
        return Alike(ours.called, called, notices)
    by_both = [f"{number} {caller}" for number, caller in zip(ours.called, ours.callers, strict=True)]
    known, numbers = set(by_both), set(ours.called)
    step = max(1, len(called) // SAMPLE)
    sample = range(0, len(called), step)
    together = sum(f"{called[at]} {theirs.callers[at]}" in known for at in sample)
    alone = sum(called[at] in numbers for at in sample)
    if together * 10 < alone * 9:
        notices = (*notices, "callers differ as a rule, and are not compared")
        return Alike(ours.called, called, notices)
    both = [f"{number} {caller}" for number, caller in zip(called, theirs.callers, strict=True)]
    return Alike(by_both, both, notices)


def _without_prefix(ours: set[str], called: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Takes off what stands before most of the numbers that we don't know, if we know them without it."""
    strange = [number for number in called[:: max(1, len(called) // SAMPLE)] if number not in ours]
    counts = Counter(
        number[:size]
        for number in strange
        for size in range(1, min(PREFIX_DIGITS_MAX, len(number) - 1) + 1)
        if number[size:] in ours
    )
    prefix, many = max(counts.items(), key=lambda found: (found[1], len(found[0])), default=("", 0))
    if many < FEW or many * 2 < len(strange):
        return called, ()
    size = len(prefix)
    bare = [
        number[size:] if number not in ours and number.startswith(prefix) and number[size:] in ours else number
        for number in called
    ]
    notices = (f"their numbers have {prefix} before them, which is taken off",)
    return bare, notices
