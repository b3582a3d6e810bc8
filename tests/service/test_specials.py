"""Emergency and free numbers through the API: the operator lists them, the call path is told, nothing leaks."""

from __future__ import annotations

import pytest

from tests.service.test_peers_api import Shop, shop
from tests.service.test_peers_limits import add_plan, may_change

__all__ = ["shop"]


async def test_the_operator_lists_them(shop: Shop) -> None:
    """Made, edited, removed; each a command."""
    plan = await add_plan(shop)
    made = await shop.boss.do("special.make", account_id=1, number="112", kind="emergency", plan_id=plan)
    body = (await shop.told())[-1]
    assert (body["do"], body["number"], body["kind"], body["plan"]) == ("special", "112", "emergency", plan)
    again = await shop.boss.ask("special.make", account_id=1, number="112", kind="free", plan_id=plan)
    assert again["errors"][0]["pointer"] == "/number"
    edited = await shop.boss.do("special.edit", special_id=made["id"], note="police")
    assert edited["note"] == "police"
    assert [one["number"] for one in (await shop.boss.do("special.list"))["items"]] == ["112"]
    await shop.boss.do("special.remove", special_id=made["id"])
    assert (await shop.told())[-1] == {"do": "special_gone", "id": made["id"]} | {
        name: value for name, value in (await shop.told())[-1].items() if name not in {"do", "id"}
    }


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "emergency", "prefix": True, "number": "112"}, "/prefix"),
        ({"kind": "free", "prefix": True, "number": "44"}, "/number"),
        ({"kind": "free", "number": "+44800"}, "/number"),
        ({"kind": "cheap", "number": "44800"}, "/kind"),
    ],
)
async def test_what_would_make_ordinary_numbers_free_is_refused(
    shop: Shop, fields: dict[str, object], pointer: str
) -> None:
    """422."""
    got = await shop.boss.ask("special.make", account_id=1, plan_id=await add_plan(shop), **fields)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)


async def test_a_reseller_lists_none(shop: Shop) -> None:
    """Whatever permissions it has: somebody above would pay."""
    plan = await add_plan(shop)
    await may_change(shop, "reseller", "routing.change", "routing.read")
    got = await shop.reseller.ask(
        "special.make", account_id=shop.ids["customer"], number="112", kind="free", plan_id=plan
    )
    assert got.status == 403
