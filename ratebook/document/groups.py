"""`groups.yaml`: named sets of prefixes, and of destinations as the ratebook's rates name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import yaml

from ratebook.document import values
from ratebook.document.nodes import Document
from ratebook.document.problems import Place, Problems, shorten, suggestion
from ratebook.groups import Group
from ratebook.model import Tariff

GROUPS_FILE = "groups.yaml"
FIELDS = ("prefixes", "destinations", "except", "description")
GROUPS_MAX = 1_000
PREFIXES_MAX = 200_000
"""Of all groups together."""
_NO_PREFIXES: list[str] = []


class Placed(NamedTuple):
    """A prefix of a group and where it was written."""

    prefix: str
    place: Place


class _Names:
    """The prefixes of the ratebook by the names of their destinations; looked through when a group first asks."""

    def __init__(self, tariffs: Mapping[str, Tariff]) -> None:
        self._tariffs = tariffs
        self._named: dict[str, set[str]] | None = None

    def named(self) -> dict[str, set[str]]:
        """By name."""
        if self._named is None:
            self._named = {}
            for tariff in self._tariffs.values():
                for rate in tariff.rates:
                    self._named.setdefault(rate.destination, set()).add(rate.prefix)
        return self._named

    def others(self, prefixes: set[str]) -> list[str]:
        """Longer prefixes than these that have other names: they are other destinations."""
        known = {prefix for named in self.named().values() for prefix in named}
        return sorted(one for one in known - prefixes if any(one[:length] in prefixes for length in range(len(one))))


def read_groups(document: Document, node: yaml.Node, tariffs: Mapping[str, Tariff]) -> list[Group]:
    """The groups of a table from name to group. Faults are noted."""
    names = _Names(tariffs)
    named = document.mapping(node, (), "groups")
    if len(named) > GROUPS_MAX:
        document.fault(node, f"{len(named)} groups", f"{GROUPS_MAX} at most")
        return []
    owners: dict[str, tuple[str, Place]] = {}
    groups = []
    for name, one in named.items():
        try:
            values.name(name)
        except ValueError as fault:
            document.fault(one, f"a group called {shorten(name)}", str(fault))
        group, placed = _group(document, one, name, names)
        _claim(document.problems, owners, name, placed)
        groups.append(group)
        if len(owners) > PREFIXES_MAX:
            document.fault(
                one, f"more than {PREFIXES_MAX} prefixes in the groups up to here", "fewer, shorter prefixes"
            )
            break
    return groups


def _group(document: Document, node: yaml.Node, name: str, names: _Names) -> tuple[Group, list[Placed]]:
    before = document.problems.count
    fields = document.mapping(node, FIELDS, f"group {shorten(name)}")
    placed = _prefixes(document, fields["prefixes"], "prefixes") if "prefixes" in fields else []
    left_out = [one.prefix for one in _prefixes(document, fields["except"], "except")] if "except" in fields else []
    document.value(fields, "description", values.label, "")
    if "destinations" in fields:
        more = _destinations(document, fields["destinations"], names)
        placed += more
        left_out += names.others({one.prefix for one in more})
    out = set(left_out)
    placed = [one for one in placed if one.prefix not in out]
    if fields and not placed and document.problems.count == before:
        document.fault(node, f"group {shorten(name)} has no numbers", "`prefixes:` or `destinations:`")
    return Group(name, tuple(dict.fromkeys(one.prefix for one in placed)), tuple(dict.fromkeys(left_out))), placed


def _claim(problems: Problems, owners: dict[str, tuple[str, Place]], name: str, placed: Iterable[Placed]) -> None:
    """A prefix has one group, and stands in it once."""
    for prefix, place in placed:
        owner, where = owners.setdefault(prefix, (name, place))
        if where != place:
            whose = "this group" if owner == name else f"group {owner!r}"
            said = f"prefix {prefix!r} is in {whose} already"
            problems.add(place, said, f"once; the other stands in {where.file}:{where.line}")


def _prefixes(document: Document, node: yaml.Node, what: str) -> list[Placed]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found: list[Placed] = []
    for one in nodes:
        prefixes = document.value({what: one}, what, values.prefixes, _NO_PREFIXES)
        found += [Placed(prefix, document.place(one)) for prefix in prefixes]
        if len(found) > PREFIXES_MAX:
            document.fault(one, f"more than {PREFIXES_MAX} prefixes up to here", "fewer, shorter prefixes")
            return []
    return found


def _destinations(document: Document, node: yaml.Node, names: _Names) -> list[Placed]:
    found = []
    for one in document.items(node, "destinations"):
        name = document.text(one, "destinations")
        prefixes = names.named().get(name) if name else None
        if prefixes is None and name is not None:
            near = suggestion(name, names.named())
            document.fault(one, f"no rate has the destination {shorten(name)}", f"the name of one that has{near}")
        found += [Placed(prefix, document.place(one)) for prefix in sorted(prefixes or ())]
    return found
