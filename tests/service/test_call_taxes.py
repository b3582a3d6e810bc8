"""Taxes that are added to prepaid prices: from a seller's taxes over the call path into charges, invoices and reports.

The customer pays 0.06 a minute to lower, which has 19 % added to it; lower and upper are prepaid too, without taxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import parse_micros
from service.billing.call_taxes import standing
from service.database.engine import reading
from service.database.tables import charges
from tests.service.again import publish, rerate
from tests.service.company import EURO, NOW_MS
from tests.service.test_invoices import DAY_MS, PAPER, Bureau
from tests.service.test_products import Shop

VAT = {"name": "VAT", "percent": "19", "category": "S", "everybody": True, "added_to_prepaid": True}


class Fiscus(Bureau):
    """The same company, all of it prepaid, and nobody taxed yet."""

    async def open(self) -> None:
        """Names on paper."""
        await super(Bureau, self).open()
        for name, number in [("root", 1), *self.ids.items()]:
            self.ids[name] = number
            await self.office.boss.do("party.edit", account_id=number, legal_name=f"{name} Ltd", **PAPER)

    async def tax(self, seller: str = "lower", **values: Any) -> int:
        """One of a seller's, which the store knows."""
        made = await self.office.boss.do("tax.make", account_id=self.ids[seller], **VAT | values)
        await self.company.pump()
        return int(made["id"])

    async def levels(self) -> list[tuple[str, str, str]]:
        """Charge, tax and its factor of each level of the last call."""
        listed = await self.office.boss.do("cdr.list", query={"limit": 1})
        return [(one["charge"], one["tax"], one["tax_factor"]) for one in listed["items"][0]["charges"]]

    def until(self, wall_ms: int) -> None:
        """Time goes by, for everybody."""
        self.company.wait((wall_ms - self.company.now.wall_ms) / 1000)


@pytest.fixture
async def fiscus(engine: AsyncEngine, database: str, tmp_path: Path) -> Fiscus:
    """Open for business."""
    fiscus = Fiscus(engine, database, tmp_path)
    await fiscus.open()
    return fiscus


async def test_a_call_is_charged_with_its_tax(fiscus: Fiscus) -> None:
    """In store, ledger and record; the seller keeps the rest of it, and what is above is as it was."""
    await fiscus.tax()
    await fiscus.talk(61)
    assert await fiscus.levels() == [
        ("0.07259", "0.01159", "119/100"),
        ("0.0305", "0.00", "1/1"),
        ("0.0244", "0.00", "1/1"),
    ]
    assert await fiscus.balance("customer") == 1000 * EURO - 72_590 == fiscus.stored("customer")
    assert await fiscus.balance("lower", "revenue") == 72_590
    (listed,) = (await fiscus.office.boss.do("cdr.list"))["items"]
    call = await fiscus.office.boss.do("cdr.show", cdr_id=listed["id"])
    assert [one["margin"] for one in call["charges"]] == ["0.0305", "0.0061", "0.0122"]
    assert call["charges"][0]["steps"][-3:] == [
        "times 119/100: taxes that are added",
        "61 s billed: 0.07259 EUR, rounded half-up to 6 decimals",
        "0.01159 EUR of that is tax",
    ]
    query = {"by": "account", "account_id": fiscus.ids["lower"]}
    fiscus.office.now_ms += 3_600_000
    row = (await fiscus.office.boss.do("report.summary", query=query))["items"][0]
    assert (row["earned"], row["spent"], row["margin"]) == ("0.061", "0.0305", "0.0305")
    await fiscus.sound()


async def test_without_the_word_prices_have_their_taxes(fiscus: Fiscus) -> None:
    """As ever; said later it holds for the next call, and taken back for the one after that."""
    number = await fiscus.tax(added_to_prepaid=False)
    found = []
    for added in (None, True, False):
        if added is not None:
            await fiscus.office.boss.do("tax.edit", tax_id=number, added_to_prepaid=added)
            await fiscus.company.pump()
        await fiscus.talk(60)
        found.append((await fiscus.levels())[0])
    assert found == [("0.06", "0.00", "1/1"), ("0.0714", "0.0114", "119/100"), ("0.06", "0.00", "1/1")]
    await fiscus.sound()


