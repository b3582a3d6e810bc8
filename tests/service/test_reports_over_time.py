"""Reports by hour and day of one thing, or split by several: call by call what the records say, for each viewer."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.calls.sums import DAY_MS, HOUR_MS, add_calls, numbered
from service.database.tables import cdrs, gateways, trunks
from service.reports import over_time
from service.reports.summary_api import THINGS
from tests.service.office import Person
from tests.service.sums import Fact, facts, scatter
from tests.service.test_money import House
from tests.service.three_calls import DAY, hire, house_with_calls

STEPS_MS = {"hour": HOUR_MS, "day": DAY_MS}
FIELDS = {by: name for name, by in THINGS.items()}
Told = tuple[int, int, int, int | None, int, int]
"""Attempts, answered, duration, average delay; earned, spent."""


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Two calls of a minute and one that nobody answered."""
    return await house_with_calls(engine, database, tmp_path)


async def _rows(person: Person, **query: Any) -> list[Any]:
    return (await person.do("report.summary", query={**DAY, "limit": 100, **query}))["items"]  # type: ignore[no-any-return]


class Asked(NamedTuple):
    """What is compared."""

    by: str
    of: str
    """By what it is split, or told apart."""
    currency: str
    since_ms: int
    until_ms: int


def _key(one: Fact, of: str) -> int | str:
    number, destination = one.key(of)
    return destination if of == "destination" else number


def _told(own: list[Fact], asked: Asked) -> dict[tuple[int, int | str], tuple[int, ...]]:
    """By hour or day and thing: as `Fact.counts`."""
    found: dict[tuple[int, int | str], tuple[int, ...]] = {}
    for one in own:
        at = one.call.start_ms // STEPS_MS[asked.by] * STEPS_MS[asked.by]
        if not asked.since_ms <= one.call.start_ms < asked.until_ms:
            continue
        counts = one.counts(asked.of)
        counts = counts if one.currency == asked.currency else (*counts[:-2], 0, 0)
        key = at, _key(one, asked.of)
        found[key] = tuple(map(sum, zip(found.get(key, (0,) * 7), counts, strict=True)))
    return found


def _plain(counts: tuple[int, ...]) -> Told:
    attempts, answered, duration_ms, rang, pdd_ms, earned, spent = counts
    return attempts, answered, duration_ms, pdd_ms // rang if rang else None, earned, spent


def _of_row(row: Any) -> Told:
    money = [round(Decimal(row[side]) * 1_000_000) for side in ("earned", "spent")]
    return row["attempts"], row["answered"], row["duration_ms"], row["pdd_ms"], money[0], money[1]


def _hour_text(hour: int) -> str:
    return f"1970-01-0{2 + hour // 24}T{hour % 24:02}:00:00Z"


async def _all(person: Person, query: dict[str, Any]) -> list[Any]:
    rows: list[Any] = []
    cursor = ""
    while True:
        page = await person.do("report.summary", query={**query, "limit": 100, "cursor": cursor})
        rows += page["items"]
        if page["next"] is None:
            return rows
        cursor = page["next"]


@pytest.mark.parametrize(("seed", "things_max"), [(0, 5), (1, 1)])
async def test_over_time_it_is_what_the_records_say(
    house: House, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int, things_max: int
) -> None:
    """By hour and day, whole days and cut ones, of sellers, customers and providers: one thing's calls; a split whose
    parts and others come to all of them.
    """
    monkeypatch.setattr(over_time, "THINGS_MAX", things_max)
    dice, days = random.Random(seed), (DAY_MS, 4 * DAY_MS)
    async with engine.begin() as conn:
        calls = await scatter(conn, dice, [house.ids["lower"], house.ids["customer"]], [house.ids["carrier"]], days)
        others = cdrs.c.account_id != house.ids["customer"]
        await conn.execute(sa.update(cdrs).where(others).values(trunk_id=0))  # a trunk is somebody's
        await add_calls(conn, numbered(conn, calls))
        whole = await facts(conn)
        things = {"trunk": set((await conn.execute(sa.select(trunks.c.id))).scalars())}
        things["gateway"] = set((await conn.execute(sa.select(gateways.c.id))).scalars())
    first = dice.randrange(30)
    last = first + dice.randrange(1, 24 * over_time.RECORD_DAYS_MAX + 1)
    times = {"since": _hour_text(first), "until": _hour_text(last)}
    for name in ("Operator", "lower", "customer", "carrier"):
        own = [one for one in whole if one.top.id == house.ids[name]]
        for by in STEPS_MS:
            for of in FIELDS:
                asked = Asked(by, of, ("EUR", "USD")[seed], DAY_MS + first * HOUR_MS, DAY_MS + last * HOUR_MS)
                query = {**times, "by": by, "account_id": house.ids[name], "currency": asked.currency}
                told = _told(own, asked)
                await _compare_split(house.office.boss, {**query, "split": of}, _told(own, _as_split(asked)))
                there = {place: one for place, one in told.items() if of not in things or place[1] in things[of]}
                await _compare_one(house.office.boss, query, of, there)


