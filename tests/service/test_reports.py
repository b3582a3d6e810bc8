"""Summaries, by the API: by everything, the same calls and the same money; each viewer its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.calls.sums import DAY_MS, HOUR_MS, add_calls, numbered
from service.reports import leading
from service.reports.summary_api import By
from tests.service.office import Person
from tests.service.sums import Fact, facts, scatter
from tests.service.test_money import House
from tests.service.three_calls import DAY, hire, house_with_calls

WAYS = By.__args__  # type: ignore[attr-defined]


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Two calls of a minute and one that nobody answered."""
    return await house_with_calls(engine, database, tmp_path)


async def _rows(person: Person, **query: Any) -> list[Any]:
    return (await person.do("report.summary", query={**DAY, **query}))["items"]  # type: ignore[no-any-return]


def _sums(rows: list[Any]) -> tuple[int, int, int]:
    return tuple(sum(one[name] for one in rows) for name in ("attempts", "answered", "duration_ms"))  # type: ignore[return-value]


@pytest.mark.parametrize("by", WAYS)
async def test_whatever_it_is_by_the_sums_are_the_same(house: House, by: str) -> None:
    """Counted from hourly sums or from records: three calls, two minutes, all of the margin."""
    rows = await _rows(house.office.boss, by=by)
    assert _sums(rows) == (3, 2, 120_000)
    assert sorted(one["margin"] for one in rows)[-1] == "0.024"
    assert {one["currency"] for one in rows} == {"EUR"}


async def test_every_level_sees_its_own_margin(house: House) -> None:
    """What it earned and what it paid."""
    found = {}
    for name in ("upper", "lower", "customer", "carrier"):
        (row,) = await _rows(await hire(house, name), by="destination")
        found[name] = (row["earned"], row["spent"], row["margin"])
    assert found == {
        "upper": ("0.06", "0.048", "0.012"), "lower": ("0.12", "0.06", "0.06"),
        "customer": ("0.00", "0.12", None), "carrier": ("0.024", "0.00", None),
    }  # fmt: skip


async def test_who_sells_nothing_has_no_margin(house: House) -> None:
    """Neither told nor sorted by, nor asked about a customer by its seller; whoever sells has one."""
    customer, lower = await hire(house, "customer"), await hire(house, "lower")
    for by in ("destination", "hour", "code"):
        assert {one["margin"] for one in await _rows(customer, by=by)} == {None}
    assert {one["margin"] for one in await _rows(lower, account_id=house.ids["customer"])} == {None}
    for sort in ("margin", "-margin"):
        got = await customer.ask("report.summary", query={**DAY, "sort": sort})
        assert (got.status, "sells nothing" in str(got.body)) == (422, True), got
        assert await _rows(lower, sort=sort)


async def test_things_have_names_and_times(house: House) -> None:
    """The account that called, its trunk, the gateway; the hour."""
    names = {by: [one["name"] for one in await _rows(house.office.boss, by=by)] for by in ("account", "trunk")}
    assert names == {"account": ["customer"], "trunk": ["t1"]}
    assert "carrier/gw1" in [one["name"] for one in await _rows(house.office.boss, by="gateway")]
    assert sorted(one["name"] for one in await _rows(house.office.boss, by="code"))[0] == "200"
    (hour,) = await _rows(house.office.boss, by="hour")
    (day,) = await _rows(house.office.boss, by="day")
    assert hour["at"].endswith(":00:00.000Z")
    assert day["at"] == "2026-09-21T00:00:00.000Z"


async def test_nobody_is_told_of_things_outside(house: House) -> None:
    """A provider not who called it; a reseller not who carried its calls; a sibling nothing at all."""
    carrier, lower = await hire(house, "carrier"), await hire(house, "lower")
    assert await _rows(carrier, by="account") == []
    assert (await carrier.ask("report.summary", query={**DAY, "by": "trunk"})).status == 403
    assert [one["name"] for one in await _rows(carrier, by="provider")] == ["carrier"]
    for by in ("provider", "gateway"):
        assert (await lower.ask("report.summary", query={**DAY, "by": by})).status == 403
    number = await house.office.account(house.office.boss, house.ids["lower"], "sibling", "customer")
    sibling = await house.office.hire(house.office.boss, number, "sibling@x.example")
    assert await _rows(sibling) == []
    assert (await sibling.ask("report.summary", query={**DAY, "account_id": house.ids["customer"]})).status == 422


async def test_money_is_for_who_may_read_payments(house: House) -> None:
    """The rest of it isn't; in another currency there was none."""
    role = await house.office.boss.do("role.define", account_id=1, name="Calls", permissions=["cdrs.read"])
    person = await house.office.hire(house.office.boss, 1, "calls@op.example", [role["id"]])
    (row,) = await _rows(person)
    assert (row["earned"], row["spent"], row["margin"]) == (None, None, None)
    (row,) = await _rows(house.office.boss, currency="USD")
    assert (row["earned"], row["margin"], row["currency"]) == ("0.00", "0.00", "USD")


async def test_what_earned_most_comes_first(house: House) -> None:
    """From sums and from records of a cut day alike; not for who may not read payments."""
    hour = {"since": DAY["since"], "until": "2026-09-21T23:00:00Z"}
    for by, times in product(("gateway", "account", "destination"), (DAY, hour)):
        for sort in ("earned", "spent", "margin"):
            rows = await _rows(house.office.boss, by=by, sort=f"-{sort}", **times)
            amounts = [Decimal(one[sort]) for one in rows]
            assert amounts == sorted(amounts, reverse=True)
            plain = await _rows(house.office.boss, by=by, **times)
            assert sorted(map(str, rows)) == sorted(map(str, plain))
    role = await house.office.boss.do("role.define", account_id=1, name="Calls", permissions=["cdrs.read"])
    person = await house.office.hire(house.office.boss, 1, "calls@op.example", [role["id"]])
    assert (await person.ask("report.summary", query={**DAY, "sort": "earned"})).status == 403


