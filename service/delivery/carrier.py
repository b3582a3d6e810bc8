"""Brings files to whom they are for: a folder, a server, a mailbox; again until it succeeds, always the same bytes."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.attempts import Attempts
from service.config import Config
from service.database.access_tables import mails
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import reading
from service.delivery.folder import place
from service.faults import Fault
from service.webhooks.posting import CLAIM_MS, FAULT_CHARACTERS_MAX, Message, Outcome, Poster, noted, told

AT_ONCE = 8
"""Files may be large."""
AGAIN_MAX = 2
"""Of them for deliveries whose last file was not taken: servers that hang don't hold up those that answer."""
ATTEMPT_S = CLAIM_MS // 1000 - 10
"""Whatever its way, it is over before somebody else may take the file."""
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

    @property
    def is_again(self) -> bool:
        """Whether an earlier attempt may have left something."""
        return bool(self.before_ms or self.row.attempts)


class Carrier:
    """Of one service: an attempt at a time for each delivery, those of several beside each other. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config, clock_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._config = config
        self._clock_ms = clock_ms
        self._poster = Poster(config)
        self._disk = ThreadPoolExecutor(1, "cdr files")  # its own: a disk that hangs holds up no other work
        self._attempts = Attempts(self._claim, self._carry, most=AT_ONCE, again_max=AGAIN_MAX)

    async def bring_due(self) -> int:
        """Begins what is due, and waits for none of it; returns how many began. Raises what one of them failed with."""
        return await self._attempts.begin()

    async def settle(self) -> None:
        """Waits until nothing is on its way. Raises what one of them failed with."""
        await self._attempts.settle()

    async def _claim(self, is_again: bool) -> Claim | None:  # noqa: FBT001 -- as `Attempts` asks
        """A file that is due becomes this carrier's for a while. None: there is none, or somebody was faster."""
        now_ms = self._clock_ms()
        due, chosen = _due(now_ms), _chosen(now_ms, is_again=is_again)
        async with reading(self._engine) as conn:
            if (await conn.execute(chosen)).first() is None:
                return None
        async with self._engine.begin() as conn:
            found = (await conn.execute(chosen.with_for_update(skip_locked=True))).first()
            if found is None:
                return None
            claim = sa.update(cdr_files).where((cdr_files.c.id == found.id) & due)
            if not (await conn.execute(claim.values(claimed_ms=now_ms + CLAIM_MS))).rowcount:
                return None
            query = sa.select(cdr_files, *_OF).join(cdr_deliveries, cdr_deliveries.c.id == cdr_files.c.delivery_id)
            return Claim((await conn.execute(query.where(cdr_files.c.id == found.id))).one(), found.claimed_ms)

    async def _carry(self, claim: Claim) -> None:
        await self._note(claim.row, await self._bring_in_time(claim), self._clock_ms())

    async def _bring_in_time(self, claim: Claim) -> Outcome:
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await self._bring(claim)
        except TimeoutError:
            return Outcome(0, f"nothing came of it in {ATTEMPT_S} s: look whether {claim.row.target} can be written to")

    async def _bring(self, claim: Claim) -> Outcome:
        row = claim.row
        content = zlib.decompress(row.content)
        if row.way == "sftp":
            return await _put(self._config, claim, content)
        if row.way == "folder":
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._disk, _placed, self._config, row, content)
        if row.way == "webhook":
            named = {
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{row.name}"',
            }
            message = Message(row.target, row.secret, f"cdrs_{row.id}", content.decode(), named)
            return await self._poster.post(message, self._clock_ms())
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
        """Breaks off what is on its way: it is sent again, with the same bytes, when its claim is over."""
        await self._attempts.close()
        self._disk.shutdown(wait=False, cancel_futures=True)
        await self._poster.close()


def _due(now_ms: int) -> sa.ColumnElement[bool]:
    """Of no delivery of which a file is on its way."""
    waiting = cdr_files.c.state == "waiting"
    other = cdr_files.alias("other")
    busy = sa.select(other.c.delivery_id).where((other.c.state == "waiting") & (other.c.claimed_ms >= now_ms))
    return waiting & (cdr_files.c.next_ms <= now_ms) & cdr_files.c.delivery_id.not_in(busy)


def _chosen(now_ms: int, *, is_again: bool) -> sa.Select[Any]:
    """What is due longest. `is_again`: of deliveries whose last file was not taken, else of the others.

    Delivery and file are locked, neither is waited for.
    """
    fault = cdr_deliveries.c.fault
    active = (cdr_deliveries.c.state == "active") & (fault != "" if is_again else fault == "")
    query = sa.select(cdr_files.c.id, cdr_files.c.claimed_ms).where(active & _due(now_ms))
    query = query.join(cdr_deliveries, cdr_deliveries.c.id == cdr_files.c.delivery_id)
    return query.order_by(cdr_files.c.next_ms, cdr_files.c.id).limit(1)


async def _put(config: Config, claim: Claim, content: bytes) -> Outcome:
    from service.delivery import sftp  # noqa: PLC0415 -- a third of a second, for whoever delivers so

    row, private = claim.row, config.webhooks.private_addresses
    file = sftp.File(row.name, content, f"{row.claimed_ms}", is_again=claim.is_again)
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
