"""Payments that go back: by hand, by the gateway, by the bank. What they had paid is open again, everywhere."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.billing.dunning.dunner import Dunner
from service.database.engine import reading
from service.database.payment_tables import allocations, payment_rests
from service.database.reversal_tables import payment_reversals
from tests.service.company import EURO
from tests.service.test_bank_lines import Counter
from tests.service.test_invoices import DAY_MS, MONTH_MS, NOW_MS, Bureau
from tests.service.test_payments import SECRET, Till, paid, returned, till
from tests.service.test_receipts import listed, page_of

__all__ = ["till"]


class Desk(Till, Counter):
    """The customer's seller has a gateway and a bank; the customer an invoice of more than 25 euros."""

    async def open(self) -> None:
        """An invoice that isn't due yet."""
        await self.stand(self._open_desk)

    async def _open_desk(self) -> None:
        await Bureau.open(self)
        await self.ask("payment.adjust", "customer", amount="-30", reason="set-up")
        made = await self.ask(
            "payment-gateway.make", account_id=self.ids["lower"], name="cards", secret=SECRET,
            link="https://buy.stripe.com/test",
        )  # fmt: skip
        self.gateway = made.ok()["id"]
        await self.talk(3600)
        await self.run()
        (self.invoice,) = await self.invoices("customer")

    async def lines_of(self, invoice: dict[str, Any]) -> list[dict[str, Any]]:
        """Of an invoice, as `Counter.lines` is the bank's."""
        return await Bureau.lines(self, invoice)

    async def pay(self, micros: int, **more: Any) -> int:
        """By hand; the entry."""
        got = await self.ask("payment.make", "customer", amount=format_micros(micros), reason="bank", **more)
        return int(got.ok()["entry_id"])

    async def take_back(self, entry_id: int, **more: Any) -> Any:
        """Whatever the answer is."""
        return await self.ask("payment.reverse", "customer", entry_id=entry_id, reason="no cover", **more)

    async def standing(self) -> tuple[str, int]:
        """The first invoice's state, and what of it is open."""
        one, *_ = await self.invoices("customer")
        return one["state"], parse_micros(one["open"])

    async def agrees(self) -> None:
        """Balance, store, invoices, allocations and what waits say the same; nothing is yet to be billed."""
        await self.company.pump()
        shown = await self.office.boss.do("account.show", account_id=self.ids["customer"])
        books = (await self.office.boss.do("payment.list", account_id=self.ids["customer"]))["items"]
        balance = parse_micros(shown["balance"])
        assert balance == self.stored("customer") == parse_micros(books[0]["balance"])
        found = await self.invoices("customer", kind="invoice")
        async with reading(self.company.engine) as conn:
            given = sa.select(allocations.c.invoice_id, sa.func.sum(allocations.c.amount_micros))
            rows = await conn.execute(given.group_by(allocations.c.invoice_id))
            sums = {number: int(micros) for number, micros in rows}
            rest = sa.select(sa.func.coalesce(sa.func.sum(payment_rests.c.rest_micros), 0))
            waits = int((await conn.execute(rest)).scalar_one())
        for one in found:
            assert parse_micros(one["paid"]) == sums.get(one["id"], 0)
            left = parse_micros(one["total"]) - parse_micros(one["paid"]) - parse_micros(one["credited"])
            assert left == parse_micros(one["open"]) >= 0
            assert (one["state"] == "paid") == (left == 0)
        assert balance - 1000 * EURO == waits - sum(parse_micros(one["open"]) for one in found)
        await self.sound()


@pytest.fixture
async def desk(engine: AsyncEngine, database: str, tmp_path: Path) -> Desk:
    """Open for business."""
    desk = Desk(engine, database, tmp_path)
    await desk.open()
    return desk


async def test_what_a_payment_had_paid_is_open_again(desk: Desk) -> None:
    """In parts, then all of it; what else waits pays it at once; the receipt stays, and says so."""
    total = (await desk.standing())[1]
    first = await desk.pay(total)
    assert await desk.standing() == ("paid", 0)
    got = (await desk.take_back(first, amount="4")).ok()
    assert (got["kind"], got["amount"]) == ("payment", "-4.00")
    assert await desk.standing() == ("part_paid", 4 * EURO)
    await desk.agrees()
    await desk.pay(10 * EURO)
    assert await desk.standing() == ("paid", 0)
    (await desk.take_back(first)).ok()
    assert await desk.standing() == ("part_paid", total - 10 * EURO)
    await desk.agrees()
    shown = {one["entry_id"]: one for one in await listed(desk, "customer")}
    assert (shown[first]["returned"], shown[first]["amount"]) == (format_micros(total), format_micros(total))
    assert f"{format_micros(total)} EUR of this payment went back" in await page_of(desk, shown[first])
    assert [one["returned"] for number, one in shown.items() if number != first] == ["0.00"] * (len(shown) - 1)
    one = await desk.office.boss.do("receipt.show", receipt_id=shown[first]["id"])
    assert (one["returned"], len(one["paid"])) == (format_micros(total), 1)


