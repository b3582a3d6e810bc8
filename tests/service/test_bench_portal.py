"""The bench's ledger is what the product would have written, and its figures are told: small, times left alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from scripts.benchmarks.portal import asking
from scripts.benchmarks.portal.asking import NO_ANSWER, Asker, Processes
from scripts.benchmarks.portal.cases import Case, is_case
from scripts.benchmarks.portal.files import CSV_LIMIT, FileFigure
from scripts.benchmarks.portal.hours import add_hours
from scripts.benchmarks.portal.making import make
from scripts.benchmarks.portal.measuring import Figure, at, measured, told
from scripts.benchmarks.portal.people import Person
from scripts.benchmarks.portal.plan import FIRST_CUSTOMER, Kept, kept, plan_of
from scripts.benchmarks.portal.running import CALLS as CALLS_RUNNING
from scripts.benchmarks.portal.running import CHANGED, RunningCalls
from scripts.benchmarks.portal.viewers import Viewed
from scripts.benchmarks.portal.wall import shift_ms
from service.accounts.rules import ROOT_ID
from service.calls.sums import DAY_MS, HOUR_MS, differing
from service.config import Config
from service.database.billing_tables import invoice_lines, invoices
from service.database.engine import is_sqlite, open_engine, reading
from service.database.tables import accounts, book_balances, cdrs, charges, entries, postings
from service.database.traffic_tables import call_sums, money_hourly
from tests.waiting import PATIENCE_S

CALLS, ACCOUNTS = 20_000, 2_000
NOW_MS = 1_795_000_000_000


async def _ledger(database: str, folder: Path) -> Config:
    ledger = Kept(folder, plan_of(CALLS, ACCOUNTS, NOW_MS), is_made=False)
    config = Config(run_dir=folder / "run", data_dir=folder, ratebook=folder / "rates", database=database)
    await make(ledger, config, lambda _: None)
    for _ in range(2):
        await add_hours(config)
    return config


async def test_the_ledger_adds_up(database: str, tmp_path: Path) -> None:
    """Hours, lines, balances, sums of subtrees, and invoices, each against what they are sums of; on both engines."""
    config = await _ledger(database, tmp_path)
    engine = open_engine(config.database_url)
    count, total = sa.func.count(), sa.func.sum
    async with reading(engine) as conn:

        async def one(query: sa.Select[tuple[int]]) -> int:
            return int((await conn.execute(query)).scalar_one() or 0)

        assert await one(sa.select(count).select_from(cdrs)) == CALLS
        assert await one(sa.select(count).select_from(accounts)) == ACCOUNTS
        charged = await one(sa.select(total(charges.c.charge_micros)).where(charges.c.level == 0))
        assert charged > 0
        by_code = (call_sums.c.account_id == ROOT_ID) & (call_sums.c.dimension == "code")
        assert await one(sa.select(total(call_sums.c.attempts)).where(by_code)) == CALLS
        bought = (call_sums.c.dimension == "trunk") & (call_sums.c.account_id >= FIRST_CUSTOMER)
        assert await one(sa.select(total(call_sums.c.spent_micros)).where(bought)) == charged
        assert await one(sa.select(total(postings.c.amount_micros))) == 0
        booked = sa.select(total(postings.c.amount_micros)).join(entries, entries.c.id == postings.c.entry_id)
        sold = booked.where(postings.c.book == "revenue", entries.c.kind == "charges")
        assert await one(sold) == await one(sa.select(total(charges.c.charge_micros)))
        earned = sa.select(total(money_hourly.c.amount_micros)).where(money_hourly.c.book == "revenue")
        assert await one(earned) == await one(sold)
        assert await one(sa.select(total(book_balances.c.amount_micros))) == 0
        lines = await one(sa.select(total(invoice_lines.c.net_micros)))
        assert lines == await one(sa.select(total(invoices.c.net_micros))) > 0
        odd = sa.select(count).select_from(charges).where(charges.c.charge_micros < 0)
        assert await one(odd) == 0
        times = {"since_ms": 0, "until_ms": 2 * NOW_MS}
        wrong = sa.text(differing(1, is_sqlite=is_sqlite(conn)))
        assert (await conn.execute(wrong, times)).first() is None
    async with engine.begin() as conn:
        await conn.execute(sa.update(call_sums).where(call_sums.c.account_id == FIRST_CUSTOMER).values(attempts=0))
        assert (await conn.execute(wrong, times)).first() is not None
    await engine.dispose()


def test_a_ledger_is_kept_while_its_today_is_busy(tmp_path: Path) -> None:
    """A plan whose traffic has ended, or another size, is another ledger."""
    first = kept(tmp_path, "sqlite", CALLS, ACCOUNTS)
    assert not first.is_made
    first.folder.mkdir()
    (first.folder / "plan.json").write_text(json.dumps(list(first.plan)))
    assert kept(tmp_path, "sqlite", CALLS, ACCOUNTS).is_made
    assert not kept(tmp_path, "sqlite", CALLS, ACCOUNTS + 1).is_made
    over = first.plan._replace(begin_ms=first.plan.begin_ms - 30 * 24 * HOUR_MS)
    (first.folder / "plan.json").write_text(json.dumps(list(over)))
    assert not kept(tmp_path, "sqlite", CALLS, ACCOUNTS).is_made


@pytest.mark.parametrize(("wall", "cpu", "by_cpu", "failed"), [(151.0, 1.0, False, 1), (151.0, 1.0, True, 0)])
def test_what_is_above_the_limit_is_told(
    capsys: pytest.CaptureFixture[str], wall: float, cpu: float, by_cpu: bool, failed: int
) -> None:
    """And counted."""
    figure = Figure(Case("cdr.list", "first page", "/x"), (1.0, wall), (1.0, cpu), 200)
    report = figure._replace(case=Case("/reports", "by account, 1 days", "/reports?by=account"))
    assert told("sqlite", "operator", [figure, report], by_cpu=by_cpu) == 2 * failed
    out = capsys.readouterr().out
    assert ('"over": "cdr.list", "how": "first page", "address": "/x"' in out) is bool(failed)


def test_what_fails_is_a_case_and_what_is_not_for_their_eyes_is_none() -> None:
    """So that an address that never answers is told, and doesn't end the round."""
    assert [is_case(status) for status in (200, NO_ANSWER, 503, 403, 404, 422)] == [True, True, True, *[False] * 3]


