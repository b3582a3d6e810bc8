"""What an account takes itself: offered by whom it pays, never for another one, with the money that is there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa

from service.access.permissions import BUILT_IN
from service.database.access_tables import roles
from service.products.periods import DAY_MS
from tests.service.company import EURO
from tests.service.office import Got, Person
from tests.service.test_money import House, house
from tests.service.test_products import Shop

__all__ = ["house"]


class Market(Shop):
    """A shop whose customer has a user of its own."""

    async def sign_in(self, account: str = "customer", role: str = "prepaid_customer") -> Person:
        """Somebody of an account."""
        email = f"{role}@{account}.example"
        return await self.office.hire(self.office.boss, self.house.ids[account], email, [self.office.roles[role]])

    async def offer(self, seller: str = "lower", **fields: Any) -> int:
        """Ten euros a day, for whoever pays the seller."""
        return await self.product(seller, **{"offered": True} | fields)

    async def take(self, who: Person, offer: int, **more: Any) -> Got:
        """Before the call path has answered."""
        self.made += 1
        return await who.ask("offer.take", key=f"take {self.made}", offer_id=offer, **more)

    async def taken(self, who: Person, offer: int) -> int:
        """And everything has gone round."""
        number = int((await self.take(who, offer)).ok()["id"])
        await self.company.pump()
        return number


@pytest.fixture
def market(house: House) -> Market:
    """Open."""
    return Market(house)


async def test_one_sees_what_the_own_seller_offers(market: Market) -> None:
    """Not what it keeps for itself or has withdrawn, not in other currencies, and nobody else's."""
    customer = await market.sign_in()
    await market.offer(name="phone", setup="5", description="A line")
    await market.offer(name="minutes", kind="package", seconds=600, groups=[], price="2")
    await market.product(name="kept")
    await market.offer(name="dollars", currency="USD")
    await market.offer("upper", name="above")
    gone = await market.offer(name="gone")
    await market.office.boss.do("product.edit", product_id=gone, state="withdrawn")
    listed = (await customer.do("offer.list"))["items"]
    assert [(one["name"], one["price"], one["setup"], one["period"], one["seconds"]) for one in listed] == [
        ("minutes", "2.00", "0.00", "day", 600), ("phone", "10.00", "5.00", "day", 0),
    ]  # fmt: skip
    assert not {"account_id", "tariff_ids", "priority", "forced"} & listed[0].keys()
    found = await customer.do("offer.list", query={"kind": "package"})
    assert [one["name"] for one in found["items"]] == ["minutes"]
    assert (await market.office.boss.do("offer.list"))["items"] == []
    assert (await customer.ask("product.list")).ok()["items"] == []


async def test_taking_and_giving_notice(market: Market) -> None:
    """Paid first, renewed, over with the period that notice was given in; the audit has the customer's name."""
    customer = await market.sign_in()
    offer = await market.offer(setup="5")
    number = await market.taken(customer, offer)
    assert (await customer.do("subscription.show", subscription_id=number))["state"] == "active"
    assert await market.house.balance("customer") == 985 * EURO == market.house.stored("customer")
    assert await market.house.balance("lower", "revenue") == 15 * EURO
    trail = await market.office.boss.do("audit.list", query={"action": "subscription.start"})
    assert trail["items"][0]["actor"] == "prepaid_customer@customer.example"
    again = await market.take(customer, offer)
    assert (again.status, again["detail"]) == (409, f"the account has it already: subscription {number}")
    ended = await customer.do("subscription.notice", subscription_id=number)
    assert (ended["state"], ended["ends"]) == ("active", True)
    await market.later(DAY_MS)
    assert (await market.see(number))["state"] == "ended"
    assert await market.fees(number) == [("setup", "5.00"), ("period", "10.00")]
    await market.house.sound()


async def test_without_funds_nothing_is_taken(market: Market) -> None:
    """The store refuses; nothing is charged, and it can be taken once the money is there."""
    customer = await market.sign_in()
    offer = await market.offer(price="1000.01")
    number = await market.taken(customer, offer)
    assert (await market.see(number))["state"] == "refused"
    assert await market.house.balance("customer") == 1000 * EURO
    await market.company.pay("customer", EURO)
    await market.company.pump()
    assert (await market.see(await market.taken(customer, offer)))["state"] == "active"
    await market.house.sound()


async def test_what_is_owed_whatever_is_there_is_not_offered(market: Market) -> None:
    """Else an account could go below its limit by itself."""
    offer = await market.offer()
    both = await market.office.boss.ask("product.edit", product_id=offer, forced=True)
    assert (both.status, both["errors"][0]["pointer"]) == (422, "/offered")


async def test_what_is_not_offered_is_not_taken(market: Market) -> None:
    """Of the seller's and of others': as if it weren't there."""
    customer = await market.sign_in()
    kept, above = await market.product(), await market.offer("upper")
    for product in (kept, above, 999_999):
        got = await market.take(customer, product)
        assert (got.status, got["errors"][0]["detail"]) == (422, f"there is no offer {product}")
    lower = await market.sign_in("lower", "owner")
    own = await market.take(lower, await market.offer())
    assert (own.status, own["type"].rsplit("/", 1)[1]) == (403, "forbidden")
    assert (await market.take(market.office.boss, above)).status == 403
    assert (await market.take(lower, above)).status == 202


