"""The doctor's nights: one run a night whoever is at work, each fault told once, mended when it is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from kemi.clock import Now
from service.commission.rules import earned
from service.config import Doctor
from service.database.access_tables import mails, users
from service.database.commission_tables import commissions
from service.database.engine import open_engine, reading
from service.database.nightly_tables import doctor_faults, doctor_runs
from service.database.tables import postings
from service.database.webhook_tables import deliveries
from service.doctor.commissions import _is_right
from service.doctor.nightly import LEASE_MS, Nightly, night_of
from service.messages.composing import Composer, Person, values_of
from tests.service.office import NOW_MS, Office

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NIGHT_MS = NOW_MS - NOW_MS % DAY_MS + DAY_MS + 3 * HOUR_MS
"""03:00 UTC of the day after NOW_MS."""


@pytest.mark.parametrize(
    ("moment_s", "hour", "zone", "night", "begins_s"),
    [
        (1_790_046_000, 3, "UTC", "2026-09-22", 1_790_046_000),  # the first moment
        (1_790_045_999, 3, "UTC", "2026-09-21", 1_790_046_000 - 86_400),  # the last one before
        (1_790_045_999, 3, "Europe/Berlin", "2026-09-22", 1_790_046_000 - 7_200),
        (1_774_745_999, 2, "Europe/Berlin", "2026-03-28", 1_774_659_600),  # an hour that is left out
        (1_774_746_000, 2, "Europe/Berlin", "2026-03-29", 1_774_746_000),
        (1_792_890_000, 2, "Europe/Berlin", "2026-10-25", 1_792_886_400),  # an hour that comes twice: its first
    ],
)
def test_a_night_begins_at_its_hour(moment_s: int, hour: int, zone: str, night: str, begins_s: int) -> None:
    """Where the operator is, whatever its clocks do."""
    assert night_of(moment_s * 1000, hour, zone) == (night, begins_s * 1000)


class Ward:
    """An office, and services that look at it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.engine = office.engine

    def service(self, **doctor: Any) -> Nightly:
        """One that begins its work in the evening before."""
        config = self.office.config.model_copy(update={"doctor": Doctor(**doctor)})
        return Nightly(self.engine, config, NOW_MS)

    async def rows(self, table: sa.Table, *columns: str) -> list[tuple[Any, ...]]:
        """Of a table, in their order."""
        async with reading(self.engine) as conn:
            query = sa.select(*(table.c[name] for name in columns)).order_by(table.c.id)
            return [tuple(row) for row in await conn.execute(query)]

    async def spoil(self, by: int) -> None:
        """One line of the books says so much more."""
        async with self.engine.begin() as conn:
            first = sa.select(sa.func.min(postings.c.id)).scalar_subquery()
            spoilt = sa.update(postings).where(postings.c.id == first)
            await conn.execute(spoilt.values(amount_micros=postings.c.amount_micros + by))


@pytest.fixture
async def ward(office: Office) -> Ward:
    """With a payment in the books, and a webhook of the operator's."""
    boss = office.boss
    customer = await office.account(boss, 1, "customer", "customer")
    await boss.do("payment.make", account_id=customer, key="1", body={"amount": "5", "reason": "x"})
    await boss.do("webhook.make", account_id=1, url="https://x.example/", events=["doctor.failed"])
    return Ward(office)


def at(wall_ms: int) -> Any:
    """A clock that stands."""
    return lambda: Now(1_000_000, wall_ms)


async def test_a_fault_is_told_once_until_it_is_mended(ward: Ward) -> None:
    """Found, told by webhook and mail, still there the next night and not told again, mended, found anew: told anew."""
    service = ward.service()
    await ward.spoil(1)
    told = []
    for night, change in enumerate((0, 0, -1, 1)):
        await ward.spoil(change)
        report = await service.work(at(NIGHT_MS + night * DAY_MS))
        assert report is not None
        assert ("conservation" in {check.name for check in report.checks if not check.ok}) == (night != 2)
        bodies = [body for (body,) in await ward.rows(deliveries, "body")]
        told.append(sum('"check":"conservation"' in body and "doctor.failed" in body for body in bodies))
    assert told == [1, 1, 1, 2]
    runs = await ward.rows(doctor_runs, "night", "ok", "finished_ms")
    assert [(night, bool(ok)) for night, ok, _ in runs] == [(f"2026-09-{day}", False) for day in (22, 23, 24, 25)]
    found = [row for row in await ward.rows(doctor_faults, "name", "run_id", "seen_run_id", "mended_ms")
             if row[0] == "conservation"]  # fmt: skip
    assert found == [("conservation", 1, 2, NIGHT_MS + 2 * DAY_MS), ("conservation", 4, 4, 0)]
    letters = [(recipient, fields["count"]) for recipient, template, fields in
               await ward.rows(mails, "recipient", "template", "fields") if template == "doctor_failed"]  # fmt: skip
    assert [one[0] for one in letters] == [
        "boss@op.example"
    ] * 2  # the store is missing all the time: told the first time


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Speicher: es gibt keinen Speicher: starten Sie Kamailio (kemi.prestart legt ihn an)"),
        ("en", "store: there is no hot store: start Kamailio (kemi.prestart makes it)"),
        ("fr-CH", "store: there is no hot store: start Kamailio (kemi.prestart makes it)"),
    ],
)
async def test_its_mail_speaks_its_readers_language(ward: Ward, language: str, said: str) -> None:
    """What was found, whatever the template around it is."""
    async with ward.engine.begin() as conn:
        await conn.execute(sa.update(users).values(language=language))
    await ward.service().work(at(NIGHT_MS))
    async with reading(ward.engine) as conn:
        composer = Composer(conn, ward.office.config)
        rows = (await conn.execute(sa.select(mails).where(mails.c.template == "doctor_failed"))).all()
        await composer.load(rows)
        texts = [(await composer.letter(row)).text for row in rows]
    assert len(texts) == 1
    assert said in texts[0].splitlines()