def _as_split(asked: Asked) -> Asked:
    """Days are whole ones."""
    since_ms, until_ms = asked.since_ms // DAY_MS * DAY_MS, -(-asked.until_ms // DAY_MS) * DAY_MS
    return asked._replace(since_ms=since_ms, until_ms=until_ms) if asked.by == "day" else asked


async def _compare_split(person: Person, query: dict[str, Any], told: dict[Any, tuple[int, ...]]) -> None:
    of = query["split"]
    rows = await _all(person, query)
    minutes: Counter[int | str] = Counter()
    for (_, key), counts in told.items():
        minutes[key] += counts[2]
    shown = {row["name"] if of == "destination" else row["number"] for row in rows} - {None, ""}
    most = sorted((value for key, value in minutes.items() if key), reverse=True)[: over_time.THINGS_MAX]
    assert sorted(minutes[key] for key in shown if minutes[key]) == sorted(value for value in most if value), query
    expected: defaultdict[tuple[int, Any], tuple[int, ...]] = defaultdict(lambda: (0,) * 7)
    for (at, key), counts in told.items():
        place = at, key if key in shown else ""
        expected[place] = tuple(map(sum, zip(expected[place], counts, strict=True)))
    got = {(_ms(row), (row["name"] if of == "destination" else row["number"]) or ""): _of_row(row) for row in rows}
    assert len(got) == len(rows)
    assert got == {place: _plain(counts) for place, counts in expected.items() if any(counts)}, query
    assert [_ms(row) for row in rows] == sorted(_ms(row) for row in rows)


async def _compare_one(person: Person, query: dict[str, Any], of: str, told: dict[Any, tuple[int, ...]]) -> None:
    for key in sorted({key for _, key in told if key}, key=str)[:4]:
        rows = await _all(person, {**query, FIELDS[of]: key})
        expected = {at: _plain(counts) for (at, one), counts in told.items() if one == key and any(counts)}
        assert {_ms(row): _of_row(row) for row in rows} == expected, (query, of, key)
        amounts = [row["attempts"] for row in await _all(person, {**query, FIELDS[of]: key, "sort": "-attempts"})]
        assert amounts == sorted((one[0] for one in expected.values()), reverse=True)


def _ms(row: Any) -> int:
    return round(datetime.fromisoformat(row["at"]).timestamp() * 1000)


async def test_one_thing_s_rows_are_those_that_it_had_among_all(house: House) -> None:
    """What stands beside it by the thing comes back by the hour: calls and money."""
    boss = house.office.boss
    for of, field in FIELDS.items():
        for row in await _rows(boss, by=of):
            key = row["name"] if of == "destination" else row["number"]
            if not key:
                continue
            for by in STEPS_MS:
                (hour,) = await _rows(boss, by=by, **{field: key})
                same = ("attempts", "answered", "duration_ms", "acd_s", "earned", "spent", "margin", "currency")
                assert [hour[name] for name in same] == [row[name] for name in same], (of, key)


async def test_over_time_everybody_sees_their_own(house: House) -> None:
    """A reseller its own level of its customer's calls, a customer no margin, a provider nobody's names."""
    lower, customer, carrier = [await hire(house, name) for name in ("lower", "customer", "carrier")]
    number = house.ids["customer"]
    for by in STEPS_MS:
        (row,) = await _rows(lower, by=by, customer_id=number)
        assert (row["earned"], row["spent"], row["margin"]) == ("0.12", "0.06", "0.06")
        (row,) = await _rows(lower, by=by, split="account")
        assert (row["name"], row["number"], row["margin"]) == ("customer", number, "0.06")
        (row,) = await _rows(customer, by=by, split="account")
        assert (row["name"], row["spent"], row["margin"]) == ("customer", "0.12", None)
        (row,) = await _rows(carrier, by=by, split="account")
        assert (row["name"], row["number"], row["attempts"]) == ("", None, 3)
        rows = await _rows(carrier, by=by, split="gateway")
        assert [row["name"] for row in rows if row["name"]] == ["carrier/gw1"]


