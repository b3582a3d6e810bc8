"""What commission resellers earn: with each call, correction, item and credit note; handed out once."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import parse_micros
from service.billing.items import Item, bill
from service.commands.outbox import ensure_node, lock_node, writing
from service.commission.accrual import write
from service.commission.payouts import hand_out, hand_out_due
from service.database.commission_tables import commission_carries, commissions
from service.database.engine import open_engine, reading
from service.database.tables import accounts
from service.ledger.by import By
from tests.service.again import publish, rerate
from tests.service.company import NOW_MS
from tests.service.test_invoices import Bureau
from tests.service.test_products import Shop

SETUP = """
accounts:
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: lower, parent: upper, kind: reseller, tariff: resale}
  - {name: agent, parent: lower, kind: reseller, commission: true}
  - {name: helper, parent: agent, kind: reseller, commission: true}
  - {name: customer, parent: helper, kind: customer, tariff: retail}
providers:
  - {name: carrier, tariff: carrier, gateways: [{name: gw1, host: 127.0.0.11}]}
plans:
  standard: {routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2], plan: standard}
"""
DAY_MS = 86_400_000


class Agency(Bureau):
    """root → upper → lower → agent → helper → customer; the two before the last earn commission of lower."""

    async def rule(self, name: str, percent: str, **more: Any) -> dict[str, Any]:
        """Made by the Super Admin."""
        made = await self.ask("commission.make-rule", account_id=self.ids[name], percent=percent, **more)
        return dict(made.ok())

    async def exact(self, name: str) -> Fraction:
        """All that it ever earned, in micro-units, added up by hand."""
        async with reading(self.company.engine) as conn:
            query = sa.select(commissions.c.micros, commissions.c.remainder)
            rows = await conn.execute(query.where(commissions.c.account_id == self.ids[name]))
            return sum((row.micros + Fraction(row.remainder, 100_000_000) for row in rows), Fraction(0))

    async def charged(self) -> int:
        """What the customer was charged, independently: in plain SQL."""
        async with reading(self.company.engine) as conn:
            told = f"SELECT SUM(charge_micros) FROM charges WHERE account_id = {self.ids['customer']}"
            return int((await conn.execute(sa.text(told))).scalar_one())


@pytest.fixture
async def agency(engine: AsyncEngine, database: str, tmp_path: Path) -> Agency:
    """Open for business."""
    agency = Agency(engine, database, tmp_path)
    agency.company.setup = SETUP
    await agency.open()
    return agency


async def test_each_call_earns_exactly_its_part(agency: Agency) -> None:
    """12.345678 per cent for the agent, of which a quarter goes to the helper; rounded once over all of it."""
    await agency.rule("agent", "12.345678")
    await agency.rule("helper", "25", share_of="above")
    await agency.talk(61.2, 7, 95, 1)
    await agency.talk(3)
    charged = await agency.charged()
    helper = Fraction(12_345_678 * 25 // 100, 100_000_000)
    agent = Fraction(12_345_678, 100_000_000) - helper
    assert await agency.exact("helper") == charged * helper
    assert await agency.exact("agent") == charged * agent
    for name, part in (("helper", helper), ("agent", agent)):
        assert await agency.balance(name, "commission") == charged * part // 1
    assert await agency.balance("lower", "cost") == -(charged * helper // 1 + charged * agent // 1)
    listed = await agency.office.boss.do("commission.list", query={"account_id": agency.ids["helper"]})
    assert len(listed["items"]) == 5
    assert {one["source"] for one in listed["items"]} == {"call"}
    told = await agency.office.boss.do("commission.report", account_id=agency.ids["helper"])
    assert Fraction(told["items"][0]["earned"]) * 1_000_000 == charged * helper
    await agency.sound()


def part_of(agency: Agency, remainder: int, number: int) -> dict[str, Any]:
    """What the agent earns on something: less than a micro-unit."""
    return {
        "account_id": agency.ids["agent"], "seller_id": agency.ids["lower"], "source": "item", "cdr_id": 0, "level": 0,
        "reference_id": number, "base_micros": 1, "micros": 0, "remainder": remainder, "currency": "EUR", "rule_id": 0,
        "percent_millionths": 0,
    }  # fmt: skip


async def somebody_waits(engine: AsyncEngine) -> bool:
    """For another one's row. In a transaction of its own: within one PostgreSQL tells what it told first."""
    waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with engine.begin() as conn:
        return bool((await conn.execute(sa.text(waiting))).scalar_one())


