"""What of an account new prices are for: all of it, or the trunks, devices and numbers that have a tariff of their own.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

NAMED_MAX = 10
"""A mail names so many: an account may have thousands of numbers."""


class Thing(NamedTuple):
    """A trunk, a device or a number."""

    noun: str
    name: str


class Concerned(NamedTuple):
    """What of one account; nothing is named: all that has no tariff of its own."""

    things: tuple[Thing, ...] = ()
    further: int = 0
    """How many more there are than are named."""

    def text(self, say: Callable[[str], str], otherwise: str = "") -> str:
        """Such as trunk t1, number +442079460000; `otherwise`, if nothing is named."""
        phrases = {"trunk": say("trunk {name}"), "device": say("device {name}"), "number": say("number {name}")}
        named = ", ".join(phrases[one.noun].replace("{name}", one.name) for one in self.things)
        if self.further:
            return say("{named} and {count} more").format(named=named, count=self.further)
        return named or otherwise

    def fields(self) -> dict[str, Any]:
        """As a mail in the queue has it."""
        return {"things": self.things, "further": self.further} if self.things else {}


def concerned_by(fields: Mapping[str, Any]) -> Concerned:
    """What a mail in the queue says of it."""
    return Concerned(tuple(Thing(*one) for one in fields.get("things", ())), fields.get("further", 0))
