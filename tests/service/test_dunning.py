"""Reminders, late fees and barring of invoices that aren't paid: each once, and lifted at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import MICROS, parse_micros
from service.billing.dunning.dunner import Dunner
from service.billing.dunning.steps import share
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.tables import accounts
from tests.service.company import NOW_MS
from tests.service.test_invoices import DAY_MS, MONTH_MS, PAPER, Bureau

STEPS: list[dict[str, Any]] = [
    {"kind": "reminder", "days": -3},
    {"kind": "reminder", "days": 1},
    {"kind": "fee", "days": 5, "amount": "2.50", "currency": "EUR"},
    {"kind": "fee", "days": 7, "percent": "10"},
    {"kind": "bar", "days": 10},
]


class Agency(Bureau):
    """Whose sellers dun: the customer has one invoice, issued at `MONTH_MS` and due fifteen midnights later."""

    async def open(self) -> None:
        """The first invoice is issued."""
        await self.stand(self._open_agency)
        self.dunner = Dunner(self.company.engine, self.office.config)

    async def _open_agency(self) -> None:
        await super().open()
        await self.office.boss.do(
            "party.edit", account_id=self.ids["customer"], legal_name="C", contact_email="Pay@shop.example", **PAPER
        )
        await self.dun(*STEPS)
        await self.talk(3600)
        await self.run()
        (self.invoice,) = await self.invoices("customer")

    async def dun(self, *steps: dict[str, Any]) -> Any:
        """Terms of the customer's seller."""
        return await self.ask("dunning.edit", "lower", steps=list(steps))

    async def day(self, after_due: int) -> int:
        """The dunner's rounds so many days after the last day to pay."""
        self.office.now_ms = NOW_MS + MONTH_MS + (15 + after_due) * DAY_MS
        await self.sign_in_again()
        done = 0
        while took := await self.dunner.work(self.office.now_ms):
            done += took
        await self.company.pump()
        return done

    async def done(self) -> list[tuple[str, int, str]]:
        """What was done, in its order."""
        listed = await self.office.boss.do("dunning.list", query={"account_id": self.ids["customer"], "sort": "id"})
        return [(one["kind"], one["days"], one["outcome"]) for one in listed["items"]]

    async def mailed(self) -> list[tuple[str, str, str]]:
        """Template, recipient, what is open."""
        async with reading(self.company.engine) as conn:
            rows = await conn.execute(
                sa.select(mails).where(mails.c.template.in_(("due_soon", "reminder"))).order_by(mails.c.id)
            )
            return [(row.template, row.recipient, row.fields["open"]) for row in rows]

    async def state(self, name: str = "customer") -> tuple[str, str]:
        """In the ledger."""
        async with reading(self.company.engine) as conn:
            row = (await conn.execute(sa.select(accounts).where(accounts.c.id == self.ids[name]))).one()
        return row.state, row.suspended_for

    async def pay(self, amount: str) -> None:
        """By the customer."""
        (await self.ask("payment.make", "customer", amount=amount, reason="bank")).ok()
        await self.company.pump()


@pytest.fixture
async def agency(engine: AsyncEngine, database: str, tmp_path: Path) -> Agency:
    """Open for business."""
    agency = Agency(engine, database, tmp_path)
    await agency.open()
    return agency


async def test_each_step_on_its_day_and_once(agency: Agency) -> None:
    """However often the dunner comes, and two at once; books, store and the next invoice have the fees."""
    total = agency.invoice["total"]
    boss = agency.office.boss
    role = {"account_id": agency.ids["customer"], "name": "phones", "permissions": ["accounts.read"]}
    blind = (await boss.do("role.define", **role))["id"]
    await agency.office.hire(boss, agency.ids["customer"], "clerk@shop.example")
    await agency.office.hire(boss, agency.ids["customer"], "phone@shop.example", [blind])
    assert await agency.day(-4) == 0
    assert await agency.day(-3) == 1
    before = await agency.balance("customer")
    assert (await agency.day(2), await agency.day(2)) == (1, 0)
    told = [(one, total) for one in ("Pay@shop.example", "clerk@shop.example")]
    assert await agency.mailed() == [(kind, *one) for kind in ("due_soon", "reminder") for one in told]
    agency.office.now_ms += 5 * DAY_MS
    await asyncio.gather(*(agency.dunner.work(agency.office.now_ms) for _ in range(3)))
    assert await agency.day(7) == 0
    share_micros = (parse_micros(total) + 50_000) // 100_000 * 10_000
    assert before - await agency.balance("customer") == 2_500_000 + share_micros
    assert await agency.state() == ("active", "")
    assert await agency.day(11) == 1
    assert await agency.state() == ("suspended", "dunning")
    assert [one[:2] for one in await agency.done()] == [(one["kind"], one["days"]) for one in STEPS]
    await agency.run(2 * MONTH_MS)
    lines = await agency.lines((await agency.invoices("customer"))[1])
    number = agency.invoice["number"]
    assert [line["description"] for line in lines if line["kind"] == "fee"] == [f"late fee, invoice {number}"] * 2
    await agency.sound()


async def test_who_has_left_is_neither_charged_nor_barred(agency: Agency) -> None:
    """Its debt is with the seller that it pays now; the old one may remind it of its invoice, and no more."""
    (await agency.ask("account.move", "customer", parent_id=agency.ids["upper"])).ok()
    await agency.dun(*STEPS, {"kind": "fee", "days": 8, "amount": "1000000", "currency": "EUR"})
    before = await agency.balance("customer")
    await agency.day(11)
    assert (await agency.balance("customer"), await agency.state()) == (before, ("active", ""))
    assert {one for one in await agency.done() if one[0] != "reminder"} == {
        (kind, days, "passed") for kind, days in (("fee", 5), ("fee", 7), ("fee", 8), ("bar", 10))
    }
    await agency.sound()


