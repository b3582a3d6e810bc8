"""Calls that are only tried out, through the API: the call path's answer, to each viewer its own side of it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.clock import Now
from kemi.store.carry import begin_store
from kemi.store.environment import open_reader
from tests.service.office import Person
from tests.service.test_money import House
from tests.service.wanted import ON_SQLITE


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Open for business."""
    house = House(engine, database, tmp_path)
    await house.open()
    return house


async def hire(house: House, account: str) -> Person:
    """Somebody who may all that the account may."""
    return await house.office.hire(house.office.boss, house.ids[account], f"{account}@x.example")


async def test_what_each_viewer_sees_of_it(house: House) -> None:
    """Levels of the own subtree, with the margins of sellers who are in it; gateways and costs for the operator."""
    ids = house.ids
    people = {"root": house.office.boss} | {name: await hire(house, name) for name in ("customer", "lower", "upper")}
    seen = {name: await person.do("call.simulate", trunk_id=1, to="4420") for name, person in people.items()}
    margins = {
        name: [(one["account_id"], one["expected"], one["margin"]) for one in view["levels"]]
        for name, view in seen.items()
    }
    chain = [(ids["customer"], "0.18", "0.09"), (ids["lower"], "0.09", "0.018"), (ids["upper"], "0.072", None)]
    assert margins == {
        "root": chain,
        "upper": chain,
        "lower": [chain[0], (*chain[1][:2], None)],
        "customer": [(*chain[0][:2], None)],
    }
    assert [(one["gateway_id"], one["cost"], one["margin"]) for one in seen["root"]["gateways"]] == [
        (1, "0.036", "0.036")
    ]
    assert [(one["gateway_id"], one["number"]) for one in seen["root"]["attempts"]] == [(1, "4420")]
    assert {name: len(view["path"]) for name, view in seen.items()} == {
        "root": 4,
        "upper": 3,
        "lower": 2,
        "customer": 1,
    }
    for name in ("upper", "lower", "customer"):
        assert (seen[name]["gateways"], seen[name]["attempts"], seen[name]["outcome"]) == ([], [], "admitted")
        assert not any("gw1" in step or "127.0.0.11" in step for step in seen[name]["steps"])
    assert not any("lower" in step or "upper" in step for step in seen["customer"]["steps"])
    assert seen["root"]["steps"][-1].startswith("the call is taken: it may last 14400 s")
    outside = "for an expected call of"
    out = {name: next(one for one in view["steps"] if outside in one) for name, view in seen.items()}
    plan = (await house.office.boss.do("plan.show", plan_id=1))["name"]
    assert out["root"].startswith(f"it goes out by routing plan {plan}, {outside}")
    assert out["customer"].startswith(f"it goes out by a routing plan of the operator's, {outside}")


async def test_nothing_is_held_or_written(house: House) -> None:
    """The store stays as it is, the journal too."""
    before, lines = house.company.store(), house.company.lines()
    assert (await house.office.boss.do("call.simulate", trunk_id=1, to="4420"))["outcome"] == "admitted"
    await house.company.pump()
    assert house.company.store() == before
    assert set(house.company.lines()[len(lines) :]) <= {"beat"}


async def test_others_trunks_are_not_there(house: House) -> None:
    """Nor for a provider, who may see its calls only."""
    sibling_id = await house.office.account(house.office.boss, house.ids["lower"], "sibling", "customer")
    sibling = await house.office.hire(house.office.boss, sibling_id, "sibling@x.example")
    for person in (sibling, await hire(house, "carrier")):
        got = await person.ask("call.simulate", trunk_id=1, to="4420")
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/trunk_id")


async def test_a_trunk_that_has_a_certificate_and_no_network(house: House) -> None:
    """From anywhere, by TLS."""
    trunk = {"account_id": house.ids["customer"], "name": "tls", "networks": [], "certificate": "dns:pbx.example"}
    made = await house.office.boss.do("trunk.make", **trunk)
    await house.company.pump()
    found = await house.office.boss.do("call.simulate", trunk_id=made["id"], to="4420")
    assert (found["found_trunk_id"], found["source"]) == (made["id"], "192.0.2.1:5060 by tls")


