"""Invoices through the API: terms, taxes, drafts, credit notes; every figure the same wherever it stands."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pypdf import PdfReader
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.access.sessions import Visit, open_session
from service.database.access_tables import mails
from service.database.billing_tables import invoices, open_micros
from service.database.tables import accounts
from service.database.webhook_tables import deliveries
from service.rerating.work import Rerater
from tests.service.company import NOW_MS, TARIFFS, write_ratebook
from tests.service.office import Person
from tests.service.test_money import House

DAY_MS = 86_400_000
MONTH_MS = 40 * DAY_MS
PAPER = {"country": "DE", "address_lines": ["A street 1"], "postcode": "10115", "city": "Berlin"}


class Bureau(House):
    """A company that bills: root → upper → lower → customer; all of them postpaid from now on."""

    async def open(self) -> None:
        """Names on paper, VAT of each seller, terms of a month."""
        await self.stand(self._open_bureau)

    async def _open_bureau(self) -> None:
        await super().open()
        boss = self.office.boss
        async with self.company.engine.begin() as conn:
            await conn.execute(sa.update(accounts).where(accounts.c.kind != "root").values(billing="postpaid"))
        for name, number in [("root", 1), *self.ids.items()]:
            self.ids[name] = number
            await boss.do("party.edit", account_id=number, legal_name=f"{name} Ltd", **PAPER)
        for seller in ("root", "upper", "lower"):
            tax = {"name": "VAT", "percent": "19", "category": "S", "everybody": True}
            await boss.do("tax.make", account_id=self.ids[seller], **tax)
        for name in ("upper", "lower", "customer"):
            await self.terms(name)

    async def terms(self, name: str, **values: Any) -> dict[str, Any]:
        """Set as a whole."""
        got: dict[str, Any] = await self.office.boss.do("terms.edit", account_id=self.ids[name], **values)
        return got

    async def talk(self, *seconds: float) -> None:
        """Calls of the customer, in the ledger."""
        for one in seconds:
            self.company.call(one)
        await self.company.pump()

    async def run(self, after_ms: int = MONTH_MS) -> dict[str, Any]:
        """As if so much time had gone by."""
        self.office.now_ms = NOW_MS + after_ms
        await self.sign_in_again()
        got: dict[str, Any] = await self.office.boss.do("invoice.run")
        await self.company.pump()
        return got

    async def sign_in_again(self) -> None:
        """Sessions don't last for months."""
        async with self.company.engine.begin() as conn:
            key = await open_session(conn, self.office.boss.user["id"], Visit("", ""), self.office.now_ms)
        self.office.boss = Person(self.office, key.text, self.office.boss.user)

    async def invoices(self, name: str, **query: Any) -> list[dict[str, Any]]:
        """Of an account, the first one first."""
        listed = await self.office.boss.do("invoice.list", query={"account_id": self.ids[name], "sort": "id", **query})
        return list(listed["items"])

    async def lines(self, invoice: dict[str, Any]) -> list[dict[str, Any]]:
        """All of them."""
        return list((await self.office.boss.do("invoice.lines", invoice_id=invoice["id"]))["items"])

    async def credit(self, invoice: dict[str, Any], **body: Any) -> Any:
        """Whatever the answer is."""
        return await self.ask("invoice.credit", invoice_id=invoice["id"], reason="as agreed", **body)


@pytest.fixture
async def bureau(engine: AsyncEngine, database: str, tmp_path: Path) -> Bureau:
    """Open for business."""
    bureau = Bureau(engine, database, tmp_path)
    await bureau.open()
    return bureau


