"""The doctor's nights: the service looks by itself, once a night whoever is at work, and tells each fault once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi.clock import Now
from service.access.permissions import Permission
from service.access.standing import roles_of_user, standing_of
from service.accounts.rules import ROOT_ID
from service.commands.outbox import writing
from service.config import Config
from service.database.access_tables import mails, users
from service.database.engine import is_sqlite, reading
from service.database.nightly_tables import doctor_faults, doctor_runs
from service.doctor import of_system
from service.doctor.evidence import Check, Report
from service.webhooks.events import Event, emit

LEASE_MS = 6 * 3_600_000
"""A run that hasn't ended by then is somebody else's: its service was killed, or the machine is far too slow."""
MAIL = "doctor_failed"
RECIPIENTS_MAX = 50


class Night(NamedTuple):
    """When the doctor looks."""

    name: str
    """The local date of its hour."""
    begins_ms: int


def night_of(now_ms: int, hour: int, zone: str) -> Night:
    """The last one that has begun. An hour that a clock leaves out begins with the next one."""
    local = datetime.fromtimestamp(now_ms // 1000, ZoneInfo(zone))
    day = local.date() if local.hour >= hour else local.date() - timedelta(days=1)
    begins = datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone))
    return Night(day.isoformat(), int(begins.astimezone(UTC).timestamp()) * 1000)


class _Claim(NamedTuple):
    """A run that is ours to make."""

    run_id: int
    lease_until_ms: int


class Nightly:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config, began_ms: int) -> None:
        self._engine = engine
        self._config = config
        self._began_ms = began_ms
        """When the service did."""

    async def work(self, clock: Callable[[], Now]) -> Report | None:
        """Makes the night's run if nobody has or does; None: there was nothing to do."""
        now_ms = clock().wall_ms
        night = night_of(now_ms, self._config.doctor.hour, self._config.doctor.zone or self._config.timezone)
        if not self._config.doctor.nightly or not await self._is_due(night, now_ms):
            return None
        async with writing(self._engine, self._config.node) as conn:
            claim = await _claim(conn, night, self._config.node, now_ms)
        if claim is None:
            return None
        report = await of_system(self._engine, self._config, clock())
        async with writing(self._engine, self._config.node) as conn:
            return report if await _keep(conn, claim, report, clock().wall_ms) else None

    async def _is_due(self, night: Night, now_ms: int) -> bool:
        """A ledger's first night is the first whole one: what begins at noon has nothing to prove yet."""
        async with reading(self._engine) as conn:
            runs = sa.select(doctor_runs.c.finished_ms, doctor_runs.c.lease_until_ms)
            run = (await conn.execute(runs.where(doctor_runs.c.night == night.name))).first()
            if run is not None:
                return bool(run.finished_ms == 0 and run.lease_until_ms <= now_ms)
            is_first = (await conn.execute(runs.limit(1))).first() is None
        return not is_first or night.begins_ms >= self._began_ms


async def _claim(conn: AsyncConnection, night: Night, node: str, now_ms: int) -> _Claim | None:
    """None: somebody else was quicker."""
    fresh = {"node": node, "started_ms": now_ms, "lease_until_ms": now_ms + LEASE_MS}
    insert: Any = sqlite.insert(doctor_runs) if is_sqlite(conn) else postgresql.insert(doctor_runs)
    made = insert.values(night=night.name, checks=[], **fresh).on_conflict_do_nothing()
    run_id = (await conn.execute(made.returning(doctor_runs.c.id))).scalar()
    if run_id is None:
        over = (doctor_runs.c.finished_ms == 0) & (doctor_runs.c.lease_until_ms <= now_ms)
        taken = sa.update(doctor_runs).where((doctor_runs.c.night == night.name) & over).values(**fresh)
        run_id = (await conn.execute(taken.returning(doctor_runs.c.id))).scalar()
    return None if run_id is None else _Claim(int(run_id), now_ms + LEASE_MS)


async def _keep(conn: AsyncConnection, claim: _Claim, report: Report, now_ms: int) -> bool:
    """Result, faults and who is told, in one transaction; False: the lease was lost, and it is another's result."""
    mine = (doctor_runs.c.id == claim.run_id) & (doctor_runs.c.lease_until_ms == claim.lease_until_ms)
    checks = [check.to_record() | {"said": check.said.to_record()} for check in report.checks]
    kept = sa.update(doctor_runs).where(mine & (doctor_runs.c.finished_ms == 0))
    if not (await conn.execute(kept.values(finished_ms=now_ms, ok=report.ok, checks=checks))).rowcount:
        return False
    broken = {check.name: check for check in report.checks if not check.ok}
    standing = sa.select(doctor_faults.c.id, doctor_faults.c.name).where(doctor_faults.c.mended_ms == 0)
    known = {row.name: row.id for row in await conn.execute(standing)}
    for name, number in known.items():
        fresh: dict[str, Any] = {"mended_ms": now_ms}
        if name in broken:
            fresh = {"detail": broken[name].detail, "seen_run_id": claim.run_id}
        await conn.execute(sa.update(doctor_faults).where(doctor_faults.c.id == number).values(**fresh))
    news = [check for name, check in broken.items() if name not in known]
    for check in news:
        row = {"name": check.name, "detail": check.detail, "run_id": claim.run_id, "seen_run_id": claim.run_id}
        await conn.execute(sa.insert(doctor_faults).values(**row, raised_ms=now_ms))
    if news:
        await _tell(conn, claim.run_id, news, now_ms)
    return True


async def _tell(conn: AsyncConnection, run_id: int, news: list[Check], now_ms: int) -> None:
    """Webhooks of each fault; the operator's people by one mail of all."""
    for check in news:
        data = {"doctor_run_id": run_id, "check": check.name, "detail": check.detail}
        await emit(conn, Event.DOCTOR_FAILED, ROOT_ID, data, now_ms)
    faults = [[check.name, check.said.to_record()] for check in news]
    letters = [
        {
            "account_id": ROOT_ID, "recipient": email, "template": MAIL, "created_ms": now_ms,
            "fields": {"user_id": user_id, "faults": faults, "count": str(len(news))},
        }
        for user_id, email in await _readers(conn)
    ]  # fmt: skip
    if letters:
        await conn.execute(sa.insert(mails), letters)


async def _readers(conn: AsyncConnection) -> list[tuple[int, str]]:
    """The operator's people who may see the doctor's runs."""
    where = (users.c.account_id == ROOT_ID) & (users.c.state == "active")
    rows = (await conn.execute(sa.select(users.c.id, users.c.email).where(where).order_by(users.c.id))).all()
    standing = await standing_of(conn, f"/{ROOT_ID}/")
    return [
        (row.id, row.email)
        for row in rows
        if Permission.SETTINGS_READ in standing.of_user(await roles_of_user(conn, row.id))
    ][:RECIPIENTS_MAX]
