"""`kambill apply`: shows the difference, then does it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service.cli.output import as_json
from service.cli.session import config, ledger, now_ms, run
from service.setup.difference import Difference
from service.setup.perform import perform, plan_setup


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document; needs --yes or --dry-run.")
def command(file: Path, *, yes: bool, dry_run: bool, wants_json: bool) -> None:
    """Bring accounts, trunks, providers and plans to what FILE says.

    What FILE doesn't name stays as it is. A trunk may name a plan of the ratebook's routing.yaml.
    Everything is done in one transaction, or nothing.
    """
    if wants_json and not (yes or dry_run):
        raise click.UsageError("--json can't ask: give --yes or --dry-run with it")
    settings = config()

    async def work() -> None:
        async with ledger(settings) as engine:
            wanted = await plan_setup(engine, file, settings.ratebook)
            if not wants_json:
                _show(wanted.difference)
            does = not dry_run and not wanted.difference.is_empty and (yes or _agreed())
            if does:
                await perform(engine, settings.node, wanted, now_ms())
            if wants_json:
                as_json(_document(wanted.difference, done=does))
            elif does:
                click.echo("done")

    run(work())


def _show(changes: Difference) -> None:
    for line in changes.lines():
        click.echo(line)
    if changes.is_empty:
        click.echo("nothing to do")


def _agreed() -> bool:
    """Asks; without a terminal to answer from it is no."""
    if not sys.stdin.isatty():
        click.echo("nothing was changed: give --yes to do this without being asked", err=True)
        sys.exit(1)
    return click.confirm("Do this?")


def _document(changes: Difference, *, done: bool) -> dict[str, object]:
    return {
        "done": done,
        "currency": changes.currency and changes.currency._asdict(),
        "changes": [
            {
                "kind": change.kind,
                "name": change.name,
                "new": change.is_new,
                "fields": [field._asdict() for field in change.fields],
            }
            for change in changes.changes
        ],
    }
