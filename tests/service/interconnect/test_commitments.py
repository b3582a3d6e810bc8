"""Volumes that were agreed on: exact, looked at beforehand, settled once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from service.database.engine import reading
from service.database.ratebook_tables import destination_groups
from service.interconnect.commitments.rules import (
    Period,
    Step,
    Terms,
    Volume,
    is_month_day,
    periods,
    reached,
    settlement_micros,
    terms_problem,
)
from service.ledger.storage import balance_of
from tests.service.interconnect.test_statements import Trade, text_of
from tests.service.office import Got
from tests.service.test_money import House, house
from tests.service.wanted import ON_SQLITE

__all__ = ["house"]
SINCE, UNTIL = "2026-09-21T00:00:00Z", "2026-10-21T00:00:00Z"
DAY_MS = 86_400_000


def settled_by(terms: Terms, in_s: int = 0, out_s: int = 0, charged: int = 0) -> int:
    """A volume."""
    return settlement_micros(terms, Volume(in_s, out_s, charged))


LADDER = (Step(0, 10_000_000), Step(60_000, 8_000_000), Step(600_000, 5_000_000))
"""A cent a minute, 0.8 from a thousand minutes on, a half from ten thousand on."""


@pytest.mark.parametrize(
    ("volume_s", "beyond", "whole"),
    [
        (0, 0, 0),
        (60, 10_000, 10_000),
        (60_000, 10_000_000, 8_000_000),
        (60_060, 10_008_000, 8_008_000),
        (600_000, 82_000_000, 50_000_000),
        (1_200_000, 132_000_000, 100_000_000),
    ],
)
def test_steps_price_what_lies_behind_them_or_all(volume_s: int, beyond: int, whole: int) -> None:
    """By the volume, less what the calls were charged."""
    terms = Terms("steps", "in", LADDER)
    assert settled_by(terms, volume_s) == beyond
    assert settled_by(terms._replace(whole=True), volume_s) == whole
    assert settled_by(terms, volume_s, charged=10**9) == beyond - 10**9
    assert settled_by(terms._replace(direction="out"), out_s=volume_s, charged=10**9) == 10**9 - beyond


def test_who_sends_less_than_agreed_pays() -> None:
    """The partner for its traffic, we for ours; of a swap each for its own."""
    minimum = Terms("minimum", "in", committed_s=60_000, rate_nanos=2_000_000)
    assert settled_by(minimum, in_s=30_000) == 1_000_000
    assert settled_by(minimum, in_s=60_000) == settled_by(minimum, in_s=90_000) == 0
    assert settled_by(minimum._replace(direction="out"), in_s=60_000, out_s=30_000) == -1_000_000
    swap = Terms("swap", "both", committed_s=60_000, rate_nanos=2_000_000)
    assert settled_by(swap, in_s=30_000, out_s=60_000) == 1_000_000
    assert settled_by(swap, in_s=60_000, out_s=30_000) == -1_000_000
    assert settled_by(swap, in_s=0, out_s=0) == 0


ladders = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), max_size=6)


@given(st.integers(0, 10**9), ladders, st.integers(0, 10**7), st.integers(0, 10**12))
def test_steps_are_a_sum_rounded_once(first: int, ladder: list[tuple[int, int]], volume_s: int, charged: int) -> None:
    """Against the sum of each second at its own rate."""
    steps, at = [Step(0, first)], 0
    for width, rate in ladder:
        at += width
        steps.append(Step(at, rate))
    terms = Terms("steps", "in", tuple(steps))
    assert terms_problem(terms) is None
    ends = [*(step.from_s for step in steps[1:]), 10**12]
    exact = sum(
        Fraction(max(0, min(end, volume_s) - step.from_s) * step.rate_nanos, 60_000)
        for step, end in zip(steps, ends, strict=True)
    )
    assert settled_by(terms, volume_s, charged=charged) == int(exact + Fraction(1, 2)) - charged
    assert steps[reached(terms, volume_s)].from_s <= volume_s


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
    st.integers(1, 900),
    st.sampled_from(["monthly", "quarterly", "whole"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"]),
)
def test_periods_leave_no_gap(began: datetime, days: int, kind: str, zone: str) -> None:
    """From the beginning to the end, each a month or three, at the same hour of the zone."""
    since_ms = int(began.replace(tzinfo=UTC).timestamp()) * 1000
    assume(is_month_day(since_ms, zone))
    until_ms = since_ms + days * DAY_MS
    found = list(periods(kind, zone, since_ms, until_ms))
    assert (found[0].since_ms, found[-1].until_ms) == (since_ms, until_ms)
    assert all(before.until_ms == after.since_ms for before, after in pairwise(found))
    whole = found[:-1]
    if kind != "whole":
        longest = 32 if kind == "monthly" else 93
        assert all(27 * DAY_MS < one.until_ms - one.since_ms < longest * DAY_MS for one in whole)
        assert len(found) <= days // 28 + 1


def test_periods_follow_the_zone_s_clocks() -> None:
    """A month is from midnight to midnight, in summer and winter."""
    began = int(datetime(2026, 9, 30, 22, tzinfo=UTC).timestamp()) * 1000  # the first of October in Berlin
    first, second = list(periods("monthly", "Europe/Berlin", began, began + 61 * DAY_MS + 3_600_000))
    assert text_of(first.until_ms) == text_of(second.since_ms) == "2026-10-31T23:00:00+00:00"
    assert first == Period(began, second.since_ms)


class Deal(Trade):
    """Commitments of partners."""

    async def make(self, account: str = "carrier", **more: Any) -> Got:
        """The carrier gets a cent a minute for the first two minutes, then a half."""
        steps = [{"from_minutes": 0, "rate": "0.01"}, {"from_minutes": 2, "rate": "0.005"}]
        values = {"name": "deal", "kind": "steps", "direction": "out", "since": SINCE, "until": UNTIL, "steps": steps}
        values = {"account_id": self.house.ids[account], "period": "whole", **values, **more}
        return await self.boss.ask("commitment.make", **values)

    async def settle(self, deal: Any, key: str = "k", since: str = SINCE) -> Got:
        """Of a period."""
        return await self.boss.ask("commitment.settle", commitment_id=deal["id"], since=since, key=key)

    async def over(self) -> None:
        """Its period is: by the commitment's own end, since sessions don't last a month."""
        until_ms = self.house.company.now.wall_ms
        async with self.house.company.engine.begin() as conn:
            await conn.execute(sa.text(f"UPDATE commitments SET until_ms = {until_ms}"))
        self.house.office.now_ms = until_ms


@pytest.fixture
def deal(house: House) -> Deal:
    """Ready."""
    return Deal(house)


async def test_a_period_is_settled_once(deal: Deal) -> None:
    """As it was looked at before; in the books, in the store, on the next statement."""
    made = (await deal.make()).ok()
    await deal.calls(60, 70, 80)
    looked = await deal.boss.do("commitment.preview", commitment_id=made["id"], since=SINCE)
    assert (looked["out_minutes"], looked["charged"], looked["settlement"]) == ("3:30", "0.042", "0.0145")
    assert looked["missing_minutes"] == "0:00"
    early = await deal.settle(made)
    assert (early.status, "not over yet" in early["detail"]) == (409, True)
    await deal.over()
    before = await deal.house.balance("carrier")
    got = await asyncio.gather(deal.settle(made, "a"), deal.settle(made, "b"))
    assert sorted(one.status for one in got) == [200, 409]
    assert (await deal.house.balance("carrier")) - before == -14_500
    async with reading(deal.house.company.engine) as conn:
        assert await balance_of(conn, 1, "EUR", "cost") == -42_000 + 14_500
    await deal.house.company.pump()
    assert deal.house.stored("carrier") == await deal.house.balance("carrier")
    shown = (await deal.boss.do("commitment.show", commitment_id=made["id"]))["progress"]
    assert [(one["settlement"], one["settled_at"] is not None) for one in shown] == [("0.0145", True)]
    deal.house.company.wait(60)
    stated = (await deal.issue()).ok()
    assert (stated["theirs"]["total"], stated["adjusted"], stated["net"]) == ("0.042", "0.0145", "-0.0275")


async def test_what_is_settled_stays_whatever_comes_later(deal: Deal) -> None:
    """A late call doesn't move it."""
    made = (await deal.make("customer", kind="minimum", direction="in", steps=[], committed_minutes=5, rate="0.1")).ok()
    await deal.calls(60)
    await deal.over()
    settled = (await deal.settle(made)).ok()
    assert (settled["in_minutes"], settled["settlement"], settled["missing_minutes"]) == ("1:00", "0.40", "4:00")
    async with deal.house.company.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE charges SET billed_s = 300"))
    again = await deal.boss.do("commitment.preview", commitment_id=made["id"], since=SINCE)
    assert again == settled