async def test_pages_follow_each_other(house: House) -> None:
    """One row each; what is no cursor is told."""
    house.company.wait(3_600)
    house.company.call(60)
    await house.company.pump()
    whole = await _rows(house.office.boss, by="hour")
    query = {**DAY, "by": "hour", "limit": 1}
    first = await house.office.boss.do("report.summary", query=query)
    assert (len(first["items"]), first["next"]) == (1, "1")
    second = await house.office.boss.do("report.summary", query={**query, "cursor": first["next"]})
    assert (second["items"], second["next"]) == (whole[1:], None)
    last = await house.office.boss.do("report.summary", query={**query, "sort": "-name"})
    assert [*first["items"], *last["items"]] == whole


def _hour_text(hour: int) -> str:
    return f"1970-01-0{2 + hour // 24}T{hour % 24:02}:00:00Z"


def _told(facts: Iterable[Fact], by: str, currency: str, since_ms: int, until_ms: int) -> dict[Any, tuple[int, ...]]:
    """By key: as `Fact.counts`."""
    found: dict[Any, tuple[int, ...]] = {}
    for one in facts:
        if not since_ms <= one.call.start_ms < until_ms:
            continue
        times = {"hour": one.call.start_ms // HOUR_MS * HOUR_MS, "day": one.call.start_ms // DAY_MS * DAY_MS}
        number, destination = one.key(by)
        key = times.get(by, destination if by == "destination" else number)
        counts = one.counts("destination" if by in times else by)
        counts = counts if one.currency == currency else (*counts[:-2], 0, 0)
        found[key] = tuple(map(sum, zip(found.get(key, (0,) * len(counts)), counts, strict=True)))
    return {key: counts for key, counts in found.items() if counts[0] or any(counts[-2:])}


_SORTED = {"minutes": "duration_ms", "attempts": "attempts", "earned": "earned", "spent": "spent", "margin": "margin"}
"""Orders, and what rows say of each."""


async def _paged(person: Person, query: dict[str, Any], limit: int) -> list[Any]:
    """All rows, in two pages."""
    first = await person.do("report.summary", query={**query, "limit": limit})
    if first["next"] is None:
        return first["items"]  # type: ignore[no-any-return]
    second = await person.do("report.summary", query={**query, "limit": limit, "cursor": first["next"]})
    assert second["next"] is None
    return [*first["items"], *second["items"]]


@pytest.mark.parametrize(("seed", "currency"), [(0, "EUR"), (1, "USD")])
@pytest.mark.parametrize("rows_max", [0, 500])
async def test_reports_cut_days_exactly(
    house: House, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, seed: int, currency: str, rows_max: int
) -> None:
    """Each way, whole days and cut ones, of sellers and customers: what the records say, call by call; by those that
    lead each day, and by adding up all.
    """
    monkeypatch.setattr(leading, "ROWS_MAX", rows_max)
    dice, days = random.Random(seed), (DAY_MS, 4 * DAY_MS)
    async with engine.begin() as conn:
        calls = await scatter(conn, dice, [house.ids["lower"], house.ids["customer"]], [house.ids["carrier"]], days)
        await add_calls(conn, numbered(conn, calls))
        whole = await facts(conn)
    for _ in range(3):
        first = dice.randrange(48)
        last = dice.randrange(first + 1, 72)
        times = {"since": _hour_text(first), "until": _hour_text(last)}
        for name in ("Operator", "lower", "customer"):
            own = [one for one in whole if one.top.id == house.ids[name]]
            for by in WAYS:
                told = _told(own, by, currency, DAY_MS + first * HOUR_MS, DAY_MS + last * HOUR_MS)
                query = {**times, "by": by, "account_id": house.ids[name], "currency": currency}
                rows = (await house.office.boss.do("report.summary", query=query))["items"]
                counts = [(one["attempts"], one["answered"], one["duration_ms"]) for one in rows]
                assert sorted(counts) == sorted(one[:3] for one in told.values()), (name, by, times)
                money = [tuple(round(Decimal(one[side]) * 1_000_000) for side in ("earned", "spent")) for one in rows]
                assert sorted(money) == sorted(one[-2:] for one in told.values()), (name, by, times)
                for value, falls in product(_SORTED, (False, True)):
                    if (name, value) == ("customer", "margin"):
                        continue
                    asked = {**query, "sort": f"-{value}" if falls else value}
                    sorted_rows = await _paged(house.office.boss, asked, len(rows) // 2 + 1)
                    assert Counter(map(str, sorted_rows)) == Counter(map(str, rows)), (name, by, asked)
                    amounts = [Decimal(one[_SORTED[value]]) for one in sorted_rows]
                    assert amounts == sorted(amounts, reverse=falls), (name, by, asked)
                delays = [one["pdd_ms"] for one in rows]
                expected = [one[4] // one[3] if one[3] else None for one in told.values()]
                assert Counter(delays) == Counter(expected), (name, by, times)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"since": DAY["until"], "until": DAY["since"]}, "/until"),
        ({"since": "2026-01-01T00:00:00Z"}, "/until"),
        ({"sort": "moon"}, "/sort"),
        ({"cursor": "x"}, "/cursor"),
        ({"by": "moon"}, "/by"),
        ({"currency": "euro"}, "/currency"),
    ],
)
async def test_what_makes_no_report(house: House, query: dict[str, str], pointer: str) -> None:
    """Said where it stands."""
    got = await house.office.boss.ask("report.summary", query={**DAY, **query})
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
