"""`kambill account`: the tree with balances."""

from __future__ import annotations

from typing import Any

import click

from service.accounts.overview import AccountLine, AccountView, account_lines, account_view
from service.accounts.rules import ROOT_ID
from service.cli.groups import Verbs, url_of
from service.cli.output import Column, as_json, facts, limit, moment, money, table
from service.cli.session import config, ledger, run
from service.database.engine import reading


@click.group(cls=Verbs, noun="account", both=("list", "show"))
def command() -> None:
    """Accounts with their balances."""


@command.command("list")
@click.argument("below", required=False)
@click.option("--name", default="", help="Those whose name has this in it.")
@click.option("--kind", type=click.Choice(["root", "reseller", "customer", "provider"]))
@click.option("--billing", type=click.Choice(["prepaid", "postpaid"]))
@click.option("--state", type=click.Choice(["active", "suspended", "closed"]))
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
@click.pass_context
def list_accounts(ctx: click.Context, /, below: str | None, *, wants_json: bool, **chosen: str | None) -> None:
    """All accounts, or those BELOW one (its name, the end of its path of names, or # and its id), as a tree."""
    url = url_of(ctx)

    async def here() -> list[AccountLine]:
        async with ledger(config()) as engine, reading(engine) as conn:
            return await account_lines(conn, below or f"#{ROOT_ID}")

    async def there() -> list[AccountLine]:
        from service.cli.tree import lines_by_api  # noqa: PLC0415

        return await lines_by_api(url, below)

    lines = [line for line in run(there() if url else here()) if _is_chosen(line, chosen)]
    if wants_json:
        as_json([line._asdict() for line in lines])
        return
    columns = [Column("id", right=True), Column("account"), Column("kind"), Column("billing"), Column("tariff")]
    columns += [Column("balance", right=True), Column("credit limit", right=True), Column("state")]
    table(columns, (_cells(line) for line in lines), empty="no accounts")


def _is_chosen(line: AccountLine, chosen: dict[str, str | None]) -> bool:
    if (chosen["name"] or "").casefold() not in line.name.casefold():
        return False
    return all(not chosen[field] or getattr(line, field) == chosen[field] for field in ("kind", "billing", "state"))


def _cells(line: AccountLine) -> list[str]:
    kind = f"{line.kind}, commission" if line.commission else line.kind
    balance = "" if line.kind == "root" else money(line.balance_micros, line.currency)
    credit = "" if not line.credit_limit_micros else money(line.credit_limit_micros, line.currency)
    return [str(line.id), "  " * line.depth + line.name, kind, line.billing, line.tariff, balance, credit, line.state]


@command.command("show")
@click.argument("name")
@click.option("--lines", default=20, show_default=True, type=click.IntRange(0, 10_000), help="Of the statement.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
@click.pass_context
def show_account(ctx: click.Context, name: str, lines: int, *, wants_json: bool) -> None:
    """One account: NAME, the end of its path of names, or # and its id."""
    if url_of(ctx):
        from service.cli.verbs import BY_NAME, command_of  # noqa: PLC0415

        shown = command_of(BY_NAME["account.show"], url_of(ctx))
        shown.main([name, *(["--json"] if wants_json else [])], standalone_mode=False)
        return
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
        "books": [line._asdict() for line in view.books],
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
            *((one.book, money(one.micros, one.currency)) for one in view.books),
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
