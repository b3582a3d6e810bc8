"""`kambill account`: the tree with balances."""

from __future__ import annotations

from typing import Any

import click

from service.accounts.overview import AccountLine, AccountView, account_lines, account_view
from service.accounts.rules import ROOT_ID
from service.cli.output import Column, as_json, facts, limit, moment, money, table
from service.cli.session import config, ledger, run
from service.database.engine import reading


@click.group()
def command() -> None:
    """Accounts with their balances."""


@command.command("list")
@click.argument("below", default=f"#{ROOT_ID}")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
def list_accounts(below: str, *, wants_json: bool) -> None:
    """All accounts, or those BELOW one (its name, or # and its id), as a tree."""

    async def work() -> list[AccountLine]:
        async with ledger(config()) as engine, reading(engine) as conn:
            return await account_lines(conn, below)

    lines = run(work())
    if wants_json:
        as_json([line._asdict() for line in lines])
        return
    columns = [Column("id", right=True), Column("account"), Column("kind"), Column("billing"), Column("tariff")]
    columns += [Column("balance", right=True), Column("credit limit", right=True), Column("state")]
    table(columns, (_cells(line) for line in lines), empty="no accounts")


def _cells(line: AccountLine) -> list[str]:
    kind = f"{line.kind}, commission" if line.commission else line.kind
    balance = "" if line.kind == "root" else money(line.balance_micros, line.currency)
    credit = "" if not line.credit_limit_micros else money(line.credit_limit_micros, line.currency)
    return [str(line.id), "  " * line.depth + line.name, kind, line.billing, line.tariff, balance, credit, line.state]


@command.command("show")
@click.argument("name")
@click.option("--lines", default=20, show_default=True, type=click.IntRange(0, 10_000), help="Of the statement.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
def show_account(name: str, lines: int, *, wants_json: bool) -> None:
    """One account: NAME, or # and its id."""
    settings = config()

    async def work() -> AccountView:
        async with ledger(settings) as engine, reading(engine) as conn:
            return await account_view(conn, name, lines=lines)

    view = run(work())
    if wants_json:
        as_json(_document(view))
    else:
        _show(view, settings.timezone)


def _document(view: AccountView) -> dict[str, Any]:
    return {
        **view.line._asdict(),
        "path": view.path,
        "books": view.books,
        "trunks": view.trunks,
        "gateways": view.gateways,
        "statement": [line._asdict() for line in view.statement],
    }


def _show(view: AccountView, zone: str) -> None:
    line = view.line
    facts(
        [
            ("account", f"{line.name} (#{line.id})"),
            ("below", " < ".join(view.path[1:])),
            ("kind", f"{line.kind}{', commission' if line.commission else ''}, {line.billing}, {line.state}"),
            ("balance", "" if line.kind == "root" else money(line.balance_micros, line.currency)),
            ("credit limit", money(line.credit_limit_micros, line.currency)),
            *((book, money(micros, line.currency)) for book, micros in view.books.items()),
            ("tariff", line.tariff),
            ("channels, calls a second", f"{limit(line.channels)}, {limit(line.cps)}"),
            *((f"trunk {name}", ", ".join(networks) or "no network") for name, networks in view.trunks.items()),
            *((f"gateway {name}", address) for name, address in view.gateways.items()),
        ]
    )
    click.echo()
    columns = [Column("time"), Column("entry", right=True), Column("kind"), Column("amount", right=True)]
    columns += [Column("reason"), Column("by")]
    rows = (
        [moment(one.created_ms, zone), str(one.entry_id), one.kind, money(one.amount_micros, one.currency), *texts]
        for one in view.statement
        for texts in [(one.reason, one.actor)]
    )
    table(columns, rows, empty="no entries yet")
