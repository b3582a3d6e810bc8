"""Reports by mail: each whole period once, to people of the account, each as they may see it."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands.outbox import ensure_node
from service.database.access_tables import mails
from service.database.engine import open_engine
from service.database.portal_tables import report_schedules
from service.messages.sender import Sender
from service.reports.scheduled.files import ReportFiles
from service.reports.scheduled.mailing import queue_due
from service.reports.scheduled.periods import next_due_ms, span_before
from tests.service.mailroom import Mailroom, mailroom
from tests.service.office import NOW_MS, Person
from tests.service.test_money import House

DAY_MS = 86_400_000
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
moments = st.integers(1_700_000_000, 1_900_000_000).map(lambda second: second * 1000)


@given(st.sampled_from(["daily", "weekly", "monthly"]), st.integers(0, 23), st.sampled_from(ZONES), moments)
def test_periods_follow_each_other_without_a_gap(period: str, hour: int, zone: str, after_ms: int) -> None:
    """Each is over when its report is due, and the next one begins where it ends."""
    due = next_due_ms(period, hour, zone, after_ms)
    assert due > after_ms
    span = span_before(period, zone, due)
    following = next_due_ms(period, hour, zone, due)
    assert span.until_ms <= due < following
    assert span_before(period, zone, following).since_ms == span.until_ms
    assert datetime.fromtimestamp(due // 1000, ZoneInfo(zone)).hour in {hour, hour + 1}  # an hour may be skipped
    begins = datetime.fromtimestamp(span.since_ms // 1000, ZoneInfo(zone))
    assert (begins.hour, begins.weekday() == 0 or period != "weekly", begins.day == 1 or period != "monthly") == (
        0, True, True,
    )  # fmt: skip


def test_a_month_in_which_clocks_are_put_back_is_one_period() -> None:
    """October of Berlin has 745 hours."""
    due = next_due_ms("monthly", 6, "Europe/Berlin", int(datetime(2026, 10, 15, tzinfo=UTC).timestamp()) * 1000)
    span = span_before("monthly", "Europe/Berlin", due)
    assert (span.first.isoformat(), span.last.isoformat()) == ("2026-10-01", "2026-10-31")
    assert span.until_ms - span.since_ms == 745 * 3_600_000


@pytest.fixture
def room() -> Iterator[Mailroom]:
    """A mail server."""
    with mailroom() as room:
        yield room


class Bureau:
    """A house whose calls are reported on."""

    def __init__(self, house: House, room: Mailroom) -> None:
        self.house = house
        self.engine = house.company.engine
        self.config = house.company.config.model_copy(update={"mail": room.config()})
        self.boss = house.office.boss

    async def hire(self, account: str, *permissions: str) -> Person:
        """Somebody who may all, or only these."""
        office, number = self.house.office, self.house.ids[account]
        roles = None
        if permissions:
            role = {"account_id": number, "name": "few", "permissions": [*permissions]}
            roles = [int((await self.boss.do("role.define", **role))["id"])]
        return await office.hire(self.boss, number, f"{len(permissions)}@{account}.example", roles)

    async def make(self, who: Person, *readers: Person, **more: Any) -> Any:
        """A daily report of what stands below."""
        people = [one.user["id"] for one in readers]
        return await who.ask("report-schedule.make", name="Traffic", recipients=people, **more)

    async def work(self, now_ms: int) -> None:
        """What a service does."""
        while await queue_due(self.engine, "local", now_ms):
            pass
        files = (ReportFiles(self.engine, self.config).files_of,)
        sender = Sender(self.engine, self.config, lambda: now_ms, files=files, pause=_at_once)
        while await sender.send_due():
            pass
        await sender.close()


async def _at_once(_seconds: float) -> None:
    return


@pytest.fixture
async def bureau(engine: AsyncEngine, database: str, tmp_path: Path, room: Mailroom) -> Bureau:
    """Two calls of a minute, today."""
    house = House(engine, database, tmp_path)
    await house.open()
    for _ in range(2):
        house.company.call(60)
    await house.company.pump()
    return Bureau(house, room)


def table_of(room: Mailroom, address: str) -> list[dict[str, str]]:
    """Of the CSV beside somebody's last mail."""
    letter = [one for one in room.letters if one["To"] == address][-1]
    (file,) = letter.iter_attachments()
    return list(csv.DictReader(io.StringIO(file.get_content(), newline="")))


async def _empty(bureau: Bureau) -> None:
    async with bureau.engine.begin() as conn:
        await conn.execute(sa.delete(mails))


async def test_each_reader_gets_the_day_as_they_may_see_it(bureau: Bureau, room: Mailroom) -> None:
    """Once, though it is looked for again; money only with the right to see it."""
    owner = await bureau.hire("lower")
    clerk = await bureau.hire("lower", "cdrs.read")
    await _empty(bureau)
    made = (await bureau.make(owner, owner, clerk, by="destination", zone="Europe/Berlin", hour=7)).ok()
    assert (made["due_at"], made["state"]) == ("2026-09-22T05:00:00.000Z", "active")
    due_ms = int(datetime(2026, 9, 22, 5, tzinfo=UTC).timestamp()) * 1000
    await bureau.work(due_ms - 1)
    assert room.got == []
    for _ in range(2):
        await bureau.work(due_ms)
    assert sorted(room.recipients) == ["0@lower.example", "1@lower.example"]
    letter = room.letters[0]
    assert letter["Subject"] == "Traffic: 2026-09-21 to 2026-09-21"
    (row,) = table_of(room, "0@lower.example")
    assert (row["attempts"], row["answered"], row["earned"], row["margin"]) == ("2", "2", "0.12", "0.06")
    (row,) = table_of(room, "1@lower.example")
    assert (row["attempts"], row["earned"]) == ("2", "")
    shown = await owner.do("report-schedule.show", report_schedule_id=made["id"])
    assert (shown["due_at"], shown["told_until"]) == ("2026-09-23T05:00:00.000Z", "2026-09-21T22:00:00.000Z")


