"""The same thing has the same figure wherever it is shown: a month, walked from plain SQL to all that tells of it."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import re
from collections import defaultdict
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from lxml import etree, html
from pypdf import PdfReader
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import MICROS
from scripts.benchmarks.month import BEGIN_MS, END_MS, collect_calls, month_of, write_accounts
from scripts.benchmarks.ports import free_port
from service.api.values import moment_text
from service.app import running
from service.billing.run import run
from service.commission.rules import WHOLE
from service.config import Config, Listen
from service.database.billing_tables import billing_parties, billing_terms, taxes
from service.database.engine import reading
from service.ledger.by import By
from tests.service.conftest import Foundation
from tests.service.office import PASSWORD, Office
from tests.service.test_cli import ROOT

MONTH = month_of(8, 4, agents=2)
CALLS = 240
DAY_MS = 86_400_000
NOW_MS = END_MS + 3_600_000
LONG_AGO, LATER = moment_text(BEGIN_MS - DAY_MS), moment_text(BEGIN_MS + 29 * DAY_MS)
HALVES = (
    {"since": LONG_AGO, "until": LATER},
    {"since": LATER, "until": moment_text(END_MS + 2 * DAY_MS)},
)
"""All of the calls: a report is of 31 days at most."""
Truth = dict[Any, Decimal]


async def write(engine: AsyncEngine) -> None:
    """Calls, invoices and taxes; statements, payouts, payments and a credit note are made by the test."""
    config = Config()
    await write_accounts(engine, config, MONTH)
    async with engine.begin() as conn:
        vat = {"name": "VAT", "category": "S", "services": [], "everybody": True}
        sellers = [1, *(one.id for one in MONTH.resellers)]
        rows = [{"account_id": seller, "percent_millionths": 19_000_000, **vat} for seller in sellers]
        await conn.execute(sa.insert(taxes), rows)
        await conn.execute(sa.update(billing_parties).values(tax_number="DE811115368"))
        await conn.execute(sa.update(billing_terms).values(annex=True))
    await collect_calls(engine, MONTH, CALLS)
    await run(engine, config, By("test"), NOW_MS)


@pytest.fixture(scope="session")
def foundation() -> Foundation:
    """A month that is billed."""
    return Foundation("figures", write)


class Walk:
    """Who asks everybody, and plain SQL."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def ask(self, endpoint_name: str, **given: Any) -> Any:
        """As the Super Admin."""
        return await self.office.boss.do(endpoint_name, **given)

    async def all(self, endpoint_name: str, query: dict[str, Any] | None = None, **given: Any) -> list[Any]:
        """Every page of a list."""
        asked, items = {"limit": 100, **(query or {})}, []
        while True:
            page = await self.ask(endpoint_name, query=asked, **given)
            items += page["items"]
            if not page["next"]:
                return items
            asked["cursor"] = page["next"]

    async def truth(self, statement: str) -> Truth:
        """Money by what stands before it: a key of one or more columns, micro-units last."""
        async with reading(self.office.engine) as conn:
            rows = [tuple(row) for row in await conn.execute(sa.text(statement))]
        return {row[0] if len(row) == 2 else row[:-1]: Decimal(int(row[-1])) / MICROS for row in rows}

    async def paper(self, invoice_id: int, form: str) -> bytes:
        """A file."""
        return base64.b64decode((await self.ask("invoice.paper", invoice_id=invoice_id, query={"form": form}))["data"])


@pytest.fixture
async def walk(engine: AsyncEngine, tmp_path: Path) -> Walk:
    """The month, with a Super Admin at the end of it."""
    office = Office(engine, Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "ratebook"))
    office.now_ms = NOW_MS
    await office.open()
    return Walk(office)


def summed(items: list[Any], key: str, amount: str) -> dict[Any, Decimal]:
    """Of what an API lists."""
    sums: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for one in items:
        sums[one[key]] += Decimal(one[amount])
    return dict(sums)


