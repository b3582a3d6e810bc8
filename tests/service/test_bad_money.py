"""Bad input about money: each refused with its reason, and not a line of the books more than before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.database.engine import reading
from service.database.tables import accounts
from tests.service.company import NOW_MS
from tests.service.test_bank_lines import Counter
from tests.service.test_invoices import DAY_MS, MONTH_MS
from tests.service.test_payments import SECRET, Till, paid, returned

BOOKS = (
    "entries", "postings", "book_balances", "commands", "receipts", "payment_rests", "allocations", "billable_items",
    "invoices", "invoice_calls", "taxes", "account_taxes", "operations", "vouchers",
)  # fmt: skip
"""What bad input must leave as it is."""
MINUTES_MS = 6 * 60_000


class Market(Counter, Till):
    """A seller with a gateway, a bank and invoices: one that is issued, a draft, a void one and a credit note."""

    async def open(self) -> None:
        """And a top-up that waits."""
        await self.stand(self._open_market)

    async def _open_market(self) -> None:
        await super().open()
        await self.terms("customer", reviewed=True)
        await self.talk(60)
        await self.run(2 * MONTH_MS)
        self.draft = (await self.invoices("customer"))[1]
        await self.talk(60)
        await self.run(3 * MONTH_MS)
        self.void = (await self.invoices("customer"))[2]
        await self.office.boss.do("invoice.void", invoice_id=self.void["id"])
        self.note = (await self.credit((await self.invoices("lower"))[0])).ok()
        self.office.now_ms = NOW_MS
        await self.sign_in_again()
        self.top, self.reference = await self.top_up()

    async def books(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row."""
        async with reading(self.company.engine) as conn:
            found = {}
            for name in BOOKS:
                rows = (await conn.execute(sa.text(f"SELECT * FROM {name}"))).all()
                found[name] = sorted((tuple(row) for row in rows), key=repr)
            return found

    @asynccontextmanager
    async def nothing_changes(self) -> AsyncIterator[None]:
        """Not a posting, not a row."""
        before = await self.books()
        yield
        after = await self.books()
        assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
        assert after == before


@pytest.fixture
async def market(engine: AsyncEngine, database: str, tmp_path: Path) -> Market:
    """Open for business."""
    market = Market(engine, database, tmp_path)
    await market.open()
    return market


async def test_a_webhook_that_comes_twice(market: Market) -> None:
    """At once, later, and as another message about the same payment; a refund of it once, too."""
    first = paid("evt_1", market.reference)
    assert (await market.tell(first)).startswith("entry ")
    async with market.nothing_changes():
        told = await asyncio.gather(*(market.tell(first) for _ in range(5)))
        assert set(told) == {"taken already"}
        assert await market.tell(paid("evt_2", market.reference)) == "refused: the top-up is paid already"
    assert (await market.tell(returned("evt_3", 1_000))).startswith("entry ")
    async with market.nothing_changes():
        assert await market.tell(returned("evt_3", 1_000)) == "taken already"
        assert await market.tell(returned("evt_4", 1_000)) == "posted before"
    await market.company.pump()
    await market.sound()


async def test_a_signature_that_is_replayed(market: Market) -> None:
    """An old one, one of the future, one of another message, one of another secret, the right one once more."""
    event, other = paid("evt_1", market.reference), b'{"id": "evt_9", "type": "checkout.session.completed"}'
    async with market.nothing_changes():
        assert await market.tell(event, at_ms=NOW_MS - MINUTES_MS) == "bad-header"
        assert await market.tell(event, at_ms=NOW_MS + MINUTES_MS) == "bad-header"
        assert await market.tell(event, tamper=other) == "bad-header"
        assert await market.tell(event, secret=f"{SECRET} of another") == "bad-header"
    assert (await market.tell(event)).startswith("entry ")
    async with market.nothing_changes():
        assert await market.tell(event) == "taken already"
        assert await market.tell(event, at_ms=NOW_MS - 60_000) == "taken already"


async def test_another_currency(market: Market) -> None:
    """By gateway, bank and voucher; and a currency's amounts that nobody can pay."""
    customer, number = market.ids["customer"], market.invoice["number"]
    own = {"account_id": market.ids["lower"], "name": "dollars", "count": 1}
    code = (await market.ask("voucher.make", **own, amount="10", currency="USD")).ok()["codes"][0]
    line = f"2026-12-01;x;9;USD;customer {customer}"
    await market.csv(line, f"2026-12-01;x;9;USD;Invoice {number}")
    open_lines = await market.lines(state="open")
    assert [one["why"] for one in open_lines] == ["the account is kept in EUR", "the invoice that it names is in EUR"]
    async with market.nothing_changes():
        told = await market.tell(paid("evt_1", market.reference, currency="usd"))
        assert told == "refused: EUR was asked for, USD was paid"
        told = await market.tell(paid("evt_2", market.reference, minor=2_499))
        assert told.startswith("refused: 25000000 micro-units were asked for")
        got = await market.ask("voucher.use", "customer", code=code)
        assert (got.status, "voucher" in got["detail"]) == (409, True)
        got = await market.ask("bank-line.match", bank_line_id=open_lines[0]["id"], invoice_id=market.invoice["id"])
        assert (got.status, got["detail"]) == (409, "the account is kept in EUR")
        got = await market.ask("top-up.make", "customer", gateway_id=market.gateway, amount="1.005")
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/amount")
    assert (await market.tell(paid("evt_3", market.reference))).startswith("entry ")


