"""Brings files to whom they are for: a folder, a server, a mailbox; again until it succeeds, always the same bytes."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.access_tables import mails
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import reading
from service.delivery.folder import place
from service.faults import Fault
from service.webhooks.posting import CLAIM_MS, FAULT_CHARACTERS_MAX, Message, Outcome, Poster, noted, told

AT_ONCE = 8
"""Files may be large."""
MAIL = "cdr_file"
"""The mail's template."""


_OF = (
    *(cdr_deliveries.c[name] for name in ("way", "target", "secret", "account_id", "password", "host_key")),
    cdr_deliveries.c.fault.label("fault_before"),
)
"""Of the delivery, beside each file."""


class Claim(NamedTuple):
    """A file that is one's own for a while."""

    row: Row[Any]
    before_ms: int
    """Until when it was somebody's who didn't come to an end with it; 0: nobody's."""


class Carrier:
    """Of one service. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._config = config
        self._poster = Poster(config)

    async def bring_due(self, now_ms: int) -> int:
        """One round; returns how many were tried."""
        claims = await self._claim(now_ms)
        outcomes = await asyncio.gather(*(self._bring(claim, now_ms) for claim in claims))
        for claim, outcome in zip(claims, outcomes, strict=True):
            await self._note(claim.row, outcome, now_ms)
        return len(claims)

    async def _claim(self, now_ms: int) -> list[Claim]:
        """What is due becomes this carrier's for a while."""
        active = sa.select(cdr_deliveries.c.id).where(cdr_deliveries.c.state == "active")
        due = (cdr_files.c.state == "waiting") & (cdr_files.c.next_ms <= now_ms) & (cdr_files.c.claimed_ms < now_ms)
        due &= cdr_files.c.delivery_id.in_(active)
        chosen = (
            sa.select(cdr_files.c.id, cdr_files.c.claimed_ms)
            .where(due)
            .order_by(cdr_files.c.next_ms, cdr_files.c.id)
            .limit(AT_ONCE)
        )
        async with reading(self._engine) as conn:
            if (await conn.execute(chosen.limit(1))).first() is None:
                return []
        async with self._engine.begin() as conn:
            before = {row.id: row.claimed_ms for row in await conn.execute(chosen.with_for_update(skip_locked=True))}
            claim = sa.update(cdr_files).where(cdr_files.c.id.in_(before) & due).values(claimed_ms=now_ms + CLAIM_MS)
            mine = list((await conn.execute(claim.returning(cdr_files.c.id))).scalars())
            query = sa.select(cdr_files, *_OF).join(cdr_deliveries, cdr_deliveries.c.id == cdr_files.c.delivery_id)
            rows = await conn.execute(query.where(cdr_files.c.id.in_(mine)).order_by(cdr_files.c.id))
            return [Claim(row, before[row.id]) for row in rows]

    async def _bring(self, claim: Claim, now_ms: int) -> Outcome:
        row = claim.row
        content = zlib.decompress(row.content)
        if row.way == "sftp":
            return await _put(self._config, claim, content)
        if row.way == "folder":
            return await asyncio.to_thread(_placed, self._config, row, content)
        if row.way == "webhook":
            named = {
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{row.name}"',
            }
            message = Message(row.target, row.secret, f"cdrs_{row.id}", content.decode(), named)
            return await self._poster.post(message, now_ms)
        return Outcome(0, "")  # a mail: it is written down with the note

    async def _note(self, row: Row[Any], outcome: Outcome, now_ms: int) -> None:
        """Unless it is another one's meanwhile. A mail is put into the queue in the same transaction: once."""
        mine = (cdr_files.c.id == row.id) & (cdr_files.c.claimed_ms == row.claimed_ms)
        values = noted(row.attempts, outcome, now_ms)
        async with self._engine.begin() as conn:
            done = await conn.execute(sa.update(cdr_files).where(mine).values(**values))
            if done.rowcount and row.fault_before != outcome.fault:
                stands = cdr_deliveries.c.id == row.delivery_id
                await conn.execute(sa.update(cdr_deliveries).where(stands).values(fault=outcome.fault))
            if done.rowcount and row.way == "mail":
                mail = {"account_id": row.account_id, "recipient": row.target, "template": MAIL}
                fields = {"file_id": row.id, "name": row.name, "calls": row.calls}
                await conn.execute(sa.insert(mails).values(**mail, fields=fields, created_ms=now_ms))

    async def close(self) -> None:
        """Ends its connections."""
        await self._poster.close()


async def _put(config: Config, claim: Claim, content: bytes) -> Outcome:
    from service.delivery import sftp  # noqa: PLC0415 -- a third of a second, for whoever delivers so

    row, private = claim.row, config.webhooks.private_addresses
    file = sftp.File(row.name, content, f"{row.claimed_ms}", f"{claim.before_ms}" if claim.before_ms else "")
    try:
        await sftp.Sftp(private=private).put(sftp.access_of(row, private=private), file)
    except Fault as fault:
        return Outcome(0, str(fault)[:FAULT_CHARACTERS_MAX])
    return Outcome(0, "")


def _placed(config: Config, row: Row[Any], content: bytes) -> Outcome:
    try:
        if config.cdr_files is None:
            config.cdr_folder.mkdir(parents=True, exist_ok=True)
        place(config.cdr_folder / row.target, row.name, content, f"{row.claimed_ms}")
    except OSError as fault:
        return Outcome(0, told(fault))
    return Outcome(0, "")
