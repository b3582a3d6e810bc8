"""Number translation: the first rule that fits is applied, and no other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Rule(NamedTuple):
    """What becomes of numbers that begin in a certain way."""

    position: int
    prefix: str
    length_min: int
    length_max: int
    strip: int
    prepend: str

    def fits(self, number: str) -> bool:
        """Whether it is for this number."""
        return number.startswith(self.prefix) and self.length_min <= len(number) <= self.length_max

    def applied(self, number: str) -> str:
        """The number as it goes on."""
        return self.prepend + number[self.strip :]


def translate(rules: Iterable[Rule], number: str) -> tuple[str, Rule | None]:
    """The number as it goes on, and the rule that made it so; None: no rule fits, and it stays."""
    for rule in sorted(rules, key=lambda one: one.position):
        if rule.fits(number):
            return rule.applied(number), rule
    return number, None
