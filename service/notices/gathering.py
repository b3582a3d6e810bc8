"""A notice's life. Who is told is asked when it is due, some accounts at a time: their mails and how far it came are
written in one transaction, so that whoever dies tells nobody twice and leaves nobody out.

waiting → gathering → sending → done; cancelled until then; failed: nobody can tell what changes
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.permissions import Permission
from service.access.readers import readers_of
from service.commands.outbox import writing
from service.database.access_tables import mails
from service.database.engine import looking
from service.database.notice_tables import rate_notices
from service.database.tables import accounts, tariffs
from service.messages.composing import moment_text
from service.messages.concerned import Concerned
from service.notices.payers import concerned_of, told_by
from service.notices.telling import Changes, RatesGone, Told, told_of

TEMPLATE = "rate_change"
ACCOUNTS_AT_ONCE = 200
_C = rate_notices.c


class Gatherer:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, node: str, changes: Changes) -> None:
        self._engine = engine
        self._node = node
        self._changes = changes

    async def work(self, now_ms: int) -> bool:
        """One step of one notice; False: there is nothing to do."""
        left = sa.select(mails.c.id).where((mails.c.notice_id == _C.id) & (mails.c.state == "waiting"))
        over = (_C.state == "sending") & ~left.exists()
        due = ((_C.state == "waiting") & (_C.due_ms <= now_ms)) | (_C.state == "gathering") | over
        async with looking(self._engine) as conn:
            row = (await conn.execute(sa.select(rate_notices).where(due).order_by(_C.due_ms, _C.id).limit(1))).first()
            told = None if row is None or row.state != "waiting" else await told_of(conn, row)
        if row is None:
            return False
        if told is not None:
            await self._begin(row, told, now_ms)
        elif row.state == "gathering":
            await self._gather(row, now_ms)
        else:
            await self._move(row, {"state": "done", "done_ms": now_ms})
        return True

    async def _begin(self, row: Row[Any], told: Told, now_ms: int) -> None:
        """From now on it is fixed what it tells of."""
        try:
            found = await self._changes.of(told)
        except RatesGone as fault:
            await self._move(row, {"state": "failed", "reason": str(fault), "done_ms": now_ms})
            return
        values = {"state": "gathering", "before": told.before, "changes": len(found)}
        if found:
            values["effective_ms"] = min(one.from_s for one in found) * 1000
        else:
            values |= {"state": "done", "done_ms": now_ms}
        await self._move(row, values)

    async def _move(self, row: Row[Any], values: dict[str, Any]) -> None:
        """Unless it is another's, or called off, meanwhile."""
        async with writing(self._engine, self._node) as conn:
            await conn.execute(sa.update(rate_notices).where(_same(row)).values(**values, version=_C.version + 1))

    async def _gather(self, row: Row[Any], now_ms: int) -> None:
        """The next accounts."""
        async with looking(self._engine) as conn:
            tariff = (await conn.execute(sa.select(tariffs.c.name).where(tariffs.c.id == row.tariff_id))).scalar_one()
            query = told_by(row).where(accounts.c.id > row.position)
            ids = list((await conn.execute(query.limit(ACCOUNTS_AT_ONCE))).scalars())
            people = await readers_of(conn, ids, Permission.TARIFFS_READ)
            concerned = await concerned_of(conn, row, ids)
        letters = [
            {
                "account_id": number, "recipient": user.email, "template": TEMPLATE, "notice_id": row.id,
                "created_ms": now_ms,
                "fields": {
                    "user_id": user.id,
                    **said(tariff, row.changes, row.effective_ms, user.timezone),
                    **concerned.get(number, Concerned()).fields(),
                },
            }
            for number in ids
            for user in people[number]
        ]  # fmt: skip
        values = {
            "accounts": _C.accounts + len(ids),
            "unreached": _C.unreached + sum(not people[number] for number in ids),
            "state": "gathering" if len(ids) == ACCOUNTS_AT_ONCE else "sending",
            "position": ids[-1] if ids else row.position,
            "version": _C.version + 1,
        }
        async with writing(self._engine, self._node) as conn:
            moved = sa.update(rate_notices).where(_same(row)).values(**values)
            if (await conn.execute(moved.returning(_C.id))).first() is not None and letters:
                await conn.execute(sa.insert(mails), letters)


def _same(row: Row[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(_C.id == row.id, _C.version == row.version)


def said(tariff: str, changes: int, effective_ms: int, zone: str) -> dict[str, str]:
    """What stands in its mails, for a reader in a zone."""
    return {"tariff": tariff, "changes": str(changes), "effective": moment_text(effective_ms, zone)}
