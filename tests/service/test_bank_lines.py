"""What a bank's file posts: each line once, to whom it names, and nothing that isn't clear."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from tests.service.test_bank_files import detail, entry, statement
from tests.service.test_invoices import Bureau

HEAD = "date;who;amount;currency;text\n"


class Counter(Bureau):
    """Where the customer's seller reads what its bank says."""

    async def open(self) -> None:
        """The customer has an invoice."""
        await self.stand(self._open_counter)

    async def _open_counter(self) -> None:
        await super().open()
        await self.talk(3600)
        await self.run()
        (self.invoice,) = await self.invoices("customer")

    async def csv(self, *lines: str, seller: str = "lower") -> Any:
        """A file of these lines."""
        names = {"booked": "date", "payer": "who", "amount": "amount", "currency": "currency", "remittance": "text"}
        return await self._send(seller, (HEAD + "\n".join(lines)).encode(), format="csv", columns=names)

    async def camt(self, *entries: str, **more: Any) -> Any:
        """A statement of these entries."""
        return await self._send("lower", statement(*entries), format="camt", **more)

    async def _send(self, seller: str, raw: bytes, **more: Any) -> Any:
        got = await self.ask("bank-line.take-file", seller, file=base64.b64encode(raw).decode(), **more)
        await self.company.pump()
        return got

    async def lines(self, **query: Any) -> list[dict[str, Any]]:  # type: ignore[override]  # of the bank
        """The first one first."""
        return list((await self.office.boss.do("bank-line.list", query={"sort": "id", **query}))["items"])

    async def invoice_now(self) -> tuple[str, int]:
        """Its state, and what of it is paid."""
        (found,) = await self.invoices("customer")
        return found["state"], parse_micros(found["paid"])


@pytest.fixture
async def counter(engine: AsyncEngine, database: str, tmp_path: Path) -> Counter:
    """Open for business."""
    counter = Counter(engine, database, tmp_path)
    await counter.open()
    return counter


def _told(got: Any) -> tuple[int, ...]:
    body = got.ok()
    return tuple(body[name] for name in ("lines", "posted", "open", "ignored", "known"))


async def test_a_file_posts_once(counter: Counter) -> None:
    """An invoice, an account, a debit; the same file again, and a longer one, post what is new."""
    number, customer = counter.invoice["number"], counter.ids["customer"]
    before = await counter.balance("customer")
    lines = [
        f"2026-12-01;C Ltd;0.02;EUR;Invoice {number}",
        f"2026-12-01;C Ltd;0.03;EUR;customer {customer}",
        f"2026-12-01;Landlord;-3;EUR;rent of {customer} desks",
    ]
    assert _told(await counter.csv(*lines)) == (3, 2, 0, 1, 0)
    assert await counter.balance("customer") == before + 50_000
    assert _told(await counter.csv(*lines)) == (3, 0, 0, 0, 3)
    counter.office.now_ms += 1_000
    assert _told(await counter.csv(*lines, lines[0])) == (4, 0, 1, 0, 3)
    assert await counter.balance("customer") == before + 50_000 == counter.stored("customer")
    assert (await counter.lines(state="open"))[0]["why"].startswith("another file had such a line")
    books = await counter.office.boss.do("payment.list", account_id=customer)
    assert books["items"][0]["reason"] == "bank 2026-12-01: C Ltd"
    await counter.sound()


async def test_the_invoice_that_is_named_is_paid(counter: Counter) -> None:
    """By a statement in XML; a second time it isn't open any more, and a person is asked."""
    total = parse_micros(counter.invoice["total"])
    first = entry(format_micros(total), detail(f"RE {counter.invoice['number']}"))
    again = entry("2.00", detail(f"RE {counter.invoice['number']}"), ref="R2")
    assert _told(await counter.camt(first, again)) == (2, 1, 1, 0, 0)
    assert await counter.invoice_now() == ("paid", total)
    assert (await counter.lines(state="open"))[0]["why"] == f"the invoice {counter.invoice['number']} is paid"


