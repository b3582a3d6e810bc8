"""Limits, lists, high-risk ranges and alarms from the API to the call path and back, on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.authorize import Admitted
from kemi.refusal import Refused
from kemi.store import limits
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.webhook_tables import deliveries
from service.fraud.words import LimitText, action_text, amount_text, rule_text
from tests.service.company import EURO
from tests.service.office import Person
from tests.service.test_money import House


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Open for business."""
    house = House(engine, database, tmp_path)
    await house.open()
    return house


def rule(house: House) -> str:
    """Why a call is refused now; empty: it isn't."""
    decision = house.company.dial()
    if isinstance(decision, Admitted):
        house.company.hang_up(decision.call)
        return ""
    assert isinstance(decision, Refused)
    return decision.rule


async def limit(house: House, by: Person | None = None, account: str = "customer", **fields: Any) -> dict[str, Any]:
    """A new one, known to the store."""
    values = {"name": "calls", "measure": "calls", "count": 1} | fields
    made: dict[str, Any] = await (by or house.office.boss).do("limit.make", account_id=house.ids[account], **values)
    await house.company.pump()
    return made


# --- limits


async def test_a_limit_reaches_the_call_path(house: House) -> None:
    """Made, edited and removed; each holds for the next call."""
    made = await limit(house)
    assert (made["measure"], made["count"], made["spend"], made["period"]) == ("calls", 1, None, "hour")
    assert [rule(house), rule(house)] == ["", f"limit {made['id']}"]
    boss = house.office.boss
    assert (await boss.do("limit.edit", limit_id=made["id"], count=2))["count"] == 2
    await house.company.pump()
    assert [rule(house), rule(house)] == ["", f"limit {made['id']}"]
    assert (await boss.ask("limit.remove", limit_id=made["id"])).status == 204
    await house.company.pump()
    assert rule(house) == ""
    await house.sound()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"measure": "spend", "count": 1}, "/count"),
        ({"measure": "spend"}, "/spend"),
        ({"measure": "calls", "spend": "5"}, "/spend"),
        ({"measure": "calls"}, "/count"),
        ({"measure": "spend", "spend": "-1"}, "/spend"),
        ({"measure": "first_call", "count": 0}, "/count"),
        ({"measure": "first_call", "count": 5, "action": "suspend"}, "/action"),
        ({"measure": "weight", "count": 5}, "/measure"),
        ({"measure": "calls", "count": 5, "trunk_id": 99}, "/trunk_id"),
    ],
)
async def test_what_is_no_limit_is_refused(house: House, fields: dict[str, Any], pointer: str) -> None:
    """With the field that is wrong; nothing is set."""
    got = await house.office.boss.ask("limit.make", account_id=house.ids["customer"], name="x", **fields)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    assert (await house.office.boss.do("limit.list"))["items"] == []


async def test_who_stands_below_leaves_a_limit_alone(house: House) -> None:
    """A customer sees its seller's limit and sets a narrower one of its own, which the seller may change."""
    customer = await house.office.hire(house.office.boss, house.ids["customer"], "c@c.example")
    above = await limit(house, count=5)
    own = await limit(house, customer, count=3)
    assert [one["id"] for one in (await customer.do("limit.list"))["items"]] == [above["id"], own["id"]]
    for asked in (("limit.edit", {"count": 9}), ("limit.remove", {})):
        assert (await customer.ask(asked[0], limit_id=above["id"], **asked[1])).status == 403
    assert (await customer.ask("limit.edit", limit_id=own["id"], count=2)).status == 200
    assert (await house.office.boss.ask("limit.remove", limit_id=own["id"])).status == 204


async def test_a_new_store_knows_everything(house: House) -> None:
    """Limits, lists, ranges and choices; windows begin at nothing, destinations are known by the ledger."""
    boss, ids = house.office.boss, house.ids
    house.company.call(10)
    await house.company.pump()
    first = await limit(house, name="first", measure="first_call", count=20)
    made = await limit(house, count=5)
    await boss.do("filter.make", account_id=ids["customer"], digits="33")
    risky = await boss.do("range.make", name="satellite", prefixes=["881"])
    await boss.do("range.choose", account_id=ids["upper"], opened=[risky["id"]])
    await house.company.pump()
    house.company.call(1)
    house.company.wipe()
    house.company.wait(5)
    house.company.begin()
    await house.company.pump()
    with house.company.rooms() as rooms, rooms.store.read() as txn:
        store = rooms.store
        configuration = store.configuration(txn)
        found = configuration.precautions(txn, ids["customer"])
        assert [one.id for one in found.rules] == [first["id"], made["id"]]
        assert found.refused_by("called", "331", 0)
        assert configuration.precautions(txn, ids["upper"]).opened == {risky["id"]}
        assert configuration.ranges(txn).find("8811") is not None
        counter = limits.read(store, txn, ids["customer"])[made["id"]]
        assert (counter.used, counter.limit) == (0, 5)
        assert limits.is_met(store, txn, limits.ACCOUNT, ids["customer"], "4420", answered=True)
        assert not limits.is_met(store, txn, limits.ACCOUNT, ids["customer"], "33", answered=True)