def numbers_in(text: str) -> list[Decimal]:
    """All figures of an English text."""
    return [Decimal(found.replace(",", "")) for found in re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)]


INVOICED = """SELECT c.invoice_id, sum(h.charge_micros) FROM invoice_calls c
    JOIN charges h ON h.cdr_id = c.cdr_id AND h.level = c.level GROUP BY c.invoice_id"""


async def test_an_invoice_says_the_same_everywhere(walk: Walk) -> None:
    """Its calls' charges by plain SQL, and the API, its lists, the annex, the HTML, the PDF and both kinds of XML."""
    truth = await walk.truth(INVOICED)
    listed = {one["id"]: one for one in await walk.all("invoice.list")}
    assert listed.keys() == truth.keys()
    assert len(truth) == len(MONTH.billed)
    for number, net in truth.items():
        shown = await walk.ask("invoice.show", invoice_id=number)
        lines = await walk.all("invoice.lines", invoice_id=number)
        calls = await walk.all("invoice.calls", invoice_id=number)
        amounts = [Decimal(line["net"]) for line in lines]
        assert {Decimal(shown["net"]), Decimal(listed[number]["net"]), sum(amounts)} == {net}
        billed = summed(calls, "line_id", "amount")
        assert billed.pop(None, 0) == 0
        assert billed == {line["id"]: Decimal(line["amount"]) for line in lines}
        total, tax = Decimal(shown["total"]), Decimal(shown["tax"])
        assert total == net + Decimal(shown["rounding"]) + tax == Decimal(listed[number]["total"])
        assert {Decimal(one["tax"]) for one in shown["taxes"]} == {tax}
        assert await annexed(walk, number) == [Decimal(call["amount"]) for call in calls if call["line_id"]]
        await on_paper(walk, number, amounts, (total, tax))
        await in_data(walk, number, total, tax)


async def annexed(walk: Walk, number: int) -> list[Decimal]:
    """The amounts of the annex, which is one part here."""
    got = await walk.ask("invoice.annex", invoice_id=number)
    assert got["next"] is None
    return [Decimal(row["amount"]) for row in csv.DictReader(io.StringIO(got["content"].removeprefix("\ufeff")))]


async def on_paper(walk: Walk, number: int, amounts: list[Decimal], sums: tuple[Decimal, ...]) -> None:
    """The last column of its table is the lines' amounts; the sums stand below."""
    page = html.fromstring((await walk.paper(number, "html")).decode())
    rows = page.xpath("(//table)[1]/tbody/tr[not(contains(@class, 'subtotal'))]")
    assert [figure for row in rows for figure in numbers_in(row.xpath("string(*[last()])"))[-1:]] == amounts
    pdf = PdfReader(io.BytesIO(await walk.paper(number, "pdf")))
    printed = numbers_in("\n".join(one.extract_text() for one in pdf.pages).replace("\u00a0", " "))
    read = numbers_in(str(page.text_content()))
    for figure in (*amounts, *sums):
        assert figure in printed
        assert figure in read


async def in_data(walk: Walk, number: int, total: Decimal, tax: Decimal) -> None:
    """What programs read: lines and their rounding come to the base, base and tax to the total."""
    names = {
        "ubl": ("LineExtensionAmount", "ChargeTotalAmount", "AllowanceTotalAmount", "TaxInclusiveAmount", "TaxAmount"),
        "cii": ("LineTotalAmount", "ChargeTotalAmount", "AllowanceTotalAmount", "GrandTotalAmount", "TaxTotalAmount"),
    }
    for form, (line, charge, allowance, gross, taxed) in names.items():
        root = etree.fromstring(await walk.paper(number, form))
        monetary = root.xpath(
            "//*[local-name()='LegalMonetaryTotal' or local-name()='SpecifiedTradeSettlementHeaderMonetarySummation']"
        )[0]

        def of(name: str, within: Any) -> Decimal:
            return Decimal((within.xpath(f".//*[local-name()='{name}']/text()") or ["0"])[0])

        assert of(gross, monetary) == total
        assert of(line, monetary) + of(charge, monetary) - of(allowance, monetary) == total - tax
        assert of(taxed, root if form == "ubl" else monetary) == tax