async def test_what_is_not_clear_stays_open(counter: Counter) -> None:
    """Each with its reason; nothing is posted."""
    number, ids = counter.invoice["number"], counter.ids
    (uppers,) = await counter.invoices("upper")
    balances = [await counter.balance(name) for name in ("upper", "lower", "customer")]
    wrong = {
        "2026-12-01;x;1;EUR;thanks": "it names no invoice",
        f"2026-12-01;x;1;USD;Invoice {number}": "is in EUR",
        f"2026-12-01;x;1;USD;customer {ids['customer']}": "is kept in EUR",
        f"2026-12-01;x;1;EUR;customer {ids['customer']} account {ids['lower']}": "several accounts",
        f"2026-12-01;x;1;EUR;customer {ids['upper']}": "no customer of the seller",
        "2026-12-01;x;1;EUR;customer 999999": "no customer of the seller",
        "2026-12-01;x;1;EUR;customer 1": "no customer of the seller",
        f"2026-12-01;x;2000000000;EUR;customer {ids['customer']}": "an amount lies",
    }
    assert _told(await counter.csv(*wrong)) == (len(wrong), 0, len(wrong), 0, 0)
    for line, said in zip(await counter.lines(), wrong.values(), strict=True):
        assert said in line["why"], line
    assert [await counter.balance(name) for name in ("upper", "lower", "customer")] == balances
    assert uppers["state"] != "paid"


async def test_a_person_says_whose_it_is(counter: Counter) -> None:
    """An account, an invoice, or nobody: once; never another seller's customer, nor another currency."""
    sums = ("0.02;EUR", "0.03;EUR", "0.3;EUR", "0.4;USD")
    await counter.csv(*(f"2026-12-01;x;{one};?" for one in sums))
    first, second, third, fourth = (line["id"] for line in await counter.lines())
    customer = {"account_id": counter.ids["customer"]}
    before = await counter.balance("customer")

    async def match(line: int, **whose: Any) -> Any:
        return await counter.office.boss.ask("bank-line.match", bank_line_id=line, **whose)

    assert (await match(first, account_id=counter.ids["upper"])).status == 409
    assert (await match(first, account_id=counter.ids["lower"])).status == 409
    assert (await match(first)).status == 422
    assert (await match(first, **customer, invoice_id=counter.invoice["id"])).status == 422
    assert (await match(first, account_id=999_999)).status == 422
    assert (await match(fourth, **customer)).status == 409
    assert await counter.balance("customer") == before
    done = (await match(first, **customer)).ok()
    assert (done["state"], done["payer_account_id"]) == ("posted", counter.ids["customer"])
    assert (await match(first, **customer)).status == 409
    (await match(second, invoice_id=counter.invoice["id"])).ok()
    assert (await counter.invoice_now())[1] == 50_000
    ignored = await counter.office.boss.do("bank-line.ignore", bank_line_id=third, reason="interest")
    assert (ignored["state"], ignored["why"]) == ("ignored", "interest")
    assert (await match(third, **customer)).status == 409
    assert await counter.balance("customer") == before + 50_000
    await counter.company.pump()
    await counter.sound()


async def test_a_file_that_can_not_be_read_posts_nothing(counter: Counter) -> None:
    """Not even its first lines; what must be said is asked for."""
    number = counter.invoice["number"]
    good = f"2026-12-01;C;1;EUR;Invoice {number}"
    assert "line 3: 4 cells" in str((await counter.csv(good, "2026-12-01;C;1;EUR")).body)
    assert (await counter.csv(good, seller="customer")).status == 409
    assert "only a CSV" in str((await counter.camt(columns={"booked": "x"})).body)
    bare = await counter.ask("bank-line.take-file", "lower", format="csv", file="YQ==", columns={"booked": "date"})
    assert "amount, remittance" in str(bare.body)
    bomb = base64.b64encode(b'<!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>').decode()
    assert "document type" in str((await counter.ask("bank-line.take-file", "lower", format="camt", file=bomb)).body)
    assert await counter.lines() == []
