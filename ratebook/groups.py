"""Destination groups: which of a ratebook's named sets of prefixes a number belongs to. Pure; fit for the call path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

NONE = ""
"""In a table: numbers that a group has left out, and no other has."""


class Group(NamedTuple):
    """A named set of numbers."""

    name: str
    prefixes: tuple[str, ...]
    """Digits; empty: every number."""
    excepted: tuple[str, ...] = ()
    """None of `prefixes`. Numbers that begin so, and with no longer one of `prefixes`, are left out."""

    def to_record(self) -> dict[str, Any]:
        """For JSON."""
        return {"prefixes": list(self.prefixes), "except": list(self.excepted)}

    @classmethod
    def from_record(cls, name: str, record: Mapping[str, Any]) -> Group:
        """What `to_record` gave."""
        return cls(name, tuple(record["prefixes"]), tuple(record["except"]))


class Groups:
    """Groups by number: a number belongs to one at most, to that with the longest prefix of those that have it."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self.groups = tuple(groups)
        self._table = _table(self.groups)
        self._lengths = sorted(set(map(len, self._table)), reverse=True)

    @property
    def table(self) -> Mapping[str, str]:
        """The group of each prefix that any names, NONE for what is left out: the longest one of a number decides."""
        return self._table

    def find(self, number: str) -> str:
        """The name of a number's group; empty: it is in none. As many look-ups as there are lengths of prefixes."""
        table = self._table
        for length in self._lengths:
            found = table.get(number[:length])
            if found is not None and length <= len(number):
                return found
        return NONE


def _table(groups: tuple[Group, ...]) -> dict[str, str]:
    """What holds for each prefix that any group names; the longest one that a number begins with decides for it."""
    included = {prefix: group.name for group in groups for prefix in group.prefixes}
    excepted: dict[str, list[str]] = {}
    for group in groups:
        for prefix in group.excepted:
            excepted.setdefault(prefix, []).append(group.name)
    return {prefix: _of_prefix(prefix, included, excepted) for prefix in {**included, **excepted}}


def _of_prefix(prefix: str, included: Mapping[str, str], excepted: Mapping[str, list[str]]) -> str:
    """From the longest part of the prefix to the shortest: what is left out on the way does not come in by less."""
    out: set[str] = set()
    for length in range(len(prefix), -1, -1):
        name = included.get(prefix[:length])
        if name is not None and name not in out:
            return name
        out.update(excepted.get(prefix[:length], ()))
    return NONE