async def test_another_rate_from_a_date(fiscus: Fiscus) -> None:
    """It is told beforehand and begins in its second; who talks over it keeps the old one."""
    border_ms = NOW_MS + 3_600_000
    number = await fiscus.tax()
    await fiscus.office.boss.do("tax.edit", tax_id=number, valid_until=border_ms)
    await fiscus.tax(percent="21", valid_from=border_ms)
    fiscus.until(border_ms - 30_000)
    talking = fiscus.company.talk()
    fiscus.until(border_ms)
    fresh = fiscus.company.talk()
    fiscus.company.wait(60)
    for call in (talking, fresh):
        fiscus.company.hang_up(call)
    await fiscus.company.pump()
    async with reading(fiscus.company.engine) as conn:
        own = charges.c.account_id == fiscus.ids["customer"]
        rows = (await conn.execute(sa.select(charges.c.tax, charges.c.charge_micros).where(own))).all()
    assert {tuple(row) for row in rows} == {("119/100", 107_100), ("121/100", 72_600)}
    await fiscus.sound()


@pytest.mark.parametrize(
    ("percents", "factor"),
    [
        ([("10", "levy", False), ("19", "S", False)], "129/100"),
        ([("10", "levy", False), ("19", "S", True)], "1309/1000"),
        ([("5", "levy", False)], "21/20"),
    ],
)
async def test_several_taxes_are_one_exact_factor(
    fiscus: Fiscus, percents: list[tuple[str, str, bool]], factor: str
) -> None:
    """Levies, and VAT on them where it is compound."""
    for position, (percent, category, compound) in enumerate(percents):
        what = {"name": category, "percent": percent, "category": category, "compound": compound}
        await fiscus.tax(**what, position=position)
    await fiscus.talk(60)
    assert (await fiscus.levels())[0][2] == factor


async def test_what_is_within_the_price_stays_there(fiscus: Fiscus) -> None:
    """A levy of 10 % that prices have in them, and 19 % that are added: 1.29 for 1.10."""
    await fiscus.tax(name="levy", percent="10", category="levy", inclusive=True, added_to_prepaid=False)
    await fiscus.tax()
    await fiscus.talk(60)
    assert (await fiscus.levels())[0][2] == "129/110"


async def test_who_is_taxed_otherwise(fiscus: Fiscus) -> None:
    """Exempt, the reverse charge, another tax, another seller, an invoice later: each from the next call on."""
    boss, ids = fiscus.office.boss, fiscus.ids
    await fiscus.tax()
    half = await fiscus.tax(name="half", percent="9.5", everybody=False)
    await fiscus.tax("upper", percent="25")
    terms = {"account_id": ids["customer"]}
    await boss.do("party.edit", account_id=ids["customer"], legal_name="c", **PAPER, tax_number="DE811115368")
    deeds: list[tuple[str, dict[str, Any], str]] = [
        ("terms.edit", terms | {"tax_status": "exempt"}, "1/1"),
        ("terms.edit", terms | {"tax_status": "taxed"}, "119/100"),
        ("terms.edit", terms | {"tax_status": "reverse_charge"}, "1/1"),
        ("terms.edit", terms, "119/100"),
        ("tax.assign", {"account_id": ids["customer"], "tax_ids": [half]}, "219/200"),
        ("account.move", {"account_id": ids["customer"], "parent_id": ids["upper"]}, "5/4"),
        ("account.move", {"account_id": ids["customer"], "parent_id": ids["lower"]}, "219/200"),
        ("tax.assign", {"account_id": ids["customer"], "tax_ids": []}, "119/100"),
        ("account.edit", {"account_id": ids["customer"], "billing": "postpaid"}, "1/1"),
    ]
    for endpoint, body, factor in deeds:
        (await fiscus.ask(endpoint, **body)).ok()
        await fiscus.company.pump()
        await fiscus.talk(1)
        assert (await fiscus.levels())[0][2] == factor, (endpoint, body)
    await fiscus.sound()


async def test_a_new_store_knows_the_taxes(fiscus: Fiscus) -> None:
    """Those of everybody and those that are somebody's own."""
    await fiscus.tax()
    await fiscus.tax("root", percent="7")
    await fiscus.office.boss.do("terms.edit", account_id=fiscus.ids["upper"], tax_status="exempt")
    fiscus.company.wipe()
    fiscus.company.begin()
    await fiscus.company.pump()
    await fiscus.talk(60)
    assert [factor for _, _, factor in await fiscus.levels()] == ["119/100", "1/1", "1/1"]
    await fiscus.sound()