async def test_the_books_say_what_calls_and_invoices_say(walk: Walk) -> None:
    """Balances, lines of the account and payments; call records and what each level paid."""
    first = MONTH.customers[0].id
    await walk.ask("payment.make", account_id=first, key="paid", body={"amount": "7.000001", "reason": "bank"})
    for member in MONTH.billed:
        of = f"account_id = {member.id}"
        owed = await walk.truth(
            f"SELECT 'all', sum(m) FROM (SELECT charge_micros m FROM charges WHERE {of} UNION ALL "
            f"SELECT tax_micros + rounding_micros m FROM invoices WHERE {of}) AS parts"
        )
        paid = Decimal("7.000001") if member.id == first else Decimal(0)
        shown = await walk.ask("account.show", account_id=member.id)
        lines = await walk.all("payment.list", account_id=member.id)
        assert Decimal(shown["balance"]) == paid - owed["all"] == sum(Decimal(line["amount"]) for line in lines)
        open_ = {Decimal(one["total"]) - Decimal(one["paid"]) - Decimal(one["open"])
                 for one in await walk.all("invoice.list", {"account_id": member.id})}  # fmt: skip
        assert open_ == {0}
    records = await walk.all("cdr.list")
    levels = [level for record in records for level in record["charges"]]
    truth = await walk.truth("SELECT account_id, sum(charge_micros) FROM charges GROUP BY account_id")
    assert summed(levels, "account_id", "charge") == truth
    costs = [record["cost"] for record in records if record["cost"]]
    owed = await walk.truth(
        "SELECT cost_account_id, sum(cost_micros) FROM cdrs WHERE cost_micros IS NOT NULL GROUP BY 1"
    )
    assert summed(costs, "account_id", "cost") == owed


async def test_reports_say_what_calls_cost(walk: Walk) -> None:
    """By account, destination, provider and day, and traffic by its booking: earned and spent in each currency."""
    for currency in ("EUR", "USD"):
        earned = (await walk.truth(f"SELECT 'all', coalesce(sum(charge_micros), 0) FROM charges "
                                   f"WHERE seller_id = 1 AND currency = '{currency}'"))["all"]  # fmt: skip
        spent = (await walk.truth(f"SELECT 'all', coalesce(sum(cost_micros), 0) FROM cdrs "
                                  f"WHERE cost_currency = '{currency}'"))["all"]  # fmt: skip
        for by in ("account", "destination", "provider", "day", "hour", "code", "trunk", "gateway"):
            rows = [row for half in HALVES
                    for row in await walk.all("report.summary", {"by": by, "currency": currency, **half})]  # fmt: skip
            assert sum(Decimal(row["earned"]) for row in rows) == earned, by
            assert sum(Decimal(row["spent"]) for row in rows) == spent, by
            assert all(Decimal(row["margin"]) == Decimal(row["earned"]) - Decimal(row["spent"]) for row in rows)
            assert sum(row["attempts"] for row in rows) == CALLS
        booked = await walk.ask("traffic.hours", query={"since": moment_text(END_MS - DAY_MS),
                                                        "until": moment_text(END_MS + DAY_MS)})  # fmt: skip
        money = [one for one in booked["money"] if one["currency"] == currency]
        assert sum(Decimal(one["earned"]) for one in money) == earned
        assert sum(Decimal(one["spent"]) for one in money) == spent