async def test_a_payment_for_what_nobody_owes(market: Market) -> None:
    """An invoice that is void, a draft, one that is paid, a credit note, and somebody else's."""
    await market.csv("2026-12-01;x;1;EUR;thanks")
    (line,) = await market.lines(state="open")
    owed = parse_micros(market.invoice["total"])
    (
        await market.ask(
            "payment.make", "customer", amount=format_micros(owed), reason="bank", invoice_id=market.invoice["id"]
        )
    ).ok()
    void, draft, closed = market.void["id"], market.draft["id"], market.invoice["id"]
    refused = [
        (void, 409, "the invoice is void: there is nothing to pay"),
        (draft, 409, "the invoice is draft: there is nothing to pay"),
        (closed, 409, "the invoice is paid: there is nothing to pay"),
        (market.note["id"], 422, "this is not an invoice of the account"),
        ((await market.invoices("lower"))[0]["id"], 422, "this is not an invoice of the account"),
    ]
    async with market.nothing_changes():
        for number, status, said in refused:
            got = await market.ask("payment.make", "customer", amount="1", reason="x", invoice_id=number)
            assert (got.status, said in str(got.body)) == (status, True), got
        for number in (void, draft, closed, market.note["id"]):
            got = await market.ask("bank-line.match", bank_line_id=line["id"], invoice_id=number)
            assert (got.status, "there is nothing to pay" in got["detail"]) == (409, True), got
        got = await market.ask("invoice.credit", invoice_id=void, reason="x")
        assert got.status == 409
    assert (await market.lines(state="open")) == [line]


async def test_who_is_closed_pays_nothing(market: Market) -> None:
    """Neither by hand nor by a gateway whose message comes late."""
    async with market.company.engine.begin() as conn:
        closed = sa.update(accounts).where(accounts.c.id == market.ids["customer"]).values(state="closed")
        await conn.execute(closed)
    async with market.nothing_changes():
        got = await market.ask("payment.make", "customer", amount="1", reason="x")
        assert (got.status, got["detail"]) == (409, "the account is closed: resume it first")
        told = await market.tell(paid("evt_1", market.reference))
        assert told == "refused: the account is closed: resume it first"


async def test_cycles_that_would_overlap(market: Market) -> None:
    """Begun anew before what was billed, or in the future; run twice, and at once: each period has one invoice."""
    begin = "2026-08-01T00:00:00Z"
    async with market.nothing_changes():
        for given, status, said in (
            ({"starts_at": begin}, 422, "its periods have begun already"),
            ({"cycle": "weekly", "cycle_day": 8}, 422, "one of the days 1 to 7"),
            ({"cycle": "daily", "cycle_day": 2}, 422, "a daily cycle has no day"),
            ({"cycle": "yearly"}, 422, "'daily', 'weekly'"),
        ):
            got = await market.office.boss.ask("terms.edit", account_id=market.ids["customer"], **given)
            assert (got.status, said in str(got.body)) == (status, True), got
        got = await market.ask("terms.edit", "carrier", starts_at=begin)
        assert got.status == 409
        market.office.now_ms = NOW_MS + 3 * MONTH_MS
        await market.sign_in_again()
        await asyncio.gather(*(market.office.boss.ask("invoice.run") for _ in range(3)))
    await market.terms("customer", cycle="weekly")
    await market.talk(60)
    await market.run(3 * MONTH_MS + 15 * DAY_MS)
    periods = [(one["period_since"], one["period_until"]) for one in await market.invoices("customer", kind="invoice")]
    assert len(periods) > 3
    assert all(before[1] <= after[0] for before, after in pairwise(periods)), periods


async def test_a_call_is_on_one_invoice_whatever_writes(market: Market) -> None:
    """The database refuses a second one."""
    draft = "SELECT id FROM invoices WHERE state = 'draft'"
    again = f"""INSERT INTO invoice_calls (cdr_id, level, invoice_id, amount_micros)
                SELECT cdr_id, level, ({draft}), amount_micros FROM invoice_calls"""
    async with market.nothing_changes():
        with pytest.raises(IntegrityError):
            async with market.company.engine.begin() as conn:
                await conn.execute(sa.text(again))


async def test_a_tax_without_its_category(market: Market) -> None:
    """Or with one that doesn't fit: what it is must be known before it is asked of anybody."""
    async with market.nothing_changes():
        for given, pointer, said in WRONG_TAXES:
            got = await market.ask("tax.make", "lower", name="new", **given)
            assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
            assert said in got["errors"][0]["detail"]


WRONG_TAXES: list[tuple[dict[str, Any], str, str]] = [
    ({"percent": "19"}, "/category", "Field required"),
    ({"percent": "19", "category": ""}, "/category", "'S', 'Z'"),
    ({"percent": "19", "category": "VAT"}, "/category", "'S', 'Z'"),
    ({"percent": "0", "category": "S"}, "/percent", "more than 0 per cent"),
    ({"percent": "7", "category": "Z"}, "/percent", "no other category is"),
    ({"percent": "0", "category": "E"}, "/exemption_reason", "say why there is no tax"),
    ({"percent": "19", "category": "S", "exemption_reason": "why not"}, "/exemption_reason", "no other category"),
    ({"percent": "101", "category": "S"}, "/percent", "less than or equal"),
    ({"percent": 19, "category": "S"}, "/percent", "as text"),
]


async def test_a_second_vat_for_the_same(market: Market) -> None:
    """A line has one: everybody's, or two that are assigned together."""
    async with market.nothing_changes():
        got = await market.ask("tax.make", "lower", name="other", percent="7", category="S", everybody=True)
        assert (got.status, "everybody pays VAT already" in got["detail"]) == (409, True)
    made = [(await market.ask("tax.make", "lower", name=one, percent="7", category="S")).ok()["id"] for one in "ab"]
    async with market.nothing_changes():
        got = await market.ask("tax.assign", "customer", tax_ids=made)
        assert (got.status, "a line has one" in str(got.body)) == (422, True)
