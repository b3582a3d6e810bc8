"""What a commission reseller may not: its customers owe their seller, whose money it neither gives nor prices."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from service.database.fraud_tables import alarms
from service.database.tables import accounts
from service.urls import ENDPOINTS
from tests.service.office import Person
from tests.service.test_peers_api import Shop, shop
from tests.service.test_tariffs_api import SOURCE, WITH_DECK, publish, write

__all__ = ["shop"]
PAID = {"amount": "5.00", "reason": "cash"}


async def recruit(shop: Shop) -> Person:
    """The reseller of the shop is one on commission, with a helper and a distributor below it that has a customer."""
    await shop.boss.do("account.edit", account_id=shop.ids["reseller"], commission=True)
    for name, parent, kind, more in (
        ("helper", "reseller", "reseller", {"commission": True}),
        ("depot", "reseller", "reseller", {}),
        ("guest", "depot", "customer", {}),
    ):
        shop.ids[name] = await shop.office.account(shop.boss, shop.ids[parent], name, kind, **more)
    shop.ids["root"] = 1
    return shop.reseller


async def tariff(shop: Shop, by: Person, name: str, seller: str) -> int:
    """In force."""
    number = (await write(shop, by, seller, name=name, source=SOURCE)).ok()["id"]
    await publish(by, number)
    return int(number)


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("payment.make", PAID),
        ("payment.adjust", PAID),
        ("payment.refund", PAID),
        ("account.credit-limit", {"credit_limit": "1000.00", "reason": "a friend"}),
        ("terms.edit", {"cycle": "monthly"}),
        ("account.edit", {"billing": "postpaid"}),
    ],
)
async def test_the_sellers_money_is_not_an_agents_to_give(shop: Shop, endpoint: str, more: dict[str, Any]) -> None:
    """Neither its customer's nor its helper's; who sells to them may, and it may below a distributor."""
    agent = await recruit(shop)
    await shop.boss.do("payment.make", account_id=shop.ids["guest"], key="k0", **PAID)
    for name in ("customer", "helper", "depot"):
        got = await agent.ask(endpoint, account_id=shop.ids[name], key=f"k-{name}", body=more)
        assert (got.status, "whoever sells" in got["detail"]) == (403, True), name
    for by, name in ((agent, "guest"), (shop.boss, "customer")):
        got = await by.ask(endpoint, account_id=shop.ids[name], key=f"k-{name} too", body=more)
        assert got.status in {200, 201, 202, 409}, got  # what stands there may not allow it


async def test_money_is_neither_moved_nor_lent_by_an_agent(shop: Shop) -> None:
    """From one customer to another; with a new account; by making a distributor's customers its seller's."""
    agent = await recruit(shop)
    await shop.boss.do("payment.make", account_id=shop.ids["customer"], key="k0", **PAID)
    moved = {"from_account_id": shop.ids["customer"], "to_account_id": shop.ids["second"], **PAID}
    assert (await agent.ask("payment.transfer", key="k1", **moved)).status == 403
    assert (await shop.boss.ask("payment.transfer", key="k2", **moved)).status == 202
    new = {"parent_id": shop.ids["reseller"], "name": "friend", "kind": "customer"}
    assert (await agent.ask("account.make", **new, credit_limit="10.00")).status == 403
    assert (await agent.ask("account.make", **new)).status == 201
    assert (await agent.ask("account.edit", account_id=shop.ids["depot"], commission=True)).status == 403
    below = {"parent_id": shop.ids["depot"], "name": "friend", "kind": "customer", "credit_limit": "10.00"}
    assert (await agent.ask("account.make", **below)).status == 201


async def test_an_agent_sells_at_the_tariff_that_it_was_given(shop: Shop) -> None:
    """Another one of its seller's, which may be what carriers cost, it doesn't see."""
    agent = await recruit(shop)
    retail, carriers = [await tariff(shop, shop.boss, name, "root") for name in ("retail", "carriers")]
    customer, trunk = shop.ids["customer"], (await shop.trunk(shop.boss, tariff_id=carriers)).ok()["id"]
    for number in (retail, carriers):
        unseen = await agent.ask("account.edit", account_id=customer, tariff_id=number)
        assert unseen["errors"][0]["detail"] == f"there is no tariff {number}"
    await shop.boss.do("account.edit", account_id=shop.ids["reseller"], tariff_id=retail)
    await agent.do("account.edit", account_id=customer, tariff_id=retail)
    for name, more in (
        ("account.edit", {"account_id": customer}),
        ("account.make", {"parent_id": shop.ids["reseller"], "name": "friend", "kind": "customer"}),
        ("device.make", {"account_id": customer, "username": "ann"}),
        ("trunk.make", {"account_id": customer, "name": "t2", "networks": ["192.0.2.8"]}),
    ):
        got = await agent.ask(name, **more, tariff_id=carriers)
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/tariff_id"), name
    await agent.do("trunk.edit", trunk_id=trunk, channels=3)
    await agent.do("trunk.edit", trunk_id=trunk, tariff_id=retail)


async def test_own_prices_need_a_role_of_who_stands_above(shop: Shop) -> None:
    """Then it writes tariffs, and gives them; until the role is taken away."""
    agent = await recruit(shop)
    assert (await write(shop, agent, name="mine")).status == 403
    rights = ["tariffs.read", "tariffs.change", "tariffs.publish"]
    role = await shop.boss.do("role.define", account_id=1, name="Own prices", permissions=rights)
    ceiling = {"account_id": shop.ids["reseller"], "default_role": True}
    await shop.boss.do("account.set-ceiling", **ceiling, role_ids=[role["id"]])
    mine = await tariff(shop, agent, "mine", "reseller")
    await agent.do("account.edit", account_id=shop.ids["customer"], tariff_id=mine)
    await shop.boss.do("account.set-ceiling", **ceiling, role_ids=[])
    refused = await agent.ask("account.edit", account_id=shop.ids["second"], tariff_id=mine)
    assert refused["errors"][0]["detail"] == "a commission reseller sells at the tariff that its own account has"
    await agent.do("account.edit", account_id=shop.ids["customer"], tariff_id=mine, channels=3)  # it stands there
    assert (await agent.ask("tariff.edit", tariff_id=mine, source=WITH_DECK)).status == 403


async def test_a_helper_earns_of_its_agents_part_alone(shop: Shop) -> None:
    """What the agent says; a percentage of the charge is said, ended and removed by who pays it."""
    agent, helper = await recruit(shop), shop.ids["helper"]
    await shop.boss.do("commission.make-rule", account_id=shop.ids["reseller"], percent="10")
    assert (await agent.ask("commission.make-rule", account_id=helper, percent="80")).status == 403
    shared = await agent.do("commission.make-rule", account_id=helper, percent="50", share_of="above")
    given = await shop.boss.do("commission.make-rule", account_id=helper, percent="5")
    for rule, status in ((shared, 200), (given, 403)):
        number = rule["id"]
        got = await agent.ask("commission.edit-rule", commission_rule_id=number, valid_until="2035-01-01T00:00:00Z")
        assert got.status == status
        got = await agent.ask("commission.remove-rule", commission_rule_id=number)
        assert got.status == {200: 204}.get(status, status)


async def test_an_agent_brings_no_account_to_another_seller(shop: Shop) -> None:
    """What it had lent below its distributor would be its seller's, and its seller's customer the distributor's."""
    agent, ids = await recruit(shop), shop.ids
    await shop.boss.do("payment.make", account_id=ids["depot"], key="k0", **PAID)
    await agent.do("payment.make", account_id=ids["guest"], key="k1", amount="1000.00", reason="none of it")
    await agent.do("account.credit-limit", account_id=ids["guest"], credit_limit="1000.00", reason="a friend")
    for name, parent in (("guest", "reseller"), ("guest", "helper"), ("customer", "depot"), ("helper", "depot")):
        got = await agent.ask("account.move", account_id=ids[name], parent_id=ids[parent])
        assert (got.status, "whoever sells" in got["detail"]) == (403, True), (name, parent)
    await agent.do("account.move", account_id=ids["customer"], parent_id=ids["helper"])  # the same seller's
    await shop.boss.do("account.move", account_id=ids["guest"], parent_id=ids["reseller"])