async def test_two_nodes_carry_the_same_rest(agency: Agency) -> None:
    """At once: what one has added the other one sees, and together they come to a micro-unit and a rest."""
    engine = agency.company.engine
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    async with engine.begin() as conn:
        await ensure_node(conn, "second")

    async def second() -> None:
        async with engine.begin() as conn:
            await lock_node(conn, "second")
            await write(conn, [part_of(agency, 60_000_000, 2)], NOW_MS)

    async with engine.begin() as conn:
        await lock_node(conn, agency.company.config.node)
        await write(conn, [part_of(agency, 70_000_000, 1)], NOW_MS)
        meanwhile = asyncio.create_task(second())
        while not meanwhile.done() and not await somebody_waits(engine):
            await asyncio.wait({meanwhile}, timeout=0.01)
    await meanwhile
    async with reading(engine) as conn:
        assert (await conn.execute(sa.select(commission_carries.c.remainder))).scalar_one() == 30_000_000
    assert (await agency.exact("agent"), await agency.balance("agent", "commission")) == (Fraction(13, 10), 1)


async def test_without_a_rule_nobody_earns(agency: Agency) -> None:
    """Nor before one holds, nor by one of another destination group or tariff."""
    await agency.rule("agent", "5", valid_from="2030-01-01T00:00:00Z")
    (agency.company.config.ratebook / "groups.yaml").write_text("groups: {premium: {prefixes: [90]}}\n")
    await agency.company.publish()
    await agency.rule("agent", "5", destination_group="premium")
    await agency.rule("agent", "5", service="subscription")
    await agency.talk(61)
    assert await agency.exact("agent") == 0
    await agency.sound()


async def test_a_rule_for_what_is_not_there(agency: Agency) -> None:
    """Another group or tariff than there is would earn nothing, and nobody would notice: neither is taken."""
    for wrong, pointer, said in (
        ({"destination_group": "premum"}, "/destination_group", "there is no destination group"),
        ({"tariff_id": 999}, "/tariff_id", "there is no tariff 999"),
    ):
        got = await agency.ask("commission.make-rule", account_id=agency.ids["agent"], percent="5", **wrong)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
        assert said in got["errors"][0]["detail"]
    assert (await agency.office.boss.do("commission.rules"))["items"] == []


async def test_a_rule_of_the_customers_tariff(agency: Agency) -> None:
    """It goes before one of everything."""
    tariffs = (await agency.office.boss.do("tariff.list"))["items"]
    (retail,) = [one["id"] for one in tariffs if one["name"] == "retail"]
    await agency.rule("agent", "5")
    await agency.rule("agent", "10", tariff_id=retail)
    await agency.talk(60)
    assert await agency.exact("agent") == Fraction(await agency.charged(), 10)


async def test_a_call_rated_again_takes_back_its_part(agency: Agency) -> None:
    """By the percentage that it was earned by, whatever holds now."""
    rule = await agency.rule("agent", "10")
    await agency.talk(61, 10)
    await agency.office.boss.do("commission.remove-rule", commission_rule_id=rule["id"])
    await publish(agency, retail="0.03")
    await rerate(agency)
    assert await agency.exact("agent") == Fraction(await agency.charged(), 10)
    assert await agency.balance("agent", "commission") == await agency.charged() // 10
    await agency.sound()


async def test_nobody_earns_on_a_tax_that_was_added(agency: Agency) -> None:
    """Of 0.0714 with 19 % a tenth of 0.06; rated again, of what is left; of a fee with its tax the same."""
    boss, customer = agency.office.boss, agency.ids["customer"]
    await agency.rule("agent", "10")
    await boss.do("account.edit", account_id=customer, billing="prepaid")
    (vat,) = (await boss.do("tax.list", query={"account_id": agency.ids["lower"]}))["items"]
    await boss.do("tax.edit", tax_id=vat["id"], added_to_prepaid=True)
    await agency.company.pump()
    await agency.talk(60)
    assert (await agency.charged(), await agency.exact("agent")) == (71_400, 6_000)
    await publish(agency, retail="0.03")
    await rerate(agency)
    assert (await agency.charged(), await agency.exact("agent")) == (35_700, 3_000)
    shop = Shop(agency)
    await shop.start(await shop.product(price="10"))
    assert await agency.exact("agent") == 1_003_000
    await agency.sound()


