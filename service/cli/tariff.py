"""`kambill tariff`: check and price straight from the ratebook's folder, publish it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ratebook.document import LoadedRatebook, Problem, load
from ratebook.document.routing_schema import routing_schema
from ratebook.document.schema import exchange_schema, groups_schema, tariff_schema
from service.cli import comparing, exchange, grouping, pricing, publishing, rerating, sheets
from service.cli.groups import Verbs
from service.cli.output import as_json
from service.cli.ratebook import FOLDER, RatebookFaulty, folder_of, told_problem, warn
from service.cli.session import config, ledger, now_ms, run
from service.tariffs import publisher


@click.group(cls=Verbs, noun="tariff", both={"rerate"})
def command() -> None:
    """The ratebook: check it, price calls by it, publish it."""


_JSON = click.option("--json", "wants_json", is_flag=True, help="One JSON document.")


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@FOLDER
@click.option("--published", is_flag=True, help="Warn of jumps from what is published, and of prices below cost too.")
@_JSON
def check(folder: Path | None, ratebook: Path | None, *, published: bool, wants_json: bool) -> None:
    """Read the whole ratebook, or the one in FOLDER, and tell every fault. Nothing is published."""
    folder = folder or folder_of(ratebook)
    found = load(folder)
    if published and not found.problems:
        found = found._replace(warnings=[*found.warnings, *_beside_published(folder, found)])
    if wants_json:
        problems, warnings = list(map(told_problem, found.problems)), list(map(told_problem, found.warnings))
        rates = {name: len(tariff.rates) for name, tariff in found.tariffs.items()}
        as_json(
            {
                "ok": not problems,
                "problems": problems,
                "warnings": warnings,
                "tariffs": rates,
                "plans": [*found.plans],
                "groups": [one.name for one in found.groups],
                "exchange": len(found.exchange.courses),
            }
        )
        sys.exit(1 if problems else 0)
    warn(found, folder)
    if found.problems:
        raise RatebookFaulty(folder, found)
    for name, tariff in found.tariffs.items():
        click.echo(f"tariff {name}: {len(tariff.rates)} rates in {tariff.currency}")
    for name, plan in found.plans.items():
        click.echo(f"plan {name}: {len(plan.routes)} prefixes")
    if found.exchange.courses:
        click.echo(f"exchange: {len(found.exchange.courses)} pairs")
    for group in found.groups:
        click.echo(f"group {group.name}: {len(group.prefixes)} prefixes")
    click.echo("no faults")


def _beside_published(folder: Path, found: LoadedRatebook) -> list[Problem]:
    """What publishing it would warn of."""
    settings = config()

    async def work() -> list[Problem]:
        async with ledger(settings) as engine:
            return await publisher.look(settings, engine, folder, found, now_ms())

    return run(work())


_SCHEMAS = {
    "tariff": tariff_schema,
    "exchange": exchange_schema,
    "groups": groups_schema,
    "routing": routing_schema,
}


@command.command()
@click.option("--of", "what", type=click.Choice(list(_SCHEMAS)), default="tariff", show_default=True)
def schema(what: str) -> None:
    """Print a JSON Schema for editors: of the files under tariffs/, of exchange.yaml, groups.yaml or routing.yaml."""
    as_json(_SCHEMAS[what]())


command.add_command(pricing.price)
command.add_command(pricing.lookup)
command.add_command(exchange.exchange)
command.add_command(comparing.diff)
command.add_command(comparing.simulate)
command.add_command(comparing.margin)
command.add_command(rerating.rerate)
command.add_command(sheets.import_sheet)
command.add_command(sheets.undo_import)
command.add_command(sheets.export_sheet)
command.add_command(publishing.publish)
command.add_command(publishing.pending)
command.add_command(publishing.cancel)
command.add_command(grouping.groups)