async def test_an_agent_lifts_no_bar_of_its_seller(shop: Shop) -> None:
    """Who is barred for what it owes goes on when that is paid, or its seller says so."""
    agent, number = await recruit(shop), shop.ids["customer"]
    async with shop.office.engine.begin() as conn:
        barred = sa.update(accounts).where(accounts.c.id == number)
        await conn.execute(barred.values(state="suspended", suspended_for="dunning"))
    assert (await agent.ask("account.resume", account_id=number)).status == 403
    await shop.boss.do("account.resume", account_id=number)
    await agent.do("account.suspend", account_id=number)
    await agent.do("account.resume", account_id=number)


async def test_an_agent_makes_no_calls_and_takes_none(shop: Shop) -> None:
    """Its seller would pay for them: it has no trunk, no device, and no number of a customer's."""
    agent, ids = await recruit(shop), shop.ids
    number = await shop.boss.do("number.make", number="442079460000", account_id=ids["customer"])
    for by in (agent, shop.boss):
        for name in ("reseller", "helper"):
            trunk = await shop.trunk(by, account_id=ids[name])
            device = await by.ask("device.make", account_id=ids[name], username="ann")
            assert [got["errors"][0]["pointer"] for got in (trunk, device)] == ["/account_id"] * 2
    for name, status in (("reseller", 403), ("helper", 403), ("second", 200), ("guest", 200)):
        got = await agent.ask("number.edit", number_id=number["id"], account_id=ids[name])
        assert got.status == status, name
    assert (await agent.ask("number.edit", number_id=number["id"], without_funds="allow")).status == 403