async def test_everybody_is_billed_by_their_seller(bureau: Bureau) -> None:
    """The operator bills upper, upper bills lower, lower bills the customer; sums, books and store agree."""
    await bureau.talk(61, 7, 95)
    before = {name: await bureau.balance(name) for name in ("upper", "lower", "customer")}
    assert (await bureau.run())["invoices"] == 3
    seen = {}
    for name, seller in (("upper", "root"), ("lower", "upper"), ("customer", "lower")):
        (invoice,) = await bureau.invoices(name)
        (line,) = await bureau.lines(invoice)
        assert (invoice["state"], invoice["seller_id"]) == ("issued", bureau.ids[seller])
        assert (line["quantity"], line["duration_ms"], line["billed_s"]) == (3, 163_000, 163)
        assert invoice["net"] == line["net"] == line["amount"]
        exact = parse_micros(invoice["net"])
        assert parse_micros(invoice["tax"]) == (exact * 19 // 1000 + 500) // 1000 * 10_000
        assert exact + parse_micros(invoice["rounding"]) == (exact + 5_000) // 10_000 * 10_000
        added = parse_micros(invoice["tax"]) + parse_micros(invoice["rounding"])
        assert await bureau.balance(name) == before[name] - added == bureau.stored(name)
        assert await bureau.balance(seller, "tax") == parse_micros(invoice["tax"])
        seen[name] = line["rate"]
    assert seen == {"upper": "0.024", "lower": "0.03", "customer": "0.06"}
    assert (await bureau.run())["invoices"] == 0
    await bureau.sound()


async def test_invoices_are_sorted_by_what_is_open(bureau: Bureau) -> None:
    """Of credit notes nothing is; page by page each of them once; by an index, whose expression is the list's own."""
    await bureau.talk(61, 7, 95)
    await bureau.run()
    (upper,), (customer,) = await bureau.invoices("upper"), await bureau.invoices("customer")
    (await bureau.credit(upper)).ok()
    await bureau.ask("payment.make", "customer", amount="0.01", reason="A beginning", invoice_id=customer["id"])
    boss, found, cursor = bureau.office.boss, [], ""
    while cursor is not None:
        page = await boss.do("invoice.list", query={"sort": "-open", "limit": "1", "cursor": cursor})
        found += page["items"]
        cursor = page["next"]
    told = [(parse_micros(one["open"]), one["id"]) for one in found]
    assert (told, len(told), told[-1][0]) == (sorted(told, reverse=True), 4, 0)
    assert len({one for one, _ in told}) == 3
    rises = await boss.do("invoice.list", query={"sort": "open"})
    assert rises["items"] == found[::-1]
    assert await _way(bureau, sa.select(invoices.c.id).order_by(open_micros.desc(), invoices.c.id.desc()).limit(9))


async def _way(bureau: Bureau, query: sa.Select[Any]) -> bool:
    """Whether the list goes along the index."""
    statement = query.compile(dialect=bureau.company.engine.dialect, compile_kwargs={"literal_binds": True})
    async with bureau.company.engine.connect() as conn:
        is_sqlite = conn.dialect.name == "sqlite"
        if not is_sqlite:  # of four rows it would read all
            await conn.exec_driver_sql("SET enable_seqscan = off")
        explained = await conn.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{statement}")
        return "ix_invoices_open_micros" in str(explained.all())


async def test_the_same_figure_wherever_it_stands(bureau: Bureau) -> None:
    """Lines, calls, annex, call records and books say the same of each call and of their sum."""
    await bureau.talk(61, 7, 95)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    boss = bureau.office.boss
    calls = (await boss.do("invoice.calls", invoice_id=invoice["id"]))["items"]
    annex = await boss.do("invoice.annex", invoice_id=invoice["id"])
    rows = list(csv.DictReader(io.StringIO(annex["content"])))
    records = {one["call"]: one for one in (await boss.do("cdr.list"))["items"]}
    charged = {key: one["charges"][0]["charge"] for key, one in records.items()}
    assert {one["call"]: one["amount"] for one in calls} == charged == {row["call"]: row["amount"] for row in rows}
    total = sum(map(parse_micros, charged.values()))
    assert format_micros(total) == invoice["net"] == (await bureau.lines(invoice))[0]["amount"]
    books = (await boss.do("payment.list", account_id=bureau.ids["customer"]))["items"]
    assert -total == sum(parse_micros(one["amount"]) for one in books if one["kind"] == "charges")
    assert annex["next"] is None
    assert annex["name"] == f"{invoice['number']}-calls.csv"
    assert [row["billed_s"] for row in rows] == ["61", "7", "95"]


async def test_paper_says_what_the_api_says(bureau: Bureau) -> None:
    """PDF with its data inside, HTML, XML; a draft has none, and what can't be told is told."""
    await bureau.talk(61, 7, 95)
    named = {"account_id": bureau.ids["lower"], "legal_name": "lower Ltd", "tax_number": "DE811115368"}
    await bureau.office.boss.do("party.edit", **named, **PAPER)
    await bureau.terms("upper", reviewed=True)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    boss = bureau.office.boss
    shown = {
        form: await boss.do("invoice.paper", invoice_id=invoice["id"], query={"form": form})
        for form in ("pdf", "html", "ubl", "cii")
    }
    data = {form: base64.b64decode(one["data"]) for form, one in shown.items()}
    assert [(one["name"], one["type"]) for one in shown.values()] == [
        (f"{invoice['number']}.pdf", "application/pdf"), (f"{invoice['number']}.html", "text/html"),
        (f"{invoice['number']}.ubl.xml", "application/xml"), (f"{invoice['number']}.cii.xml", "application/xml"),
    ]  # fmt: skip
    total = invoice["total"]
    assert f">{total}\u00a0EUR<" in data["html"].decode()
    assert f">{total}<".encode() in data["ubl"]
    reader = PdfReader(io.BytesIO(data["pdf"]))
    assert f"{total} EUR" in reader.pages[0].extract_text().replace("\u00a0", " ")
    assert reader.attachments["factur-x.xml"] == [data["cii"]]
    (draft,) = await bureau.invoices("upper")
    got = await boss.ask("invoice.paper", invoice_id=draft["id"])
    assert (got.status, "no paper" in got["detail"]) == (404, True)


async def test_lines_say_the_number_that_called(bureau: Bureau) -> None:
    """In the API and on paper, if the terms say so; other words are refused."""
    got = await bureau.ask("terms.edit", "customer", lines="caller")
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/lines"), got
    await bureau.terms("customer", lines="destination_and_caller")
    await bureau.talk(61, 7)
    await bureau.run()
    boss = bureau.office.boss
    (call, _) = (await boss.do("cdr.list"))["items"]
    (invoice,) = await bureau.invoices("customer")
    (line,) = await bureau.lines(invoice)
    assert (line["caller"], line["quantity"], bool(call["caller"])) == (call["caller"], 2, True)
    paper = await boss.do("invoice.paper", invoice_id=invoice["id"], query={"form": "html"})
    assert f"{line['description']} · {call['caller']}" in base64.b64decode(paper["data"]).decode()
    note = (await bureau.credit(invoice)).ok()
    assert [one["caller"] for one in await bureau.lines(note)] == [call["caller"]]
    (above,) = await bureau.invoices("lower")
    assert [one["caller"] for one in await bureau.lines(above)] == [""]


async def test_corrections_say_the_number_that_called(bureau: Bureau) -> None:
    """Of who has lines by number; of whoever is above, by destination alone."""
    await bureau.terms("customer", lines="destination_and_caller")
    await bureau.talk(61, 7)
    await bureau.run()
    await _rerate(bureau, "0.07")
    await bureau.run(2 * MONTH_MS)
    (call, _) = (await bureau.office.boss.do("cdr.list"))["items"]
    (line,) = await bureau.lines((await bureau.invoices("customer"))[1])
    assert (line["kind"], line["caller"], line["quantity"]) == ("correction", call["caller"], 2)
    await bureau.sound()


async def test_who_may_see_an_invoice_hears_of_it(bureau: Bureau) -> None:
    """Once, when it is issued: a webhook above, and people of the account; nobody of a draft, and nobody else."""
    boss = bureau.office.boss
    await boss.do("webhook.make", account_id=1, url="https://x.example/", events=["invoice.issued"])
    other = await boss.do("role.define", account_id=1, name="calls", permissions=["cdrs.read"])
    await bureau.office.hire(boss, bureau.ids["customer"], "ann@customer.example")
    await bureau.office.hire(boss, bureau.ids["customer"], "operator@customer.example", [other["id"]])
    await bureau.office.hire(boss, bureau.ids["lower"], "low@lower.example")
    await bureau.terms("lower", reviewed=True)
    await bureau.talk(61)
    await bureau.run()
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    async with bureau.company.engine.connect() as conn:
        wrote = (await conn.execute(sa.select(mails).where(mails.c.template == "invoice"))).all()
        bodies = [json.loads(row.body)["data"] for row in await conn.execute(sa.select(deliveries))]
    told = {"number": invoice["number"], "total": invoice["total"], "currency": "EUR", "due": invoice["due_at"][:10]}
    (letter,) = wrote
    assert letter.recipient == "ann@customer.example"
    assert letter.fields == {"user_id": letter.fields["user_id"], "invoice_id": invoice["id"], **told}
    (body,) = [one for one in bodies if one["account_id"] == bureau.ids["customer"]]
    assert body == {"account_id": bureau.ids["customer"], "invoice_id": invoice["id"], **told}
    assert bureau.ids["lower"] not in [one["account_id"] for one in bodies]


async def test_what_the_norm_cannot_say_is_told(bureau: Bureau) -> None:
    """Its seller has no tax number: the PDF comes without data, XML not at all."""
    await bureau.talk(61)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    got = await bureau.office.boss.ask("invoice.paper", invoice_id=invoice["id"], query={"form": "ubl"})
    assert (got.status, "it has no tax number" in str(got.body)) == (422, True), got
    plain = await bureau.office.boss.do("invoice.paper", invoice_id=invoice["id"])
    assert not PdfReader(io.BytesIO(base64.b64decode(plain["data"]))).attachments


async def test_adjustments_are_billed_once(bureau: Bureau) -> None:
    """A fee and a goodwill are lines; the next invoice has none of them."""
    await bureau.talk(60)
    await bureau.ask("payment.adjust", "customer", amount="-5", reason="a fee")
    await bureau.ask("payment.adjust", "customer", amount="1.5", reason="a goodwill")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    lines = await bureau.lines(invoice)
    assert [(one["kind"], one["description"], one["amount"]) for one in lines[1:]] == [
        ("adjustment", "a fee", "5.00"), ("adjustment", "a goodwill", "-1.50"),
    ]  # fmt: skip
    await bureau.run(2 * MONTH_MS)
    assert len(await bureau.invoices("customer")) == 1
    await bureau.sound()


async def test_a_draft_waits_for_somebody(bureau: Bureau) -> None:
    """Made void: what stood on it is on the next one; issued: it is numbered, and can't be made void."""
    await bureau.terms("customer", reviewed=True)
    await bureau.talk(60)
    await bureau.ask("payment.adjust", "customer", amount="-5", reason="a fee")
    assert (await bureau.run())["drafts"] == 1
    (draft,) = await bureau.invoices("customer")
    assert (draft["state"], draft["number"]) == ("draft", None)
    await bureau.office.boss.do("invoice.void", invoice_id=draft["id"])
    await bureau.run(2 * MONTH_MS)
    void, again = await bureau.invoices("customer")
    assert (void["state"], again["state"], again["net"]) == ("void", "draft", draft["net"])
    issued = await bureau.office.boss.do("invoice.issue", invoice_id=again["id"])
    assert (issued["state"], issued["buyer"]["legal_name"]) == ("issued", "customer Ltd")
    for verb in ("issue", "void"):
        got = await bureau.office.boss.ask(f"invoice.{verb}", invoice_id=again["id"])
        assert (got.status, "it is issued" in got["detail"]) == (409, True)
    await bureau.sound()


async def test_a_draft_is_not_for_whom_it_is_for(bureau: Bureau) -> None:
    """The customer sees it once it is issued."""
    await bureau.terms("customer", reviewed=True)
    await bureau.talk(60)
    await bureau.run()
    (draft,) = await bureau.invoices("customer")
    ann = await bureau.office.hire(bureau.office.boss, bureau.ids["customer"], "ann@customer.example")
    assert (await ann.do("invoice.list"))["items"] == []
    assert (await ann.ask("invoice.show", invoice_id=draft["id"])).status == 404
    await bureau.office.boss.do("invoice.issue", invoice_id=draft["id"])
    shown = await ann.do("invoice.show", invoice_id=draft["id"])
    assert (shown["state"], shown["seller_id"], shown["seller"]["legal_name"]) == ("issued", None, "lower Ltd")
    assert "account_id" not in shown["seller"]


async def test_a_preview_makes_nothing(bureau: Bureau) -> None:
    """It says what a run would say now; numbers, books and links are as they were."""
    await bureau.talk(60, 30)
    bureau.office.now_ms = bureau.company.now.wall_ms
    found = await bureau.office.boss.do("invoice.preview", account_id=bureau.ids["customer"])
    (invoice,) = found["invoices"]
    assert (invoice["net"], invoice["state"], found["lines"][0]["quantity"]) == ("0.09", "draft", 2)
    assert await bureau.invoices("customer") == []
    await bureau.run()
    assert [one["net"] for one in await bureau.invoices("customer")] == ["0.09"]


async def test_a_prepaid_account(bureau: Bureau) -> None:
    """Billed only where it wants to be: then the invoice is paid, with the tax within what was charged."""
    async with bureau.company.engine.begin() as conn:
        own = accounts.c.id == bureau.ids["customer"]
        await conn.execute(sa.update(accounts).where(own).values(billing="prepaid"))
    await bureau.talk(90)
    await bureau.run()
    assert await bureau.invoices("customer") == []
    bureau.company.wait(MONTH_MS / 1000)
    await bureau.terms("customer", prepaid_invoices=True)
    before = await bureau.balance("customer")
    await bureau.talk(100)
    await bureau.run(2 * MONTH_MS)
    (invoice,) = await bureau.invoices("customer")
    assert (invoice["state"], invoice["paid"], invoice["open"]) == ("paid", invoice["total"], "0.00")
    assert parse_micros(invoice["net"]) + parse_micros(invoice["tax"]) == 100_000
    assert await bureau.balance("customer") == before - 100_000
    await bureau.sound()


async def test_credit_notes_by_line_and_of_the_rest(bureau: Bureau) -> None:
    """Numbers of their own; together they are the invoice, to the micro-unit; nothing is credited twice."""
    await bureau.talk(61, 7, 95)
    await bureau.ask("payment.adjust", "customer", amount="-5.000001", reason="a fee")
    before = await bureau.balance("customer"), await bureau.balance("lower", "revenue")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    calls, fee = await bureau.lines(invoice)
    part = (await bureau.credit(invoice, lines=[{"line_id": fee["id"], "amount": "2.5"}])).ok()
    assert (part["kind"], part["net"], part["tax"], part["refers_to_id"]) == (
        "credit_note", "2.50", "0.48", invoice["id"],
    )  # fmt: skip
    (now,) = await bureau.invoices("customer", kind="invoice")
    assert (now["state"], now["credited"]) == ("part_paid", part["total"])
    for line, amount in ((fee, "2.500002"), (fee, "-1"), (calls, "1"), ({"id": 999}, "1")):
        got = await bureau.credit(invoice, lines=[{"line_id": line["id"], "amount": amount}])
        assert got.status == 409, got
    got = await bureau.credit(invoice, lines=[{"line_id": fee["id"], "amount": amount} for amount in ("2", "0.500002")])
    assert (got.status, got["errors"][0]["pointer"]) == (409, "/lines/1/amount"), "both together are more than is left"
    assert "0.500001 of it can be credited" in got["detail"]
    rest = (await bureau.credit(invoice)).ok()
    for field in ("net", "rounding", "tax", "total"):
        assert parse_micros(part[field]) + parse_micros(rest[field]) == parse_micros(invoice[field]), field
    assert [one["number"][-5:] for one in (part, rest)] == ["00001", "00002"]
    (now,) = await bureau.invoices("customer", kind="invoice")
    assert (now["state"], now["credited"], now["open"]) == ("paid", invoice["total"], "0.00")
    assert (await bureau.credit(invoice)).status == 409
    gross = parse_micros(invoice["net"])
    assert await bureau.balance("customer") == before[0] + gross
    assert await bureau.balance("lower", "revenue") == before[1] - gross
    assert await bureau.balance("lower", "tax") == 0
    await bureau.sound()


async def test_a_long_note_takes_as_many_statements_as_a_short_one(bureau: Bureau) -> None:
    """Of two lines as of eleven: on SQLite all else waits meanwhile."""
    for number in range(14):
        await bureau.ask("payment.adjust", "customer", amount=f"-{number + 1}", reason=f"a fee, {number}")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    lines = await bureau.lines(invoice)
    engine, counts = bureau.company.engine, list[int]()

    def keep(*_: Any) -> None:
        counts[-1] += 1

    sa.event.listen(engine.sync_engine, "before_cursor_execute", keep)
    for some in (lines[:1], lines[1:3], lines[3:]):
        counts.append(0)
        (await bureau.credit(invoice, lines=[{"line_id": one["id"], "amount": "1"} for one in some])).ok()
    sa.event.remove(engine.sync_engine, "before_cursor_execute", keep)
    assert counts[1] == counts[2]
    await bureau.sound()


async def test_what_is_credited_beyond_an_invoice_waits(bureau: Bureau) -> None:
    """A fee that was wrong, and a goodwill beside it that stays: what is to be had pays the next invoice, once."""
    await bureau.ask("payment.adjust", "customer", amount="-5", reason="a fee")
    await bureau.ask("payment.adjust", "customer", amount="1.5", reason="a goodwill")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    fee, _ = await bureau.lines(invoice)
    for amount, left in (("4", "-0.59"), ("1", "-1.78")):
        (await bureau.credit(invoice, lines=[{"line_id": fee["id"], "amount": amount}])).ok()
        (now,) = await bureau.invoices("customer", kind="invoice")
        assert (invoice["total"], now["state"], now["open"]) == ("4.17", "paid", left)
    await bureau.ask("payment.adjust", "customer", amount="-10", reason="another fee")
    await bureau.run(2 * MONTH_MS)
    _, second = await bureau.invoices("customer", kind="invoice")
    assert (second["total"], second["state"], second["paid"]) == ("11.90", "part_paid", "1.78")
    await bureau.sound()


async def test_small_credit_notes_stand_on_paper(bureau: Bureau) -> None:
    """Each one's lines, rounded, are its total; after some of them a line says what the others rounded away."""
    await bureau.ask("payment.adjust", "customer", amount="-5.000001", reason="a fee")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    (fee,) = await bureau.lines(invoice)
    said = []
    for _ in range(4):
        note = (await bureau.credit(invoice, lines=[{"line_id": fee["id"], "amount": "0.006"}])).ok()
        lines = await bureau.lines(note)
        net = sum(parse_micros(one["net"]) for one in lines)
        assert net == parse_micros(note["net"])
        assert (net + 5_000) // 10_000 * 10_000 == net + parse_micros(note["rounding"])
        said.append([one["net"] for one in lines])
    assert said == [["0.006"], ["0.006", "-0.006"], ["0.006"], ["0.006", "-0.006"]]
    rest = (await bureau.credit(invoice)).ok()
    notes = await bureau.invoices("customer", kind="credit_note")
    assert sum(parse_micros(one["total"]) for one in notes) == parse_micros(invoice["total"])
    assert rest["tax"] == "0.95"
    await bureau.sound()


async def test_what_was_rated_again_after_the_invoice(bureau: Bureau) -> None:
    """A credit note by wish; else a line of the next invoice. The invoice itself stays; no call is corrected twice."""
    await bureau.talk(61, 95)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    assert (await bureau.credit(invoice, corrections=True)).status == 409
    await _rerate(bureau, "0.03")
    note = (await bureau.credit(invoice, corrections=True)).ok()
    assert (note["net"], (await bureau.credit(invoice, corrections=True)).status) == ("0.078", 409)
    await _rerate(bureau, "0.06")
    await bureau.run(2 * MONTH_MS)
    first, second = await bureau.invoices("customer", kind="invoice")
    assert (first["net"], first["total"]) == (invoice["net"], invoice["total"])
    (line,) = await bureau.lines(second)
    assert (line["kind"], line["quantity"], line["amount"]) == ("correction", 2, "0.078")
    await bureau.run(3 * MONTH_MS)
    assert len(await bureau.invoices("customer", kind="invoice")) == 2
    await bureau.sound()


async def _rerate(bureau: Bureau, retail: str) -> None:
    """All calls, by another price of the customer's tariff."""
    write_ratebook(bureau.company.config.ratebook, TARIFFS | {"retail": retail})
    await bureau.company.publish()
    period = {"since": "2026-09-01T00:00:00Z", "until": "2027-09-01T00:00:00Z"}
    await bureau.office.boss.do("rerating.start", reason="wrong price", **period)
    rerater = Rerater(bureau.company.engine, bureau.company.config)
    while await rerater.work(bureau.company.now.wall_ms):
        pass
    await bureau.company.pump()


async def test_who_pays_no_tax(bureau: Bureau) -> None:
    """Reverse charge needs a number on paper, and says its reason on the invoice."""
    boss, customer = bureau.office.boss, bureau.ids["customer"]
    got = await boss.ask("terms.edit", account_id=customer, tax_status="reverse_charge")
    assert (got.status, "tax number" in got["detail"]) == (409, True)
    await boss.do("party.edit", account_id=customer, legal_name="Ann", **PAPER, tax_number="DE811115368")
    await bureau.terms("customer", tax_status="reverse_charge")
    await bureau.talk(60)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    shown = await bureau.office.boss.do("invoice.show", invoice_id=invoice["id"])
    assert [(one["category"], one["tax"], one["exemption_code"]) for one in shown["taxes"]] == [
        ("AE", "0.00", "VATEX-EU-AE")
    ]


async def test_taxes_of_services_and_accounts(bureau: Bureau) -> None:
    """Assigned ones instead of everybody's; a levy with VAT on it; calls and fees apart."""
    boss, lower = bureau.office.boss, bureau.ids["lower"]
    levy = {"name": "levy", "percent": "5", "category": "levy", "services": ["calls"]}
    own = {"name": "VAT 10", "percent": "10", "category": "S", "compound": True, "position": 1}
    made = [await boss.do("tax.make", account_id=lower, **one) for one in (levy, own)]
    await boss.do("tax.assign", account_id=bureau.ids["customer"], tax_ids=[one["id"] for one in made])
    await bureau.talk(100)
    await bureau.ask("payment.adjust", "customer", amount="-100", reason="a fee")
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    shown = await bureau.office.boss.do("invoice.show", invoice_id=invoice["id"])
    assert [(one["tax_group"], one["name"], one["base"], one["tax"]) for one in shown["taxes"]] == [
        (0, "levy", "0.10", "0.01"), (0, "VAT 10", "0.11", "0.01"), (1, "VAT 10", "100.00", "10.00"),
    ]  # fmt: skip
    assert [one["tax_group"] for one in await bureau.lines(invoice)] == [0, 1]
    assert shown["total"] == "110.12"


async def test_what_makes_no_sense_is_refused(bureau: Bureau) -> None:
    """With the reason, and nothing changed."""
    boss, ids = bureau.office.boss, bureau.ids
    tax = {"account_id": ids["lower"], "name": "x", "percent": "7", "category": "S"}
    refused: list[tuple[str, dict[str, Any], int, str]] = [
        ("tax.make", {name: value for name, value in tax.items() if name != "category"}, 422, "/category"),
        ("tax.make", tax | {"category": "VAT"}, 422, "/category"),
        ("tax.make", tax | {"percent": "0"}, 422, "/percent"),
        ("tax.make", tax | {"percent": 7}, 422, "/percent"),
        ("tax.make", tax | {"percent": "101"}, 422, "/percent"),
        ("tax.make", tax | {"category": "E", "percent": "0"}, 422, "/exemption_reason"),
        ("tax.make", tax | {"everybody": True}, 409, "everybody pays VAT already"),
        ("tax.make", tax | {"account_id": ids["customer"]}, 409, "only the operator and resellers"),
        (
            "tax.make",
            tax | {"valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"},
            422,
            "/valid",
        ),
        ("tax.assign", {"account_id": ids["customer"], "tax_ids": [1]}, 422, "doesn't sell to"),
        ("terms.edit", {"account_id": ids["customer"], "cycle": "weekly", "cycle_day": 8}, 422, "/cycle_day"),
        ("terms.edit", {"account_id": ids["customer"], "zone": "Mars/Olympus"}, 422, "/zone"),
        ("terms.edit", {"account_id": ids["customer"], "starts_at": "2020-01-01T00:00:00Z"}, 422, "have begun"),
        ("terms.edit", {"account_id": ids["carrier"]}, 409, "customers and resellers are billed"),
        ("party.edit", {"account_id": ids["customer"], "legal_name": "x", "country": "XX"}, 422, "/country"),
    ]
    for endpoint, given, status, said in refused:
        got = await boss.ask(endpoint, **given)
        assert got.status == status, (endpoint, given, got)
        assert said in str(got.body), (endpoint, got)


async def test_nobody_on_paper_gets_no_invoice(bureau: Bureau) -> None:
    """It stays a draft that says what is missing, and is issued once that is there."""
    async with bureau.company.engine.begin() as conn:
        await conn.execute(sa.text("DELETE FROM billing_parties WHERE account_id = :id"), {"id": bureau.ids["lower"]})
    await bureau.talk(60)
    done = await bureau.run()
    (draft,) = await bureau.invoices("customer")
    assert draft["state"] == "draft"
    assert any("the seller (lower) is nobody on paper" in one for one in done["problems"])
    assert any("the buyer (lower) is nobody on paper" in one for one in done["problems"])
    (why,) = (one["why"] for one in done["left_over"] if one["invoice_id"] == draft["id"])
    assert f"invoice {draft['id']}: {why}" in done["problems"]
    assert {one["account_id"] for one in done["left_over"]} == {bureau.ids["lower"], bureau.ids["customer"]}
    await bureau.office.boss.do("party.edit", account_id=bureau.ids["lower"], legal_name="Lower", **PAPER)
    assert (await bureau.office.boss.do("invoice.issue", invoice_id=draft["id"]))["seller"]["legal_name"] == "Lower"


async def test_a_new_cycle_leaves_no_gap(bureau: Bureau) -> None:
    """The period that runs goes on from where the last one was closed."""
    await bureau.terms("customer", cycle="daily")
    await bureau.talk(60)
    await bureau.run(3 * DAY_MS)
    (invoice,) = await bureau.invoices("customer")
    told = ("2026-09-21T00:00:00.000Z", "2026-09-22T00:00:00.000Z")
    assert (invoice["period_since"], invoice["period_until"]) == told
    then = await bureau.terms("customer", cycle="monthly", cycle_day=5)
    told = ("2026-09-24T00:00:00.000Z", "2026-10-05T00:00:00.000Z")
    assert (then["period_since"], then["period_until"]) == told
