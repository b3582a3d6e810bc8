"""Calls are found whichever way is the quick one: each page is what looking at every call gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import Exchange
from ratebook.money import format_micros
from scripts.benchmarks.portal.making import make
from scripts.benchmarks.portal.plan import FIRST_BELOW, FIRST_CUSTOMER, FIRST_RESELLER, HOUR_MS, Kept, Plan, plan_of
from service.access.actor import Actor, local_actor
from service.access.permissions import ALL
from service.access.sessions import Sessions
from service.api.call import Api, Asking, Call
from service.api.dispatch import Inner
from service.api.lines import LINE, NUMBER, TEXT, LineColumn, LinesAsked
from service.api.values import moment_text
from service.calls import beside, lines, pages, stretches
from service.config import Config
from service.database.engine import is_sqlite, open_engine, reading
from service.database.tables import accounts, cdrs, charges, exchange_versions
from service.urls import ENDPOINTS

CALLS, ACCOUNTS = 3_000, 1_200
NOW_MS = 1_795_000_000_000
LISTED = next(one for one in ENDPOINTS if one.name == "cdr.list")
COLUMNS = (LineColumn("id", "number"), LineColumn("called", "text"), LineColumn("margin", "amount"))


class Market(NamedTuple):
    """A ledger that is read only."""

    inner: Callable[[int], Inner]
    """Of an account's people, who may everything."""
    calls: list[Any]
    paths: dict[int, str]
    plan: Plan


async def _market(config: Config, plan: Plan, conn: AsyncConnection) -> Market:
    paths = {row.id: row.path for row in await conn.execute(sa.select(accounts.c.id, accounts.c.path))}
    api = Api(config, open_engine(config.database_url), Sessions())

    def inner(account_id: int) -> Inner:
        actor = local_actor("test") if account_id == 1 else Actor(1, "x", account_id, paths[account_id], ALL, "")
        return Inner(api, actor, conn, NOW_MS)

    return Market(inner, list(await conn.execute(sa.select(cdrs))), paths, plan)


def _is_seen(market: Market, viewer: int, row: Any, query: dict[str, str]) -> bool:
    top = market.paths[viewer]
    below = [market.paths.get(number or 0, "").startswith(top) for number in (row.account_id, row.cost_account_id)]
    own = market.paths.get(row.owner_id, "").startswith(top)
    if not (viewer == 1 or any(below) or own):
        return False
    under = market.paths.get(int(query.get("account_id", 0)), "/")
    alike = [getattr(row, name) == query[name] for name in ("outcome",) if name in query]
    alike += [str(getattr(row, name)) == query[name] for name in ("trunk_id", "device_id") if name in query]
    begins = [getattr(row, name).startswith(query[name]) for name in ("called", "call") if name in query]
    since, until = (query.get(name, default) for name, default in (("since", ""), ("until", "9")))
    in_time = since <= str(moment_text(row.start_ms)) < until
    return all([*alike, *begins, in_time, market.paths.get(row.account_id, "").startswith(under)])


def _expected(market: Market, viewer: int, query: dict[str, str]) -> list[int]:
    found = [row for row in market.calls if _is_seen(market, viewer, row, query)]
    by_id = query.get("sort", "").endswith("id")
    found.sort(key=lambda row: (0 if by_id else row.start_ms, row.id), reverse=not query.get("sort", "-")[0].isalpha())
    return [row.id for row in found]


async def _walked(inner: Inner, query: dict[str, str], rows: int) -> list[int]:
    """So many calls, or all: a page may have fewer than were asked for, and go on."""
    found: list[int] = []
    cursor = ""
    for _ in range(CALLS):
        asking = Asking({}, tuple({**query, "cursor": cursor, "limit": "7"}.items()))
        page: Any = (await inner.ask(LISTED, asking)).body
        found += [item.id for item in page.items]
        if page.next is None or len(found) >= rows:
            return found[:rows]
        assert page.next != cursor
        cursor = page.next
    raise AssertionError(f"{query}: no end of pages")


