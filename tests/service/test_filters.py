"""Filters that people keep, by the API."""

from __future__ import annotations

from tests.service.office import Office

CALLS = {"page": "/calls", "name": "Failed", "query": "outcome=failed"}


async def test_a_filter_is_ones_own_and_replaced_by_its_name(office: Office) -> None:
    """Kept, replaced, listed for oneself alone, dropped once; the audit has it."""
    other = await office.hire(office.boss, 1, "other@op.example")
    first = await office.boss.do("me.keep-filter", body=CALLS)
    second = await office.boss.do("me.keep-filter", body={**CALLS, "query": "outcome=refused"})
    assert [one["query"] for one in (await office.boss.do("me.filters"))["items"]] == ["outcome=refused"]
    assert (await other.do("me.filters"))["items"] == []
    assert (await other.ask("me.drop-filter", number=second["id"])).status == 404
    assert (await office.boss.ask("me.drop-filter", number=first["id"])).status == 404
    assert (await office.boss.ask("me.drop-filter", number=second["id"])).status == 204
    assert (await office.boss.ask("me.drop-filter", number="x")).status == 404
    trail = await office.boss.do("audit.list", query={"action": "user.drop_filter"})
    assert trail["items"][0]["before"]["name"] == "Failed"


async def test_only_a_page_of_the_portal_can_be_kept(office: Office) -> None:
    """No address of somebody else's."""
    for page in ("https://evil.example", "//evil.example/x y", "calls", ""):
        assert (await office.boss.ask("me.keep-filter", body={**CALLS, "page": page})).status == 422


async def test_who_goes_takes_their_filters_along(office: Office) -> None:
    """A user that is removed."""
    other = await office.hire(office.boss, 1, "other@op.example")
    await other.do("me.keep-filter", body=CALLS)
    assert (await office.boss.ask("user.remove", user_id=other.user["id"])).status == 204
