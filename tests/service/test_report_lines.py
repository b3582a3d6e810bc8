"""A report as a file says what the report says: row by row, for everybody, on both engines."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.access.actor import Actor, local_actor
from service.access.permissions import ALL, Permission
from service.api.call import Asking
from service.api.dispatch import Inner
from service.api.lines import LINE, NUMBER, TEXT, LinesAsked, unescaped
from service.api.problems import Problem
from service.calls.sums import DAY_MS, add_calls, numbered
from service.database.engine import reading
from service.database.tables import accounts
from service.portal.components.files import Source, columns_of
from service.reports import summary_api
from service.reports.summary_api import By
from service.urls import ENDPOINTS
from tests.service.sums import scatter
from tests.service.test_money import House

BERLIN = ZoneInfo("Europe/Berlin")
SUMMARY = next(one for one in ENDPOINTS if one.name == "report.summary")
COLUMNS = columns_of(Source("", SUMMARY.name, lambda _: {}))
WHOLE = {"since": "1970-01-02T00:00:00Z", "until": "1970-01-05T00:00:00Z", "currency": "EUR"}
CUT = WHOLE | {"since": "1970-01-02T05:00:00Z", "until": "1970-01-03T19:00:00Z"}
ODD = '=a,"b"\x1f & <ö>'


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Calls of some days, of an account with an odd name."""
    house = House(engine, database, tmp_path)
    await house.open()
    async with engine.begin() as conn:
        sides = [house.ids["lower"], house.ids["customer"]], [house.ids["carrier"]]
        calls = await scatter(conn, random.Random(1), *sides, (DAY_MS, 4 * DAY_MS))
        await add_calls(conn, numbered(conn, calls))
        await conn.execute(sa.update(accounts).where(accounts.c.id == house.ids["customer"]).values(name=ODD))
    return house


async def _inner(house: House, conn: AsyncConnection, who: str, permissions: frozenset[Permission] = ALL) -> Inner:
    number = house.ids.get(who, 1)
    path = (await conn.execute(sa.select(accounts.c.path).where(accounts.c.id == number))).scalar_one()
    actor = Actor(1, "x", number, path, permissions, "")
    return Inner(house.office.api, local_actor("test") if who == "operator" else actor, conn, house.office.now_ms)


async def _told(inner: Inner, query: dict[str, str]) -> list[list[str]]:
    """Cells of the file, batch by batch."""
    asked = LinesAsked(tuple(one.asked for one in COLUMNS), BERLIN)
    found: list[list[str]] = []
    following: str | None = ""
    while following is not None:
        asking = Asking({}, tuple({**query, "cursor": following}.items()))
        lines = await inner.read_lines(SUMMARY, asking, asked)
        cells = [one.replace(NUMBER, TEXT).split(TEXT)[1:] for one in lines.text.split(LINE)[1:]]
        assert len(cells) == lines.rows
        found += [[unescaped(cell) if lines.is_escaped else cell for cell in one] for one in cells]
        following = lines.next
    return found


async def _answered(inner: Inner, query: dict[str, str]) -> list[list[str]]:
    """The same from what the API answers."""
    page: Any = (await inner.ask(SUMMARY, Asking({}, tuple(query.items()))._replace(rows=100_000))).body
    return [[_cell(row.model_dump(mode="json")[one.name]) for one in COLUMNS] for row in page.items]


def _cell(value: object) -> str:
    if isinstance(value, str) and value.endswith(":00.000Z"):
        return datetime.fromisoformat(value).astimezone(BERLIN).isoformat()
    return "" if value is None else str(value)


def _queries() -> Iterable[dict[str, str]]:
    for by in By.__args__:  # type: ignore[attr-defined]
        for times in (WHOLE, CUT):
            yield {**times, "by": by}
            yield {**times, "by": by, "sort": "-earned"}
            yield {**times, "by": by, "sort": "name"}


@pytest.mark.parametrize("who", ["operator", "upper", "lower", "customer", "carrier"])
async def test_a_file_says_what_the_report_says(house: House, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """By everything, of whole days and of cut ones, in each order, in batches; odd names come back."""
    monkeypatch.setattr(summary_api, "ROWS_MAX", 2)
    names = set()
    async with reading(house.company.engine) as conn:
        inner = await _inner(house, conn, who)
        for query in _queries():
            told = await _told(inner, query)
            assert told == await _answered(inner, query), query
            names |= {row[0] for row in told}
    assert (ODD in names) is (who != "carrier")


async def test_money_is_for_who_may_read_payments(house: House) -> None:
    """Columns of money are empty for others, and order nothing."""
    async with reading(house.company.engine) as conn:
        inner = await _inner(house, conn, "upper", frozenset({Permission.CDRS_READ}))
        told = await _told(inner, {**CUT, "by": "account"})
        assert told == await _answered(inner, {**CUT, "by": "account"})
        assert {tuple(row[-3:]) for row in told} == {("", "", "")}
        with pytest.raises(Problem):
            await _told(inner, {**CUT, "by": "account", "sort": "-earned"})
        with pytest.raises(Problem):
            await _told(inner, {**CUT, "by": "gateway"})