def _queries(market: Market) -> list[dict[str, str]]:
    customer = market.calls[1].account_id
    middle = str(moment_text(market.plan.begin_ms + 500 * HOUR_MS))
    wide: list[dict[str, str]] = [
        {}, {"sort": "started"}, {"sort": "id"}, {"sort": "-id"}, {"outcome": "cancelled"}, {"called": "44"},
        {"outcome": "answered", "sort": "started"}, {"called": market.calls[9].called}, {"called": "99"},
        {"call": market.calls[9].call[:3]}, {"call": "ff"}, {"since": middle}, {"until": middle},
        {"until": middle, "outcome": "failed", "called": "4"}, {"trunk_id": str(FIRST_CUSTOMER)},
        {"called": "4", "call": "1"}, {"called": "44", "outcome": "refused", "sort": "started"}, {"outcome": "refused"},
        {"sort": "id", "called": "4"}, {"sort": "-id", "outcome": "refused"},
        {"trunk_id": str(FIRST_CUSTOMER), "outcome": "cancelled"},
        {"sort": "id", "since": middle, "until": middle}, {"called": "4", "until": middle},
    ]  # fmt: skip
    narrow = [{"account_id": str(number)} for number in (customer, FIRST_RESELLER, FIRST_BELOW)]
    return [*wide, *narrow, *({**one, "outcome": "failed", "until": middle} for one in narrow)]


