"""Patterns of fraud in calls that have ended: what is crossed, once, what is suspended and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.database.tables import accounts, cdrs, gateways
from service.fraud.patterns import longest_run
from service.fraud.watch import PatternWatch
from tests.service.office import NOW_MS, Office

MINUTE_MS = 60_000


class Scene:
    """A customer with a trunk, a provider with a gateway, and calls that nobody made."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.watch = PatternWatch(office.engine, office.config)
        self.now_ms = NOW_MS
        self.calls = 0
        self.ids: dict[str, int] = {}

    async def open(self) -> None:
        """The ledger's rows."""
        boss = self.office.boss
        self.ids["customer"] = await self.office.account(boss, 1, "customer", "customer")
        self.ids["carrier"] = await self.office.account(boss, 1, "carrier", "provider")
        trunk = await boss.do("trunk.make", account_id=self.ids["customer"], name="t", networks=["192.0.2.1/32"])
        self.ids["trunk"] = trunk["id"]
        values = {"name": "carrier/g", "account_id": self.ids["carrier"], "host": "192.0.2.9", "networks": []}
        async with self.office.engine.begin() as conn:
            insert = sa.insert(gateways).values(**values, created_ms=0).returning(gateways.c.id)
            self.ids["gateway"] = (await conn.execute(insert)).scalar_one()

    async def ended(self, count: int, **fields: Any) -> None:
        """So many calls of ten seconds, each to a number of its own, far from the next; unless fields say otherwise."""
        rows = []
        for _ in range(count):
            self.calls += 1
            end_ms = self.now_ms
            row = {
                "call": f"{self.calls:032x}", "node_id": 1, "epoch": 1, "sequence": self.calls, "outcome": "answered",
                "sip_code": 200, "sip_reason": "OK", "ended_by": "caller", "trunk_id": self.ids["trunk"],
                "account_id": self.ids["customer"], "path": [self.ids["customer"], 1], "caller": "1",
                "called": str(4_420_000_000 + self.calls * 7), "called_sent": "", "destination": "", "call_id": "",
                "from_tag": "", "to_tag": "", "start_ms": end_ms - 13_000, "ring_ms": end_ms - 12_000,
                "answer_ms": end_ms - 10_000, "end_ms": end_ms, "duration_ms": 10_000,
                "gateway_id": self.ids["gateway"], "attempts": [],
            }  # fmt: skip
            rows.append(row | fields)
        async with self.office.engine.begin() as conn:
            await conn.execute(sa.insert(cdrs), rows)

    async def pattern(self, account: str = "customer", **fields: Any) -> int:
        """A new one of ten minutes and ten calls."""
        values = {"name": "p", "kind": "short_calls", "minutes": 10, "calls_min": 10, "percent": 50} | fields
        made = await self.office.boss.do("pattern.make", account_id=self.ids[account], **values)
        return int(made["id"])

    async def look(self) -> list[str]:
        """What was seen, of each alarm that a round gives."""
        before = (await self.office.boss.do("alarm.list"))["items"]
        await self.watch.look(self.now_ms)
        after = (await self.office.boss.do("alarm.list"))["items"]
        return [one["seen"] for one in after[: len(after) - len(before)]]


@pytest.fixture
async def scene(office: Office) -> Scene:
    """Nothing has happened yet."""
    scene = Scene(office)
    await scene.open()
    return scene


SHORT = {"duration_ms": 3_000}
RUNG = {"outcome": "cancelled", "answer_ms": 0, "duration_ms": 0}
FALSE = {"ring_ms": 0}


