"""Reads a YAML text field by field, keeping line and column of each, and collects every fault. Pure.

Scalars are taken as the text that stands there: `0123`, `1:30` and `no` stay what the operator wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import yaml

from ratebook.document.nodes import Document
from ratebook.document.problems import Problem as DocumentProblem
from ratebook.document.problems import Problems

Value = str | list[str]


class Place(NamedTuple):
    """Where something stands, both from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """A fault of the file."""

    place: Place
    text: str


def place_of(node: yaml.Node) -> Place:
    """Where a node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class Row(NamedTuple):
    """The fields of one mapping."""

    place: Place
    values: dict[str, Value]
    """Texts, and lists of them."""
    places: dict[str, Place]
    """Of the fields that stand in the file; of a list's items as `networks/0`."""
    nodes: dict[str, yaml.Node]
    """Of the fields that another reader takes on."""

    def place_of(self, field: str) -> Place:
        """Of a field, or the item of one; the row's own if it was left out."""
        return self.places.get(field) or self.places.get(field.partition("/")[0], self.place)

    def text(self, field: str) -> str:
        """Of a field that holds one text; empty: it was left out."""
        value = self.values.get(field, "")
        return value if isinstance(value, str) else ""


class Sheet:
    """A text being read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, place: Place, text: str) -> None:
        """Notes a fault; reading goes on."""
        self.problems.append(Problem(place, text))

    def compose(self, text: str) -> yaml.Node | None:
        """The root node; None: empty, or no YAML (noted). Aliases and deep nesting are refused unbuilt."""
        found = Problems()
        node = Document("", found).read(text)
        self.take(found.listed())
        return None if self.problems else node

    def take(self, found: Iterable[DocumentProblem]) -> None:
        """Notes what a reader of the ratebook's found in this text."""
        for fault in found:
            self.problem(Place(fault.place.line, fault.place.column), f"{fault.message}: {fault.expected}")

    def pairs(self, node: yaml.Node, known: Collection[str]) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """Key, its node and the value's node of a mapping; unknown and repeated keys are noted and left out."""
        if not isinstance(node, yaml.MappingNode):
            self.problem(place_of(node), f"`name: value` lines were expected: {', '.join(known)}")
            return []
        found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name in found:
                self.problem(place_of(key), f"{name!r} stands here twice: keep one")
            elif name not in known:
                self.problem(place_of(key), f"{name!r} is unknown here: one of {', '.join(known)} was expected")
            else:
                found[name] = (name, key, value)
        return list(found.values())

    def row(self, node: yaml.Node, known: Collection[str], *, required: tuple[str, ...], raw: str = "") -> Row | None:
        """The fields of a mapping; None if one that is required is missing. `raw`: a field kept as its node."""
        row = Row(place_of(node), {}, {}, {})
        for name, key, value in self.pairs(node, known):
            row.places[name] = place_of(key)
            if name == raw:
                row.nodes[name] = value
            else:
                self._read(row, name, value)
        missing = [name for name in required if name not in row.places]
        for name in missing if isinstance(node, yaml.MappingNode) else ():
            self.problem(row.place, f"{name!r} is missing")
        return row if all(name in row.values for name in required) else None

    def _read(self, row: Row, name: str, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            row.values[name] = node.value
        elif isinstance(node, yaml.SequenceNode) and all(isinstance(one, yaml.ScalarNode) for one in node.value):
            row.values[name] = [one.value for one in node.value]
            row.places.update({f"{name}/{at}": place_of(one) for at, one in enumerate(node.value)})
        else:
            self.problem(place_of(node), f"{name}: one value, or a list of them, was expected")

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list; an empty value is an empty list."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not _is_nothing(node):
            self.problem(place_of(node), "a list was expected: lines that begin with `- `")
        return []


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null"}