async def test_a_credit_note_takes_back_its_part(agency: Agency) -> None:
    """Half of a line, then the rest: nothing is left."""
    await agency.rule("agent", "7.5")
    await agency.talk(61, 7, 95)
    await agency.run()
    (invoice,) = await agency.invoices("customer")
    (line,) = await agency.lines(invoice)
    earned = await agency.exact("agent")
    half = {"line_id": line["id"], "amount": "0.08"}
    (await agency.credit(invoice, lines=[half])).ok()
    part = Fraction(80_000, await agency.charged())
    assert abs(await agency.exact("agent") - earned * (1 - part)) < Fraction(2, 100_000_000)
    (await agency.credit(invoice)).ok()
    assert abs(await agency.exact("agent")) < Fraction(4, 100_000_000)
    await agency.sound()


@pytest.mark.parametrize("invoiced_first", [False, True])
async def test_a_credit_note_of_calls_that_were_rated_again(agency: Agency, invoiced_first: bool) -> None:
    """Whichever came first, nothing is left of the whole, and never less than nothing."""
    await agency.rule("agent", "7.5")
    await agency.talk(61, 7, 95)
    if invoiced_first:
        await agency.run()
    await publish(agency, retail="0.03")
    await rerate(agency)
    assert await agency.exact("agent") == Fraction(await agency.charged() * 75, 1000)
    if not invoiced_first:
        await agency.run()
    (invoice,) = await agency.invoices("customer")
    (await agency.credit(invoice)).ok()
    assert abs(await agency.exact("agent")) < Fraction(2, 100_000_000)
    await agency.sound()


async def test_an_item_earns_its_part_once(agency: Agency) -> None:
    """A subscription; the same key again is no second one; a late fee earns nothing."""
    await agency.rule("agent", "20")
    item = Item(
        agency.ids["customer"], agency.ids["lower"], "subscription", "flat", 9_990_000, "EUR", NOW_MS, "sub 1",
        NOW_MS, NOW_MS + DAY_MS,
    )  # fmt: skip
    for one in (item, item, item._replace(kind="fee", key="fee 1")):
        async with writing(agency.company.engine, "local") as conn:
            await bill(conn, "local", one, NOW_MS)
    assert await agency.exact("agent") == 1_998_000
    await agency.sound()


async def test_a_real_subscription_earns_its_part(agency: Agency) -> None:
    """Set-up and first period, as they are charged through the API; a rule of calls alone earns nothing of them."""
    await agency.rule("agent", "20", service="subscription")
    await agency.rule("helper", "10", service="calls")
    offer = {"name": "Line", "kind": "subscription", "price": "30.00", "setup": "5.00", "forced": True}
    product = (await agency.ask("product.make", account_id=agency.ids["lower"], **offer)).ok()
    await agency.ask("subscription.start", product_id=product["id"], account_id=agency.ids["customer"])
    await agency.company.pump()
    assert (await agency.exact("agent"), await agency.exact("helper")) == (6_000_000, 0)
    await agency.sound()


@pytest.mark.parametrize("moved", [False, True])
async def test_a_refund_takes_back_what_the_fee_had_earned(agency: Agency, moved: bool) -> None:
    """By the percentage of then, from who had earned it: whatever rules, and who stands above the customer, now."""
    rule = await agency.rule("agent", "10")
    shop = Shop(agency)
    number = await shop.start(await shop.product(price="30", period="month", refund="days"))
    assert await agency.exact("agent") == 3_000_000
    await agency.office.boss.do("commission.remove-rule", commission_rule_id=rule["id"])
    await agency.rule("agent", "50")
    await agency.rule("helper", "20")
    if moved:
        (await agency.ask("account.move", account_id=agency.ids["customer"], parent_id=agency.ids["upper"])).ok()
    await agency.office.boss.do("subscription.cancel", subscription_id=number, at="now")
    await agency.company.pump()
    assert (await agency.exact("agent"), await agency.exact("helper")) == (100_000, 0)
    assert await agency.balance("agent", "commission") == 100_000
    await agency.sound()