async def _visited(conn: AsyncConnection, inner: Inner, query: dict[str, str]) -> int:
    """How many records of calls, or entries of their indices, PostgreSQL goes through for a page."""
    told: list[tuple[str, Any]] = []

    def keep(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    engine: Any = conn.sync_connection.engine
    sa.event.listen(engine, "before_cursor_execute", keep)
    await inner.ask(LISTED, Asking({}, tuple(query.items())))
    sa.event.remove(engine, "before_cursor_execute", keep)
    return sum([await _rows_of(conn, statement, parameters) for statement, parameters in told])


async def _rows_of(conn: AsyncConnection, statement: str, parameters: Any) -> int:
    explained = await conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", tuple(parameters))
    (plan,) = explained.scalar_one()
    nodes, rows = [plan["Plan"]], 0
    for node in nodes:
        nodes += node.get("Plans", [])
        if node.get("Relation Name") == "cdrs" or "cdrs" in node.get("Index Name", ""):
            passed = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            rows += passed * node["Actual Loops"]
    return int(rows)


async def test_pages_are_what_looking_at_every_call_gives(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the operator, resellers, a customer and a provider, by every filter and order; files have the same rows."""
    monkeypatch.setattr(lines, "LINES_MAX", 400)
    monkeypatch.setattr(lines, "AT_ONCE_MAX", 400)
    plan = plan_of(CALLS, ACCOUNTS, NOW_MS)
    config = Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "rates", database=database)
    await make(Kept(tmp_path, plan, is_made=False), config, lambda _: None)
    engine = open_engine(config.database_url)
    async with reading(engine) as conn:
        market = await _market(config, plan, conn)
        for viewer in (1, FIRST_RESELLER, FIRST_BELOW, market.calls[1].account_id, 2):
            inner = market.inner(viewer)
            for query in _queries(market):
                under = market.paths.get(int(query.get("account_id", viewer)), "")
                if not under.startswith(market.paths[viewer]) or (viewer != 1 and "trunk_id" in query):
                    continue  # not for their eyes
                expected = _expected(market, viewer, query)
                for newest, common in ((100, 0), (100, 1_000_000), (100_000, 1_000_000)):
                    monkeypatch.setattr(pages, "NEWEST", newest)
                    monkeypatch.setattr(stretches, "COMMON", common)
                    assert await _walked(inner, query, 21) == expected[:21], (viewer, query, newest, common)
                    assert await _lines(inner, query) == expected, (viewer, query, newest)
            assert await _shown(inner) == await _told(inner, monkeypatch), viewer
        monkeypatch.setattr(pages, "NEWEST", 100)
        monkeypatch.setattr(stretches, "COMMON", 1_000_000)
        for query in () if is_sqlite(conn) else ({"outcome": "cancelled", "sort": "id"}, {"called": "44", "call": "0"}):
            visited = await _visited(conn, market.inner(FIRST_RESELLER), query)
            assert visited < CALLS, (query, visited)  # all calls were read once for each account below
    await engine.dispose()


async def test_margins_between_currencies_stand_in_the_file(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a reseller that pays for each third call in dollars: as the call itself tells it, by its moment's rate."""
    plan = plan_of(CALLS, ACCOUNTS, NOW_MS)
    config = Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "rates", database=database)
    await make(Kept(tmp_path, plan, is_made=False), config, lambda _: None)
    engine = open_engine(config.database_url)
    record = Exchange("EUR", {("USD", "EUR"): ((0, 900_000_000),)}).to_record()
    third = (charges.c.account_id == FIRST_RESELLER) & (charges.c.cdr_id % 3 == 0)
    async with engine.begin() as conn:
        changed = await conn.execute(sa.update(charges).where(third).values(currency="USD"))
        assert changed.rowcount > 0
        await conn.execute(sa.insert(exchange_versions).values(record=record, published_ms=0, published_by="boss"))
    async with reading(engine) as conn:
        inner = (await _market(config, plan, conn)).inner(FIRST_RESELLER)
        assert await _shown(inner) == await _told(inner, monkeypatch)
        asked = LinesAsked(COLUMNS, ZoneInfo("UTC"))
        monkeypatch.setattr(lines, "_worked_out", _nothing_is)
        assert (await inner.read_lines(LISTED, Asking({}, ()), asked)).text.count("\x1enothing") > 0
    await engine.dispose()


async def _nothing_is(_call: Call, ids: list[int]) -> dict[int, str]:
    return dict.fromkeys(ids, "nothing")


async def _shown(inner: Inner) -> list[list[str]]:
    """What one call after the other says of its charge, the asker's margin and its account; the newest fifty."""
    page: Any = (await inner.ask(LISTED, Asking({}, (("limit", "50"),)))).body
    found = []
    for item in page.items:
        asking = Asking({"cdr_id": str(item.id)}, ())
        row: Any = (await inner.ask(next(one for one in ENDPOINTS if one.name == "cdr.show"), asking)).body
        own = inner.actor.account_id
        first, mine = next(iter(row.charges), None), next((one for one in row.charges if one.seller_id == own), None)
        told = (None if first is None else first.charge, None if mine is None else mine.margin)
        amounts = ["" if one is None else format_micros(one) for one in told]
        found.append(
            [str(item.id), *amounts, *("" if one is None else str(one) for one in (row.account_id, row.trunk_id))]
        )
    return found


async def _told(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The same of a file, whose names are the same whether they are read at once or looked up."""
    kinds = {"id": "number", "charge": "amount", "margin": "amount", "account_id": "number", "trunk_id": "number"}
    named = dict.fromkeys(("account", "trunk", "device", "number", "gateway", "rule"), "text")
    asked = LinesAsked(tuple(LineColumn(name, kind) for name, kind in (kinds | named).items()), ZoneInfo("UTC"))  # type: ignore[arg-type]
    at_once = await inner.read_lines(LISTED, Asking({}, ()), asked)
    with monkeypatch.context() as patched:
        patched.setattr(beside, "FEW_BELOW", 0)
        assert await inner.read_lines(LISTED, Asking({}, ()), asked) == at_once
    rows = [one.replace(TEXT, NUMBER).split(NUMBER)[1:] for one in at_once.text.split(LINE)[1:]]
    assert any(row[5] for row in rows) or inner.actor.account_id == 2
    return [row[: len(kinds)] for row in rows[:50]]


async def _lines(inner: Inner, query: dict[str, str]) -> list[int]:
    """Ids of a whole file. Each batch tells of the next one before its lines, where nothing is asked but times."""
    text, cursor = "", ""
    while True:
        asking, early = Asking({}, tuple({**query, "cursor": cursor}.items())), list[str | None]()
        found = await inner.read_lines(LISTED, asking, LinesAsked(COLUMNS, ZoneInfo("UTC"), told=early.append))
        assert early == [found.next] or (not early and set(query) - {"since", "until"}), query
        text += found.text
        if found.next is None:
            return [int(one) for one in re.findall(f"{LINE}{NUMBER}(\\d+)", text)]
        cursor = found.next
