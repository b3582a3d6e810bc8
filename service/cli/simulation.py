"""`kambill call simulate`: what would happen to a call and why, without one."""

from __future__ import annotations

from typing import Any

import click

from service.cli.groups import url_of
from service.cli.output import as_json
from service.cli.session import run


@click.command()
@click.option(
    "--from", "origin", required=True, metavar="TRUNK|DEVICE", help="Where it begins; #5 is a trunk's number."
)
@click.option("--to", "called", required=True, metavar="NUMBER", help="As the INVITE says it, with the tech prefix.")
@click.option("--caller", metavar="NUMBER", help="Who calls, as the INVITE says it.")
@click.option("--at", metavar="TIME", help="By the rates and hours of this time, such as 2026-11-30T12:00:00Z.")
@click.option("--prices", "with_prices", is_flag=True, help="How the price of each level comes to be, step by step.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
@click.pass_context
def simulate(ctx: click.Context, /, *, wants_json: bool, with_prices: bool, **asked: Any) -> None:
    """What would happen to a call from TRUNK or DEVICE to NUMBER, and why, step by step. Nothing is held or sent."""
    from service.cli.simulation_work import simulation  # noqa: PLC0415 -- half a second

    found = run(simulation(url_of(ctx), **asked))
    if wants_json:
        as_json(found)
        return
    for number, step in enumerate(found["steps"], start=1):
        click.echo(f"{number:>3}. {step}")
    for level in found["levels"] if with_prices else ():
        click.echo(f"\naccount #{level['account_id']}:")
        for step in level["price_steps"]:
            click.echo(f"  {step}")