async def test_over_time_nobody_is_told_of_things_outside(house: House) -> None:
    """Neither by a right that is missing nor by a number of somebody else's."""
    lower, customer, carrier = [await hire(house, name) for name in ("lower", "customer", "carrier")]
    for person in (lower, customer):
        for query in ({"split": "gateway"}, {"split": "provider"}, {"gateway_id": 1}, {"provider_id": 1}):
            got = await person.ask("report.summary", query={**DAY, "by": "hour", **query})
            assert got.status in {403, 422}, (query, got)
        assert (await person.ask("report.summary", query={**DAY, "by": "day", "split": "provider"})).status == 403
    for query in ({"split": "trunk"}, {"trunk_id": 1}, {"customer_id": house.ids["customer"]}):
        got = await carrier.ask("report.summary", query={**DAY, "by": "hour", **query})
        assert got.status in {403, 422}, (query, got)
    role = await house.office.boss.do("role.define", account_id=1, name="Calls", permissions=["cdrs.read"])
    person = await house.office.hire(house.office.boss, 1, "calls@op.example", [role["id"]])
    for query in ({"split": "destination"}, {"customer_id": house.ids["customer"]}):
        for row in await _rows(person, by="day", **query):
            assert (row["earned"], row["spent"], row["margin"]) == (None, None, None)


async def test_split_rows_come_page_by_page_and_both_ways(house: House) -> None:
    """In the order of time, or any other."""
    house.company.wait(3_600)
    house.company.call(60)
    await house.company.pump()
    boss, query = house.office.boss, {**DAY, "by": "hour", "split": "code"}
    whole = await _rows(boss, **query)
    first = await boss.do("report.summary", query={**query, "limit": 1})
    rest = await boss.do("report.summary", query={**query, "limit": 1, "cursor": first["next"]})
    assert [*first["items"], *rest["items"]] == whole
    falling = await _rows(boss, **query, sort="-name")
    assert sorted({row["at"] for row in whole}, reverse=True) == list(dict.fromkeys(row["at"] for row in falling))
    longest = await _rows(boss, **query, sort="-minutes")
    assert [row["duration_ms"] for row in longest] == sorted((row["duration_ms"] for row in whole), reverse=True)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"by": "account", "split": "destination"}, "/split"), ({"sip_code": 200}, "/sip_code"),
        ({"by": "hour", "split": "destination", "gateway_id": 1}, "/gateway_id"),
        ({"by": "hour", "destination": "UK", "sip_code": 200}, "/sip_code"),
        ({"by": "hour", "split": "hour"}, "/split"), ({"by": "hour", "sip_code": 0}, "/sip_code"),
        ({"by": "hour", "trunk_id": 77}, "/trunk_id"),
    ],
)  # fmt: skip
async def test_what_can_not_be_told_over_time(house: House, query: dict[str, Any], pointer: str) -> None:
    """Said where it stands."""
    got = await house.office.boss.ask("report.summary", query={**DAY, **query})
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)


async def test_hours_that_are_read_call_by_call_are_few(house: House) -> None:
    """Of a reseller's customers two days, split ones a week; by the day, and of one thing, as long as any report."""
    lower, long = await hire(house, "lower"), {"since": "2026-09-10T00:00:00Z", "until": DAY["until"]}
    for query in ({"split": "account"}, {"customer_id": house.ids["customer"]}):
        got = await lower.ask("report.summary", query={**long, "by": "hour", **query})
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/since")
        assert "at most 2 days" in str(got.body)
        assert await _rows(lower, **long, by="day", **query)
    assert await _rows(house.office.boss, **long, by="hour", customer_id=house.ids["customer"])
    for person, split in ((lower, "destination"), (house.office.boss, "account")):
        got = await person.ask("report.summary", query={**long, "by": "hour", "split": split})
        assert (got.status, got["errors"][0]["pointer"]) == (422, "/since")
        assert "at most 7 days" in str(got.body)
        assert await _rows(person, **long | {"since": "2026-09-16T00:00:00Z"}, by="hour", split=split)


async def test_a_split_is_of_whole_days(house: House) -> None:
    """And says which."""
    query = {"since": "2026-09-10T05:00:00Z", "until": "2026-09-12T07:00:00Z", "split": "account"}
    page = await house.office.boss.do("report.summary", query={**query, "by": "day"})
    assert (page["since"], page["until"]) == ("2026-09-10T00:00:00.000Z", "2026-09-13T00:00:00.000Z")
