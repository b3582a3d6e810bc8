"""Fields of a mapping, each by its own parser, with every fault at its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import yaml

from ratebook.money import parse_micros
from service.setup.sheet import Place, Sheet, place_of

Parser = Callable[[str], Any]
"""The value of a scalar's text. Raises ValueError with what was expected."""


class Fields(NamedTuple):
    """What a mapping says."""

    place: Place
    values: dict[str, Any]
    places: dict[str, Place]

    def place_of(self, field: str) -> Place:
        """Of a field; the mapping's own if it was left out."""
        return self.places.get(field, self.place)


def read_fields(
    sheet: Sheet, node: yaml.Node, parsers: Mapping[str, Parser | None], required: tuple[str, ...]
) -> Fields | None:
    """The fields of a mapping; without a parser a field stays its node. None if one that is required is missing or
    wrong. Everything wrong is noted.
    """
    found = Fields(place_of(node), {}, {})
    for name, key, value in sheet.pairs(node, parsers):
        found.places[name] = place_of(key)
        parse = parsers[name]
        if parse is None:
            found.values[name] = value
        elif not isinstance(value, yaml.ScalarNode):
            sheet.problem(place_of(value), f"{name}: one value was expected")
        else:
            try:
                found.values[name] = parse(value.value)
            except ValueError as fault:
                sheet.problem(place_of(value), f"{name}: {fault}")
    for name in required if isinstance(node, yaml.MappingNode) else ():
        if name not in found.places:
            sheet.problem(found.place, f"{name!r} is missing")
    return found if all(name in found.values for name in required) else None


def text(value: str) -> str:
    """Text that says something, without blanks around it."""
    if not value or value != value.strip() or not value.isprintable():
        raise ValueError(f"{value!r}: text without blanks around it was expected")
    return value


def matching(pattern: re.Pattern[str], expected: str) -> Parser:
    """Text that a compiled pattern matches as a whole."""

    def parse(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise ValueError(f"{value!r}: {expected}")
        return value

    return parse


def amount(value: str) -> int:
    """Micro-units, not below nothing."""
    micros = parse_micros(value)
    if micros < 0:
        raise ValueError(f"{value!r}: an amount not below 0 was expected")
    return micros