async def test_an_invoice_of_a_prepaid_account_has_each_rate_as_it_was_charged(fiscus: Fiscus) -> None:
    """Two rates in one period: net and tax are exactly the charges, by rate, though another one holds at its end."""
    boss = fiscus.office.boss
    number = await fiscus.tax()
    border_ms = NOW_MS + DAY_MS
    await boss.do("tax.edit", tax_id=number, valid_until=border_ms)
    await fiscus.tax(percent="21", valid_from=border_ms)
    await fiscus.terms("customer", prepaid_invoices=True, starts_at=NOW_MS - DAY_MS)
    await fiscus.talk(61, 95)
    fiscus.until(border_ms + 1)
    await fiscus.talk(30)
    before = await fiscus.balance("customer")
    await fiscus.run()
    (invoice,) = await fiscus.invoices("customer")
    shown = await fiscus.office.boss.do("invoice.show", invoice_id=invoice["id"])
    lines = await fiscus.lines(invoice)
    assert [one["amount"] for one in lines] == ["0.18564", "0.0363"]
    assert sum(parse_micros(one["net"]) for one in lines) == parse_micros(invoice["net"])
    assert parse_micros(invoice["net"]) + parse_micros(invoice["tax"]) == 185_640 + 36_300
    assert [(one["percent"], one["tax"]) for one in shown["taxes"]] == [("19.00", "0.03"), ("21.00", "0.01")]
    assert (invoice["state"], invoice["total"]) == ("paid", "0.23")
    assert await fiscus.balance("lower", "tax") == 40_000
    assert before - await fiscus.balance("customer") == parse_micros(invoice["total"]) - 221_940
    assert (await fiscus.office.boss.do("invoice.paper", invoice_id=invoice["id"], query={"form": "html"}))["data"]
    (await fiscus.credit(invoice)).ok()
    await fiscus.sound()


async def test_calls_before_the_first_tax_are_not_taxed_by_it(fiscus: Fiscus) -> None:
    """A tax that was announced for a day is not taken out of what was charged before."""
    border_ms = NOW_MS + DAY_MS
    await fiscus.tax(valid_from=border_ms)
    await fiscus.terms("customer", prepaid_invoices=True, starts_at=NOW_MS - DAY_MS)
    await fiscus.talk(100, 100)
    fiscus.until(border_ms)
    await fiscus.talk(100)
    await fiscus.run()
    (invoice,) = await fiscus.invoices("customer")
    shown = await fiscus.office.boss.do("invoice.show", invoice_id=invoice["id"])
    assert [(one["category"], one["percent"], one["tax"]) for one in shown["taxes"]] == [
        ("E", "0.00", "0.00"), ("S", "19.00", "0.02"),
    ]  # fmt: skip
    assert (invoice["net"], invoice["total"]) == ("0.299", "0.32")
    await fiscus.sound()


async def test_a_subscription_is_paid_with_its_tax(fiscus: Fiscus) -> None:
    """Asked of the store as a whole, on the invoice by its rate, given back as it was taken; the set-up is apart."""
    shop = Shop(fiscus)
    await fiscus.tax(services=["subscription"])
    await fiscus.terms("customer", prepaid_invoices=True, starts_at=NOW_MS - DAY_MS)
    product = await shop.product(setup="5", price="30", period="month", anchor="start", refund="days")
    number = await shop.start(product)
    assert await shop.fees(number) == [("setup", "5.00"), ("period", "35.70")]
    assert await fiscus.balance("customer") == 1000 * EURO - 40_700_000 == fiscus.stored("customer")
    await fiscus.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await fiscus.company.pump()
    await fiscus.run()
    (invoice,) = await fiscus.invoices("customer")
    shown = await fiscus.office.boss.do("invoice.show", invoice_id=invoice["id"])
    given_back = parse_micros((await shop.fees(number))[-1][1])
    assert given_back == -34_510_000
    assert parse_micros(invoice["net"]) + parse_micros(invoice["tax"]) == 40_700_000 + given_back
    assert [(one["percent"], one["tax"]) for one in shown["taxes"]] == [("0.00", "0.00"), ("19.00", "0.19")]
    await fiscus.sound()


async def test_a_call_rated_again_keeps_its_tax(fiscus: Fiscus) -> None:
    """Half the price: half the tax too, whatever is asked of calls by now."""
    number = await fiscus.tax()
    await fiscus.talk(60)
    await fiscus.office.boss.do("tax.edit", tax_id=number, valid_until=NOW_MS + 1)
    await publish(fiscus, retail="0.03")
    await rerate(fiscus)
    assert (await fiscus.levels())[0] == ("0.0357", "0.0057", "119/100")
    await fiscus.sound()