async def test_only_the_group_s_numbers_count(deal: Deal) -> None:
    """By the longest prefix, as groups.yaml has them."""
    async with deal.house.company.engine.begin() as conn:
        for name, prefix in (("uk", "44"), ("france", "33")):
            record = {"prefixes": [prefix], "except": []}
            await conn.execute(
                sa.insert(destination_groups).values(name=name, record=record, published_ms=1, published_by="x")
            )
    uk, france = [(await deal.make(name=name, group=name)).ok() for name in ("uk", "france")]
    await deal.calls(60, 90)
    found = [
        (await deal.boss.do("commitment.preview", commitment_id=one["id"], since=SINCE))["out_minutes"]
        for one in (uk, france)
    ]
    assert found == ["2:30", "0:00"]
    unknown = await deal.make(name="x", group="spain")
    assert (unknown.status, unknown["errors"][0]["pointer"]) == (422, "/group")


async def test_what_all_periods_need_is_looked_up_once(deal: Deal) -> None:
    """However many have begun: settlements, and the destination groups."""
    engine, asked = deal.house.company.engine, list[str]()
    async with engine.begin() as conn:
        record = {"prefixes": ["44"], "except": []}
        told = {"name": "uk", "record": record, "published_ms": 1, "published_by": "x"}
        await conn.execute(sa.insert(destination_groups).values(**told))
    long = {"period": "monthly", "since": "2020-01-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"}
    made = (await deal.make(group="uk", **long)).ok()

    def keep(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", keep)
    shown = await deal.boss.do("commitment.show", commitment_id=made["id"])
    sa.event.remove(engine.sync_engine, "before_cursor_execute", keep)
    assert len(shown["progress"]) == 81
    for table in ("commitment_settlements", "destination_groups"):
        assert sum(f"FROM {table}" in one.replace("\n", "") for one in asked) == 1


async def test_an_end_lets_the_running_period_be_the_last(deal: Deal) -> None:
    """Once; the others never begin."""
    made = (await deal.make(period="monthly", until="2027-09-21T00:00:00Z")).ok()
    ended = await deal.boss.do("commitment.end", commitment_id=made["id"])
    assert (ended["state"], ended["until"]) == ("ended", "2026-10-21T00:00:00.000Z")
    assert (await deal.boss.ask("commitment.end", commitment_id=made["id"])).status == 409
    later = await deal.settle(made, since="2026-10-21T00:00:00Z")
    assert (later.status, later["errors"][0]["pointer"]) == (422, "/since")


@pytest.mark.parametrize("period", ["monthly", "whole"])
async def test_what_ends_before_it_begins_is_never_settled(deal: Deal, period: str) -> None:
    """It has no period, whatever the time."""
    since = "2026-12-01T00:00:00Z"
    minimum = {"kind": "minimum", "steps": [], "committed_minutes": 100, "rate": "0.01"}
    made = (await deal.make(since=since, until="2027-12-01T00:00:00Z", period=period, **minimum)).ok()
    ended = await deal.boss.do("commitment.end", commitment_id=made["id"])
    assert (ended["state"], ended["until"]) == ("ended", ended["since"])
    deal.house.office.now_ms += 700 * DAY_MS
    deal.boss = await deal.house.office.sign_in("boss@op.example")
    assert (await deal.boss.do("commitment.show", commitment_id=made["id"]))["progress"] == []
    got = await deal.settle(made, since=since)
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/since")


@ON_SQLITE
@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"direction": "both"}, "/direction"),
        ({"kind": "swap"}, "/direction"),
        ({"steps": []}, "/steps"),
        ({"steps": [{"from_minutes": 1, "rate": "1"}]}, "/steps"),
        ({"steps": [{"from_minutes": 0, "rate": "1"}, {"from_minutes": 0, "rate": "2"}]}, "/steps"),
        ({"kind": "minimum"}, "/steps"),
        ({"kind": "minimum", "steps": []}, "/committed_minutes"),
        ({"committed_minutes": 5}, "/committed_minutes"),
        ({"until": SINCE}, "/until"),
        ({"period": "monthly", "since": "2026-09-30T00:00:00Z"}, "/since"),
        ({"period": "monthly", "until": "2046-09-30T00:00:00Z"}, "/until"),
        ({"rate": "-1"}, "/rate"),
        ({"account": "customer"}, "/direction"),
    ],
)
async def test_what_makes_no_sense_is_refused(deal: Deal, more: dict[str, Any], pointer: str) -> None:
    """With the field."""
    got = await deal.make(**{"account": "carrier", **more})
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
    assert (await deal.boss.do("commitment.list"))["items"] == []


