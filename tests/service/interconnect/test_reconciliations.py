"""Partners' files through the API: kept, looked into, exported; nobody else's seen."""

from __future__ import annotations

import asyncio
import base64
import csv
import gzip
import io
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from service.database.engine import reading
from service.database.interconnect_tables import differences
from service.database.tables import cdrs, charges
from service.interconnect.reconcile import api, worker
from service.interconnect.reconcile.reading import Refused
from service.interconnect.reconcile.sides import Answers, Rules
from tests.service.office import Got
from tests.service.test_money import House, house

__all__ = ["house"]
PERIOD = {"since": "2026-09-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"}


class Desk:
    """A house whose calls are compared."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.boss = house.office.boss

    async def calls(self, *seconds: int) -> None:
        """Some, a while apart."""
        for one in seconds:
            self.house.company.call(one)
            self.house.company.wait(1_003)
        await self.house.company.pump()

    async def ours(self) -> list[dict[str, Any]]:
        """As a provider that agrees has them."""
        async with reading(self.house.company.engine) as conn:
            rows = await conn.execute(sa.select(cdrs).order_by(cdrs.c.id))
            return [
                {
                    "called": row.called_sent, "start": row.start_ms // 1000, "duration": row.duration_ms // 1000,
                    "amount": f"{row.cost_micros / 10**6:.6f}", "call": row.call,
                }
                for row in rows
            ]  # fmt: skip

    async def compare(self, rows: list[dict[str, Any]], account: str = "carrier", **more: Any) -> Got:
        """A file of these rows."""
        out = io.StringIO()
        writer = csv.DictWriter(out, ["called", "start", "duration", "amount"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return await self.send(out.getvalue().encode(), account, **more)

    async def send(self, raw: bytes, account: str = "carrier", **more: Any) -> Got:
        """A file."""
        values = {"account_id": self.house.ids[account], "file": base64.b64encode(raw).decode(), **PERIOD, **more}
        return await self.boss.ask("reconciliation.make", **values)


@pytest.fixture
async def desk(house: House, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Compares in this process: another one is started by one test alone."""
    monkeypatch.setattr(api, "work_apart", worker.work)
    return Desk(house)


def calls_of(told: Any) -> dict[str, int]:
    """By class."""
    return {one["kind"]: one["calls"] for one in told["classes"] if one["calls"]}


async def test_differences_are_kept_and_looked_into(desk: Desk) -> None:
    """By class, with the money; as files too; gone with the comparison."""
    await desk.calls(60, 70, 80, 90, 100)
    rows = await desk.ours()
    changed = [rows[0], rows[1] | {"duration": 75, "amount": "0.5"}, rows[2] | {"amount": "0.7"}, rows[3], rows[3]]
    told = (await desk.compare(changed)).ok()
    assert calls_of(told) == {"matched": 2, "duration": 1, "rate": 1, "only_ours": 1, "only_theirs": 1}
    stakes = {one["kind"]: one["at_stake"] for one in told["classes"]}
    assert stakes == {
        "matched": "0.00", "duration": "0.486", "rate": "0.684", "time": "0.00", "only_ours": "-0.02",
        "only_theirs": "0.018",
    }  # fmt: skip
    one = {"reconciliation_id": told["id"]}
    listed = await desk.boss.do("reconciliation.differences", **one)
    assert [(row["kind"], row["line"], row["twin_line"]) for row in listed["items"]] == [
        ("duration", 3, 0), ("rate", 4, 0), ("only_theirs", 6, 5), ("only_ours", 0, 0)
    ]  # fmt: skip
    assert [row["call"] for row in listed["items"]] == [rows[1]["call"], rows[2]["call"], "", rows[4]["call"]]
    only = await desk.boss.do("reconciliation.differences", **one, query={"kind": "rate"})
    assert (only["items"][0]["ours"], only["items"][0]["theirs"]) == ("0.016", "0.70")
    sheet = await desk.boss.do("reconciliation.export", **one)
    assert [row["Class"] for row in csv.DictReader(io.StringIO(sheet["content"], newline=""))] == [
        row["kind"] for row in listed["items"]
    ]
    book = await desk.boss.do("reconciliation.export", **one, query={"format": "xlsx", "kind": "only_ours"})
    cells = list(openpyxl.load_workbook(io.BytesIO(base64.b64decode(book["content"]))).active.values)
    assert (len(cells), cells[1][3]) == (2, rows[4]["call"])
    assert (await desk.boss.do("reconciliation.show", **one))["classes"] == told["classes"]
    await desk.boss.ask("reconciliation.remove", **one)
    assert (await desk.boss.ask("reconciliation.show", **one)).status == 404
    async with reading(desk.house.company.engine) as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(differences))).scalar_one() == 0


