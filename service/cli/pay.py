"""`kambill pay`: posts a payment."""

from __future__ import annotations

import click

from ratebook.money import parse_micros
from service.cli.output import as_json, moment, money
from service.cli.session import actor, config, ledger, now_ms, run
from service.ledger.payments import PaymentRequest, Receipt, pay


class Amount(click.ParamType[int]):
    """Decimal text as micro-units."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The amount; click's fault for what is none."""
        try:
            return parse_micros(str(value))
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("account")
@click.argument("amount", type=Amount())
@click.option("--reason", default="", help="What the statement says.")
@click.option("--key", help="Idempotency key: the same one again changes nothing.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document.")
def command(account: str, amount: int, reason: str, key: str | None, *, wants_json: bool) -> None:
    """Post a payment of AMOUNT by ACCOUNT (its name, or # and its id), in the account's currency.

    What a provider is paid out is written as a negative amount.
    """
    settings = config()
    request = PaymentRequest(account, amount, reason, actor(), key)

    async def work() -> Receipt:
        async with ledger(settings) as engine, engine.begin() as conn:
            return await pay(conn, settings.node, request, now_ms())

    receipt = run(work())
    if wants_json:
        as_json(receipt._asdict())
        return
    click.echo(
        f"{receipt.account}: {money(receipt.amount_micros, receipt.currency)}, "
        f"balance {money(receipt.balance_micros, receipt.currency)} (entry {receipt.entry_id})"
    )
    if receipt.repeated:
        click.echo(f"already posted under this key, {moment(receipt.created_ms, settings.timezone)}: nothing changed")
