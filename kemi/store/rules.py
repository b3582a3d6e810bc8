"""What is set against fraud, decoded: rules and lists of numbers of an account, high-risk ranges of all. Pure.

Counters are elsewhere (`kemi.store.limits`): these change with each call, what stands here when somebody sets it.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from kemi.store.layout import VERSION, UnknownVersion

CALLER, CALLED = "caller", "called"

SPEND, MINUTES, CALLS, DESTINATIONS, FIRST_CALL = "spend", "minutes", "calls", "destinations", "first_call"
"""What a rule measures: micro-units of its account's currency, milliseconds, calls, destinations that were never called
before; of a first call its seconds.
"""
MEASURES = (SPEND, MINUTES, CALLS, DESTINATIONS, FIRST_CALL)
HELD = frozenset({SPEND, MINUTES})
"""Of these a running call holds its part, and leaves it at its end."""
WARN, BLOCK, SUSPEND = "warn", "block", "suspend"
ACTIONS = (WARN, BLOCK, SUSPEND)

_new = tuple.__new__


class Rule(NamedTuple):
    """A limit."""

    id: int
    trunk: int
    """0: every call of the account and of those below it."""
    measure: str
    group: str
    """The destination group that it counts; empty: all numbers."""
    limit: int
    """In the measure's unit."""
    window_s: int
    """An hour or a day, as the clock of UTC has them; of a first call 0."""
    action: str


class Entry(NamedTuple):
    """A number of a list, or all that begin so."""

    trunk: int
    """0: every call of the account and of those below it."""
    subject: str
    digits: str
    is_whole: bool
    allows: bool


_rule, _entry = partial(_new, Rule), partial(_new, Entry)


class NumberList:
    """The entries of one account or trunk about one subject."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        listed = list(entries)
        self._whole = {one.digits: one.allows for one in listed if one.is_whole}
        self._prefixes = {one.digits: one.allows for one in listed if not one.is_whole}
        self._lengths = sorted(set(map(len, self._prefixes)), reverse=True)
        self._else = not listed or not all(one.allows for one in listed)

    def allows(self, number: str) -> bool:
        """The whole number decides, then the longest beginning. What is not listed may pass, unless all that is listed
        is allowed: then nothing else is.
        """
        if number in self._whole:
            return self._whole[number]
        for length in self._lengths:
            if length <= len(number) and number[:length] in self._prefixes:
                return self._prefixes[number[:length]]
        return self._else


class Precautions:
    """All that an account has."""

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        entries: Iterable[Entry] = (),
        opened: Iterable[int] = (),
        closed: Iterable[int] = (),
    ) -> None:
        self.rules = tuple(rules)
        self.opened, self.closed = frozenset(opened), frozenset(closed)
        grouped: dict[tuple[int, str], list[Entry]] = {}
        for entry in entries:
            grouped.setdefault((entry.trunk, entry.subject), []).append(entry)
        self._lists = {key: NumberList(listed) for key, listed in grouped.items()} if grouped else {}
        self.has_lists = bool(grouped)

    def refused_by(self, subject: str, number: str, trunk: int) -> bool:
        """Whether a list of the account, or of its trunk that the call came by, refuses a number."""
        if not self._lists:
            return False
        lists = [self._lists.get((one, subject)) for one in {0, trunk}]
        return any(one is not None and not one.allows(number) for one in lists)


NO_PRECAUTIONS = Precautions()


class Written(NamedTuple):
    """What a command says of an account, as its record keeps it."""

    rules: tuple[Rule, ...]
    entries: tuple[Entry, ...]
    opened: tuple[int, ...]
    closed: tuple[int, ...]


def written_of(body: Mapping[str, Any]) -> Written:
    """What a command says. Raises KeyError, ValueError."""
    rules = tuple([Rule(**one) for one in body["rules"]])
    for rule in rules:
        if rule.measure not in MEASURES or rule.action not in ACTIONS:
            raise ValueError(f"unknown rule {rule.measure!r} that would {rule.action!r}")
    entries = tuple([Entry(*one) for one in body["numbers"]])
    return Written(rules, entries, tuple(body["opened"]), tuple(body["closed"]))


def pack_written(written: Written) -> bytes:
    """Its record."""
    rules, entries, opened, closed = written
    return marshal.dumps((VERSION, tuple(map(tuple, rules)), tuple(map(tuple, entries)), opened, closed), 2)


def unpack_precautions(raw: bytes) -> Precautions:
    """Those of a record."""
    version, rules, entries, opened, closed = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    if version != VERSION:
        raise UnknownVersion("precautions", version)
    return Precautions(map(_rule, rules), map(_entry, entries), opened, closed)


class Range(NamedTuple):
    """Numbers that cost dearly where they are called by whom nobody knows."""

    id: int
    open_through: int
    """Accounts up to this id, older than the range, have it open unless they close it; 0: none."""


class Ranges:
    """All high-risk ranges, by prefix."""

    def __init__(self, rows: Iterable[Sequence[Any]] = ()) -> None:
        self.by_prefix = {str(prefix): Range(number, through) for prefix, number, through in rows}
        self._lengths = sorted(set(map(len, self.by_prefix)), reverse=True)

    def find(self, number: str) -> Range | None:
        """The range with the longest prefix of a number; None: it is in none."""
        for length in self._lengths:
            found = self.by_prefix.get(number[:length])
            if found is not None and length <= len(number):
                return found
        return None


def is_open(risk: Range, account: int, precautions: Precautions) -> bool:
    """Whether an account may call a range, as far as it is asked itself."""
    if risk.id in precautions.opened:
        return True
    return account <= risk.open_through and risk.id not in precautions.closed
