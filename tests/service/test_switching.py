"""Accounts that were prepaid and become postpaid, or back: nothing is asked for twice, and nothing is forgotten."""

from __future__ import annotations

import sqlalchemy as sa

from ratebook.money import parse_micros
from service.database.engine import reading
from service.database.payment_tables import payment_rests
from service.database.tables import accounts
from tests.service.company import EURO, NOW_MS
from tests.service.office import Got
from tests.service.test_invoices import DAY_MS, Bureau, bureau

__all__ = ["bureau"]


async def _at(bureau: Bureau, days: int) -> None:
    """So many days behind the beginning."""
    bureau.company.wait((NOW_MS + days * DAY_MS - bureau.company.now.wall_ms) / 1000)
    bureau.office.now_ms = bureau.company.now.wall_ms
    await bureau.sign_in_again()


async def _become(bureau: Bureau, billing: str) -> Got:
    got = await bureau.office.boss.ask("account.edit", account_id=bureau.ids["customer"], billing=billing)
    await bureau.company.pump()
    return got


async def _begin_prepaid(bureau: Bureau) -> None:
    """As if it had never been anything else."""
    async with bureau.company.engine.begin() as conn:
        own = accounts.c.id == bureau.ids["customer"]
        await conn.execute(sa.update(accounts).where(own).values(billing="prepaid"))


async def _told(bureau: Bureau) -> list[tuple[str, str]]:
    return [(one["net"], one["state"]) for one in await bureau.invoices("customer")]


async def _rests(bureau: Bureau) -> int:
    own = payment_rests.c.account_id == bureau.ids["customer"]
    async with reading(bureau.company.engine) as conn:
        return int((await conn.execute(sa.select(sa.func.sum(payment_rests.c.rest_micros)).where(own))).scalar_one())


async def test_what_was_paid_beforehand_is_not_asked_again(bureau: Bureau) -> None:
    """Neither calls nor fees of before, with terms that stood there and without invoices by then; what is left pays."""
    await _begin_prepaid(bureau)
    await bureau.talk(80)
    await bureau.ask("payment.adjust", "customer", amount="-3", reason="a fee of before")
    await _at(bureau, 50)
    (await _become(bureau, "postpaid")).ok()
    assert await _rests(bureau) == await bureau.balance("customer")
    await bureau.talk(60)
    await bureau.ask("payment.adjust", "customer", amount="-5", reason="a fee")
    await bureau.run(90 * DAY_MS)
    (invoice,) = await bureau.invoices("customer")
    assert (invoice["net"], invoice["tax"], invoice["state"]) == ("5.06", "0.96", "paid")
    assert invoice["period_since"] == "2026-11-10T14:13:20.000Z"
    assert await _rests(bureau) == await bureau.balance("customer") == 997 * EURO - 80_000 - 6_020_000
    await bureau.sound()


async def test_a_period_ends_where_the_billing_changes(bureau: Bureau) -> None:
    """What was used on credit is invoiced at once, with its tax; a later payment pays it, and calls what is left."""
    await bureau.talk(60)
    await _at(bureau, 5)
    (await _become(bureau, "prepaid")).ok()
    assert await _told(bureau) == [("0.06", "issued")]
    await bureau.talk(80)
    await bureau.run(45 * DAY_MS)
    (invoice,) = await bureau.invoices("customer")
    (await bureau.ask("payment.make", "customer", amount="50", reason="top-up")).ok()
    (paid,) = await bureau.invoices("customer")
    assert (paid["state"], paid["paid"], await _rests(bureau)) == ("paid", invoice["total"], 0)
    await _at(bureau, 46)
    (await _become(bureau, "postpaid")).ok()
    await bureau.talk(70)
    await bureau.run(90 * DAY_MS)
    assert await _told(bureau) == [("0.06", "paid"), ("0.07", "paid")]
    await bureau.sound()


async def test_invoices_of_a_prepaid_account_end_with_it(bureau: Bureau) -> None:
    """The last one is paid, with the tax that its prices had in them; the next one asks."""
    await _begin_prepaid(bureau)
    await bureau.terms("customer", prepaid_invoices=True)
    await bureau.talk(99)
    await _at(bureau, 3)
    (await _become(bureau, "postpaid")).ok()
    await bureau.talk(60)
    await bureau.run()
    first, second = await bureau.invoices("customer")
    assert parse_micros(first["net"]) + parse_micros(first["tax"]) == 99_000
    assert (first["prepaid"], second["prepaid"], second["net"]) == (True, False, "0.06")
    assert first["period_until"] == second["period_since"]
    await bureau.sound()


async def test_a_fee_before_a_prepaid_account_had_invoices_is_on_none(bureau: Bureau) -> None:
    """As its calls."""
    await _begin_prepaid(bureau)
    await bureau.ask("payment.adjust", "customer", amount="-11", reason="an old fee")
    await _at(bureau, 45)
    await bureau.terms("customer", prepaid_invoices=True)
    await bureau.ask("payment.adjust", "customer", amount="-7", reason="a fee")
    await bureau.run(90 * DAY_MS)
    (invoice,) = await bureau.invoices("customer")
    assert [line["description"] for line in await bureau.lines(invoice)] == ["a fee"]


async def test_drafts_wait_for_somebody_first(bureau: Bureau) -> None:
    """What they say would be another account's way of paying; the one of the last period can't be made void."""
    await bureau.terms("customer", reviewed=True)
    await bureau.talk(60)
    await bureau.run()
    (draft,) = await bureau.invoices("customer")
    refused = await _become(bureau, "prepaid")
    assert (refused.status, refused["errors"][0]["pointer"]) == (422, "/billing")
    await bureau.office.boss.do("invoice.void", invoice_id=draft["id"])
    (await _become(bureau, "prepaid")).ok()
    (_, last) = await bureau.invoices("customer")
    got = await bureau.office.boss.ask("invoice.void", invoice_id=last["id"])
    assert (got.status, "billed otherwise by then" in got["detail"]) == (409, True)
    await bureau.office.boss.do("invoice.issue", invoice_id=last["id"])
    await bureau.sound()
