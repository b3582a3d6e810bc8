"""Rates of exchange that change within a period: invoices, commission, statements and netting, against plain SQL."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.database.engine import reading
from tests.service.test_exchange import EXCHANGE, Market
from tests.service.test_invoices import MONTH_MS, Bureau

SETUP = """
accounts:
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: lower, parent: upper, kind: reseller, tariff: resale, currency: USD}
  - {name: agent, parent: lower, kind: reseller, commission: true, currency: GBP}
  - {name: customer, parent: agent, kind: customer, tariff: retail, currency: GBP}
providers:
  - {name: carrier, tariff: carrier, currency: USD, gateways: [{name: gw1, host: 127.0.0.11}]}
plans:
  standard: {routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2], plan: standard}
"""
BEFORE, AFTER = (61, 7, 30), (95, 33, 12, 1)
"""Seconds of calls, by whose rates of exchange."""
PRICES = {
    "customer": (Fraction(6, 100), Fraction(80, 125), Fraction(83, 131)),
    "lower": (Fraction(3, 100), Fraction(125, 100), Fraction(131, 100)),
    "upper": (Fraction(24, 1000), Fraction(1), Fraction(1)),
    "carrier": (Fraction(12, 1000), Fraction(1), Fraction(1)),
}
"""What a minute costs in the tariff's currency, and what that is worth in the account's, before and after."""


def rounded(exact: Fraction) -> int:
    """Micro-units, half up."""
    return int(exact * 10**6 + Fraction(1, 2))


def due(name: str, after: bool) -> int:
    """What the calls of one time come to, each rounded once."""
    rate, *factors = PRICES[name]
    return sum(rounded(rate * seconds / 60 * factors[after]) for seconds in (AFTER if after else BEFORE))


class Bourse(Bureau):
    """The customer has pounds, its seller dollars, the one above euros; an agent earns of the customer's pounds."""

    def __init__(self, engine: AsyncEngine, database: str, folder: Path) -> None:
        super().__init__(engine, database, folder)
        self.company = Market(engine, folder)
        self.company.setup = SETUP

    async def month(self) -> None:
        """Calls, other rates, calls; then it is billed."""
        await self.talk(*BEFORE)
        other = EXCHANGE.replace("1.25, effective: 2026-01-01", "1.31, effective: 2026-01-01").replace("0.80", "0.83")
        self.company.exchange(other)
        self.company.wait(1)
        await self.company.publish()
        await self.company.pump()
        await self.talk(*AFTER)
        await self.run(MONTH_MS)

    async def plain(self, text: str) -> list[tuple[Any, ...]]:
        """An independent look."""
        async with reading(self.company.engine) as conn:
            return [tuple(row) for row in await conn.execute(sa.text(text))]

    async def books(self, name: str, book: str) -> dict[str, int]:
        """What stands there, by currency."""
        own = f"account_id = {self.ids[name]} AND book = '{book}'"
        rows = await self.plain(f"SELECT currency, SUM(amount_micros) FROM postings WHERE {own} GROUP BY currency")
        return {currency: int(micros) for currency, micros in rows}


@pytest.fixture
async def bourse(engine: AsyncEngine, database: str, tmp_path: Path) -> Bourse:
    """Open for business."""
    bourse = Bourse(engine, database, tmp_path)
    await bourse.open()
    return bourse


async def test_each_figure_is_of_the_rates_of_its_calls(bourse: Bourse) -> None:
    """Charges, costs, lines of invoices, what was earned, what is stated and settled: each call by the rates of its
    answer, rounded once, and nothing is mixed.
    """
    percent = Fraction("7.777777") / 100
    (await bourse.ask("commission.make-rule", "agent", percent="7.777777")).ok()
    await bourse.month()
    names = {number: name for name, number in bourse.ids.items()}
    charged = await bourse.plain(
        "SELECT account_id, currency, SUM(charge_micros) FROM charges GROUP BY 1, 2 ORDER BY 1"
    )
    currencies = {"upper": "EUR", "lower": "USD", "customer": "GBP"}
    assert {names[number]: (currency, int(micros)) for number, currency, micros in charged} == {
        name: (currency, due(name, False) + due(name, True)) for name, currency in currencies.items()
    }
    for name, currency in currencies.items():
        (invoice,) = await bourse.invoices(name)
        lines = [parse_micros(line["amount"]) for line in await bourse.lines(invoice)]
        exact = [due(name, False), due(name, True)]
        assert (sorted(lines), invoice["currency"]) == (sorted(exact if name != "upper" else [sum(exact)]), currency)
        assert parse_micros(invoice["net"]) == sum(exact)
    await _earned(bourse, percent)
    await _settled(bourse)
    await bourse.company.pump()
    await bourse.sound()


async def _earned(bourse: Bourse, percent: Fraction) -> None:
    """Commission: of the customer's pounds, rounded down once over all of it; handed out into pounds."""
    pounds = int((due("customer", False) + due("customer", True)) * percent)
    assert await bourse.books("agent", "commission") == {"GBP": pounds}
    handed = (await bourse.ask("commission.hand-out", "agent", handed_out="credit")).ok()
    assert [(one["amount"], one["currency"]) for one in handed["items"]] == [(f"{pounds / 10**6:.6f}", "GBP")]
    assert await bourse.books("agent", "commission") == {"GBP": 0}
    assert await bourse.books("agent", "balance") == {"GBP": pounds}


async def _settled(bourse: Bourse) -> None:
    """The carrier's dollars, stated and paid by one entry in dollars."""
    dollars = due("carrier", False) + due("carrier", True)
    ((currency, cost),) = await bourse.plain("SELECT cost_currency, SUM(cost_micros) FROM cdrs GROUP BY 1")
    assert (currency, int(cost)) == ("USD", dollars)
    until = {"since": "2026-09-01T00:00:00Z", "until": "2026-09-30T00:00:00Z"}
    statement = (await bourse.ask("statement.issue", "carrier", **until)).ok()
    assert (statement["currency"], parse_micros(statement["net"])) == ("USD", -dollars)
    cash = await bourse.books("root", "cash")
    (await bourse.ask("statement.settle", statement_id=statement["id"], reason="bank")).ok()
    assert await bourse.books("carrier", "balance") == {"USD": 0}
    after = await bourse.books("root", "cash")
    assert {name: after[name] - cash.get(name, 0) for name in after if after[name] != cash.get(name, 0)} == {
        "USD": dollars
    }
    assert format_micros(dollars) == statement["theirs"]["total"]
