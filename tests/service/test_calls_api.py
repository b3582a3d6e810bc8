"""Running and ended calls through the API: each viewer sees its own side of them, and nothing of the others'."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from unittest.mock import ANY

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.clock import Now
from kemi.running import find
from service.api.dispatch import told_as_problems
from service.api.problems import Problem, took_too_long
from service.database.engine import TookTooLong
from tests.service.office import Person
from tests.service.test_money import House


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Open for business."""
    house = House(engine, database, tmp_path)
    await house.open()
    return house


async def hire(house: House, account: str) -> Person:
    """Somebody who may all that the account may."""
    return await house.office.hire(house.office.boss, house.ids[account], f"{account}@x.example")


async def test_a_list_that_takes_too_long_says_what_to_do(house: House) -> None:
    """And the next one is answered; pages say the same."""
    office = house.office
    api, office.api = office.api, office.api._replace(look_s=0)
    got = await office.boss.ask("cdr.list")
    assert (got.status, got["detail"]) == (503, took_too_long().detail)
    with pytest.raises(Problem) as told, told_as_problems():
        raise TookTooLong
    assert told.value.detail == got["detail"]
    office.api = api
    assert (await office.boss.ask("cdr.list")).status == 200


async def test_a_running_call_is_seen_from_below_and_above(house: House) -> None:
    """Holds of one's own subtree only; the gateway only for the operator; a sibling sees nothing."""
    key = house.company.talk()
    sibling_id = await house.office.account(house.office.boss, house.ids["lower"], "sibling", "customer")
    sibling = await house.office.hire(house.office.boss, sibling_id, "sibling@x.example")
    customer, lower, carrier = [await hire(house, name) for name in ("customer", "lower", "carrier")]
    seen = {}
    for name, person in {"root": house.office.boss, "customer": customer, "lower": lower, "carrier": carrier}.items():
        listed = await person.do("call.list")
        assert (listed["total"], listed["items"][0]["call"]) == (1, key)
        one = listed["items"][0]
        seen[name] = ([hold["account_id"] for hold in one["holds"]], one["gateway_id"], one["account_id"])
    ids = house.ids
    chain = [ids["customer"], ids["lower"], ids["upper"]]
    assert seen == {
        "root": (chain, 1, ids["customer"]),
        "customer": (chain[:1], None, ids["customer"]),
        "lower": (chain[:2], None, ids["customer"]),
        "carrier": ([], 1, 0),
    }
    assert (await sibling.do("call.list"))["total"] == 0
    assert (await lower.do("call.list", query={"account_id": ids["customer"]}))["total"] == 1
    assert (await lower.ask("call.list", query={"account_id": ids["upper"]})).status == 422


async def test_what_runs_is_summed_up_for_each_viewer(house: House) -> None:
    """All of it, however much is shown: a ringing call costs nothing yet; who carries calls has no charge of them."""
    house.company.talk()
    house.company.talk()
    house.company.wait(20)
    house.company.ring()
    seen = {}
    for name in ("customer", "lower", "carrier"):
        person = await hire(house, name)
        listed = await person.do("call.list", query={"limit": 1})
        assert (len(listed["items"]), listed["total"], listed["ringing"]) == (1, 3, 1), name
        assert (await person.do("call.list", query={"limit": 0}))["items"] == []
        whole = (await person.do("call.list"))["items"]
        charges = [hold["charge"] for one in whole for hold in one["holds"][:1]]
        summed = [("EUR", sum(map(Decimal, charges)))] if charges else []
        assert [(one["currency"], Decimal(one["charge"])) for one in listed["charges"]] == summed
        seen[name] = len(charges)
    assert seen == {"customer": 3, "lower": 3, "carrier": 0}
    assert (await house.office.boss.ask("call.list", query={"limit": -1})).status == 422


async def test_a_call_is_cut_by_who_stands_above(house: House) -> None:
    """Not by a sibling, not by the carrier; unknown ones are not there."""
    key = house.company.talk()
    customer, lower, carrier = [await hire(house, name) for name in ("customer", "lower", "carrier")]
    assert (await customer.ask("call.cut", call=key)).status == 403
    assert (await carrier.ask("call.cut", call=key)).status == 403
    assert (await lower.ask("call.cut", call="0" * 32)).status == 404
    assert await lower.do("call.cut", call=key) == {"call": key}
    trail = await lower.do("audit.list", query={"action": "call.cut"})
    assert trail["items"][0]["after"] == {"call": key}
    await house.company.flush()
    house.company.clerk()
    with house.company.rooms() as rooms:
        running = find(rooms, key)
    assert running is not None
    assert running.cut_by == "lower@x.example"