async def test_agents_and_partners_are_told_what_stands_in_the_books(walk: Walk) -> None:
    """Commissions by sale, by rule and as handed out; a statement, its preview, its calls and its settlement."""
    for agent in MONTH.agents:
        exact = await walk.truth(f"SELECT currency, sum(micros) * {WHOLE} + sum(remainder) FROM commissions "
                                 f"WHERE account_id = {agent.id} GROUP BY currency")  # fmt: skip
        listed = await walk.all("commission.list", {"account_id": agent.id})
        told = (await walk.ask("commission.report", account_id=agent.id))["items"]
        assert summed(listed, "currency", "earned") == summed(told, "currency", "earned")
        paid = (await walk.ask("commission.hand-out", account_id=agent.id, key=f"pay {agent.id}", body={}))["items"]
        assert summed(listed, "currency", "earned") == {name: all_ / WHOLE for name, all_ in exact.items()} != {}
        down = {name: (all_ / WHOLE).quantize(Decimal("0.000001"), ROUND_DOWN) for name, all_ in exact.items()}
        assert summed(paid, "currency", "amount") == down
    for provider in MONTH.providers:
        wanted = {"account_id": provider.id, "since": moment_text(BEGIN_MS), "until": moment_text(END_MS)}
        preview = await walk.ask("statement.preview", body=wanted)
        issued = await walk.ask("statement.issue", body=wanted)
        shown = await walk.ask("statement.show", statement_id=issued["id"])
        calls = await walk.all("statement.calls", statement_id=issued["id"])
        truth = (await walk.truth(f"SELECT 'all', sum(cost_micros) FROM cdrs WHERE cost_account_id = {provider.id} "
                                  f"AND end_ms < {END_MS}"))["all"]  # fmt: skip
        assert truth > 0
        for one in (preview, issued, shown):
            assert (Decimal(one["theirs"]["total"]), Decimal(one["net"])) == (truth, -truth)
        assert sum(Decimal(one["theirs"]) for one in calls) == truth
        assert sum(Decimal(line["amount"]) for line in shown["lines"]) == truth
        before = Decimal((await walk.ask("account.show", account_id=provider.id))["balance"])
        await walk.ask(
            "statement.settle", statement_id=issued["id"], key=f"net {provider.id}", body={"reason": "netted"}
        )
        assert Decimal((await walk.ask("account.show", account_id=provider.id))["balance"]) == before - truth


async def test_command_and_page_show_the_apis_figures(walk: Walk, database: str, tmp_path: Path) -> None:
    """The same invoice by `kambill`, as JSON, and on its page in the portal."""
    invoice = (await walk.all("invoice.list"))[0]
    config = tmp_path / "kambill.yaml"
    listen = free_port()
    config.write_text(f"run_dir: {tmp_path}/run\ndata_dir: {tmp_path}\nratebook: {tmp_path}/ratebook\n"
                      f"database: {database}\n")  # fmt: skip
    command = (str(ROOT / "kambill"), "invoice", "show", str(invoice["id"]), "--json")
    done = await asyncio.create_subprocess_exec(*command, env={"KAMBILL_CONFIG": str(config), "PATH": "/usr/bin:/bin"},
                                                stdout=asyncio.subprocess.PIPE)  # fmt: skip
    out, _ = await done.communicate()
    assert done.returncode == 0
    assert json.loads(out) == await walk.ask("invoice.show", invoice_id=invoice["id"])
    serving = Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "ratebook", database=database,
                     listen=Listen(port=listen))  # fmt: skip
    async with running(serving), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        door = f"http://127.0.0.1:{listen}"
        form = {"email": "boss@op.example", "password": PASSWORD}
        async with session.post(f"{door}/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"}) as answer:
            assert answer.status == 200
        async with session.get(f"{door}/invoices/{invoice['id']}") as answer:
            page = html.fromstring(await answer.text()).text_content()
    figures = numbers_in(page)
    for name in ("net", "tax", "total", "open"):
        assert Decimal(invoice[name]) in figures, name
