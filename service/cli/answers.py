"""Shows what the API answered: a table for a list, facts for one thing."""

from __future__ import annotations

import re
from typing import Any

import click

from service.api.values import parse_moment
from service.cli.output import Column, facts, moment, table

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
LISTED_MAX = 6
"""Of a list in a table's cell: of a longer one only how many there are."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
Pairs = list[tuple[str, str]]
Tables = list[tuple[str, list[Any]]]
_HIDDEN = frozenset({"version"})
"""For programs: it stands in the JSON."""


def show(document: Any, zone: str) -> None:
    """For people."""
    if document is None:
        click.echo("done")
    elif isinstance(document, dict) and isinstance(document.get("items"), list):
        rows(document["items"], zone)
        rest = {name: value for name, value in document.items() if name not in {"items", "next"}}
        if rest:
            thing(rest, zone)
    elif isinstance(document, dict):
        thing(document, zone)
    else:
        click.echo(cell(document, zone))


def rows(items: list[Any], zone: str) -> None:
    """A table; columns in which nothing stands are left out."""
    if not all(isinstance(item, dict) for item in items):
        for item in items:
            click.echo(cell(item, zone))
        return
    names = list(dict.fromkeys(name for item in items for name in item if name not in _HIDDEN or _is_text(item[name])))
    cells = [{name: _short(item.get(name), zone) for name in names} for item in items]
    shown = [name for name in names if any(line[name] for line in cells)]
    columns = [Column(_title(name), right=_is_number(items, name)) for name in shown]
    table(columns, ([line[name] for name in shown] for line in cells), empty="none")


def _is_text(version: object) -> bool:
    """A tariff's version is a name, which people give to `revert`; others are counters."""
    return isinstance(version, str)


def _short(value: Any, zone: str) -> str:
    return f"({len(value)})" if isinstance(value, list) and len(value) > LISTED_MAX else cell(value, zone)


def _is_number(items: list[dict[str, Any]], name: str) -> bool:
    values = [item[name] for item in items if item.get(name) not in {None, ""}] if _flat(items, name) else []
    return bool(values) and all(not isinstance(one, bool) and _NUMBER.fullmatch(str(one)) for one in values)


def _flat(items: list[dict[str, Any]], name: str) -> bool:
    return not any(isinstance(item.get(name), (list, dict)) for item in items)


def thing(document: dict[str, Any], zone: str, above: str = "") -> None:
    """Names and values; lists of things below as tables."""
    pairs, tables = _pairs(document, zone, above)
    facts(pairs)
    for name, items in tables:
        click.echo(f"\n{name}")
        rows(items, zone)


def _pairs(
    document: dict[str, Any], zone: str, above: str
) -> tuple[list[tuple[str, str]], list[tuple[str, list[Any]]]]:
    pairs: Pairs = []
    tables: Tables = []
    for name, value in document.items():
        title = f"{above} {_title(name)}".strip()
        if name in _HIDDEN:
            continue
        if isinstance(value, dict):
            more, below = _pairs(value, zone, title)
            pairs, tables = pairs + more, tables + below
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables.append((title, value))
        else:
            pairs.append((title, cell(value, zone)))
    return pairs, tables


def _title(name: str) -> str:
    return name.replace("_", " ")


def cell(value: Any, zone: str) -> str:
    """A value as people read it; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(one, zone) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{_title(name)} {cell(one, zone) or '-'}" for name, one in value.items())
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        wall_ms = parse_moment(value)
        return moment(wall_ms, zone) if isinstance(wall_ms, int) else value
    return str(value)