def test_a_mail_that_an_older_release_left_in_the_queue() -> None:
    """Its text is whole already."""
    fields = {"faults": "store: there is no hot store", "count": "1"}
    assert values_of("doctor_failed", fields, {}, 0, Person("", "", "de"))["faults"] == "store: there is no hot store"


async def test_two_services_make_one_run(ward: Ward, database: str) -> None:
    """At the same moment, each with its own connections; a third one later finds it made."""
    other = open_engine(database)
    both = (ward.service(), Nightly(other, ward.office.config, NOW_MS))
    found = await asyncio.gather(*(one.work(at(NIGHT_MS)) for one in both))
    await other.dispose()
    assert sorted(one is None for one in found) == [False, True]
    assert await ward.service().work(at(NIGHT_MS + HOUR_MS)) is None
    assert len(await ward.rows(doctor_runs, "id")) == 1


async def test_a_killed_services_run_is_made_again_when_its_lease_is_over(ward: Ward) -> None:
    """Not before; and what the slow one would still write is not taken."""
    async with ward.engine.begin() as conn:
        row = {"night": "2026-09-22", "node": "gone", "started_ms": NIGHT_MS, "lease_until_ms": NIGHT_MS + LEASE_MS}
        await conn.execute(sa.insert(doctor_runs).values(**row, checks=[]))
    assert await ward.service().work(at(NIGHT_MS + LEASE_MS - 1)) is None
    assert await ward.service().work(at(NIGHT_MS + LEASE_MS)) is not None
    assert [(node, bool(end)) for node, end in await ward.rows(doctor_runs, "node", "finished_ms")] == [("local", True)]


@pytest.mark.parametrize(
    ("doctor", "moment_ms", "looks"),
    [
        ({}, NIGHT_MS, True),
        ({}, NIGHT_MS - 1, False),  # the first night of a ledger is one that begins under it
        ({"nightly": False}, NIGHT_MS, False),
        ({"hour": 4}, NIGHT_MS, False),
        ({"hour": 4, "zone": "Europe/Berlin"}, NIGHT_MS, True),
    ],
)
async def test_it_looks_when_it_is_told_to(ward: Ward, doctor: dict[str, Any], moment_ms: int, looks: bool) -> None:
    assert (await ward.service(**doctor).work(at(moment_ms)) is not None) == looks


async def test_the_operator_is_shown_runs_and_faults(ward: Ward) -> None:
    """By the API; others see none (the matrix asks them all)."""
    await ward.service().work(at(NIGHT_MS))
    boss = ward.office.boss
    run = (await boss.do("doctor-run.list"))["items"][0]
    assert (run["night"], run["ok"], run["failed"]) == ("2026-09-22", False, 1)
    shown = await boss.do("doctor-run.show", doctor_run_id=run["id"])
    broken = [check for check in shown["checks"] if not check["ok"]]
    assert [(check["name"], "there is no hot store" in check["detail"]) for check in broken] == [("store", True)]
    assert broken[0].keys() == {"name", "ok", "detail", "is_warning"}
    faults = (await boss.do("doctor-fault.list", query={"state": "standing"}))["items"]
    assert [(fault["name"], fault["run_id"], fault["mended_at"]) for fault in faults] == [("store", run["id"], None)]
    assert (await boss.do("doctor-fault.list", query={"state": "mended"}))["items"] == []


shares = st.tuples(st.integers(-(10**12), 10**12), st.integers(1, 100_000_000))


@pytest.fixture(scope="module")
def sums() -> sa.Engine:
    """A database to divide in: SQLite, whose division is that of PostgreSQL."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE commissions (base_micros, percent_millionths, micros, remainder)"))
    return engine


@given(shares, st.integers(-1, 1))
def test_the_database_knows_what_is_earned(sums: sa.Engine, share: tuple[int, int], off: int) -> None:
    """As Python does, to the hundred-millionth of a micro-unit, below nothing too; one more or less is wrong."""
    micros, remainder = earned(*share)
    row = dict(zip(("base_micros", "percent_millionths"), share, strict=True))
    with sums.begin() as conn:
        conn.execute(sa.text("DELETE FROM commissions"))
        names = ("base_micros", "percent_millionths", "micros", "remainder")
        values = ", ".join(str(one) for one in (*share, micros + off, remainder))
        conn.execute(sa.text(f"INSERT INTO commissions ({', '.join(names)}) VALUES ({values})"))
        found = conn.execute(sa.select(commissions.c.micros).where(_is_right())).all()
    assert (len(found) == 1) == (off == 0), row
