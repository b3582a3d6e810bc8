"""Every list that the database puts together says what the API answers: field by field, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.actor import Actor
from service.access.permissions import Permission
from service.api import listed
from service.api.call import Asking, Call
from service.api.dispatch import Inner
from service.api.endpoint import Endpoint
from service.api.lines import LINE, NUMBER, TEXT, LinesAsked, unescaped
from service.api.nouns import NOUNS
from service.database.engine import reading
from service.database.tables import accounts, operations
from service.portal.components.files import FileColumn, Source, columns_of
from service.urls import ENDPOINTS
from tests.service.company import NOW_MS
from tests.service.matrix.world import World
from tests.service.test_money import House

PEOPLE = ("super_admin@root", "prepaid_reseller@upper", "prepaid_customer@customer", "provider@carrier")
LISTS = [one for one in ENDPOINTS if one.lines is not None and one.name not in {"cdr.list", "report.summary"}]
SHOWN = {one.name: one.permission for one in ENDPOINTS}
ORDERS = {"account.list": "-balance", "user.list": "-name"}
"""By which else a list is asked for, where that isn't the number."""
BERLIN = ZoneInfo("Europe/Berlin")
ODD = 'a,"b"\n=\x1f\x1e\x1d\x1b & <ö>'


@pytest.fixture
async def market(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[World]:
    """Of things in all accounts, some of whose texts are odd."""
    url = engine.url.render_as_string(hide_password=False)
    world = World(House(engine, url, tmp_path), tmp_path / "none")
    await world.open()
    async with engine.begin() as conn:
        await conn.execute(sa.update(operations).where(operations.c.id == 1).values(reason=ODD))
        far = {"name": ODD, "created_ms": 86_400_000 * 200}
        await conn.execute(sa.update(accounts).where(accounts.c.id == world.house.ids["asleep"]).values(**far))
    yield world
    world.close()


def _columns(endpoint: Endpoint) -> list[FileColumn]:
    return columns_of(Source("", endpoint.name, lambda _: {}))


def _may(actor: Actor, noun: str) -> bool:
    permission = SHOWN.get(f"{noun}.show")
    return not isinstance(permission, Permission) or permission in actor.permissions


async def _told(inner: Inner, endpoint: Endpoint, columns: list[FileColumn], asking: Asking) -> list[list[str]]:
    """Cells of the list's lines."""
    hidden = {one.name for one in columns if one.learns is not None and not _may(inner.actor, one.learns[0])}
    asked = LinesAsked(tuple(one.asked for one in columns), BERLIN, frozenset(hidden))
    found: list[list[str]] = []
    following: str | None = ""
    while following is not None:
        query = {**dict(asking.query), "cursor": following}
        lines = await inner.read_lines(endpoint, asking._replace(query=tuple(query.items())), asked)
        cells = [one.replace(NUMBER, TEXT).split(TEXT)[1:] for one in lines.text.split(LINE)[1:]]
        assert len(cells) == lines.rows
        found += [[unescaped(cell) if lines.is_escaped else cell for cell in one] for one in cells]
        following = lines.next
    return found


async def _answered(inner: Inner, endpoint: Endpoint, columns: list[FileColumn], asking: Asking) -> list[list[str]]:
    """The same from what the API answers."""
    page: Any = (await inner.ask(endpoint, asking._replace(rows=100_000))).body
    assert page.next is None
    return [[await _cell(inner, row.model_dump(mode="json"), column) for column in columns] for row in page.items]


async def _cell(inner: Inner, row: dict[str, Any], column: FileColumn) -> str:
    if column.learns is not None:
        return await _name(inner, column.learns[0], row[column.learns[1]])
    value = row[column.name]
    if value is None:
        return ""
    if column.kind == "moment":
        return datetime.fromisoformat(value).replace(microsecond=0).astimezone(BERLIN).isoformat()
    if column.kind == "flag":
        return "yes" if value else "no"
    return "; ".join(map(str, value)) if column.kind == "list" else str(value)


async def _name(inner: Inner, noun: str, number: int | None) -> str:
    if not number or not _may(inner.actor, noun):
        return ""
    call = Call(inner.api, inner.actor, inner.conn, inner.now_ms, Asking({}), None, None)
    rows = await call.find_all(noun, [number])
    return NOUNS[noun].label_of(rows[number]) if rows else ""


async def _compare(inner: Inner, who: str) -> set[str]:
    """All lists that somebody may see, in both orders; those that had rows."""
    seen = set()
    for endpoint in [one for one in LISTS if one.permission in inner.actor.permissions]:
        columns = _columns(endpoint)
        for query in ((), (("sort", ORDERS.get(endpoint.name, "-id")),)):
            asking = Asking(dict.fromkeys(endpoint.parameters, "1"), query)
            told = await _told(inner, endpoint, columns, asking)
            assert told == await _answered(inner, endpoint, columns, asking), (who, endpoint.name)
            seen |= {endpoint.name} if told else set()
    return seen


async def test_lines_say_what_the_list_says(market: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For everybody who may see a list, in each order, in batches: names, times and amounts, and no row too many."""
    monkeypatch.setattr(listed, "LINES_MAX", 7)
    api = market.house.office.api
    seen = set()
    for who in PEOPLE:
        async with reading(api.engine) as conn:
            actor = await api.sessions.actor_of(conn, market.people[who].person.credential, "", NOW_MS)
            assert actor is not None
            seen |= await _compare(Inner(api, actor, conn, NOW_MS), who)
    assert seen == {one.name for one in LISTS}
