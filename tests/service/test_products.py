"""Subscriptions, rented numbers and packages: each period once, never more than is there, store and ledger agree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from ratebook.model import Interval, Rate, Terms
from ratebook.money import parse_nanos
from service.calls.explanation import packages_of, steps_of
from service.commands.outbox import writing
from service.database.billing_tables import billable_items
from service.database.engine import reading
from service.database.product_tables import package_grants, package_takes, products, subscription_fees, subscriptions
from service.database.tables import accounts, cdrs, charges
from service.doctor.evidence import read_store
from service.products.periods import DAY_MS
from service.products.renewer import Renewer
from service.tariffs.traffic import by_destination, calls_of
from tests.service.again import finish, publish, start
from tests.service.company import EURO
from tests.service.office import Got
from tests.service.test_money import House, house
from tests.service.test_rerating_once import Stopped, stopping_at

__all__ = ["house"]


class Shop:
    """A house in which lower sells to customer."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.company, self.office = house.company, house.office
        self.renewer = Renewer(house.company.engine, house.config)
        self.made = 0

    async def product(self, seller: str = "lower", **fields: Any) -> int:
        """Ten euros a day."""
        self.made += 1
        values = {"name": f"product {self.made}", "kind": "subscription", "price": "10", "period": "day"} | fields
        made = await self.office.boss.do("product.make", account_id=self.house.ids.get(seller, 1), **values)
        return int(made["id"])

    async def minutes(self, **fields: Any) -> int:
        """A package of 60 seconds a day."""
        return await self.product(**{"kind": "package", "seconds": 60, "price": "1"} | fields)

    async def ask(self, product: int, account: str = "customer", **more: Any) -> Got:
        """A subscription, before the call path has answered."""
        return await self.house.ask("subscription.start", account, product_id=product, **more)

    async def start(self, product: int, account: str = "customer", **more: Any) -> int:
        """A subscription, and everything has gone round."""
        number = int((await self.ask(product, account, **more)).ok()["id"])
        await self.company.pump()
        return number

    async def see(self, number: int) -> Any:
        """A subscription as it stands."""
        return await self.office.boss.do("subscription.show", subscription_id=number)

    async def fees(self, number: int) -> list[tuple[str, str]]:
        """What it was charged, the oldest first."""
        listed = await self.office.boss.do("subscription.fees", subscription_id=number)
        return [(one["kind"], one["amount"]) for one in reversed(listed["items"])]

    async def later(self, ms: int) -> None:
        """Time goes by; the renewer is at work; everything goes round."""
        self.company.wait(ms / 1000)
        self.office.now_ms = self.company.now.wall_ms
        self.office.boss = await self.office.sign_in("boss@op.example")  # nobody is signed in for as long as that
        await self.renew()
        await self.company.pump()

    async def seen(self) -> None:
        """The ledger has read what the store has told."""
        await self.company.pump()
        for _ in range(2):
            await self.later(60_000)

    async def renew(self) -> None:
        """What is due, and what becomes due by it."""
        while await self.renewer.work(self.company.now.wall_ms):
            await self.company.pump()

    async def packages(self, **query: Any) -> list[Any]:
        """What packages have, the oldest first."""
        listed = await self.office.boss.do("package.list", query=query)
        return list(reversed(listed["items"]))

    def stocks(self) -> dict[int, tuple[int, int]]:
        """Left and held of each grant in the store."""
        view = read_store(self.company.config)
        assert view is not None
        return {number: (stock.left, stock.held) for number, stock in view.stocks.items()}

    async def count(self, table: sa.Table) -> int:
        """How many rows."""
        async with reading(self.company.engine) as conn:
            return int((await conn.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


@pytest.fixture
def shop(house: House) -> Shop:
    """Open."""
    return Shop(house)


async def test_a_subscription_is_paid_at_its_start_and_renewed(shop: Shop) -> None:
    """Set-up once, then each day; posted to the books, kept for the invoice, gone from the store."""
    number = await shop.start(await shop.product(setup="5"))
    assert (await shop.see(number))["state"] == "active"
    assert await shop.fees(number) == [("setup", "5.00"), ("period", "10.00")]
    await shop.later(DAY_MS - 1000)
    assert await shop.fees(number) == [("setup", "5.00"), ("period", "10.00")]
    await shop.later(1000)
    await shop.later(2 * DAY_MS)
    assert await shop.fees(number) == [("setup", "5.00"), *[("period", "10.00")] * 4]
    assert await shop.house.balance("customer") == 955 * EURO == shop.house.stored("customer")
    assert await shop.house.balance("lower", "revenue") == 45 * EURO
    async with reading(shop.company.engine) as conn:
        items = (await conn.execute(sa.select(billable_items).order_by(billable_items.c.id))).all()
    assert [(one.kind, one.amount_micros) for one in items[:2]] == [("setup", 5 * EURO), ("subscription", 10 * EURO)]
    assert len(items) == 5
    await shop.house.sound()


async def test_the_call_path_is_asked_first(shop: Shop) -> None:
    """What calls hold can't be spent: refused with what is free, nothing charged. Credit counts."""
    product = await shop.product(price="999.95")
    call = shop.company.talk()
    got = await shop.ask(product)
    assert (got.status, got["state"]) == (202, "starting")
    await shop.company.pump()
    seen = await shop.see(got["id"])
    assert (seen["state"], seen["reason"]) == ("refused", "the funds were not there")
    assert await shop.fees(got["id"]) == []
    credit = {"credit_limit": "1", "reason": "x"}
    await shop.office.boss.do("account.credit-limit", account_id=shop.house.ids["customer"], **credit)
    await shop.company.pump()
    assert (await shop.see(await shop.start(product)))["state"] == "active"
    shop.company.hang_up(call)
    await shop.company.pump()
    assert shop.company.store()[shop.house.ids["customer"]].held == 0
    await shop.house.sound()


async def test_what_is_forced_is_owed_whatever_is_there(shop: Shop) -> None:
    """At once, and below nothing."""
    got = await shop.ask(await shop.product(price="1500", forced=True))
    assert (got.status, got["state"]) == (201, "active")
    await shop.company.pump()
    assert shop.house.stored("customer") == -500 * EURO
    await shop.house.sound()


@pytest.mark.parametrize(
    ("rule", "states"),
    [
        ("suspend", ["suspended", "suspended", "active"]),
        ("retry", ["suspended", "active", "active"]),
        ("end", ["ended", "ended", "ended"]),
    ],
)
async def test_a_renewal_without_funds(shop: Shop, rule: str, states: list[str]) -> None:
    """Suspended until somebody resumes it, asked for again each hour, or over; what nobody had costs nothing."""
    number = await shop.start(await shop.product(price="600", without_funds=rule))
    await shop.later(DAY_MS)
    assert (await shop.see(number))["state"] == states[0]
    await shop.company.pay("customer", 1000 * EURO)
    await shop.company.pump()
    await shop.later(DAY_MS)
    assert (await shop.see(number))["state"] == states[1]
    resumed = await shop.office.boss.ask("subscription.resume", subscription_id=number)
    assert resumed.status == (202 if rule == "suspend" else 409)
    await shop.company.pump()
    assert (await shop.see(number))["state"] == states[2]
    assert len(await shop.fees(number)) == (1 if rule == "end" else 2)
    assert await shop.house.balance("customer") == (1400 if rule == "end" else 800) * EURO
    await shop.house.sound()


async def test_retries_end(shop: Shop) -> None:
    """After so many days."""
    number = await shop.start(await shop.product(price="600", without_funds="retry", retry_days=2))
    await shop.later(DAY_MS)
    await shop.later(DAY_MS)
    assert (await shop.see(number))["state"] == "suspended"
    await shop.later(DAY_MS)
    assert (await shop.see(number))["state"] == "ended"
    await shop.house.sound()


async def test_each_period_is_charged_once(shop: Shop) -> None:
    """Two renewers at once, again, and killed at any statement."""
    product = await shop.product(price="1", forced=True)
    number = await shop.start(product)
    shop.company.wait(2 * DAY_MS / 1000)
    now_ms = shop.company.now.wall_ms
    other = Renewer(shop.company.engine, shop.house.config)
    await asyncio.gather(*(one.work(now_ms) for one in (shop.renewer, other, shop.renewer)))
    await shop.renew()
    assert len(await shop.fees(number)) == 3
    shop.company.wait(3 * DAY_MS / 1000)
    now_ms = shop.company.now.wall_ms
    stopped = 0
    for at in range(1, 1000):
        try:
            with stopping_at(shop.company.engine, at):
                while await shop.renewer.work(now_ms):
                    pass
            break
        except Stopped:
            stopped += 1
    assert stopped > 10
    assert len(await shop.fees(number)) == 6
    await shop.company.pump()
    assert await shop.house.balance("customer") == 994 * EURO == shop.house.stored("customer")
    await shop.house.sound()


async def test_a_fee_on_its_way_survives_a_wiped_store(shop: Shop) -> None:
    """Asked for again of the new store, and charged once."""
    number = (await shop.ask(await shop.product())).ok()["id"]
    shop.company.wipe()
    shop.company.begin()
    await shop.company.pump()
    assert await shop.fees(number) == [("period", "10.00")]
    assert shop.house.stored("customer") == 990 * EURO
    await shop.house.sound()


async def test_it_ends_with_its_period_or_at_once(shop: Shop) -> None:
    """Renewed no more; now with what is left of the days, posted and on the invoice."""
    first = await shop.start(await shop.product())
    await shop.office.boss.do("subscription.cancel", subscription_id=first)
    assert (await shop.see(first))["state"] == "active"
    await shop.later(DAY_MS)
    assert ((await shop.see(first))["state"], await shop.fees(first)) == ("ended", [("period", "10.00")])
    second = await shop.start(await shop.product(price="31", period="month", refund="days"))
    await shop.later(9 * DAY_MS)
    await shop.office.boss.do("subscription.cancel", subscription_id=second, at="now")
    assert await shop.fees(second) == [("period", "31.00"), ("refund", "-20.67")]
    again = await shop.office.boss.ask("subscription.cancel", subscription_id=second, at="now")
    assert again.status == 409
    third = (await shop.ask(await shop.product())).ok()["id"]
    await shop.office.boss.do("subscription.cancel", subscription_id=third, at="now")
    await shop.company.pump()
    assert ((await shop.see(third))["state"], await shop.fees(third)) == ("ended", [])
    assert shop.company.store()[shop.house.ids["customer"]].held == 0
    await shop.house.sound()


async def test_who_was_paid_gives_back(shop: Shop) -> None:
    """Also when the account has moved to another seller since, which took its balance over, and this too."""
    number = await shop.start(await shop.product(price="30", period="month", refund="days"))
    ids = shop.house.ids
    (await shop.house.ask("account.move", "customer", parent_id=ids["upper"])).ok()
    await shop.company.pump()
    before = {name: await shop.house.balance(name, "cash") for name in ("lower", "upper")}
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await shop.company.pump()
    assert await shop.fees(number) == [("period", "30.00"), ("refund", "-29.00")]
    assert await shop.house.balance("customer") == 999 * EURO == shop.house.stored("customer")
    assert [await shop.house.balance(name, "revenue") for name in ("lower", "upper")] == [1 * EURO, 0]
    after = {name: await shop.house.balance(name, "cash") - before[name] for name in before}
    assert after == {"lower": 29 * EURO, "upper": -29 * EURO}
    async with reading(shop.company.engine) as conn:
        items = (await conn.execute(sa.select(billable_items.c.seller_id).distinct())).scalars().all()
    assert items == [ids["lower"]]
    await shop.house.sound()


async def test_a_fee_on_its_way_when_the_account_moves_is_not_charged(shop: Shop) -> None:
    """The new seller sold nothing; the old one sells to it no more."""
    asked = (await shop.ask(await shop.product())).ok()["id"]
    (await shop.house.ask("account.move", "customer", parent_id=shop.house.ids["upper"])).ok()
    await shop.company.pump()
    assert ((await shop.see(asked))["state"], await shop.fees(asked)) == ("ended", [])
    assert shop.company.store()[shop.house.ids["customer"]].held == 0
    assert await shop.house.balance("customer") == 1000 * EURO == shop.house.stored("customer")
    await shop.house.sound()


async def test_a_cancelled_one_may_go_on(shop: Shop) -> None:
    """Before its period's end; afterwards it is over."""
    number = await shop.start(await shop.product())
    await shop.office.boss.do("subscription.cancel", subscription_id=number)
    await shop.office.boss.do("subscription.resume", subscription_id=number)
    await shop.later(DAY_MS)
    assert len(await shop.fees(number)) == 2
    assert (await shop.office.boss.ask("subscription.resume", subscription_id=number)).status == 409
    once = await shop.start(await shop.product(renews=False))
    await shop.later(DAY_MS)
    seen = await shop.see(once)
    assert (seen["state"], seen["reason"]) == ("ended", "it is not renewed")


async def test_a_rented_number_takes_calls_while_its_rent_is_paid(shop: Shop) -> None:
    """One rent for it at a time; without funds, and at the end, it is suspended; given away, the rent is over."""
    customer = shop.house.ids["customer"]
    number = (await shop.office.boss.do("number.make", account_id=customer, number="442079460000"))["id"]
    other = (await shop.office.boss.do("number.make", account_id=customer, number="442079460001"))["id"]
    product = await shop.product(kind="rental", price="600", without_funds="suspend")
    assert (await shop.ask(product)).status == 422
    assert (await shop.ask(await shop.product(), number_id=number)).status == 422
    rent = await shop.start(product, number_id=number)
    assert (await shop.ask(product, number_id=number)).status == 409
    await shop.later(DAY_MS)
    assert (await shop.office.boss.do("number.show", number_id=number))["state"] == "suspended"
    await shop.company.pay("customer", 1000 * EURO)
    await shop.company.pump()
    await shop.office.boss.do("subscription.resume", subscription_id=rent)
    await shop.company.pump()
    assert (await shop.office.boss.do("number.show", number_id=number))["state"] == "active"
    cheap = await shop.start(await shop.product(kind="rental", price="1"), number_id=other)
    await shop.office.boss.do("number.edit", number_id=other, account_id=shop.house.ids["lower"])
    await shop.later(DAY_MS)
    assert (await shop.see(cheap))["state"] == "ended"
    assert (await shop.office.boss.do("number.show", number_id=other))["state"] == "active"
    await shop.house.sound()


async def test_who_rents_a_number_neither_hands_it_on_nor_lets_it_ring_unpaid(shop: Shop) -> None:
    """The rent would end, and the number go on for nothing: whoever rents it out says who has it."""
    boss, ids = shop.office.boss, shop.house.ids
    upper = await shop.office.hire(boss, ids["upper"], "u@u.example")
    number = (await boss.do("number.make", number="442079460000", account_id=ids["upper"]))["id"]
    rent = await shop.start(await shop.product("root", kind="rental"), "upper", number_id=number)
    for end in (False, True):
        if end:
            await boss.do("subscription.cancel", subscription_id=rent, at="now")
        for change in (
            {"account_id": ids["lower"]},
            {"account_id": ids["lower"], "state": "active"},
            {"state": "active"},
        ):
            got = await upper.ask("number.edit", number_id=number, **change)
            assert got.status == (200 if change == {"state": "active"} and not end else 403), (end, change)
    await boss.do("number.edit", number_id=number, state="active")
    await upper.do("number.edit", number_id=number, account_id=ids["lower"])


async def test_a_package_pays_calls_until_it_is_used_up(shop: Shop) -> None:
    """Call, record, ledger and store say the same; the next period begins anew."""
    number = await shop.start(await shop.minutes())
    shop.company.call(40)
    shop.company.call(40)
    await shop.company.pump()
    (package,) = await shop.packages()
    assert (package["granted_s"], package["taken_s"], package["left_s"], package["left"]) == (60, 60, 0, None)
    assert shop.stocks() == {package["id"]: (0, 0)}
    listed = (await shop.office.boss.do("cdr.list"))["items"]
    own = [next(one for one in cdr["charges"] if one["account_id"] == shop.house.ids["customer"]) for cdr in listed]
    assert [(one["billed_s"], one["covered_s"], one["charge"]) for one in own] == [(40, 20, "0.02"), (40, 40, "0.00")]
    shown = await shop.office.boss.do("cdr.show", cdr_id=listed[0]["id"])
    told = next(one for one in shown["charges"] if one["account_id"] == shop.house.ids["customer"])
    assert told["steps"][-2:] == [
        "the first 20 s that cost something are paid by packages",
        "40 s billed: 0.02 EUR, rounded half-up to 6 decimals",
    ]
    await shop.later(DAY_MS)
    shop.company.call(10)
    await shop.company.pump()
    assert [one["left_s"] for one in await shop.packages(subscription_id=number)] == [0, 50]
    await shop.house.sound()


async def test_a_wiped_store_knows_what_is_left(shop: Shop) -> None:
    """Of the ledger; what a running call holds is there before it, and counts once."""
    await shop.start(await shop.minutes(seconds=5000))
    shop.company.call(40)
    call = shop.company.talk()
    (running,) = (await shop.office.boss.do("call.list"))["items"]
    own = running["holds"][0]
    assert (own["held"], own["held_s"], own["charge"]) == ("0.00", 100, "0.00")
    shop.company.clerk()
    shop.company.wipe()
    shop.company.begin()
    await shop.company.pump()
    ((left, held),) = shop.stocks().values()
    assert (left, held) == (4960, 100)
    await shop.house.sound()
    shop.company.wait(10)
    shop.company.hang_up(call)
    await shop.company.pump()
    assert list(shop.stocks().values()) == [(4950, 0)]
    await shop.house.sound()


async def test_the_doctor_sees_what_does_not_agree(shop: Shop) -> None:
    """A grant that was changed by hand, a take that is no charge's, a fee that nobody posted."""
    await shop.start(await shop.minutes())
    shop.company.call(10)
    await shop.company.pump()
    assert await shop.company.broken() == {}
    async with writing(shop.company.engine, "local") as conn:
        await conn.execute(sa.update(package_grants).values(amount=61))
        await conn.execute(sa.update(package_takes).values(amount=9))
        await conn.execute(sa.update(subscription_fees).values(amount_micros=5))
    broken = await shop.company.broken()
    assert "the store has 50, the ledger says 51" in broken["packages"]
    assert "10 taken, calls took 9" in broken["products"]
    assert "packages gave 9, the charge says 10" in broken["products"]
    assert "5 charged" in broken["products"]


async def test_what_is_left_may_be_used_later(shop: Shop) -> None:
    """By so many periods: the older one first; then it is over, and the store forgets it."""
    await shop.start(await shop.minutes(rollover_periods=1))
    await shop.later(DAY_MS)
    shop.company.call(70)
    await shop.company.pump()
    assert [one["left_s"] for one in await shop.packages()] == [0, 50]
    await shop.later(3 * DAY_MS)
    await shop.renewer.tidy(shop.company.now.wall_ms)
    await shop.company.pump()
    kept = {one["id"] for one in await shop.packages(open=True)}
    assert shop.stocks().keys() == kept
    assert len(kept) < len(await shop.packages())
    await shop.house.sound()


async def test_a_correction_of_a_package(shop: Shop) -> None:
    """More and less, with its reason in the audit; of the other unit, of nothing, of more than it gave: refused."""
    await shop.start(await shop.minutes())
    (package,) = await shop.packages()
    number = {"package_id": package["id"]}
    assert (await shop.house.ask("package.correct", **number, seconds=-20, reason="a fault")).ok()["left_s"] == 40
    await shop.company.pump()
    assert list(shop.stocks().values()) == [(40, 0)]
    for body in ({"money": "1"}, {"seconds": 0}, {"seconds": 5, "money": "1"}):
        assert (await shop.house.ask("package.correct", **number, reason="x", **body)).status == 422
    assert (await shop.house.ask("package.correct", **number, seconds=-41, reason="x")).status == 409
    trail = await shop.office.boss.do("audit.list", query={"action": "package.correct"})
    assert trail["items"][0]["after"] == {"amount": -20, "reason": "a fault"}
    await shop.house.sound()


async def test_a_package_that_is_cancelled_now_is_over(shop: Shop) -> None:
    """Nothing comes back of one that was used."""
    number = await shop.start(await shop.minutes(period="month", refund="days"))
    shop.company.call(5)
    await shop.company.pump()
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await shop.company.pump()
    shop.company.call(5)
    await shop.company.pump()
    assert await shop.fees(number) == [("period", "1.00")]
    assert [one["taken_s"] for one in await shop.packages()] == [5]
    await shop.house.sound()


async def test_packages_of_money_and_of_resellers(shop: Shop) -> None:
    """Each level uses its own."""
    await shop.start(await shop.minutes(seconds=0, money="0.05"))
    await shop.start(await shop.minutes(seller="upper", seconds=1000), "lower")
    shop.company.call(60)
    await shop.company.pump()
    async with reading(shop.company.engine) as conn:
        rows = (await conn.execute(sa.select(charges).order_by(charges.c.level))).all()
    assert [(row.charge_micros, row.covered_s, row.covered_micros) for row in rows] == [
        (10_000, 0, 50_000),
        (0, 60, 0),
        (24_000, 0, 0),
    ]
    async with reading(shop.company.engine) as conn:
        call = (await conn.execute(sa.select(cdrs))).one()
    assert [packages_of(row) for row in rows] == ["0.05 EUR", "60 s, fees", ""]
    assert steps_of(call, rows[0])[-1] == "0.05 EUR of it paid by packages: 0.01 EUR charged"
    first, second = await shop.packages()
    assert (first["taken"], first["left"], first["left_s"]) == ("0.05", "0.00", None)
    assert second["left_s"] == 940
    await shop.house.sound()


async def test_a_rerating_leaves_packages_what_they_paid(shop: Shop) -> None:
    """Twice the price: of the uncovered part only; a draft is compared so too."""
    await shop.start(await shop.minutes())
    shop.company.call(100)
    await shop.company.pump()
    period = (shop.office.now_ms - DAY_MS, shop.office.now_ms + DAY_MS)
    calls = calls_of(shop.company.engine, "retail", *period, costs=False)
    terms = Terms("EUR", (Interval(0, parse_nanos("0.12"), 1),))
    (compared,) = (await by_destination(calls, [Rate("", "", None, None, terms)], "EUR")).values()
    assert (compared.before_micros, compared.after_micros) == (40_000, 80_000)
    await publish(shop.house, retail="0.12", resale="0.03", carrier="0.012")
    await finish(shop.house, (await start(shop.house)).ok()["id"])
    async with reading(shop.company.engine) as conn:
        query = sa.select(charges.c.charge_micros, charges.c.covered_s).join(cdrs, cdrs.c.id == charges.c.cdr_id)
        assert (await conn.execute(query.where(charges.c.level == 0))).all() == [(80_000, 60)]
    await shop.company.pump()
    await shop.house.sound()


async def test_who_may_have_what(shop: Shop) -> None:
    """Of the account's seller, in its currency, not withdrawn, for somebody who is charged."""
    product = await shop.product()
    assert (await shop.ask(await shop.product("upper"))).status == 422
    assert (await shop.ask(await shop.product(currency="USD"))).status == 422
    assert (await shop.ask(product, "carrier")).status == 422
    await shop.office.boss.do("product.edit", product_id=product, state="withdrawn")
    assert (await shop.ask(product)).status == 409
    assert await shop.count(subscription_fees) == 0


async def test_what_is_no_product(shop: Shop) -> None:
    """Each at its field."""
    boss, seller = shop.office.boss, shop.house.ids["lower"]
    good = {"account_id": seller, "name": "x", "kind": "package", "price": "1", "seconds": 5}
    for change, pointer in (
        ({"groups": ["nowhere"]}, "/groups/0"),
        ({"seconds": 0}, "/amount"),
        ({"money": "1"}, "/money"),
        ({"price": "-1"}, "/price"),
        ({"account_id": shop.house.ids["customer"]}, "/account_id"),
        ({"first_period": "days"}, "/first_period"),
        ({"zone": "Mars"}, "/zone"),
    ):
        got = await boss.ask("product.make", **good | change)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    made = await boss.do("product.make", **good)
    assert (await boss.ask("product.make", **good))["errors"][0]["pointer"] == "/name"
    edited = await boss.ask("product.edit", product_id=made["id"], money="1")
    assert edited["errors"][0]["pointer"] == "/money"
    assert (await boss.do("product.edit", product_id=made["id"], seconds=7))["seconds"] == 7


async def test_what_has_no_further_period(shop: Shop) -> None:
    """A closed account, an account that has another seller by now: over, with the reason, and nothing charged."""
    closed, moved = await shop.start(await shop.product(price="1")), await shop.start(await shop.product(price="1"))
    kept = await shop.start(await shop.product("root", price="1"), "upper")
    async with writing(shop.company.engine, "local") as conn:
        of = subscriptions.c.id == moved
        other = sa.select(subscriptions.c.product_id).where(of).scalar_subquery()
        await conn.execute(sa.update(products).where(products.c.id == other).values(account_id=shop.house.ids["upper"]))
    await shop.later(DAY_MS - 1000)
    async with writing(shop.company.engine, "local") as conn:
        customer = accounts.c.id == shop.house.ids["customer"]
        await conn.execute(sa.update(accounts).where(customer).values(state="closed"))
    await shop.later(1000)
    assert {(await shop.see(one))["reason"] for one in (closed, moved)} == {"the account is closed"}
    assert (await shop.see(kept))["state"] == "active"
    async with writing(shop.company.engine, "local") as conn:
        await conn.execute(sa.update(accounts).where(customer).values(state="active"))
        await conn.execute(sa.update(subscriptions).where(of).values(state="active", next_ms=1))
    await shop.later(1000)
    assert (await shop.see(moved))["reason"] == "the account has another seller"
    assert [len(await shop.fees(one)) for one in (closed, moved, kept)] == [1, 1, 2]


async def test_what_a_running_call_uses_is_not_given_back(shop: Shop) -> None:
    """A package that is cancelled while a call runs gives back when that has ended, and nothing if it used minutes."""
    number = await shop.start(await shop.minutes(price="30", period="month", refund="days"))
    call = shop.company.talk()
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await shop.company.pump()
    await shop.later(60_000)
    assert await shop.fees(number) == [("period", "30.00")]
    shop.company.hang_up(call)
    await shop.seen()
    assert await shop.fees(number) == [("period", "30.00")]
    assert [one["taken_s"] for one in await shop.packages()] == [5]
    assert (await shop.see(number))["next_at"] is None
    await shop.house.sound()


async def test_what_no_call_used_is_given_back_once(shop: Shop) -> None:
    """When a call that held of it has rung in vain: by the days behind that of the cancellation, whoever looks."""
    number = await shop.start(await shop.minutes(price="30", period="month", refund="days"))
    call = shop.company.ring()
    assert list(shop.stocks().values()) == [(60, 3)]
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await shop.company.pump()
    await shop.later(60_000)
    assert await shop.fees(number) == [("period", "30.00")]
    shop.company.hang_up(call)
    await shop.renew()
    assert await shop.fees(number) == [("period", "30.00")], "the ledger has not heard of the call's end"
    shop.company.wait(60)
    now_ms = shop.company.now.wall_ms
    other = Renewer(shop.company.engine, shop.house.config)
    await asyncio.gather(*(one.work(now_ms) for one in (shop.renewer, other, shop.renewer)))
    await shop.company.pump()
    shop.company.wait(60)
    await asyncio.gather(*(one.work(now_ms + 60_000) for one in (shop.renewer, other, shop.renewer)))
    await shop.seen()
    assert await shop.fees(number) == [("period", "30.00"), ("refund", "-29.00")]
    assert await shop.house.balance("customer") == 999 * EURO == shop.house.stored("customer")
    await shop.house.sound()


async def test_a_call_that_the_ledger_has_not_heard_of_has_used_its_package(shop: Shop) -> None:
    """It had ended when the package was cancelled, and nobody had collected it."""
    number = await shop.start(await shop.minutes(price="30", period="month", refund="days"))
    shop.company.call(5)
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await shop.seen()
    assert (await shop.fees(number), (await shop.see(number))["next_at"]) == ([("period", "30.00")], None)
    await shop.house.sound()


async def test_a_wiped_store_gives_back_what_is_left(shop: Shop) -> None:
    """The call that ran on holds of the package in the new store as well."""
    number = await shop.start(await shop.minutes(price="30", period="month", refund="days"))
    call = shop.company.talk()
    await shop.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    shop.company.clerk()
    shop.company.wipe()
    assert await shop.renewer.work(shop.company.now.wall_ms) == 1
    shop.company.begin()
    await shop.later(60_000)
    assert await shop.fees(number) == [("period", "30.00")]
    shop.company.hang_up(call)
    await shop.seen()
    assert (await shop.fees(number), (await shop.see(number))["next_at"]) == ([("period", "30.00")], None)
    await shop.house.sound()