async def test_what_is_no_payment_does_not_go_back(desk: Desk) -> None:
    """A reversal, an adjustment, another's payment, more than there was, twice: refused, nothing posted."""
    entry = await desk.pay(5 * EURO)
    before = await desk.balance("customer")
    adjusted = (await desk.ask("payment.adjust", "customer", amount="1", reason="x")).ok()["entry_id"]
    other = (await desk.ask("payment.make", "upper", amount="1", reason="x")).ok()["entry_id"]
    assert [(await desk.take_back(number)).status for number in (adjusted, other, 999_999)] == [422] * 3
    assert (await desk.take_back(entry, amount="5.000001"))["errors"][0]["detail"] == "5.00 of it can go back"
    assert (await desk.take_back(entry, amount="0")).status == 422
    back = (await desk.take_back(entry, key="same")).ok()["entry_id"]
    assert (await desk.take_back(entry, key="same")).ok()["entry_id"] == back
    assert (await desk.take_back(entry)).status == 409
    assert (await desk.take_back(back)).status == 422
    assert await desk.balance("customer") == before + EURO - 5 * EURO
    with pytest.raises(SQLAlchemyError, match="only grows"):
        async with desk.company.engine.begin() as conn:
            await conn.execute(sa.delete(payment_reversals))


async def test_a_dispute_opens_the_invoice_and_a_won_one_pays_it(desk: Desk) -> None:
    """As often as Stripe says so; what was taken back by hand isn't taken back again."""
    total = (await desk.standing())[1]
    _, reference = await desk.top_up()
    await desk.tell(paid("evt_1", reference))
    assert await desk.standing() == ("part_paid", total - 25 * EURO)
    for event in ("evt_2", "evt_2", "evt_3"):
        await desk.tell(returned(event, 2_500, "charge.dispute.funds_withdrawn"))
        assert (await desk.standing())[1] == total
    await desk.agrees()
    for event, said in (("evt_4", "entry"), ("evt_4", "taken"), ("evt_5", "posted")):
        told = await desk.tell(returned(event, 2_500, "charge.dispute.funds_reinstated"))
        assert told.split()[0] == said
        assert (await desk.standing())[1] == total - 25 * EURO
    await desk.agrees()
    (receipt,) = [one for one in await listed(desk, "customer") if one["reason"].startswith("cards")]
    assert receipt["returned"] == "0.00"
    (await desk.take_back(receipt["entry_id"])).ok()
    assert await desk.tell(returned("evt_6", 2_500)) == "posted before"
    assert (await desk.standing())[1] == total
    await desk.agrees()


async def test_a_voucher_and_a_bank_line_go_back_too(desk: Desk) -> None:
    """A line of money that went out and names a customer waits; whose it is, a person says."""
    total = (await desk.standing())[1]
    batch = {"account_id": desk.ids["lower"], "name": "v", "amount": "10", "currency": "EUR", "count": 1}
    (code,) = (await desk.ask("voucher.make", **batch)).ok()["codes"]
    used = (await desk.ask("voucher.use", "customer", code=code)).ok()
    number = desk.invoice["number"]
    await desk.csv(f"2026-11-27;C;12.50;EUR;invoice {number}", "2026-11-27;C;3;EUR;customer 4711")
    assert await desk.standing() == ("part_paid", total - 22_500_000)
    (await desk.take_back(used["entry_id"])).ok()
    assert (await desk.ask("voucher.use", "customer", code=code)).status == 409
    got = await desk.csv(f"2026-11-29;C;-12.50;EUR;return {number}", "2026-11-29;C;-9;EUR;rent")
    assert (got.ok()["open"], got["ignored"], got["posted"]) == (1, 1, 0)
    line = next(one for one in await desk.lines(state="open") if one["amount"] == "-12.50")
    assert line["why"] == "money that went out: was a payment taken back?"
    assert (await desk.ask("bank-line.match", "upper", bank_line_id=line["id"])).status == 409
    named = {"bank_line_id": line["id"], "invoice_id": desk.invoice["id"]}
    matched = (await desk.ask("bank-line.match", **named)).ok()
    assert (matched["state"], matched["payer_account_id"]) == ("posted", desk.ids["customer"])
    assert (await desk.ask("bank-line.match", **named)).status == 409
    assert (await desk.standing())[1] == total
    assert await desk.balance("customer") == 1000 * EURO - total
    await desk.agrees()