@ON_SQLITE
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"to": "4420"}, ""),
        ({"trunk_id": 1, "device_id": 1, "to": "4420"}, ""),
        ({"trunk_id": 1}, "/to"),
        ({"trunk_id": 1, "to": ""}, "/to"),
        ({"trunk_id": 1, "to": "4" * 65}, "/to"),
        ({"trunk_id": 1, "to": "44 20"}, "/to"),
        ({"trunk_id": 1, "to": "4420", "at": "yesterday"}, "/at"),
        ({"trunk_id": 1, "to": "4420", "at": "9999-12-31T23:59:59-14:00"}, "/at"),
        ({"trunk_id": 1, "to": "4420", "at": 2**63 - 1}, "/at"),
        ({"trunk_id": 1, "to": "4420", "at": "0001-01-01T00:00:00+14:00"}, "/at"),
    ],
)
async def test_what_is_no_call(house: House, body: dict[str, Any], pointer: str) -> None:
    """Each says where it is wrong."""
    got = await house.office.boss.ask("call.simulate", **body)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)


async def test_a_refusal_above_stays_hidden(house: House) -> None:
    """The customer sees 503; who refuses sees why; and the call then gets the same."""
    await house.ask("account.suspend", "upper", reason="late")
    await house.company.pump()
    told = {
        name: await (await hire(house, name)).do("call.simulate", trunk_id=1, to="4420")
        for name in ("customer", "lower", "upper")
    }
    answers = {name: (one["sip_code"], one["rule"], one["refused_by"]) for name, one in told.items()}
    assert answers == {
        "customer": (503, "", None),
        "lower": (503, "", None),
        "upper": (503, "suspended", house.ids["upper"]),
    }
    assert house.company.dial()[:2] == (503, "Temporarily unavailable")


async def test_money_above_stays_hidden(house: House) -> None:
    """How long it lasts is told of what one sees."""
    (await house.ask("payment.adjust", "upper", amount="-999", reason="spent")).ok()
    await house.company.pump()
    lower, upper = await hire(house, "lower"), await hire(house, "upper")
    assert (await lower.do("call.simulate", trunk_id=1, to="4420"))["longest_s"] == 14_400
    assert (await upper.do("call.simulate", trunk_id=1, to="4420"))["longest_s"] == 2_500


async def test_a_device_and_a_trunk_that_are_not_there_yet(house: House) -> None:
    """409 until the store has learnt of it; then it may call."""
    made = await house.office.boss.do("device.make", account_id=house.ids["customer"], username="desk")
    number = made["device"]["id"]
    got = await house.office.boss.ask("call.simulate", device_id=number, to="4420")
    assert (got.status, "doesn't know this device yet" in got["detail"]) == (409, True)
    await house.company.pump()
    found = await house.office.boss.do("call.simulate", device_id=number, to="4420")
    assert (found["outcome"], found["rule"]) == ("refused", "route")


async def test_no_store_is_said(house: House) -> None:
    """503, since nobody decides."""
    house.company.wipe()
    got = await house.office.boss.ask("call.simulate", trunk_id=1, to="4420")
    assert (got.status, "Kamailio makes its store" in got["detail"]) == (503, True)


async def test_by_the_rates_of_another_time(house: House) -> None:
    """Dearer from tomorrow on."""
    text = 'currency: EUR\nrates:\n  - {prefix: "", rate: 0.06, until: 2026-10-01}\n'
    text += '  - {prefix: "", rate: 0.12, effective: 2026-10-01}\n'
    (house.config.ratebook / "tariffs" / "retail.yaml").write_text(text)
    await house.company.publish()
    await house.company.pump()
    house.company.now = Now(house.company.now.boot_ms + 1000, house.company.now.wall_ms + 1000)
    now = await house.office.boss.do("call.simulate", trunk_id=1, to="4420")
    later = await house.office.boss.do("call.simulate", trunk_id=1, to="4420", at="2026-10-01T00:00:00Z")
    assert [view["levels"][0]["expected"] for view in (now, later)] == ["0.18", "0.36"]


def test_lookers_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    """LMDB opens a store once in a process: the second one doesn't take it for absent."""
    begin_store(tmp_path / "run", tmp_path / "data", "boot", 1, Now(1, 1)).close()
    first = open_reader(tmp_path / "run")
    found: list[bool] = []

    def look() -> None:
        reader = open_reader(tmp_path / "run")
        found.append(reader.is_current())
        reader.close()

    second = Thread(target=look)
    second.start()
    second.join(0.05)
    assert (second.is_alive(), found) == (True, [])
    first.close()
    second.join(60)
    assert found == [True]