async def test_what_was_slept_over_comes_period_by_period(bureau: Bureau, room: Mailroom) -> None:
    """Each once, whoever was killed between: the mail and the next moment are written together."""
    owner = await bureau.hire("lower")
    await _empty(bureau)
    (await bureau.make(owner, owner)).ok()
    await queue_due(bureau.engine, "local", NOW_MS + 3 * DAY_MS)  # and dies
    await bureau.work(NOW_MS + 3 * DAY_MS)
    assert [one["Subject"].split(": ")[1][:10] for one in room.letters] == ["2026-09-21", "2026-09-22", "2026-09-23"]


async def test_two_services_mail_it_once(bureau: Bureau, room: Mailroom, database: str) -> None:
    """Of two nodes, whose locks don't keep them from each other: the one that comes second waits, and finds it told."""
    owner = await bureau.hire("lower")
    await _empty(bureau)
    (await bureau.make(owner, owner)).ok()
    other, due_ms = open_engine(database), NOW_MS + DAY_MS
    async with other.begin() as conn:
        await ensure_node(conn, "second")
    try:
        async with bureau.engine.begin() as conn:
            await conn.execute(sa.select(report_schedules).with_for_update())
            both = [asyncio.create_task(queue_due(one, node, due_ms))
                    for one, node in ((bureau.engine, "local"), (other, "second"))]  # fmt: skip
            await asyncio.wait(both, timeout=1)  # they have come as far as they can
        assert sorted(await asyncio.gather(*both)) == [False, True]
    finally:
        await other.dispose()
    await bureau.work(due_ms)
    assert [*room.recipients] == ["0@lower.example"]


async def test_a_workbook_of_a_month(bureau: Bureau, room: Mailroom) -> None:
    """Numbers are numbers; whoever sells nothing has no margin."""
    owner = await bureau.hire("customer")
    await _empty(bureau)
    (await bureau.make(owner, owner, by="hour", period="monthly", format="xlsx")).ok()
    await bureau.work(NOW_MS + 30 * DAY_MS)
    (file,) = room.letters[0].iter_attachments()
    assert file.get_filename() == "report-hour-2026-09-01.xlsx"
    sheet = load_workbook(io.BytesIO(file.get_content())).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    values = dict(zip(rows[3], rows[4], strict=True))
    assert (values["attempts"], values["spent"], values["at"]) == (2, 0.12, "2026-09-21T14:00:00.000Z")
    assert "margin" not in values


async def test_it_is_paused_resumed_and_removed(bureau: Bureau, room: Mailroom) -> None:
    """What it would have told meanwhile is not told."""
    owner = await bureau.hire("lower")
    await _empty(bureau)
    ask = {"report_schedule_id": (await bureau.make(owner, owner)).ok()["id"]}
    await owner.do("report-schedule.edit", **ask, state="paused")
    await bureau.work(NOW_MS + 2 * DAY_MS)
    assert room.got == []
    bureau.house.office.now_ms = NOW_MS + 1000
    resumed = await owner.do("report-schedule.edit", **ask, state="active", hour=8)
    assert resumed["due_at"] == "2026-09-22T08:00:00.000Z"
    await owner.do("report-schedule.remove", **ask)
    await bureau.work(NOW_MS + 5 * DAY_MS)
    assert (room.got, (await owner.do("report-schedule.list"))["items"]) == ([], [])


async def test_only_people_of_the_account_get_it(bureau: Bureau, room: Mailroom) -> None:
    """And of accounts below alone; who is suspended meanwhile, or may not any more, gets nothing."""
    owner, customer = await bureau.hire("lower"), await bureau.hire("customer")
    stranger = await bureau.make(owner, customer)
    assert "nobody of the account" in stranger["errors"][0]["detail"]
    outside = await bureau.make(owner, owner, account_id=bureau.house.ids["upper"])
    assert outside.status == 422
    above = await bureau.make(bureau.boss, customer, for_account_id=bureau.house.ids["customer"], account_id=1)
    assert "does not stand below" in above["errors"][0]["detail"]
    reader = await bureau.hire("lower", "cdrs.read")
    assert (await bureau.make(reader, reader)).status == 403
    for_them = await bureau.make(bureau.boss, customer, for_account_id=bureau.house.ids["customer"])
    assert for_them.ok()["account_id"] == bureau.house.ids["customer"]
    assert (await owner.do("report-schedule.list"))["items"][0]["name"] == "Traffic"  # it stands below
    assert (await customer.ask("report-schedule.show", report_schedule_id=for_them["id"])).status == 200
    await _empty(bureau)
    await bureau.boss.do("user.edit", user_id=customer.user["id"], state="suspended")
    await bureau.work(NOW_MS + DAY_MS)
    assert room.got == []
    async with bureau.engine.connect() as conn:
        assert (await conn.execute(sa.select(report_schedules.c.told_ms))).scalar_one() > 0


async def test_who_may_not_see_calls_any_more_gets_none(bureau: Bureau, room: Mailroom) -> None:
    """The mail says why it failed."""
    owner, clerk = await bureau.hire("lower"), await bureau.hire("lower", "cdrs.read")
    (await bureau.make(owner, clerk)).ok()
    await _empty(bureau)
    await owner.do("user.roles", user_id=clerk.user["id"], role_ids=[])
    await bureau.work(NOW_MS + DAY_MS)
    listed = (await owner.do("mail.list", query={"template": "report"}))["items"]
    assert (room.got, listed[0]["state"]) == ([], "failed")
    assert "cdrs.read" in listed[0]["fault"]