@pytest.mark.parametrize(
    ("endpoint", "body", "said"),
    [
        ("tax.make", VAT | {"inclusive": True}, "either have it"),
        ("tax.make", VAT | {"name": "second"}, "VAT too"),
    ],
)
async def test_what_makes_no_sense_is_refused(fiscus: Fiscus, endpoint: str, body: dict[str, Any], said: str) -> None:
    """And nothing is told to the store."""
    await fiscus.tax()
    got = await fiscus.ask(endpoint, "lower", **body)
    assert got.status in {409, 422}
    assert said in str(got.body)
    async with reading(fiscus.company.engine) as conn:
        assert list(await standing(conn, NOW_MS)) == [(fiscus.ids["lower"], False)]


async def test_two_taxes_that_would_meet_at_an_account(fiscus: Fiscus) -> None:
    """The change that makes them meet is refused, and calls go on as before."""
    one = await fiscus.tax(name="calls", everybody=False, services=["calls"])
    other = await fiscus.tax(name="messages", everybody=False, services=["messages"])
    await fiscus.office.boss.do("tax.assign", account_id=fiscus.ids["customer"], tax_ids=[one, other])
    got = await fiscus.ask("tax.edit", tax_id=other, services=["calls", "messages"])
    assert got.status == 409
    assert "a line has one" in str(got.body)
    await fiscus.company.pump()
    await fiscus.talk(60)
    assert (await fiscus.levels())[0] == ("0.0714", "0.0114", "119/100")


@pytest.mark.parametrize(
    ("tampering", "check", "said"),
    [
        ("UPDATE charges SET tax_micros = tax_micros + 1 WHERE level = 0", "taxes", "is said to be tax"),
        ("UPDATE charges SET tax = '6/5' WHERE level = 0", "taxes", "by its rates"),
        ("UPDATE tax_sets SET factor = '6/5'", "taxes", "its rates come to"),
        ("DELETE FROM call_taxes", "taxes of calls", "the ledger says nothing"),
        ("UPDATE taxes SET percent_millionths = 20000000", "taxes", "stores were told"),
    ],
)
async def test_the_doctor_names_what_was_tampered_with(fiscus: Fiscus, tampering: str, check: str, said: str) -> None:
    """A charge's tax, its factor, rates that were asked together, what stores know."""
    await fiscus.tax()
    await fiscus.talk(60)
    async with fiscus.company.engine.begin() as conn:
        await conn.execute(sa.text(tampering))
    broken = await fiscus.company.broken()
    assert said in broken[check]


async def test_a_call_that_is_tried_out_says_its_tax(fiscus: Fiscus) -> None:
    """What it would cost with it, and what of that is tax; the seller keeps the rest."""
    await fiscus.tax()
    trunk = (await fiscus.office.boss.do("trunk.list"))["items"][0]
    found = await fiscus.office.boss.do("call.simulate", trunk_id=trunk["id"], to="4420")
    level = found["levels"][0]
    assert (level["held"], level["expected"], level["tax"], level["margin"]) == ("0.0119", "0.2142", "0.0342", "0.09")
    assert "times 119/100: taxes that are added" in level["price_steps"]
    assert any("0.0342 of it tax" in step for step in found["steps"])


async def test_a_tariff_prices_calls_for_who_pays(fiscus: Fiscus) -> None:
    """With what is added to that account's prices at the call's moment; without an account, and of one that pays by
    invoice, the tariff alone.
    """
    boss = fiscus.office.boss
    await fiscus.tax(valid_from=NOW_MS + DAY_MS)
    (retail,) = [one["id"] for one in (await boss.do("tariff.list"))["items"] if one["name"] == "retail"]
    asked = [{"number": "4420", "answered_at": at, "duration_s": "60"} for at in (NOW_MS, NOW_MS + DAY_MS)]
    found = []
    for payer in ("customer", None, "upper"):
        who = {} if payer is None else {"account_id": fiscus.ids[payer]}
        rows = (await boss.do("tariff.price", tariff_id=retail, calls=asked, **who))["items"]
        found.append([row["charge"] for row in rows])
    assert found == [["0.06", "0.0714"], ["0.06", "0.06"], ["0.06", "0.06"]]
    outside = await boss.ask("tariff.price", tariff_id=retail, calls=asked, account_id=4_000)
    assert outside.status == 422


async def test_nobody_is_told_anything_while_nothing_is_added(fiscus: Fiscus) -> None:
    """Taxes within prices, terms and moves make no command."""
    await fiscus.tax(added_to_prepaid=False)
    await fiscus.office.boss.do(
        "account.move", account_id=fiscus.ids["customer"], parent_id=fiscus.ids["upper"], key="m"
    )
    async with reading(fiscus.company.engine) as conn:
        assert await standing(conn, NOW_MS) == {}