async def test_short_calls_of_a_trunk(scene: Scene) -> None:
    """From ten on, half of them; once; again when they were gone for a while."""
    await scene.pattern(trunk_id=scene.ids["trunk"])
    await scene.ended(9, **SHORT)
    assert await scene.look() == []
    await scene.ended(10)
    assert await scene.look() == []
    await scene.ended(1, **SHORT)
    assert await scene.look() == ["10 of 20"]
    await scene.ended(5, **SHORT)
    assert await scene.look() == []
    scene.now_ms += 11 * MINUTE_MS
    assert await scene.look() == []
    await scene.ended(10, **SHORT)
    assert await scene.look() == ["10 of 10"]


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("short_calls", SHORT, {}),
        ("short_calls", SHORT, {"outcome": "refused", "duration_ms": 0}),
        ("ring_only", RUNG | {"ring_ms": NOW_MS - 4_000}, RUNG | {"ring_ms": NOW_MS - 6_000}),
        ("ring_only", RUNG | {"ring_ms": NOW_MS - 4_000}, RUNG | {"ring_ms": 0}),
        ("false_answers", FALSE | {"answer_ms": NOW_MS - 12_500}, FALSE | {"answer_ms": NOW_MS - 11_000}),
        ("false_answers", FALSE | {"answer_ms": NOW_MS - 12_500}, {"answer_ms": NOW_MS - 12_500}),
    ],
)
async def test_what_is_suspicious(scene: Scene, kind: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    """Ten that look good are none, ten that look bad are an alarm of gateway and provider."""
    await scene.pattern("carrier", kind=kind, gateway_id=scene.ids["gateway"])
    await scene.pattern("carrier", kind=kind)
    await scene.ended(10, **good)
    assert await scene.look() == []
    await scene.ended(10, **bad)
    assert len(await scene.look()) == 2
    await scene.ended(10, **bad)
    assert await scene.look() == []


async def test_numbers_in_a_row(scene: Scene) -> None:
    """Of an account, whichever way its calls come; in any order, each once."""
    await scene.pattern(kind="sequential", calls_min=5)
    for number in (3, 1, 1, 5, 2):
        await scene.ended(1, called=f"882{number}", trunk_id=0)
    assert await scene.look() == []
    await scene.ended(1, called="8824", trunk_id=0)
    assert await scene.look() == ["5 in a row"]


async def test_a_block_ends_by_itself(scene: Scene) -> None:
    """The gateway is suspended for the window, with its reason."""
    await scene.pattern("carrier", gateway_id=scene.ids["gateway"], action="block", name="dialler")
    await scene.ended(10, **SHORT)
    assert await scene.look() == ["10 of 10"]
    boss = scene.office.boss
    shown = await boss.do("gateway.show", gateway_id=scene.ids["gateway"])
    assert (shown["state"], shown["suspended_for"].startswith("dialler: 50 % of 10")) == ("suspended", True)
    scene.now_ms += 9 * MINUTE_MS
    await scene.look()
    assert (await boss.do("gateway.show", gateway_id=scene.ids["gateway"]))["state"] == "suspended"
    scene.now_ms += 2 * MINUTE_MS
    await scene.look()
    shown = await boss.do("gateway.show", gateway_id=scene.ids["gateway"])
    assert (shown["state"], shown["suspended_for"]) == ("active", "")


async def test_a_suspension_of_a_provider_stays(scene: Scene) -> None:
    """Until somebody lifts it."""
    await scene.pattern("carrier", action="suspend")
    await scene.ended(10, **SHORT)
    await scene.look()
    scene.now_ms += 60 * MINUTE_MS
    await scene.look()
    boss = scene.office.boss
    assert (await boss.do("account.show", account_id=scene.ids["carrier"]))["state"] == "suspended"
    (alarm,) = (await boss.do("alarm.list", query={"standing": "true"}))["items"]
    await boss.do("alarm.lift", alarm_id=alarm["id"])
    async with scene.office.engine.connect() as conn:
        state = sa.select(accounts.c.state).where(accounts.c.id == scene.ids["carrier"])
        assert (await conn.execute(state)).scalar_one() == "active"


async def test_two_services_give_one_alarm(scene: Scene) -> None:
    """Both have seen the crossing."""
    await scene.pattern()
    await scene.ended(10, **SHORT)
    other = PatternWatch(scene.office.engine, scene.office.config)
    assert [await scene.watch.look(scene.now_ms), await other.look(scene.now_ms)] == [1, 0]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "rude"}, "/kind"),
        ({"minutes": 0}, "/minutes"),
        ({"percent": 101}, "/percent"),
        ({"trunk": True, "gateway": True}, "/gateway_id"),
        ({"gateway": True}, "/gateway_id"),
    ],
)
async def test_what_is_no_pattern_is_refused(scene: Scene, fields: dict[str, Any], pointer: str) -> None:
    """With the field that is wrong."""
    values = {"name": "p", "kind": "short_calls"} | {k: v for k, v in fields.items() if k not in {"trunk", "gateway"}}
    values |= {f"{noun}_id": scene.ids[noun] for noun in ("trunk", "gateway") if noun in fields}
    got = await scene.office.boss.ask("pattern.make", account_id=scene.ids["customer"], **values)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)


async def test_edits(scene: Scene) -> None:
    """Of a pattern's sizes; of numbers in a row only how many."""
    boss = scene.office.boss
    number = await scene.pattern()
    edited = await boss.do("pattern.edit", pattern_id=number, minutes=5, seconds=3, percent=20)
    assert (edited["minutes"], edited["seconds"], edited["percent"]) == (5, 3, 20)
    row = await scene.pattern(kind="sequential")
    edited = await boss.do("pattern.edit", pattern_id=row, calls_min=7, percent=20, seconds=3)
    assert (edited["calls_min"], edited["percent"], edited["seconds"]) == (7, 0, 0)
    assert (await boss.ask("pattern.remove", pattern_id=row)).status == 204


@given(st.sets(st.integers(100, 140)), st.lists(st.sampled_from(["", "x", "0100", "³", "1 1"])))
def test_the_longest_run(numbers: set[int], others: list[str]) -> None:
    """As counting one by one says; what is no number, or has another length, is none of it."""
    longest = max((sum(1 for _ in _from(first, numbers)) for first in numbers), default=0)
    found = longest_run([*map(str, numbers), *others])
    assert found == max(longest, int("0100" in others))


def _from(first: int, numbers: set[int]) -> Iterator[int]:
    while first in numbers:
        yield first
        first += 1