async def test_whoever_was_barred_is_barred_again(desk: Desk) -> None:
    """Unless somebody spares it; what was done of dunning isn't done twice."""
    (await desk.ask("dunning.edit", "lower", steps=[{"kind": "bar", "days": 1}])).ok()
    dunner = Dunner(desk.company.engine, desk.office.config)

    async def work(days: int) -> str:
        desk.office.now_ms = NOW_MS + MONTH_MS + days * DAY_MS
        await desk.sign_in_again()
        await dunner.work(desk.office.now_ms)
        return str((await desk.office.boss.do("account.show", account_id=desk.ids["customer"]))["state"])

    assert await work(17) == "suspended"
    entry = await desk.pay((await desk.standing())[1])
    assert await work(17) == "active"
    (await desk.take_back(entry, amount="1")).ok()
    assert (await desk.standing(), await work(18)) == (("overdue", EURO), "suspended")
    (await desk.ask("dunning.exempt", "customer", exempt=True, reason="friend")).ok()
    assert await work(18) == "active"
    (await desk.take_back(entry)).ok()
    assert await work(19) == "active"
    (await desk.ask("dunning.exempt", "customer", exempt=False, reason="no friend")).ok()
    assert len((await desk.office.boss.do("dunning.list"))["items"]) == 1
    await desk.agrees()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_comes_and_goes_the_figures_agree(desk: Desk, seed: int) -> None:
    """Payments, credit notes, reversals and invoices in any order."""
    chance = random.Random(seed)
    entries: list[int] = []
    for step in range(2, 14):
        what = chance.choice(("pay", "pay", "back", "back", "credit", "bill"))
        amount = chance.randrange(1, 3_000) * 10_000
        if what == "pay":
            entries.append(await desk.pay(amount))
        elif what == "back" and entries:
            await desk.take_back(chance.choice(entries), **chance.choice(({}, {"amount": format_micros(amount)})))
        elif what == "credit":
            invoice = chance.choice(await desk.invoices("customer", kind="invoice"))
            line = (await desk.lines_of(invoice))[0]
            part = {"line_id": line["id"], "amount": format_micros(min(amount, parse_micros(line["amount"])))}
            await desk.credit(invoice, lines=[part])
        else:
            await desk.ask("payment.adjust", "customer", amount=format_micros(-amount), reason="fee")
            await desk.run(step * MONTH_MS)
        await desk.agrees()


async def _cash(till: Till, kind: str) -> dict[str, int]:
    """What entries of a kind brought each seller, as plain SQL has it."""
    text = "SELECT p.account_id, SUM(-p.amount_micros) FROM postings p JOIN entries e ON e.id = p.entry_id "
    text += "WHERE p.book = 'cash' AND e.kind = :kind GROUP BY p.account_id"
    async with reading(till.company.engine) as conn:
        rows = (await conn.execute(sa.text(text), {"kind": kind})).all()
    names = {number: name for name, number in till.ids.items()}
    return {names[number]: int(micros) for number, micros in rows if number in names}


async def _own_books(till: Till, seller: str, *buyers: str) -> int:
    """What a seller has less what it owes those who pay it: nothing is missing and nothing comes twice."""
    books = [await till.balance(seller, book) for book in ("cash", "revenue", "cost", "tax")]
    return sum(books) + sum([await till.balance(buyer) for buyer in buyers])


async def test_a_card_goes_back_to_the_seller_that_got_it(till: Till) -> None:
    """The account has left it since: refunds and disputes are that one's, the debt is with whom it pays now."""
    before = await _cash(till, "payment")
    _, reference = await till.top_up()
    await till.tell(paid("evt_1", reference))
    await till.ask("account.move", "customer", parent_id=till.ids["upper"])
    handed = await _cash(till, "move")
    for event, kind, minor, net in (
        ("evt_2", "charge.refunded", 1_000, 15), ("evt_3", "charge.dispute.funds_withdrawn", 1_500, 0),
        ("evt_4", "charge.dispute.funds_reinstated", 1_500, 15),
    ):  # fmt: skip
        assert (await till.tell(returned(event, minor, kind))).startswith("entry ")
        now, moved = await _cash(till, "payment"), await _cash(till, "move")
        assert now == before | {"lower": before["lower"] + net * EURO}
        assert {name: moved[name] - handed[name] for name in moved} == {
            "lower": (25 - net) * EURO, "upper": (net - 25) * EURO
        }  # fmt: skip
        assert await till.balance("customer") == (1000 + net) * EURO
        assert await _own_books(till, "lower") == await _own_books(till, "upper", "lower", "customer") == 0
    await till.company.pump()
    await till.sound()


async def test_a_card_that_pays_after_the_account_has_left(till: Till) -> None:
    """Its former seller has it, or says so alone: nothing is posted, and nobody else stands in for it."""
    _, reference = await till.top_up()
    await till.ask("account.move", "customer", parent_id=till.ids["upper"])
    before = [await _cash(till, kind) for kind in ("payment", "move")]
    said = "refused: the account pays another seller by now: pay it back at the gateway"
    assert await till.tell(paid("evt_1", reference)) == said
    assert [await _cash(till, kind) for kind in ("payment", "move")] == before
    assert await till.balance("customer") == 1000 * EURO
    assert await _own_books(till, "lower") == await _own_books(till, "upper", "lower", "customer") == 0
    await till.ask("account.move", "customer", parent_id=till.ids["lower"])
    assert (await till.tell(paid("evt_2", reference))).startswith("entry ")
    assert await till.balance("customer") == 1025 * EURO
    await till.company.pump()
    await till.sound()