async def test_an_agent_agrees_on_nothing_with_its_sellers_customers(shop: Shop) -> None:
    """Statements, disputes, volumes, and when its helper is paid."""
    agent, ids = await recruit(shop), shop.ids
    month = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    volumes = {"name": "all for nothing", "kind": "steps", "direction": "in", "period": "whole", **month}
    for endpoint, more in (
        ("statement.issue", month),
        ("dispute.open", {"subject": "a gift", "amount": "5.00"}),
        ("commitment.make", volumes | {"steps": [{"from_minutes": 0, "rate": "0"}]}),
    ):
        got = await agent.ask(endpoint, account_id=ids["customer"], **more)
        assert (got.status, "whoever sells" in got["detail"]) == (403, True), endpoint
        assert (await agent.ask(endpoint, account_id=ids["guest"], **more)).status != 403, endpoint
    dispute = await shop.boss.do("dispute.open", account_id=ids["customer"], subject="too dear", amount="5.00")
    for endpoint, more in (("dispute.move", {"state": "sent", "text": "x"}), ("dispute.note", {"text": "x"})):
        assert (await agent.ask(endpoint, dispute_id=dispute["id"], **more)).status == 403
    for by, status in ((agent, 403), (shop.boss, 200)):
        assert (await by.ask("commission.edit-terms", account_id=ids["helper"], handed_out="pay_out")).status == status


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("voucher.make", {"name": "Kiosk", "amount": "10.00", "currency": "EUR", "count": 1}),
        ("tax.make", {"name": "VAT", "percent": "19", "category": "S", "services": ["calls"]}),
        ("payment-gateway.make", {"name": "Cards", "link": "https://pay.example/abc", "secret": "whsec_0123456789abc"}),
        ("bank-line.take-file", {"format": "camt", "file": "PA==", "currency": "EUR"}),
        ("product.make", {"name": "Line", "kind": "subscription", "price": "1.00"}),
        ("dunning.edit", {"steps": []}),
        ("numbering.edit", {"pattern": "{n}"}),
        ("numbering.edit-credit-notes", {"pattern": "{n}"}),
        ("numbering.edit-receipts", {"pattern": "{n}"}),
    ],
)
async def test_what_only_whoever_is_paid_uses_no_agent_gets(shop: Shop, endpoint: str, more: dict[str, Any]) -> None:
    """Neither by itself nor by whoever stands above it; a distributor below it does."""
    agent = await recruit(shop)
    for by in (agent, shop.boss):
        got = await by.ask(endpoint, account_id=shop.ids["reseller"], **more)
        told = [got["detail"]] if "detail" in got.body else [one["detail"] for one in got["errors"]]
        assert told == ["a commission reseller's customers pay its seller: only that one has this"], got
    assert (await agent.ask(endpoint, account_id=shop.ids["depot"], **more)).status in {200, 201, 422}


def test_those_are_all() -> None:
    """What an endpoint declares is what is tried above; the rest of its group is a look, or about one that is there."""
    tried = {"voucher.make", "tax.make", "payment-gateway.make", "bank-line.take-file", "product.make", "dunning.edit"}
    tried |= {"numbering.edit", "numbering.edit-credit-notes", "numbering.edit-receipts"}
    declared = {one.name for one in ENDPOINTS if one.for_paid and one.writes}
    assert declared - tried == {"invoice.run", "product.edit"}


async def test_an_agent_sells_its_sellers_products(shop: Shop) -> None:
    """Those that are on sale, to its own customers; it changes none, and sees nobody else's."""
    agent = await recruit(shop)
    line = {"name": "Line", "kind": "subscription", "price": "1.00"}
    number = (await shop.boss.do("product.make", account_id=1, **line))["id"]
    gone = (await shop.boss.do("product.make", account_id=1, **line | {"name": "Old"}))["id"]
    await shop.boss.do("product.edit", product_id=gone, state="withdrawn")
    await agent.do("product.make", account_id=shop.ids["depot"], **line)
    seen = {(one["account_id"], one["name"]) for one in (await agent.do("product.list"))["items"]}
    assert seen == {(1, "Line"), (shop.ids["depot"], "Line")}
    assert (await agent.ask("product.edit", product_id=number, price="9.00")).status == 404
    sold = await agent.ask("subscription.start", key="k1", product_id=number, account_id=shop.ids["customer"])
    assert sold.status in {200, 201, 202, 409}, sold
    depots = await agent.ask("subscription.start", key="k2", product_id=number, account_id=shop.ids["guest"])
    assert depots["errors"][0]["pointer"] == "/product_id"