async def test_a_partner_sees_its_own_and_changes_nothing(deal: Deal) -> None:
    """A reseller sees nothing of the carrier's."""
    made = (await deal.make()).ok()
    office, ids = deal.house.office, deal.house.ids
    carrier = await office.hire(deal.boss, ids["carrier"], "c@carrier.example")
    upper = await office.hire(deal.boss, ids["upper"], "u@upper.example")
    assert (await carrier.do("commitment.show", commitment_id=made["id"]))["progress"] == [
        (await deal.boss.do("commitment.preview", commitment_id=made["id"], since=SINCE))
    ]
    assert (await carrier.ask("commitment.end", commitment_id=made["id"])).status == 403
    assert (await upper.ask("commitment.show", commitment_id=made["id"])).status == 404


OTHER = {"name": "other"}
MINIMUM = {"kind": "minimum", "steps": [], "committed_minutes": 5, "rate": "0.1"}
SWAP = MINIMUM | {"kind": "swap", "direction": "both"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"since": "2026-10-20T00:00:00Z", "until": "2027-10-20T00:00:00Z"}),
        ({}, {"group": "uk"}),
        ({"group": "uk"}, {}),
        ({"group": "uk"}, {"group": "uk"}),
        (MINIMUM, MINIMUM),
        (MINIMUM, SWAP),
        (SWAP, MINIMUM | {"direction": "in"}),
    ],
)
async def test_no_minute_is_priced_twice(deal: Deal, first: dict[str, Any], second: dict[str, Any]) -> None:
    """What overlaps in time, numbers and direction is refused with its name; after its end it may come."""
    await _groups(deal)
    (await deal.make(**first)).ok()
    refused = await deal.make(**OTHER | second)
    assert (refused.status, "prices the same minutes" in refused["detail"]) == (409, True), refused
    assert len((await deal.boss.do("commitment.list"))["items"]) == 1
    (await deal.make("lower", direction="in", name="another's")).ok()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"since": UNTIL, "until": "2027-10-21T00:00:00Z"}),
        ({"group": "uk"}, {"group": "france"}),
        ({}, MINIMUM),
        (MINIMUM, MINIMUM | {"direction": "in"}),
    ],
)
async def test_other_minutes_have_their_own_price(deal: Deal, first: dict[str, Any], second: dict[str, Any]) -> None:
    """One after the other, of other numbers, the other way, and what is missing beside what was talked."""
    await _groups(deal)
    (await deal.make(**first)).ok()
    (await deal.make(**OTHER | second)).ok()


async def test_of_two_at_once_one_is_made(deal: Deal) -> None:
    """Whoever comes second sees the first."""
    got = await asyncio.gather(*(deal.make(name=name) for name in ("one", "two", "three")))
    assert sorted(one.status for one in got) == [201, 409, 409]


async def _groups(deal: Deal) -> None:
    """Of the ratebook."""
    record = {"prefixes": ["44"], "except": []}
    async with deal.house.company.engine.begin() as conn:
        for name in ("uk", "france"):
            values = {"name": name, "record": record, "published_ms": 1, "published_by": "x"}
            await conn.execute(sa.insert(destination_groups).values(**values))