async def test_their_traffic_is_compared_with_what_they_pay(desk: Desk) -> None:
    """A customer's file, of what it was charged."""
    await desk.calls(60, 70, 80)
    async with reading(desk.house.company.engine) as conn:
        query = sa.select(cdrs.c.called, cdrs.c.answer_ms, cdrs.c.duration_ms, charges.c.charge_micros)
        query = query.join(charges, charges.c.cdr_id == cdrs.c.id).where(charges.c.level == 0).order_by(cdrs.c.id)
        rows = [
            {"called": f"+{called}", "start": at // 1000, "duration": ms // 1000, "amount": micros / 10**6}
            for called, at, ms, micros in await conn.execute(query)
        ]
    told = (await desk.compare(rows, "customer")).ok()
    assert (calls_of(told), told["direction"]) == ({"matched": 3}, "in")
    refused = await desk.compare(rows, "customer", direction="out")
    assert (refused.status, refused["errors"][0]["pointer"]) == (422, "/direction")


async def test_what_was_said_of_a_partner_s_files_is_kept(desk: Desk) -> None:
    """Per direction; another partner's are another's."""
    await desk.calls(60)
    row = (await desk.ours())[0]
    text = f"x;y;z\n88{row['called']};{row['start']};{row['duration'] * 1000}\n".encode()
    said = {"columns": {"called": "x", "start": "y", "duration": "z"}, "tech_prefixes": ["88"], "duration_unit": "ms"}
    assert (await desk.send(text)).status == 422
    assert calls_of((await desk.send(text, **said)).ok()) == {"matched": 1}
    again = (await desk.send(gzip.compress(text))).ok()
    assert (calls_of(again), again["amounts"], again["columns"]) == ({"matched": 1}, False, said["columns"])
    assert (await desk.send(text, "customer")).status == 422


async def test_only_the_period_is_judged(desk: Desk) -> None:
    """What lies outside is no difference on either side, though it may be the partner of what lies inside."""
    await desk.calls(60, 70, 80)
    rows = await desk.ours()
    middle = rows[1]["start"]
    period = {"since": _text(middle - 100), "until": _text(middle + 100)}
    told = (await desk.compare(rows, **period)).ok()
    assert (calls_of(told), told["outside"]) == ({"matched": 1}, 2)
    told = (await desk.compare([rows[0]], **period)).ok()
    assert (calls_of(told), told["outside"]) == ({"only_ours": 1}, 1)


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


@pytest.mark.parametrize(
    ("more", "pointer", "said"),
    [
        ({"until": PERIOD["since"]}, "/until", "ends after it begins"),
        ({"until": "2027-09-01T00:00:00Z"}, "/until", "100 days"),
        ({"file": ""}, "/file", "at least 1"),
        ({"file": "?"}, "/file", "base64"),
        ({"file": base64.b64encode(b"called,start,duration\n1,2,3\n").decode()}, "/file", "line 2: '2' is no date"),
        ({"zone": "Nowhere"}, "/zone", "no time zone"),
        ({"columns": {"colour": "x"}}, "/columns", "Input should be"),
        ({"tech_prefixes": ["a"]}, "/tech_prefixes", "match pattern"),
        ({"time_s": 301}, "/time_s", "less than or equal"),
    ],
)
async def test_what_is_wrong_is_told(desk: Desk, more: dict[str, Any], pointer: str, said: str) -> None:
    """Nothing is kept of it."""
    values = {"account_id": desk.house.ids["carrier"], "file": "MTIz", **PERIOD, **more}
    got = await desk.boss.ask("reconciliation.make", **values)
    assert (got.status, got["errors"][0]["pointer"].startswith(pointer)) == (422, True), got
    assert said in got["errors"][0]["detail"]
    assert (await desk.boss.do("reconciliation.list"))["items"] == []


async def test_a_provider_sees_its_own_and_makes_none(desk: Desk) -> None:
    """Nor does a reseller see what is compared with the provider; nobody compares their own account."""
    await desk.calls(60)
    told = (await desk.compare(await desk.ours())).ok()
    office, ids = desk.house.office, desk.house.ids
    carrier = await office.hire(desk.boss, ids["carrier"], "c@carrier.example")
    upper = await office.hire(desk.boss, ids["upper"], "u@upper.example")
    assert (await carrier.do("reconciliation.show", reconciliation_id=told["id"]))["id"] == told["id"]
    assert (await carrier.ask("reconciliation.remove", reconciliation_id=told["id"])).status == 403
    assert (await upper.ask("reconciliation.show", reconciliation_id=told["id"])).status == 404
    own = {"account_id": ids["upper"], "file": "MTIz", **PERIOD}
    assert (await upper.ask("reconciliation.make", **own)).status == 403


async def test_a_comparison_runs_in_a_process_of_its_own(house: House) -> None:
    """Its refusals come back as they are."""
    desk = Desk(house)
    await desk.calls(60)
    good, bad = await asyncio.gather(desk.compare(await desk.ours()), desk.send(b"nothing"))
    assert calls_of(good.ok()) == {"matched": 1}
    assert (bad.status, "no row names the columns" in bad["errors"][0]["detail"]) == (422, True)


def test_a_fault_of_ours_is_not_told_as_the_file_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's last words come with it; what it was given is no comparison."""
    job = worker.Job(b"", Answers({}), "no columns", Rules())  # type: ignore[arg-type]
    text = b"called,start,duration\n4420,2026-09-21 14:13:20,60\n"
    with pytest.raises(RuntimeError, match="AttributeError"):
        worker.work_apart(job._replace(raw=text))
    monkeypatch.setattr(worker, "WAIT_S_MAX", 0.01)
    with pytest.raises(Refused, match="take a shorter time"):
        worker.work_apart(job)