async def test_an_agent_gives_nothing_of_its_seller_away(shop: Shop) -> None:
    """To however many accounts it makes: neither by itself nor by what their own people take; its seller does."""
    agent, ids = await recruit(shop), shop.ids
    free = {"name": "Hello", "kind": "package", "price": "0.00", "money": "1.00", "offered": True}
    gift = (await shop.boss.do("product.make", account_id=1, **free))["id"]
    dear = (await shop.boss.do("product.make", account_id=1, **free | {"name": "More", "setup": "1.00"}))["id"]
    new = {"parent_id": ids["reseller"], "name": "friend", "kind": "customer"}
    friend = (await agent.do("account.make", **new))["id"]
    people = await shop.office.hire(shop.boss, friend, "f@f.example", [shop.office.roles["prepaid_customer"]])
    assert [one["name"] for one in (await people.do("offer.list"))["items"]] == ["More"]
    got = await people.ask("offer.take", key="k1", offer_id=gift)
    assert got["errors"][0]["detail"] == f"there is no offer {gift}"
    refused = await agent.ask("subscription.start", key="k2", product_id=gift, account_id=friend)
    assert (refused.status, refused["detail"].partition(":")[0]) == (403, "it costs nothing")
    sold = await agent.ask("subscription.start", key="k3", product_id=dear, account_id=friend)
    assert sold.status in {201, 202, 409}
    await shop.boss.do("subscription.start", key="k4", product_id=gift, account_id=friend)
    other = await shop.office.hire(shop.boss, ids["depot"], "d@d.example", [shop.office.roles["owner"]])
    assert [one["name"] for one in (await other.do("offer.list"))["items"]] == ["More"]
    await shop.boss.do("product.make", account_id=ids["depot"], **free)
    guest = await shop.office.hire(shop.boss, ids["guest"], "g@g.example", [shop.office.roles["prepaid_customer"]])
    assert [one["name"] for one in (await guest.do("offer.list"))["items"]] == ["Hello"]


async def test_an_agent_bills_nobody_for_its_seller(shop: Shop) -> None:
    """Neither all of them nor one; below its distributor it does."""
    agent, ids = await recruit(shop), shop.ids
    assert (await agent.ask("invoice.run")).status == 409
    for name, status in (("customer", 403), ("helper", 422), ("depot", 403), ("guest", 200)):
        got = await agent.ask("invoice.run", account_id=ids[name])
        assert got.status == status, got
    await shop.boss.do("invoice.run", account_id=ids["customer"])


async def test_an_agent_lets_no_card_pay(shop: Shop) -> None:
    """How much a customer's card pays say the customer and whom it pays."""
    agent, ids = await recruit(shop), shop.ids
    made = {"name": "cards", "link": "https://pay.example/abc", "secret": "whsec_0123456789abc"}
    gateway = await shop.boss.do("payment-gateway.make", account_id=1, **made, api_key="rk_0123456789abcdef")
    wanted = {"gateway_id": gateway["id"], "threshold": "10.00", "amount": "100.00", "month_max": "1000.00"}
    assert (await agent.ask("recharge.edit", account_id=ids["customer"], **wanted)).status == 403
    for by in (shop.boss, shop.customer):
        await by.do("recharge.edit", account_id=ids["customer"], **wanted)


async def test_an_agent_risks_no_money_of_its_seller(shop: Shop) -> None:
    """Which high-risk ranges are open its seller says, and lifts what a limit has suspended."""
    agent, number = await recruit(shop), shop.ids["customer"]
    made = await shop.boss.do("range.make", name="satellites", prefixes=["881"])
    opened = {"opened": [made["id"]], "closed": []}
    assert (await agent.ask("range.choose", account_id=number, **opened)).status == 403
    await shop.boss.do("range.choose", account_id=number, **opened)
    await agent.do("range.choose", account_id=shop.ids["guest"], **opened)
    row = {"account_id": number, "limit_id": 7, "rule": "1 EUR", "seen": "1 EUR", "action": "suspend", "raised_ms": 1}
    async with shop.office.engine.begin() as conn:
        made = await conn.execute(sa.insert(alarms).values(row).returning(alarms.c.id))
        alarm = made.scalar_one()
    for by, status in ((agent, 403), (shop.boss, 200)):
        assert (await by.ask("alarm.lift", alarm_id=alarm)).status == status