@pytest.mark.parametrize(("how", "book", "owner"), [("credit", "balance", "agent"), ("pay_out", "cash", "lower")])
async def test_it_is_handed_out_once_a_period(agency: Agency, how: str, book: str, owner: str) -> None:
    """Whoever does it, and however often; what was less than a micro-unit is kept for the next one."""
    await agency.rule("agent", "3.3333")
    await agency.office.boss.do("commission.edit-terms", account_id=agency.ids["agent"], cycle="daily", handed_out=how)
    await agency.talk(61, 7)
    before = await agency.balance(owner, book)
    for _ in range(2):
        await hand_out_due(agency.company.engine, agency.config, NOW_MS + 2 * DAY_MS)
    earned = await agency.exact("agent") // 1
    assert await agency.balance(owner, book) - before == earned
    assert await agency.balance("agent", "commission") == 0
    listed = await agency.office.boss.do("commission.payouts", query={"account_id": agency.ids["agent"]})
    assert [(one["handed_out"], one["amount"]) for one in listed["items"]] == [(how, f"{earned / 10**6:.6f}")]
    await agency.company.pump()
    await agency.sound()


@pytest.mark.parametrize("how", ["credit", "pay_out"])
async def test_two_at_once_hand_out_once(agency: Agency, how: str) -> None:
    """Two people at one service, and services of two nodes; whoever is second waits, and finds nothing."""
    await agency.rule("agent", "3.3333")
    await agency.talk(61, 7)
    earned, agent = await agency.exact("agent") // 1, agency.ids["agent"]
    other = open_engine(agency.config.database)
    async with other.begin() as conn:
        await ensure_node(conn, "second")

    async def at_the_other() -> list[int]:
        async with writing(other, "second") as conn:
            row = (await conn.execute(sa.select(accounts).where(accounts.c.id == agent))).one()
            return await hand_out(conn, "second", row, how, NOW_MS + DAY_MS, By("b"), NOW_MS)

    try:
        async with writing(agency.company.engine, "local") as conn:
            row = (await conn.execute(sa.select(accounts).where(accounts.c.id == agent))).one()
            first = await hand_out(conn, "local", row, how, NOW_MS + DAY_MS, By("a"), NOW_MS)
            second = asyncio.create_task(at_the_other())
            await asyncio.wait([second], timeout=0.5)  # it has come as far as it can
        assert (len(first), await second) == (1, [])
    finally:
        await other.dispose()
    await agency.talk(20)
    agency.office.now_ms = agency.company.now.wall_ms + 1
    more = await agency.exact("agent") // 1 - earned
    got = await asyncio.gather(*(agency.ask("commission.hand-out", "agent", handed_out=how) for _ in range(3)))
    assert sorted(one.status for one in got) == [201, 409, 409]
    listed = await agency.office.boss.do("commission.payouts", query={"account_id": agent})
    assert sum(parse_micros(one["amount"]) for one in listed["items"]) == earned + more
    assert await agency.balance("agent", "commission") == 0
    await agency.company.pump()
    await agency.sound()


async def test_what_is_refused(agency: Agency) -> None:
    """No commission reseller, more than the whole, an end before its beginning, one's own percentage."""
    await agency.rule("agent", "60")
    ids = agency.ids
    wrong = [
        ({"account_id": ids["lower"], "percent": "5"}, 409),
        ({"account_id": ids["helper"], "percent": "50"}, 422),
        ({"account_id": ids["helper"], "percent": "101"}, 422),
        ({"account_id": ids["helper"], "percent": 5.5}, 422),
        ({"account_id": ids["helper"], "percent": "5", "valid_from": 2_000, "valid_until": 1_000}, 422),
        ({"account_id": ids["helper"], "percent": "5", "tariff_id": 999}, 422),
    ]  # fmt: skip
    for body, status in wrong:
        got = await agency.ask("commission.make-rule", **body)
        assert got.status == status, (body, got.body)
    nothing = await agency.ask("commission.hand-out", account_id=ids["agent"])
    assert nothing.status == 409


async def test_the_doctor_names_what_was_tampered_with(agency: Agency) -> None:
    """A part that its rule doesn't give; a base that is not the charge; one that was not posted."""
    await agency.rule("agent", "10")
    await agency.talk(61)
    for change in ({"micros": 1}, {"base_micros": 5}, {"currency": "USD"}):
        async with agency.company.engine.begin() as conn:
            row = (await conn.execute(sa.select(commissions))).one()
            await conn.execute(sa.update(commissions).values(**change))
        broken = await agency.company.broken()
        assert list(broken) == ["commissions"], broken
        async with agency.company.engine.begin() as conn:
            await conn.execute(sa.update(commissions).values(**{name: getattr(row, name) for name in change}))
    assert await agency.company.broken() == {}
