"""Receipts: one for each payment, numbered without a gap, on paper, and mailed to whom they are wanted by."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pypdf import PdfReader
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.database.receipt_tables import receipts
from service.messages.papers import Papers
from service.messages.sender import Sender
from tests.service.company import EURO
from tests.service.mailroom import letter_of, mailroom
from tests.service.test_invoices import PAPER, Bureau
from tests.service.test_payments import Till, paid, till

__all__ = ["till"]


@pytest.fixture
async def bureau(engine: AsyncEngine, database: str, tmp_path: Path) -> Bureau:
    """Postpaid accounts, each of which is somebody on paper."""
    bureau = Bureau(engine, database, tmp_path)
    await bureau.open()
    return bureau


async def listed(house: Any, name: str) -> list[dict[str, Any]]:
    """Of an account, the first one first."""
    query = {"account_id": house.ids[name], "sort": "id"}
    return list((await house.office.boss.do("receipt.list", query=query))["items"])


async def page_of(house: Any, receipt: dict[str, Any]) -> str:
    """The words of its HTML."""
    got = await house.office.boss.do("receipt.paper", receipt_id=receipt["id"], query={"form": "html"})
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", base64.b64decode(got["data"]).decode(), flags=re.DOTALL)
    return " ".join(text.split())


async def test_a_payment_of_invoices_says_which(bureau: Bureau) -> None:
    """And what of it is kept; later payments, other names and other invoices change nothing of it."""
    await bureau.terms("customer", language="de", zone="Europe/Berlin")
    await bureau.talk(3600)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    await bureau.ask("payment.make", "customer", amount="100", reason="bank 17")
    first = (await listed(bureau, "customer"))[-1]
    before = await page_of(bureau, first)
    kept = f"{100 - float(invoice['total']):.2f}".replace(".", ",")
    for said in (
        f"Rechnung {invoice['number']}",
        kept,
        "100,00 EUR",
        "customer Ltd",
        "lower Ltd",
        "bank 17",
        "Quittung",
    ):
        assert said in before
    shown = await bureau.office.boss.do("receipt.show", receipt_id=first["id"])
    assert shown["paid"] == [{"number": invoice["number"], "amount": invoice["total"]}]
    await bureau.office.boss.do("party.edit", account_id=bureau.ids["customer"], legal_name="Other", **PAPER)
    await bureau.talk(60)
    await bureau.run(2 * 40 * 86_400_000)
    assert await page_of(bureau, first) == before
    got = await bureau.office.boss.do("receipt.paper", receipt_id=first["id"])
    assert (got["name"], got["type"]) == (f"{first['number']}.pdf", "application/pdf")
    pdf = PdfReader(io.BytesIO(base64.b64decode(got["data"])))
    assert invoice["number"] in pdf.pages[0].extract_text()
    await bureau.sound()


async def test_who_is_nobody_on_paper_gets_one_too(till: Till) -> None:
    """By its name, and by its seller's brand; amounts to the micro-unit are told as they are."""
    brand = {"company": "Lower Telecom", "address": "1 Street\nTown"}
    await till.office.boss.do("brand.edit", account_id=till.ids["lower"], **brand)
    await till.ask("payment.make", "customer", amount="0.123456", reason="found in the sofa")
    said = await page_of(till, (await listed(till, "customer"))[-1])
    for one in ("Lower Telecom", "1 Street", "customer", "0.123456 EUR", "found in the sofa"):
        assert one in said


async def test_numbers_have_no_gap(till: Till) -> None:
    """By seller, as it numbers them, however many are posted at once; what is refused takes none."""
    own = {"account_id": till.ids["lower"], "prefix": "Q", "pattern": "{prefix}{number:3}", "restarts_yearly": False}
    assert (await till.office.boss.do("numbering.show-receipts", account_id=till.ids["lower"]))["next_number"] == 2
    await till.office.boss.do("numbering.edit-receipts", **own)
    same = [till.ask("payment.make", "customer", key="same", amount="1", reason="x") for _ in range(3)]
    others = [till.ask("payment.make", "customer", amount="2", reason="x") for _ in range(5)]
    refused = [till.ask("payment.make", "customer", amount="-2", reason="x") for _ in range(2)]
    await asyncio.gather(*same, *others, *refused)
    numbers = [one["number"] for one in await listed(till, "customer")]
    assert numbers == ["R2026-00001", *(f"Q{number:03}" for number in range(2, 8))]
    assert [one["number"] for one in await listed(till, "upper")] == ["R2026-00001"]
    await till.sound()


