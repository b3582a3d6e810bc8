"""What is sent to a provider is owed by the operator: none is a reseller's partner, and no reseller sees a cost."""

from __future__ import annotations

import sqlalchemy as sa

from service.commands.outbox import writing
from service.database.engine import reading
from service.database.tables import accounts
from service.doctor.terms import misplaced
from tests.service.interconnect.test_statements import Trade, trade
from tests.service.office import Got
from tests.service.test_money import house

__all__ = ["house", "trade"]

SAID = "the operator owes what calls to a provider cost"


def said(got: Got) -> tuple[int, str, bool]:
    """Status, place, and whether it is for this reason."""
    (error,) = got["errors"]
    return got.status, error["pointer"], SAID in error["detail"]


async def test_a_provider_stands_below_the_operator(trade: Trade) -> None:
    """Made, marked or moved below a reseller: refused with the reason; below the operator it may provide."""
    boss, ids = trade.boss, trade.house.ids
    new = {"name": "both", "kind": "customer", "currency": "EUR", "billing": "postpaid", "provides": True}
    assert said(await boss.ask("account.make", parent_id=ids["upper"], **new)) == (422, "/parent_id", True)
    marked = await boss.ask("account.edit", account_id=ids["customer"], provides=True)
    assert said(marked) == (422, "/provides", True)
    both = (await boss.do("account.make", parent_id=1, **new))["id"]
    assert said(await boss.ask("account.move", account_id=both, parent_id=ids["upper"])) == (422, "/parent_id", True)
    await boss.do("account.edit", account_id=both, provides=False)
    await boss.do("account.move", account_id=both, parent_id=ids["upper"])


async def test_what_was_paid_for_calls_stays_the_operator_s_partner(trade: Trade) -> None:
    """Its gateways keep it a provider; its balance and statements say costs, also when it provides no more."""
    boss, ids = trade.boss, trade.house.ids
    both = await trade.house.office.account(boss, 1, "both", "customer")
    await boss.do("account.edit", account_id=both, provides=True, tariff_id=await _tariff(trade))
    gateway = await boss.do(
        "gateway.make", account_id=both, name="gw", host="127.0.0.77", tariff_id=await _tariff(trade)
    )
    refused = await boss.ask("account.edit", account_id=both, provides=False)
    assert (refused.status, "remove them first" in str(refused.body)) == (422, True)
    await boss.do("gateway.remove", gateway_id=gateway["id"])
    await trade.calls(60)
    async with trade.house.company.engine.begin() as conn:
        await conn.execute(sa.text(f"UPDATE cdrs SET cost_account_id = {both}"))
    await boss.do("account.edit", account_id=both, provides=False)
    assert said(await boss.ask("account.move", account_id=both, parent_id=ids["upper"])) == (422, "/parent_id", True)


async def test_no_reseller_sees_a_cost(trade: Trade) -> None:
    """Neither in a call's record nor in anything that is the partner's; who pays them does."""
    await trade.calls(60)
    statement = (await trade.issue()).ok()
    ids, boss = trade.house.ids, trade.boss
    dispute = await boss.do("dispute.open", account_id=ids["carrier"], amount="1", subject="x", direction="out")
    upper = await trade.house.office.hire(boss, ids["upper"], "u@upper.example")
    record = (await upper.do("cdr.list"))["items"][0]
    assert (await boss.do("cdr.show", cdr_id=record["id"]))["cost"]["account_id"] == ids["carrier"]
    assert (await upper.do("cdr.show", cdr_id=record["id"])).get("cost") is None
    for asked in (
        {"account.position": {"account_id": ids["carrier"]}},
        {"account.show": {"account_id": ids["carrier"]}},
        {"statement.show": {"statement_id": statement["id"]}},
        {"statement.calls": {"statement_id": statement["id"]}},
        {"dispute.show": {"dispute_id": dispute["id"]}},
    ):
        ((endpoint, where),) = asked.items()
        assert (await boss.ask(endpoint, **where)).status == 200, endpoint
        assert (await upper.ask(endpoint, **where)).status in {403, 404}, endpoint
    for listed in ("statement.list", "dispute.list", "commitment.list", "reconciliation.list"):
        assert (await upper.do(listed))["items"] == [], listed


async def test_the_doctor_names_providers_that_stand_elsewhere(trade: Trade) -> None:
    """As an older release let them."""
    async with reading(trade.house.company.engine) as conn:
        assert not (await misplaced(conn)).is_warning
    async with writing(trade.house.company.engine, "local") as conn:
        of = accounts.c.id == trade.house.ids["customer"]
        await conn.execute(sa.update(accounts).where(of).values(provides=True))
        found = await misplaced(conn)
    assert (found.is_warning, "(customer) stands below a reseller: the operator owes" in found.detail) == (True, True)


async def _tariff(trade: Trade) -> int:
    """The carrier's."""
    listed = (await trade.boss.do("tariff.list"))["items"]
    return next(int(one["id"]) for one in listed if one["name"] == "carrier")