async def test_a_payment_lifts_what_barred(agency: Agency) -> None:
    """At once, when the last cent comes; the store knows it, the audit says it."""
    await agency.dun(STEPS[4])
    await agency.day(11)
    assert not agency.company.store()[agency.ids["customer"]].is_active
    await agency.pay("0.01")
    assert await agency.state() == ("suspended", "dunning")
    await agency.pay(agency.invoice["total"])
    assert await agency.state() == ("active", "")
    assert agency.company.store()[agency.ids["customer"]].is_active
    (bar,) = (await agency.office.boss.do("dunning.list", query={"kind": "bar"}))["items"]
    assert bar["lifted_at"] is not None
    trail = await agency.office.boss.do("audit.list", query={"action": "account.resume"})
    assert trail["items"][0]["actor"] == "dunning"
    assert await agency.day(20) == 0
    await agency.sound()


async def test_a_credit_note_lifts_too(agency: Agency) -> None:
    """Of the whole invoice."""
    await agency.dun(STEPS[4])
    await agency.day(11)
    (await agency.credit(agency.invoice)).ok()
    assert await agency.state() == ("active", "")


async def test_what_is_paid_is_left_alone(agency: Agency) -> None:
    """No step of an invoice that was paid, or credited; none of a seller without terms."""
    await agency.pay(agency.invoice["total"])
    assert await agency.day(30) == 0
    assert await agency.mailed() == []
    (lowers,) = await agency.invoices("lower")
    assert lowers["state"] != "paid"
    assert await agency.state("lower") == ("active", "")


async def test_late_terms_send_one_reminder(agency: Agency) -> None:
    """The latest: others have passed, and so has what should have come before the last day."""
    await agency.dun(STEPS[0], STEPS[1], {"kind": "reminder", "days": 8})
    assert await agency.day(9) == 3
    assert await agency.done() == [("reminder", -3, "passed"), ("reminder", 1, "passed"), ("reminder", 8, "done")]
    assert [one[0] for one in await agency.mailed()] == ["reminder"]


async def test_who_is_spared(agency: Agency) -> None:
    """Nothing is done, what was barred goes on; when it ends the steps that are due are taken."""
    await agency.day(11)
    until = {"exempt": True, "reason": "a promise", "until": "2027-01-31T00:00:00Z"}
    (await agency.ask("dunning.exempt", "customer", **until)).ok()
    assert await agency.state() == ("active", "")
    await agency.dun(*STEPS, {"kind": "reminder", "days": 12})
    assert await agency.day(13) == 0
    shown = await agency.office.boss.do("dunning.exemption", account_id=agency.ids["customer"])
    assert (shown["exempt"], shown["reason"]) == (True, "a promise")
    (await agency.ask("dunning.exempt", "customer", exempt=False, reason="broken")).ok()
    assert await agency.day(13) == 1
    past = await agency.ask("dunning.exempt", "customer", exempt=True, reason="x", until="2020-01-01T00:00:00Z")
    assert past.status == 422
    assert (await agency.ask("dunning.exempt", "carrier", exempt=True, reason="x")).status == 409


async def test_another_suspension_stays(agency: Agency) -> None:
    """An account that somebody has suspended isn't barred, and a payment doesn't make it active."""
    await agency.dun(STEPS[4])
    (await agency.ask("account.suspend", "customer", reason="fraud")).ok()
    assert await agency.day(11) == 0
    await agency.pay(agency.invoice["total"])
    assert await agency.state() == ("suspended", "")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "bar", "days": -1}, "only reminders"),
    ({"kind": "fee", "days": 1}, "one of them"),
    ({"kind": "fee", "days": 1, "percent": "0"}, "above zero"),
    ({"kind": "fee", "days": 1, "percent": "5", "amount": "1", "currency": "EUR"}, "one of them"),
    ({"kind": "fee", "days": 1, "amount": "1"}, "has a currency"),
    ({"kind": "fee", "days": 1, "amount": "-1", "currency": "EUR"}, "an amount lies"),
    ({"kind": "reminder", "days": 1, "percent": "5"}, "has no amount"),
    ({"kind": "reminder", "days": -3}, "another reminder"),
    ({"kind": "fee", "days": 5, "percent": "1"}, "another fee"),
    ({"kind": "reminder", "days": 400}, "365"),
    ({"kind": "letter", "days": 4}, "kind"),
]


async def test_terms_that_can_not_be(agency: Agency) -> None:
    """Each says why; those before stay. Customers sell nothing, so they dun nobody."""
    for step, said in WRONG:
        got = await agency.dun(*STEPS, step)
        assert (got.status, said in str(got.body)) == (422, True), got
    shown = await agency.office.boss.do("dunning.show", account_id=agency.ids["lower"])
    assert (len(shown["steps"]), shown["version"]) == (5, 1)
    assert (await agency.ask("dunning.edit", "customer", steps=[])).status == 409


@given(st.integers(1, 10**15), st.integers(1, 100_000_000), st.sampled_from([("EUR", 4), ("JPY", 6), ("TND", 3)]))
def test_a_share_is_payable_and_near(open_micros: int, percent: int, currency: tuple[str, int]) -> None:
    """Of the currency's minor unit, at most half of one away from the exact share."""
    name, zeros = currency
    found = share(open_micros, percent, name)
    assert found % 10**zeros == 0
    assert 2 * abs(found * 100 * MICROS - open_micros * percent) <= 10**zeros * 100 * MICROS
