"""Reads a YAML text field by field, keeping line and column of each, and collects every fault. Pure.

Scalars are taken as the text that stands there: `0123`, `1:30` and `no` stay what the operator wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import yaml

from ratebook.document.nodes import Document
from ratebook.document.problems import Problem as DocumentProblem
from ratebook.document.problems import Problems
from ratebook.money import parse_micros
from service.peers.rules import canonical_host, canonical_network


class Place(NamedTuple):
    """Where something stands, both from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """A fault of the file."""

    place: Place
    text: str


Parser = Callable[[str], Any]
"""The value of a scalar's text. Raises ValueError with what was expected."""


def place_of(node: yaml.Node) -> Place:
    """Where a node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class Row(NamedTuple):
    """The fields of one mapping."""

    place: Place
    values: dict[str, Any]
    places: dict[str, Place]
    """Of the fields that stand in the file."""

    def place_of(self, field: str) -> Place:
        """Of a field; the row's own if it was left out."""
        return self.places.get(field, self.place)


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

    def row(self, node: yaml.Node, fields: Mapping[str, Field], *, required: tuple[str, ...]) -> Row | None:
        """The fields of a mapping; None if one that is required is missing or wrong. Everything wrong is noted."""
        row = Row(place_of(node), {}, {})
        whole = isinstance(node, yaml.MappingNode)
        for name, key, value in self.pairs(node, fields):
            row.places[name] = place_of(key)
            before = len(self.problems)
            found = self.value(name, fields[name], value)
            if len(self.problems) == before:
                row.values[name] = found
        for name in required if whole else ():
            if name not in row.places:
                self.problem(row.place, f"{name!r} is missing")
        return row if all(name in row.values for name in required) else None

    def value(self, name: str, field: Field, node: yaml.Node) -> Any:
        """What a field's node says; None and a problem if it says nothing that the field holds."""
        try:
            return field.read(node)
        except Misread as fault:
            for where, said in fault.faults:
                self.problem(place_of(where), f"{name}: {said}")
            return None

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list; an empty value is an empty list."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not _is_nothing(node):
            self.problem(place_of(node), "a list was expected: lines that begin with `- `")
        return []


class Misread(Exception):
    """A node is not what a field holds: which nodes, and what is wrong with each."""

    def __init__(self, *faults: tuple[yaml.Node, str]) -> None:
        self.faults = faults
        super().__init__("; ".join(text for _, text in faults))


class Field:
    """What a key holds: one scalar, read by a parser."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser

    def read(self, node: yaml.Node) -> Any:
        """The value. Raises Misread."""
        if not isinstance(node, yaml.ScalarNode):
            raise Misread((node, "one value was expected"))
        try:
            return self.parser(node.value)
        except ValueError as fault:
            raise Misread((node, str(fault))) from fault


class Texts(Field):
    """A list of scalars, or one alone, as a sorted tuple without repetitions."""

    def read(self, node: yaml.Node) -> tuple[Any, ...]:
        """The values. Raises Misread with every item that is wrong."""
        if not isinstance(node, yaml.SequenceNode):
            return () if _is_nothing(node) else (super().read(node),)
        values: set[Any] = set()
        faults: list[tuple[yaml.Node, str]] = []
        for item in node.value:
            try:
                values.add(super().read(item))
            except Misread as fault:
                faults.extend(fault.faults)
        if faults:
            raise Misread(*faults)
        return tuple(sorted(values))


class Raw(Field):
    """Whatever stands there, as its node: another reader takes it on."""

    def __init__(self) -> None:
        super().__init__(str)

    def read(self, node: yaml.Node) -> yaml.Node:
        """The node."""
        return node


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null"}


def text(value: str) -> str:
    """Text that says something, without blanks around it."""
    if not value or value != value.strip() or not value.isprintable():
        raise ValueError(f"{value!r}: text without blanks around it was expected")
    return value


def whole(least: int, most: int) -> Parser:
    """A whole number within limits."""

    def parse(value: str) -> int:
        if value.isascii() and value.isdecimal() and len(value) <= 12 and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"{value!r}: a whole number from {least} to {most} was expected")

    return parse


def whole_or(word: str, meaning: int | None, least: int, most: int) -> Parser:
    """A whole number, or a word in its place."""
    number = whole(least, most)

    def parse(value: str) -> int | None:
        if value == word:
            return meaning
        try:
            return int(number(value))
        except ValueError as fault:
            raise ValueError(f"{fault}, or `{word}`") from None

    return parse


def one_of(*choices: str) -> Parser:
    """One of some words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"{value!r}: one of {', '.join(choices)} was expected")
        return value

    return parse


def matching(pattern: Any, expected: str) -> Parser:
    """Text that a compiled pattern matches as a whole."""

    def parse(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError(f"{value!r}: {expected}")
        return value

    return parse


def flag(value: str) -> bool:
    """Yes or no."""
    if value not in {"true", "false", "yes", "no"}:
        raise ValueError(f"{value!r}: true or false was expected")
    return value in {"true", "yes"}


def amount(value: str) -> int:
    """Micro-units, not below nothing."""
    micros = parse_micros(value)
    if micros < 0:
        raise ValueError(f"{value!r}: an amount not below 0 was expected")
    return micros


network = canonical_network
host = canonical_host
