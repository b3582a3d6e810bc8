"""Emergency and free numbers: calls that need no money of the caller's. Pure.

A number is one of them only as a whole, as it was dialled behind the tech prefix or as E.164; a free one may stand for
all that begin so. What goes out is the number of the list, or the one that was rated otherwise: never another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

EMERGENCY, FREE = "emergency", "free"
MESSAGE = "message"
"""No number of a list: a MESSAGE, which is paid for once it is delivered."""
SHORT_MAX = 6
"""Symbols of a short number: one counts as it is dialled only (00112 is not 112)."""


class Special(NamedTuple):
    """One entry of the list."""

    id: int
    account: int
    """Of whom: it counts for its calls and those of the accounts below."""
    trunk: int
    """0: all of them."""
    number: str
    is_prefix: bool
    """Whether longer numbers count too that begin so."""
    kind: str
    """emergency: nobody pays or is paid; free: only the provider is paid."""
    plan: int
    """The routing plan that it takes."""


def special_of(body: dict[str, Any]) -> Special:
    """The entry that a command describes. Raises KeyError, ValueError."""
    if body["kind"] not in {EMERGENCY, FREE}:
        raise ValueError(f"unknown kind of special number {body['kind']!r}")
    return Special(*(body[name] for name in ("id", "account", "trunk", "number", "prefix", "kind", "plan")))


def is_short(special: str, number: str) -> bool:
    """Whether a call is for a short number of the list, which is no E.164 number: no country code stands before it."""
    return special in {EMERGENCY, FREE} and len(number) <= SHORT_MAX


class Specials:
    """All of them."""

    def __init__(self, entries: Iterable[Special] = ()) -> None:
        self.by_number: dict[str, list[Special]] = {}
        self._lengths: list[int] = []
        entries = list(entries)
        self._tails = tuple({entry.number[-SHORT_MAX:] for entry in entries if entry.kind == EMERGENCY})
        for entry in entries:
            self.by_number.setdefault(entry.number, []).append(entry)
        prefixes = (number for number, listed in self.by_number.items() if any(one.is_prefix for one in listed))
        self._lengths = sorted({len(number) for number in prefixes}, reverse=True)

    def may_be_emergency(self, dialled: str) -> bool:
        """Whether a number, as it stands in the request, may be for help: by its end, however its trunk dials. It may
        say so of another one, and of none that is for help, unless a rule translates all of its last digits.
        """
        return dialled.partition(";")[0].endswith(self._tails)

    def find(self, dialled: str, number: str | None, path: Collection[int], trunk: int) -> tuple[Special, str] | None:
        """The entry that a call by this trunk of this path is for, and where it goes; None: an ordinary number.

        `dialled`: before the trunk's prefixes; `number`: as E.164, None if it is none. The whole number first, then the
        longest beginning; the nearest account's entry, a trunk's own before it.
        """
        for whole in (dialled, number if number and len(number) > SHORT_MAX else ""):
            found = self._nearest(whole, path, trunk, is_whole=True) if whole else None
            if found is not None:
                return found, whole
        for length in self._lengths if number else ():
            found = self._nearest((number or "")[:length], path, trunk, is_whole=False)
            if found is not None and number:
                return found, number
        return None

    def _nearest(self, number: str, path: Collection[int], trunk: int, *, is_whole: bool) -> Special | None:
        order = list(path)
        fitting = [
            one
            for one in self.by_number.get(number, ())
            if one.account in order and one.trunk in {0, trunk} and (is_whole or one.is_prefix)
        ]
        return min(fitting, key=lambda one: (not one.trunk, order.index(one.account)), default=None)