async def test_money_that_goes_out_has_none(till: Till) -> None:
    """Refunds, corrections, and what is paid to a provider; nor has what a provider pays."""
    before = len(await listed(till, "customer"))
    await till.ask("payment.refund", "customer", amount="5", reason="x")
    await till.company.pump()
    await till.ask("payment.adjust", "customer", amount="5", reason="x")
    for amount in ("-5", "5"):
        (await till.ask("payment.make", "carrier", amount=amount, reason="x")).ok()
    assert (len(await listed(till, "customer")), await listed(till, "carrier")) == (before, [])


async def test_what_was_given_stays(till: Till) -> None:
    """The database sees to it."""
    with pytest.raises(SQLAlchemyError, match="only grows"):
        async with till.company.engine.begin() as conn:
            await conn.execute(sa.update(receipts).values(amount_micros=EURO))


async def _mailed(till: Till) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """What has come: recipient, and its files."""
    with mailroom() as room:
        config = till.office.config.model_copy(update={"mail": room.config()})

        async def at_once(_seconds: float) -> None:
            return None

        files = (Papers(till.company.engine).files_of,)
        sender = Sender(till.company.engine, config, lambda: till.office.now_ms, files=files, pause=at_once)
        while await sender.send_due():
            pass
        await sender.close()
        found = []
        for envelope in room.got:
            letter = letter_of(envelope)
            files = [(str(one.get_filename()), one.get_content()) for one in letter.iter_attachments()]
            if "payment" in str(letter["Subject"]).lower():
                found.append((envelope.rcpt_tos[0], files))
        return found


async def test_a_gateways_payment_is_mailed_with_its_receipt(till: Till) -> None:
    """Once, to the contact and the people who may see it; others only if the account wants all, or none at all."""
    boss, own = till.office.boss, till.ids["customer"]
    await boss.do("party.edit", account_id=own, legal_name="C", contact_email="pay@shop.example", **PAPER)
    await till.office.hire(boss, own, "owner@shop.example")
    assert (await boss.do("receipt-mail.show", account_id=own))["mailed"] == "gateways"
    _, reference = await till.top_up()
    await till.tell(paid("evt_1", reference))
    await till.tell(paid("evt_1", reference))
    await till.ask("payment.make", "customer", amount="3", reason="x")
    got = await _mailed(till)
    assert [one for one, _ in got] == ["pay@shop.example", "owner@shop.example"]
    by_card = next(one for one in await listed(till, "customer") if one["amount"] == "25.00")
    ((name, content),) = got[0][1]
    assert (name, content[:5]) == (f"{by_card['number']}.pdf", b"%PDF-")

    await boss.do("receipt-mail.edit", account_id=own, mailed="all")
    await till.ask("payment.make", "customer", amount="4", reason="x")
    assert len(await _mailed(till)) == 2
    await boss.do("receipt-mail.edit", account_id=own, mailed="none")
    _, reference = await till.top_up()
    await till.tell(paid("evt_2", reference))
    assert await _mailed(till) == []


async def test_only_who_pays_wishes(till: Till) -> None:
    """A provider has no receipts; what is no wish is refused."""
    boss = till.office.boss
    assert (await boss.ask("receipt-mail.edit", account_id=till.ids["carrier"], mailed="all")).status == 409
    assert (await boss.ask("receipt-mail.edit", account_id=till.ids["customer"], mailed="often")).status == 422
    owner = await till.office.hire(boss, till.ids["customer"], "owner@shop.example")
    assert (await owner.do("receipt-mail.edit", account_id=till.ids["customer"], mailed="all"))["version"] == 1
    assert (await owner.ask("receipt-mail.edit", account_id=till.ids["lower"], mailed="all")).status == 404


async def test_a_payment_and_its_receipt_are_one(till: Till) -> None:
    """Each payment of a customer or reseller has exactly one, of its amount."""
    await till.ask("payment.make", "customer", amount="7", reason="x")
    async with reading(till.company.engine) as conn:
        query = (
            "SELECT count(*) FROM entries e JOIN postings p ON p.entry_id = e.id AND p.book = 'balance' "
            "LEFT JOIN receipts r ON r.entry_id = e.id AND r.amount_micros = p.amount_micros "
            "WHERE e.kind = 'payment' AND r.id IS NULL"
        )
        assert (await conn.execute(sa.text(query))).scalar_one() == 0
