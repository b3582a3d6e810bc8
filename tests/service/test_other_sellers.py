"""An account that comes to another seller: what was sold before is the old one's to give and take, the books of both
say what they have, and nothing is missing in either.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.database.tables import accounts
from tests.service.company import EURO
from tests.service.office import Got, Person
from tests.service.test_commission import Agency, agency
from tests.service.test_invoices import Bureau, bureau
from tests.service.test_money import House, house
from tests.service.test_products import Shop

__all__ = ["agency", "bureau", "house"]


async def own_books(house: House, seller: str, *buyers: str) -> int:
    """What a seller has less what it owes those who pay it: nothing is missing and nothing comes twice."""
    books = [await house.balance(seller, book) for book in ("cash", "revenue", "cost", "tax")]
    return sum(books) + sum([await house.balance(buyer) for buyer in buyers])


async def beside(house: House) -> Person:
    """Another reseller of the root, to which the customer comes; its owner."""
    boss = house.office.boss
    house.ids["other"] = await house.office.account(boss, 1, "other", "reseller")
    owner = await house.office.hire(boss, house.ids["other"], "o@o.example")
    (await house.ask("account.move", "customer", parent_id=house.ids["other"])).ok()
    return owner


def refused(got: Got) -> bool:
    """It isn't the asker's to give."""
    return got.status == 403 and "another seller has sold this" in got["detail"]


async def test_a_call_that_ran_meanwhile_is_the_old_sellers_sale(house: House) -> None:
    """The balance that it lowers is the new one's: what it had taken over is so much less."""
    call = house.company.talk()
    await beside(house)
    handed = await house.balance("other", "cash")
    house.company.wait(61)
    house.company.hang_up(call)
    await house.company.pump()
    charged = 1000 * EURO - await house.balance("customer")
    assert charged == await house.balance("lower", "revenue") == await house.balance("other", "cash") - handed > 0
    assert await own_books(house, "lower") == await own_books(house, "other", "customer") == 0
    await house.sound()


async def test_who_comes_to_earn_commission_hands_its_customers_over(house: House) -> None:
    """Their money is with whom they pay from then on, and with it again when it sells itself."""
    for commission, buyers in ((True, ("lower", "customer")), (False, ("lower",))):
        (await house.ask("account.edit", "lower", commission=commission)).ok()
        assert await own_books(house, "upper", *buyers) == 0
        assert await own_books(house, "lower", *({"customer"} - {*buyers})) == 0
        assert await house.balance("customer") == 1000 * EURO
    await house.company.pump()
    await house.sound()


async def test_an_invoice_is_credited_by_who_has_issued_it(bureau: Bureau) -> None:
    """The account has its money back from its new seller, who has it from the old one."""
    await bureau.talk(61)
    await bureau.run()
    (invoice,) = await bureau.invoices("customer")
    other = await beside(bureau)
    asked: dict[str, Any] = {"invoice_id": invoice["id"], "reason": "a gift"}
    assert refused(await other.ask("invoice.credit", key="k", **asked))
    (await bureau.credit(invoice)).ok()
    await bureau.company.pump()
    assert await own_books(bureau, "lower") == await own_books(bureau, "other", "customer") == 0
    assert await bureau.balance("customer") == 1000 * EURO == bureau.stored("customer")
    await bureau.sound()


async def test_a_draft_is_issued_by_who_has_written_it(bureau: Bureau) -> None:
    """Under its number; the tax that the account owes with it comes to it from the new seller."""
    await bureau.terms("customer", reviewed=True)
    await bureau.talk(61)
    await bureau.run()
    (draft,) = await bureau.invoices("customer")
    other = await beside(bureau)
    for endpoint in ("invoice.issue", "invoice.void"):
        assert refused(await other.ask(endpoint, invoice_id=draft["id"]))
    (await bureau.ask("invoice.issue", invoice_id=draft["id"])).ok()
    assert await bureau.balance("lower", "tax") == EURO // 100
    await bureau.company.pump()
    assert await own_books(bureau, "lower") == await own_books(bureau, "other", "customer") == 0
    await bureau.sound()


async def test_a_statement_is_settled_by_who_has_issued_it(bureau: Bureau) -> None:
    """What is paid by it the old seller has got, and hands over."""
    await bureau.talk(61)
    until = {"since": "2026-09-01T00:00:00Z", "until": "2026-09-30T00:00:00Z"}
    bureau.office.now_ms += 30 * 86_400_000
    await bureau.sign_in_again()
    statement = (await bureau.ask("statement.issue", "customer", **until)).ok()
    other = await beside(bureau)
    asked = {"statement_id": statement["id"], "reason": "netting"}
    assert refused(await other.ask("statement.settle", key="k", **asked))
    (await bureau.ask("statement.settle", **asked)).ok()
    await bureau.company.pump()
    assert await own_books(bureau, "lower") == await own_books(bureau, "other", "customer") == 0
    await bureau.sound()


async def test_a_refund_is_asked_for_by_who_has_sold_it(bureau: Bureau) -> None:
    """What its product gives back when it ends at once is the old seller's; with its period anybody ends it."""
    async with bureau.company.engine.begin() as conn:
        await conn.execute(sa.update(accounts).values(billing="prepaid"))
    shop = Shop(bureau)
    number = await shop.start(await shop.product(price="30", period="month", refund="days"))
    other = await beside(bureau)
    assert refused(await other.ask("subscription.cancel", subscription_id=number, at="now"))
    assert (await other.ask("subscription.cancel", subscription_id=number, at="period_end")).status == 200


async def test_commission_is_handed_out_by_who_owes_it(agency: Agency) -> None:
    """An agent that has come to another seller: that one hands out nothing of the old one's."""
    await agency.rule("agent", "10")
    await agency.talk(61)
    agency.office.now_ms = agency.company.now.wall_ms + 1
    boss = agency.office.boss
    agency.ids["other"] = await agency.office.account(boss, 1, "other", "reseller")
    other = await agency.office.hire(boss, agency.ids["other"], "o@o.example")
    (await agency.ask("account.move", "agent", parent_id=agency.ids["other"])).ok()
    for how in ("pay_out", "credit"):
        got = await other.ask("commission.hand-out", key=how, account_id=agency.ids["agent"], handed_out=how)
        assert (got.status, "nothing was earned" in got["detail"]) == (409, True)
    (await agency.ask("commission.hand-out", "agent", handed_out="credit")).ok()
    await agency.company.pump()
    assert await own_books(agency, "lower") == 0
    assert await own_books(agency, "other", "agent", "helper", "customer") == 0
    await agency.sound()