def test_an_address_that_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and the next one is asked on a new connection."""
    monkeypatch.setattr(asking, "_TIMEOUT_S", 0.1)
    with socket.create_server((asking.HOST, 0)) as silent:
        monkeypatch.setattr(asking, "PORT", silent.getsockname()[1])
        asker = Asker(Person("operator", 1, "x"), Processes(os.getpid(), None))
        figure = measured(asker, Case("cdr.list", "first page", "/x"), 3)
        assert figure.status == NO_ANSWER
        assert told("sqlite", "operator", [figure], by_cpu=True) == 1
        assert asker.get("/y")[0] == NO_ANSWER


@pytest.mark.parametrize(
    ("rows", "rows_per_s", "grown_kib", "is_over"),
    [(20_000, 50_000, 100, False), (20_000, 49_999, 100, True), (500, 900, 100, False), (500, 900, 129 << 10, True)],
)
def test_a_file_is_too_slow_or_takes_too_much(rows: int, rows_per_s: int, grown_kib: int, is_over: bool) -> None:
    """What is short may be slow, but not large in memory."""
    figure = FileFigure("/calls.csv", rows, rows_per_s, 10 * rows_per_s, grown_kib, CSV_LIMIT)
    assert figure.is_over(by_cpu=False) is is_over


@pytest.mark.parametrize(
    ("changed", "late_ms", "processors", "by_cpu", "is_over"),
    [
        (400, 149.0, 0.4, False, False),
        (400, 151.0, 0.4, False, True),
        (400, 151.0, 0.4, True, False),
        (400, 1.0, 0.6, True, True),
        (100, 1.0, 0.4, False, True),
    ],
)
def test_viewers_wait_or_see_what_is_over(
    changed: int,
    late_ms: float,
    processors: float,
    by_cpu: bool,
    is_over: bool,
) -> None:
    """Or keep the service busy."""
    assert Viewed(50, 500, changed, (1.0, late_ms), processors).is_over(by_cpu=by_cpu) is is_over


def test_calls_run_and_change(tmp_path: Path) -> None:
    """As many as ever, but others, however late one looks."""
    with RunningCalls(tmp_path, 1_000) as calls:
        first = _running(calls)
        deadline = time.monotonic() + PATIENCE_S
        while (later := _running(calls)) == first and time.monotonic() < deadline:
            time.sleep(0.05)
    changes, rest = divmod(len(first - later), CHANGED)
    assert (changes > 0, rest) == (True, 0)
    assert {len(first), len(later)} <= {CALLS_RUNNING - 1, CALLS_RUNNING, CALLS_RUNNING + 1}
    assert changes > 1 or len(later) != len(first)


def _running(calls: RunningCalls) -> set[bytes]:
    with calls.store.read() as txn:
        return {bytes(key) for key, _ in txn.cursor(calls.store.call)}


@pytest.mark.parametrize("hour", [0, 11, 23])
def test_it_is_any_hour_for_the_service(hour: int) -> None:
    """Of the same day, from its beginning on; in its own process alone."""
    by_ms = shift_ms(hour, time.time_ns() // 1_000_000)
    code = f"import time; from scripts.benchmarks.portal.wall import move; move({by_ms}); print(time.time_ns())"
    before_ms = time.time_ns() // 1_000_000
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    after_ms = time.time_ns() // 1_000_000
    assert before_ms + by_ms <= int(told.stdout) // 1_000_000 <= after_ms + by_ms
    assert shift_ms(hour, NOW_MS) + NOW_MS == NOW_MS // DAY_MS * DAY_MS + hour * HOUR_MS


def test_parts_of_a_list_of_times() -> None:
    """The value that so many of a hundred lie at or below."""
    assert at(range(1, 101), 0.95) == 95
    assert at([5.0], 0.95) == 5.0