# --- lists and ranges


async def test_lists_of_numbers(house: House) -> None:
    """A block, an entry twice, a list that is another's to change."""
    boss, customer_id = house.office.boss, house.ids["customer"]
    made = await boss.do("filter.make", account_id=customer_id, digits="44")
    await house.company.pump()
    assert rule(house) == "called_list"
    again = await boss.ask("filter.make", account_id=customer_id, digits="44")
    assert (again.status, again["errors"][0]["pointer"]) == (422, "/digits")
    assert (await boss.ask("filter.make", account_id=customer_id, digits="", whole=True)).status == 422
    customer = await house.office.hire(boss, customer_id, "c@c.example")
    assert (await customer.ask("filter.remove", filter_id=made["id"])).status == 403
    listed = await customer.do("filter.list", query={"digits": "4"})
    assert [one["digits"] for one in listed["items"]] == ["44"]
    await boss.do("filter.make", account_id=customer_id, digits="4420", whole=True, kind="allow")
    await house.company.pump()
    assert rule(house) == ""


async def test_high_risk_ranges_are_opened_by_whoever_stands_above(house: House) -> None:
    """Closed for all; the operator opens it for the reseller, the reseller for its own; nobody for themselves."""
    boss, ids = house.office.boss, house.ids
    risky = await boss.do("range.make", name="premium", prefixes=["4420", "881"])
    await house.company.pump()
    assert rule(house) == f"high_risk {risky['id']}"
    upper = await house.office.hire(boss, ids["upper"], "u@u.example")
    choice = {"opened": [risky["id"]]}
    assert (await upper.ask("range.choose", account_id=ids["upper"], **choice)).status == 403
    assert [one["name"] for one in (await upper.do("range.list"))["items"]] == ["premium"]
    assert (await upper.ask("range.edit", range_id=risky["id"], name="mine")).status in {403, 404}
    for by, account in ((boss, "upper"), (upper, "lower"), (upper, "customer")):
        assert rule(house) == f"high_risk {risky['id']}"
        await by.do("range.choose", account_id=ids[account], **choice)
        await house.company.pump()
    assert rule(house) == ""
    assert (await upper.do("range.chosen", account_id=ids["customer"])) == {"opened": [risky["id"]], "closed": []}
    got = await boss.ask("range.choose", account_id=ids["upper"], opened=[risky["id"]], closed=[risky["id"]])
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/closed")
    assert (await boss.ask("range.remove", range_id=risky["id"])).status == 204
    await house.company.pump()
    assert (await upper.do("range.chosen", account_id=ids["customer"]))["opened"] == []


async def test_a_range_may_stay_open_for_who_is_there(house: House) -> None:
    """Until it is closed for them; a new account has it closed. Prefixes and names stand once."""
    boss, ids = house.office.boss, house.ids
    risky = await boss.do("range.make", name="premium", prefixes=["4420"], open_for_existing=True)
    await house.company.pump()
    assert (rule(house), risky["open_through"] >= ids["customer"]) == ("", True)
    await boss.do("range.choose", account_id=ids["lower"], closed=[risky["id"]])
    await house.company.pump()
    assert rule(house) == f"high_risk {risky['id']}"
    for body in ({"name": "premium", "prefixes": ["1"]}, {"name": "x", "prefixes": ["4420"]}):
        assert (await boss.ask("range.make", **body)).status == 422
    assert (await boss.ask("range.make", name="y", prefixes=["1", "1"])).status == 422
    assert (await boss.do("range.edit", range_id=risky["id"], prefixes=["4420", "77"]))["prefixes"] == ["4420", "77"]


# --- alarms


async def test_an_alarm_is_given_once_and_told(house: House) -> None:
    """A row, a webhook's message, a mail to the people of the account; the second refusal gives none."""
    boss = house.office.boss
    await boss.do("webhook.make", account_id=1, url="https://x.example/", events=["fraud.alarm"])
    await house.office.hire(boss, house.ids["customer"], "c@c.example")
    made = await limit(house, action="block", period="day")
    for _ in range(3):
        rule(house)
    await house.company.pump()
    (alarm,) = (await boss.do("alarm.list"))["items"]
    told = {name: alarm[name] for name in ("limit_id", "account_id", "trunk_id", "rule", "seen", "action")}
    assert told == {
        "limit_id": made["id"],
        "account_id": house.ids["customer"],
        "trunk_id": None,
        "rule": "more than 1 calls a day",
        "seen": "1 calls",
        "action": "block",
    }
    async with reading(house.company.engine) as conn:
        sent = [row.recipient for row in await conn.execute(sa.select(mails).where(mails.c.template == "fraud_alarm"))]
        assert sorted(sent) == ["boss@op.example", "c@c.example"]
        (body,) = (await conn.execute(sa.select(deliveries.c.body))).scalars()
        assert '"type":"fraud.alarm"' in body
    assert (await boss.ask("alarm.lift", alarm_id=alarm["id"], reason="x")).status == 409