async def test_no_store_is_said(house: House) -> None:
    """503, since nobody knows what runs."""
    house.company.wipe()
    got = await house.office.boss.ask("call.list")
    assert (got.status, "Kamailio makes its store" in got["detail"]) == (503, True)
    funds = await house.office.boss.do("account.funds", account_id=house.ids["customer"])
    assert (funds["live"], funds["available"]) == (False, "1000.00")


async def test_what_an_account_has_now(house: House) -> None:
    """With what its call holds."""
    house.company.talk()
    funds = await house.office.boss.do("account.funds", account_id=house.ids["customer"])
    held = house.company.store()[house.ids["customer"]].held
    assert (funds["calls"], funds["live"], funds["balance"]) == (1, True, "1000.00")
    assert funds["held"] == f"{held / 1_000_000:.2f}"
    lower = await hire(house, "lower")
    assert (await lower.ask("account.funds", account_id=house.ids["upper"])).status == 404


async def test_an_ended_call_shows_each_viewer_its_side(house: House) -> None:
    """Margins of who is in the subtree, cost for the operator and the carrier, nothing of those above."""
    house.company.call(60)
    await house.company.pump()
    ids = house.ids
    customer, lower, carrier = [await hire(house, name) for name in ("customer", "lower", "carrier")]
    whole = (await house.office.boss.do("cdr.list"))["items"][0]
    assert [(one["account_id"], one["charge"], one["margin"]) for one in whole["charges"]] == [
        (ids["customer"], "0.06", "0.03"),
        (ids["lower"], "0.03", "0.006"),
        (ids["upper"], "0.024", "0.012"),
    ]
    assert (whole["cost"]["cost"], whole["gateway_id"]) == ("0.012", 1)
    assert [(one["tariff"], one["rate"], one["increments"]) for one in whole["charges"]] == [
        (ANY, "0.06", "1"),
        (ANY, "0.03", "1"),
        (ANY, "0.024", "1"),
    ]
    assert [(one["gateway_id"], one["sip_code"], one["pdd_ms"]) for one in whole["attempts"]] == [(1, 200, None)]
    assert (whole["call_id"], whole["from_tag"], whole["to_tag"], whole["pdd_ms"]) == ("c1", "f", "t", None)
    own = (await customer.do("cdr.list"))["items"][0]
    assert (own["attempts"], own["call_id"], own["charges"][0]["rate"]) == ([], "c1", "0.06")
    assert [(one["charge"], one["seller_id"], one["margin"]) for one in own["charges"]] == [("0.06", None, None)]
    assert (own["cost"], own["gateway_id"]) == (None, None)
    sold = await lower.do("cdr.show", cdr_id=own["id"])
    assert [(one["charge"], one["seller_id"], one["margin"]) for one in sold["charges"]] == [
        ("0.06", ids["lower"], "0.03"),
        ("0.03", None, None),
    ]
    carried = (await carrier.do("cdr.list"))["items"][0]
    assert (carried["charges"], carried["account_id"], carried["cost"]["cost"]) == ([], None, "0.012")
    assert [(one["gateway_id"], one["sip_code"]) for one in carried["attempts"]] == [(1, 200)]
    assert (carried["call_id"], carried["from_tag"], carried["cost"]["rate"]) == ("", "", "0.012")
    sibling_id = await house.office.account(house.office.boss, ids["lower"], "sibling", "customer")
    sibling = await house.office.hire(house.office.boss, sibling_id, "sibling@x.example")
    assert (await sibling.do("cdr.list"))["items"] == []
    assert (await sibling.ask("cdr.show", cdr_id=own["id"])).status == 404


async def test_who_refused_above_stays_hidden(house: House) -> None:
    """The customer's record says 503, and no rule."""
    await house.ask("account.suspend", "upper", reason="late")
    await house.company.pump()
    house.company.now = Now(house.company.now.boot_ms + 1000, house.company.now.wall_ms + 1000)
    house.company.dial()
    await house.company.pump()
    customer = await hire(house, "customer")
    mine = (await customer.do("cdr.list"))["items"][0]
    assert (mine["outcome"], mine["sip_code"], mine["rule"]) == ("refused", 503, "")
    lower, upper = await hire(house, "lower"), await hire(house, "upper")
    theirs = (await lower.do("cdr.list"))["items"][0]
    assert (theirs["rule"], theirs["account_id"]) == ("", house.ids["customer"])
    assert (await upper.do("cdr.list"))["items"][0]["rule"] == "suspended"
    assert (await house.office.boss.do("cdr.list"))["items"][0]["rule"] == "suspended"
    page = await house.office.boss.do("cdr.list", query={"outcome": "answered"})
    assert page["items"] == []