async def test_nothing_is_done_for_another_account(market: Market) -> None:
    """No body names one; notice is for the own account's, and not of what the seller gave and offers to nobody."""
    customer, lower = await market.sign_in(), await market.sign_in("lower", "owner")
    named = await market.take(customer, await market.offer(), account_id=market.house.ids["lower"])
    assert named.status == 422
    given = await market.start(await market.product())
    refused = await customer.ask("subscription.notice", subscription_id=given)
    assert (refused.status, refused["detail"].partition(",")[0]) == (403, "the seller gave it to the account")
    assert (await lower.ask("subscription.notice", subscription_id=given)).status == 403
    of_lower = int((await market.take(lower, await market.offer("upper"))).ok()["id"])
    assert (await customer.ask("subscription.notice", subscription_id=of_lower)).status == 404
    assert (await customer.ask("subscription.cancel", subscription_id=given, at="now")).status == 403
    assert (await market.see(given))["ends"] is False


async def test_who_may_not_buy_may_look(market: Market) -> None:
    """Read-only people, and those of an account that is suspended."""
    offer = await market.offer()
    looking, customer = await market.sign_in(role="read_only"), await market.sign_in()
    assert len((await looking.do("offer.list"))["items"]) == 1
    assert (await market.take(looking, offer)).status == 403
    await market.office.boss.do("account.suspend", account_id=market.house.ids["customer"])
    assert len((await customer.do("offer.list"))["items"]) == 1
    assert (await market.take(customer, offer)).status == 403


async def test_a_rental_needs_a_number_of_ones_own(market: Market) -> None:
    """Another account's is not there."""
    customer, boss = await market.sign_in(), market.office.boss
    offer = await market.offer(kind="rental")
    numbers = [
        int((await boss.do("number.make", account_id=market.house.ids[one], number=f"44207946000{at}"))["id"])
        for at, one in enumerate(("customer", "upper"))
    ]
    assert (await market.take(customer, offer)).status == 422
    assert (await market.take(customer, offer, number_id=numbers[1])).status == 422
    assert (await market.take(customer, offer, number_id=numbers[0])).status == 202


async def test_the_first_products_of_a_ledger_are_offered_to_nobody(market: Market) -> None:
    """Unless the seller says so; a change of mind holds at once."""
    customer = await market.sign_in()
    product = await market.product()
    assert (await customer.do("offer.list"))["items"] == []
    await market.office.boss.do("product.edit", product_id=product, offered=True)
    assert len((await customer.do("offer.list"))["items"]) == 1


async def test_roles_of_before_may_buy(market: Market) -> None:
    """Of a ledger that is older than the right; not a role that the operator has kept from products."""
    migration = import_module("service.database.migrations.versions.0014_shop")
    async with market.company.engine.begin() as conn:
        looks = ["products.read"]
        before = {"prepaid_customer": looks, "postpaid_customer": ["cdrs.read"], "support": looks}
        for key, permissions in before.items():
            await conn.execute(sa.update(roles).where(roles.c.built_in == key).values(permissions=permissions))
        await conn.run_sync(migration.let_buy)
        rows = await conn.execute(sa.select(roles.c.built_in, roles.c.permissions).where(roles.c.built_in != ""))
        found = {row.built_in: row.permissions for row in rows}
    assert found["prepaid_customer"] == ["products.read", "products.subscribe"]
    assert {found["postpaid_customer"][0], *found["support"]} == {"cdrs.read", "products.read"}
    assert all(found[role.key] == sorted(role.permissions) for role in BUILT_IN if role.key not in before)


async def test_an_offer_costs_what_it_says(market: Market) -> None:
    """Where taxes are added to an account's prices, it sees them with those, as its fees are charged; others don't."""
    boss, ids = market.office.boss, market.house.ids
    customer = await market.sign_in()
    offer = await market.offer(price="9.99", setup="5")
    (before,) = (await customer.do("offer.list"))["items"]
    assert (before["price"], before["setup"], before["tax"]) == ("9.99", "5.00", "0.00")
    tax = {"name": "VAT", "percent": "19", "category": "S", "everybody": True, "added_to_prepaid": True}
    await boss.do("tax.make", account_id=ids["lower"], **tax)
    (seen,) = (await customer.do("offer.list"))["items"]
    assert (seen["price"], seen["setup"], seen["tax"]) == ("11.8881", "5.95", "2.8481")
    number = await market.taken(customer, offer)
    assert await market.fees(number) == [("setup", seen["setup"]), ("period", seen["price"])]
    async with market.company.engine.begin() as conn:
        await conn.execute(sa.text(f"UPDATE accounts SET billing = 'postpaid' WHERE id = {ids['customer']}"))
    (later,) = (await customer.do("offer.list"))["items"]
    assert later == before
