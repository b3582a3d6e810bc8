"""`kambill tariff rerate`: what calls of a period were charged wrongly, shown, and with --yes corrected."""

from __future__ import annotations

from typing import Any

import click

from service.cli.comparing import Period
from service.cli.groups import url_of
from service.cli.pricing import JSON
from service.cli.session import run
from service.faults import Fault


@click.command()
@click.option("--period", type=Period(), required=True, help="When the calls began: 7d, or 2026-11-01..2026-11-08.")
@click.option("--account", help="Calls that this account, or one below it, made.")
@click.option("--prefix", help="Calls to numbers that begin so.")
@click.option("--destination", help="Calls to this destination, as their records name it.")
@click.option("--tariff", help="Only what was priced by this tariff, charges or costs.")
@click.option("--by", "by", help="By another tariff's rates: the account had the wrong one.")
@click.option("--version", help="By a version of before (`tariff history`), not the one in force.")
@click.option("--draft", is_flag=True, help="By the rates as they are written, not yet published.")
@click.option("--reason", help="Why, for the books and the audit.")
@click.option("--yes", is_flag=True, help="Do it: corrections are posted.")
@JSON
@click.pass_context
def rerate(ctx: click.Context, /, *, reason: str | None, yes: bool, wants_json: bool, **chosen: Any) -> None:
    """Price the calls of a period again and correct what differs, at every level: each account's charge, the costs.

    By the rates in force now, of each call's own moment. Without --yes it only shows what would change.
    """
    if yes and not reason:
        raise Fault("--reason: why the calls are rated again, for the books and the audit")
    from service.cli import rerating_work  # noqa: PLC0415 -- half a second

    run(rerating_work.rerate(url_of(ctx), chosen, reason if yes else None, wants_json=wants_json))
