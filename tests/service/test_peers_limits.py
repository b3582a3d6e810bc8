"""What nobody does for themselves, what nobody learns of others, what doesn't go while something depends on it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from service.database.peer_tables import devices
from service.database.tables import plans, trunk_networks, trunks
from tests.service.office import Got, Person
from tests.service.test_peers_api import Shop, plan_record, shop

__all__ = ["shop"]


def refused(got: Got) -> tuple[int, str]:
    """Status and reason."""
    return got.status, got["detail"]


async def may_change(shop: Shop, account: str, *permissions: str) -> None:
    """An account's ceiling is raised."""
    role = await shop.boss.do("role.define", account_id=1, name="More", permissions=list(permissions))
    await shop.boss.do("account.set-ceiling", account_id=shop.ids[account], role_ids=[role["id"]], default_role=True)


async def add_plan(shop: Shop) -> int:
    async with shop.office.engine.begin() as conn:
        made = await conn.execute(sa.insert(plans).values(name="dear", record=plan_record(1)).returning(plans.c.id))
        return int(made.scalar_one())


async def test_a_customer_does_not_lift_its_own_limits_by_its_devices(shop: Shop) -> None:
    """It makes, renames, suspends them; plan, price, channels and caller number are its seller's to say."""
    plan = await add_plan(shop)
    device = (await shop.reseller.do("device.make", account_id=shop.ids["customer"], username="ann", channels=1))[
        "device"
    ]
    got = await shop.customer.ask("device.edit", device_id=device["id"], channels=None, plan_id=plan, name="mine")
    assert refused(got) == (403, "whoever stands above the account sets channels, plan_id")
    assert await shop.customer.do("device.show", device_id=device["id"]) == device
    got = await shop.customer.ask("device.make", account_id=shop.ids["customer"], caller_number="49301234")
    assert refused(got) == (403, "whoever stands above the account sets caller_number")
    async with shop.office.engine.connect() as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(devices))).scalar_one() == 1
    edited = await shop.customer.do("device.edit", device_id=device["id"], channels=1, name="mine", state="suspended")
    assert (edited["name"], edited["state"]) == ("mine", "suspended")
    assert (await shop.reseller.do("device.edit", device_id=device["id"], plan_id=plan))["plan_id"] == plan


async def test_a_customer_does_not_lift_its_own_limits_by_its_trunks(shop: Shop) -> None:
    """Where the seller lets it change trunks at all: networks, not price."""
    await may_change(shop, "customer", "trunks.change")
    made = (await shop.trunk(shop.reseller, channels=2)).ok()
    got = await shop.customer.ask("trunk.edit", trunk_id=made["id"], channels=None)
    assert refused(got) == (403, "whoever stands above the account sets channels")
    got = await shop.trunk(
        shop.customer, name="t2", networks=["192.0.2.8"], cps=9, caller_rule="replace", caller_numbers=["493"]
    )
    assert refused(got) == (403, "whoever stands above the account sets caller_numbers, caller_rule, cps")
    assert (await shop.trunk(shop.customer, name="t2", networks=["192.0.2.8"], cps=None)).status == 201
    assert (await shop.customer.ask("trunk.edit", trunk_id=made["id"], networks=["192.0.2.9"])).status == 200


async def test_a_provider_does_not_set_its_own_limits(shop: Shop) -> None:
    """It may move its gateway to another address where it is let."""
    await may_change(shop, "carrier", "gateways.change")
    made = await shop.boss.do("gateway.make", account_id=shop.ids["carrier"], name="gw1", host="192.0.2.50", channels=2)
    pia = await shop.office.hire(shop.boss, shop.ids["carrier"], "pia@carrier.example")
    got = await pia.ask("gateway.edit", gateway_id=made["id"], channels=None)
    assert refused(got) == (403, "whoever stands above the account sets channels")
    assert (await pia.do("gateway.edit", gateway_id=made["id"], host="192.0.2.51"))["host"] == "192.0.2.51"


async def trail(person: Person) -> list[dict[str, Any]]:
    """Lines about numbers, oldest first."""
    return list(reversed((await person.do("audit.list", query={"noun": "number"}))["items"]))


async def test_who_hands_a_number_on_and_who_gets_it_learn_nothing_of_each_other(shop: Shop) -> None:
    """Both have a line of it."""
    made = await shop.boss.do("number.make", number="442079460000", account_id=shop.ids["customer"])
    await shop.reseller.do("number.edit", number_id=made["id"], account_id=shop.ids["second"])
    second = await shop.office.hire(shop.boss, shop.ids["second"], "s@s.example")
    (line,) = await trail(second)
    assert (line["action"], line["before"], line["after"]["account_id"]) == ("number.receive", None, shop.ids["second"])
    lines = await trail(shop.customer)
    assert [(one["action"], one["after"] is None) for one in lines] == [("number.make", False), ("number.give", True)]
    assert f'"account_id": {shop.ids["second"]}' not in str(lines).replace("'", '"')


async def test_a_closed_trunk_needs_networks_to_open_again(shop: Shop) -> None:
    """`kambill apply` takes the networks from a trunk that it closes."""
    made = (await shop.trunk(shop.boss)).ok()
    async with shop.office.engine.begin() as conn:
        await conn.execute(sa.delete(trunk_networks))
        await conn.execute(sa.update(trunks).values(state="closed"))
    assert (await shop.boss.do("trunk.edit", trunk_id=made["id"], channels=2))["channels"] == 2
    got = await shop.boss.ask("trunk.edit", trunk_id=made["id"], state="active")
    assert (got["errors"][0]["pointer"], got["errors"][0]["detail"]) == (
        "/networks", "at least one network was expected, or a certificate",
    )  # fmt: skip
    assert (
        await shop.boss.ask("trunk.edit", trunk_id=made["id"], state="active", networks=["192.0.2.7"])
    ).status == 200
    assert [one["id"] for one in (await shop.boss.do("trunk.list", query={"state": "closed"}))["items"]] == []


@pytest.mark.parametrize("name", ["a/b", "#5", "", "-a"])
async def test_what_would_read_as_something_else_is_no_name_of_a_trunk(shop: Shop, name: str) -> None:
    """As of accounts: `kambill apply` and the command line take it for a path or a number."""
    got = await shop.trunk(shop.boss, name=name)
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/name")