async def test_a_suspension_stands_until_it_is_lifted(house: House) -> None:
    """With its reason on the account; lifted by who stands above, once, and the limit counts from nothing."""
    boss, customer_id = house.office.boss, house.ids["customer"]
    running = house.company.talk()
    await limit(house, action="suspend")
    assert [rule(house), rule(house), rule(house)] == ["", "limit 1", "suspended"]
    await house.company.pump()
    account = await boss.do("account.show", account_id=customer_id)
    assert (account["state"], account["suspended_for"]) == ("suspended", "more than 1 calls an hour")
    trail = await boss.do("audit.list", query={"action": "account.suspend"})
    assert [one["actor"] for one in trail["items"]] == ["cli:alarms"]
    customer = await house.office.hire(boss, customer_id, "c@c.example")
    (alarm,) = (await customer.do("alarm.list", query={"standing": "true"}))["items"]
    assert (await customer.ask("alarm.lift", alarm_id=alarm["id"], reason="x")).status == 403
    lifted = await boss.do("alarm.lift", alarm_id=alarm["id"], reason="they called")
    assert lifted["lifted_by"] == "boss@op.example"
    assert (await boss.ask("alarm.lift", alarm_id=alarm["id"], reason="x")).status == 409
    await house.company.pump()
    assert (await boss.do("account.show", account_id=customer_id))["suspended_for"] == ""
    assert [rule(house), rule(house)] == ["", "limit 1"]
    house.company.hang_up(running)
    await house.company.pump()
    assert len((await boss.do("alarm.list"))["items"]) == 2
    await house.sound()


async def test_resuming_by_hand_lifts_too(house: House) -> None:
    """Else the limit would suspend the account at its next call."""
    boss, customer_id = house.office.boss, house.ids["customer"]
    await limit(house, action="suspend")
    assert [rule(house), rule(house)] == ["", "limit 1"]
    await house.company.pump()
    await boss.do("account.resume", account_id=customer_id, reason="x")
    await house.company.pump()
    assert [rule(house), (await boss.do("alarm.list", query={"standing": "true"}))["items"]] == ["", []]


async def test_a_trunk_that_a_limit_has_suspended(house: House) -> None:
    """Its account sees why and can't lift it; who stands above makes it active again."""
    boss, customer_id = house.office.boss, house.ids["customer"]
    (trunk,) = (await boss.do("trunk.list"))["items"]
    await limit(house, action="suspend", trunk_id=trunk["id"])
    assert [rule(house), rule(house), rule(house)] == ["", "limit 1", "trunk"]
    await house.company.pump()
    shown = await boss.do("trunk.show", trunk_id=trunk["id"])
    assert (shown["state"], shown["suspended_for"]) == ("suspended", "more than 1 calls an hour")
    assert rule(house) == "trunk"
    lower = await house.office.hire(boss, house.ids["lower"], "l@l.example")
    assert (await lower.do("trunk.edit", trunk_id=trunk["id"], state="active"))["suspended_for"] == ""
    await house.company.pump()
    assert rule(house) == ""
    assert (await boss.do("account.show", account_id=customer_id))["state"] == "active"
    await house.sound()


async def test_money_in_words(house: House) -> None:
    """A limit of what is spent says its currency."""
    await limit(house, measure="spend", count=None, spend="0.01")
    house.company.ring()
    assert rule(house) == "limit 1"
    await house.company.pump()
    (alarm,) = (await house.office.boss.do("alarm.list"))["items"]
    assert (alarm["rule"], alarm["seen"]) == ("more than 0.01 EUR an hour", "0.01 EUR")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LimitText("spend", 50 * EURO, "hour", "EUR", "premium"), "more than 50.00 EUR an hour to premium"),
        (LimitText("minutes", 90_000, "day", "EUR"), "more than 1 min 30 s a day"),
        (LimitText("destinations", 3, "hour", "EUR"), "more than 3 new destinations an hour"),
        (LimitText("first_call", 30, "call", "EUR"), "first calls of 30 s at most"),
    ],
)
def test_limits_in_words(text: LimitText, said: str) -> None:
    """As mails, lists and accounts say them."""
    assert rule_text(text) == said


def test_what_was_done_in_words() -> None:
    """By action and place."""
    assert action_text("suspend", "trunk") == "The trunk is suspended and its calls are cut"
    assert amount_text("minutes", 60_000, "EUR") == "1 min"
