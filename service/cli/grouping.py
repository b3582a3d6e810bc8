"""`kambill tariff groups`: destination groups, and the one of a number."""

from __future__ import annotations

from pathlib import Path

import click

from ratebook.groups import Group, Groups
from service.cli.output import Column, as_json, table
from service.cli.pricing import JSON
from service.cli.ratebook import FOLDER, Number, folder_of, sound
from service.cli.session import config, ledger, run
from service.database.engine import reading
from service.tariffs.switching import load_groups

SHOWN_MAX = 8
"""Prefixes of a group in a line."""


@click.command()
@click.argument("number", type=Number(), required=False)
@click.option("--published", is_flag=True, help="As they are in force, not as the ratebook's folder has them.")
@FOLDER
@JSON
def groups(number: str | None, ratebook: Path | None, *, published: bool, wants_json: bool) -> None:
    """The destination groups of the ratebook, or the one that NUMBER belongs to."""
    found = run(_published()) if published else sound(folder_of(ratebook), wants_json=wants_json).groups
    if number is not None:
        name = Groups(found).find(number)
        if wants_json:
            as_json({"number": number, "group": name or None})
        else:
            click.echo(name or f"{number} is in no group")
        return
    if wants_json:
        as_json([{"name": one.name, **one.to_record()} for one in found])
        return
    rows = [[one.name, _some(one.prefixes), _some(one.excepted)] for one in found]
    table([Column(name) for name in ("group", "prefixes", "except")], rows, empty="there are no groups")


async def _published() -> list[Group]:
    async with ledger(config()) as engine, reading(engine) as conn:
        return await load_groups(conn)


def _some(prefixes: tuple[str, ...]) -> str:
    more = len(prefixes) - SHOWN_MAX
    return ", ".join(one or '""' for one in prefixes[:SHOWN_MAX]) + (f" … and {more} more" if more > 0 else "")
