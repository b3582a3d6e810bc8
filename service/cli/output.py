"""Tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from ratebook.money import format_micros


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False


def money(micros: int | None, currency: str) -> str:
    """An amount as people read it; nothing for None."""
    return "" if micros is None else f"{format_micros(micros)} {currency}"


def moment(wall_ms: int, zone: str) -> str:
    """A time in the operator's zone, to the second; nothing for 0."""
    if not wall_ms:
        return ""
    shown = datetime.fromtimestamp(wall_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    return shown.strftime("%Y-%m-%d %H:%M:%S")


def exact(wall_ms: int, zone: str) -> str:
    """The same to the millisecond."""
    return f"{moment(wall_ms, zone)}.{wall_ms % 1000:03}" if wall_ms else ""


def limit(value: int | None) -> str:
    """A limit as people read it."""
    return "-" if value is None else str(value)


def as_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table as wide as its text when nobody reads it on a screen; `empty`: what to say without rows."""
    from rich.console import Console  # noqa: PLC0415 -- rich takes 60 ms
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    lines = list(rows)
    if not lines:
        click.echo(empty)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 400
    sheet = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        sheet.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for line in lines:
        sheet.add_row(*(Text(cell) for cell in line))
    console.print(sheet, soft_wrap=not console.is_terminal)


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line; those without a value are left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}")
