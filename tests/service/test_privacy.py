"""Callers who ask not to be shown: their own side and the operator see who they are, nobody else."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from kemi.store.change import Change
from service.access.actor import Actor, local_actor
from service.access.permissions import ALL
from service.api.call import Asking
from service.api.dispatch import Inner
from service.api.lines import LINE, TEXT, LineColumn, LinesAsked
from service.calls.records import cdr_row
from service.database.engine import reading
from service.database.tables import accounts, cdrs
from service.urls import ENDPOINTS
from tests.service.test_calls_api import hire
from tests.service.test_delivery import Post, post
from tests.service.test_money import House, house

__all__ = ["house", "post"]
LISTED = next(one for one in ENDPOINTS if one.name == "cdr.list")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, (False, "", "4911", "0911")),
        ({"private": False, "forwarded": True}, (False, "", "4911", "0911")),
        ({"private": True}, (True, "", "4911", "0911")),
        ({"private": True, "forwarded": True}, (True, "4911", "", "")),
        ({"private": True, "entrance": 3}, (True, "4911", "", "")),
        ({"private": True, "entrance": 3, "caller": ""}, (True, "0911", "", "")),
    ],
)
def test_the_record_of_whom_it_is_not(said: dict[str, Any], told: tuple[object, ...]) -> None:
    """Who forwards a call, and who gets one from outside, has a record of somebody else's caller."""
    line = defaultdict(int, {"path": [1], "attempts": [], "caller": "4911", "caller_sent": "0911"} | said)
    row = cdr_row(line, node_id=1, epoch=1, sequence=1, entry_id=None)
    assert (row["private"], row["withheld"], row["caller"], row["caller_sent"]) == told


async def called(house: House, **values: Any) -> None:
    """A call of the customer's; its record says something more."""
    house.company.call(60)
    await house.company.pump()
    async with house.company.engine.begin() as conn:
        await conn.execute(sa.update(cdrs).values(**values))


async def shown(house: House, account: str) -> tuple[str, str]:
    """Who calls, as a list, a page and a file have it for an account."""
    office, number = house.office, house.ids.get(account, 1)
    async with reading(house.company.engine) as conn:
        path = (await conn.execute(sa.select(accounts.c.path).where(accounts.c.id == number))).scalar_one()
        actor = local_actor("test") if account == "operator" else Actor(1, "x", number, path, ALL, "")
        inner = Inner(office.api, actor, conn, office.now_ms)
        asked = LinesAsked((LineColumn("caller", "text"), LineColumn("caller_sent", "text")), ZoneInfo("UTC"))
        lines = await inner.read_lines(LISTED, Asking({}, ()), asked)
    desk = office.boss if account == "operator" else await hire(house, account)
    (row,) = (await desk.do("cdr.list"))["items"]
    whole = await desk.do("cdr.show", cdr_id=row["id"])
    assert (whole["caller"], whole["caller_sent"]) == (row["caller"], row["caller_sent"])
    assert lines.text == f"{LINE}{TEXT}{row['caller']}{TEXT}{row['caller_sent']}"
    return row["caller"], row["caller_sent"]


async def test_who_is_called_and_providers_do_not_see_it(house: House) -> None:
    """The owner of the number that was called, and the carrier; the same call without privacy is seen by all."""
    house.ids["stranger"] = await house.office.account(house.office.boss, 1, "stranger", "customer")
    await called(house, private=True, owner_id=house.ids["stranger"])
    seen = {account: await shown(house, account) for account in ("customer", "lower", "operator")}
    assert set(seen.values()) == {("1", "1")}
    assert {await shown(house, account) for account in ("stranger", "carrier")} == {("", "")}
    async with house.company.engine.begin() as conn:
        await conn.execute(sa.update(cdrs).values(private=False))
    others = [await house.office.sign_in(f"{account}@x.example") for account in ("stranger", "carrier")]
    assert {(await desk.do("cdr.list"))["items"][0]["caller"] for desk in others} == {"1"}


async def test_who_forwards_does_not_see_it(house: House) -> None:
    """Nor anybody above it: the operator does."""
    await called(house, private=True, withheld="4911", caller="", caller_sent="")
    assert {await shown(house, account) for account in ("customer", "lower")} == {("", "")}
    assert await shown(house, "operator") == ("4911", "4911")


@pytest.mark.parametrize("how", [{}, {"joined": (b"first", b"own")}, {"entrance": 3}])
async def test_nor_while_it_runs(house: House, how: dict[str, Any]) -> None:
    """Its own side and the operator see who calls; of a forwarded call, or one from outside, the operator alone."""
    key = bytes.fromhex(house.company.talk())
    with house.company.rooms() as rooms, Change(rooms.store) as change:
        running = change.call(key)
        assert running is not None
        change.put_call(running._replace(is_private=True, **how))
    seen = {}
    for account in ("operator", "customer", "carrier"):
        desk = house.office.boss if account == "operator" else await hire(house, account)
        seen[account] = (await desk.do("call.list"))["items"][0]["caller"]
    assert seen == {"operator": "1", "customer": "" if how else "1", "carrier": ""}


async def test_files_for_partners_do_not_have_it(post: Post) -> None:
    """A provider's; the customer's has its own caller."""
    for account in ("customer", "carrier"):
        await post.wanted(account)
    await post.calls(60)
    async with post.house.company.engine.begin() as conn:
        await conn.execute(sa.update(cdrs).values(private=True))
    await post.later()
    assert post.files("customer")[0][1][0]["caller"] == "1"
    assert post.files("carrier")[0][1][0]["caller_sent"] == ""
