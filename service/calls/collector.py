"""The collector: journal lines into the ledger, each exactly once.

One transaction takes a batch: records, charges, one entry of summed postings, sums of traffic and the position.
Killed anywhere, it begins again where its last commit was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi.store.queues import ALARM, ASKED, BANNED, SET_ASIDE
from service.accounts.storage import sellers_of
from service.calls.records import cdr_row, charge_rows, postings_of, take_rows
from service.calls.sums import add_calls, numbered
from service.calls.tail import Batch, Event, Position, read_batch, removable
from service.commands.outbox import UnknownNode, lock_node
from service.commands.rebuild import rebuild
from service.commission.accrual import accrue, charged_calls
from service.config import Config
from service.database.engine import reading
from service.database.tables import cdrs, charges, nodes
from service.edge.storage import take_bans
from service.fraud.alarms import take_alarms
from service.ledger import operations, rules, storage
from service.products import life
from service.products.grants import note_takes

BATCH_LINES = 500
ACTOR = "collector"


class Collector:
    """Of one node's journal."""

    def __init__(
        self, engine: AsyncEngine, config: Config, wonder: Callable[[Iterable[str]], None] | None = None
    ) -> None:
        """`wonder`: who is told of numbers that the call path asks about; None: nobody."""
        self._engine = engine
        self._config = config
        self._wonder = wonder
        self._folder = config.data_dir / "journal"

    async def collect(self, now_ms: int) -> int:
        """Takes the next batch; returns how many lines it had, 0: nothing new. Raises JournalGap, TornLine."""
        position = await self.position()
        batch = await asyncio.to_thread(read_batch, self._folder, position, BATCH_LINES)
        if not batch.events:
            return 0
        async with self._engine.begin() as conn:
            node = await lock_node(conn, self._config.node)
            if await self._position(conn) == position:  # else another collector was faster
                await self._post(conn, node.id, batch, now_ms)
        if self._wonder is not None:
            self._wonder(event["number"] for event in batch.events if event["e"] == ASKED)
        return len(batch.events)

    async def collect_all(self, now_ms: int) -> int:
        """Takes everything there is; returns how many lines."""
        total = 0
        while taken := await self.collect(now_ms):
            total += taken
        return total

    async def position(self) -> Position:
        """How far the ledger has read."""
        async with reading(self._engine) as conn:
            return await self._position(conn)

    async def _position(self, conn: AsyncConnection) -> Position:
        columns = (
            nodes.c.collected_epoch,
            nodes.c.collected_sequence,
            nodes.c.journal_file,
            nodes.c.journal_offset,
        )
        row = (await conn.execute(sa.select(*columns).where(nodes.c.name == self._config.node))).first()
        if row is None:
            raise UnknownNode(self._config.node)
        return Position(*row)

    async def _post(self, conn: AsyncConnection, node_id: int, batch: Batch, now_ms: int) -> None:
        await post_calls(conn, node_id, [event for event in batch.events if "cdr" in event], now_ms)
        answers = [event for event in batch.events if event["e"] == SET_ASIDE]
        await operations.decide(conn, self._config.node, answers, now_ms)
        alarms = [event for event in batch.events if event["e"] == ALARM]
        await take_alarms(conn, self._config.node, alarms, now_ms)
        await life.decide(conn, self._config.node, answers, now_ms)
        await take_bans(conn, [event for event in batch.events if event["e"] == BANNED], now_ms)
        last = batch.events[-1]
        if last["e"] == "opened":
            await rebuild(conn, self._config, last["epoch"], now_ms)
        position = batch.position
        await conn.execute(
            sa.update(nodes)
            .where(nodes.c.id == node_id)
            .values(
                collected_epoch=position.epoch,
                collected_sequence=position.sequence,
                journal_file=position.file,
                journal_offset=position.offset,
            )
        )

    async def tidy(self) -> list[Path]:
        """Removes journal files that nobody needs any more; returns them."""
        gone = await asyncio.to_thread(removable, self._folder, await self.position())
        for path in gone:
            await asyncio.to_thread(path.unlink)
        return gone


async def post_calls(conn: AsyncConnection, node_id: int, events: list[Event], now_ms: int) -> None:
    """Records, charges, entry and sums of the calls that the ledger doesn't know yet."""
    fresh = await _unknown(conn, events)
    if not fresh:
        return
    entry_id = await _post_entry(conn, node_id, fresh, now_ms)
    rows = [
        cdr_row(event["cdr"], node_id=node_id, epoch=event["epoch"], sequence=event["seq"], entry_id=entry_id)
        for event in fresh
    ]
    inserted = await conn.execute(sa.insert(cdrs).returning(cdrs.c.id, cdrs.c.call), rows)
    ids = {call: cdr_id for cdr_id, call in inserted}
    lines = [row for event in fresh for row in charge_rows(ids[event["cdr"]["call"]], event["cdr"])]
    if lines:
        await conn.execute(sa.insert(charges), lines)
    await note_takes(conn, [row for event in fresh for row in take_rows(ids[event["cdr"]["call"]], event["cdr"])])
    await add_calls(conn, numbered(conn, ids.values()))
    await accrue(conn, charged_calls((event["cdr"] for event in fresh), ids), now_ms)


async def _unknown(conn: AsyncConnection, events: list[Event]) -> list[Event]:
    """Those whose call has no record: the node's lock keeps anybody else from adding one meanwhile."""
    by_call = {event["cdr"]["call"]: event for event in events}
    known = await conn.execute(sa.select(cdrs.c.call).where(cdrs.c.call.in_(list(by_call))))
    for (call,) in known:
        del by_call[call]
    return list(by_call.values())


async def _post_entry(conn: AsyncConnection, node_id: int, events: list[Event], now_ms: int) -> int | None:
    postings = postings_of(event["cdr"] for event in events)
    if not postings:
        return None
    batch = rules.Batch(node_id, events[0]["epoch"], events[0]["seq"], events[-1]["seq"])
    said = f"{len(events)} calls"
    charged = rules.Entry(rules.CHARGES, ACTOR, said, now_ms, tuple(postings), batch=batch)
    moved = await _handed_over(conn, events)
    after = [rules.Entry(rules.MOVE, ACTOR, said, now_ms, moved)] if moved else []
    return (await storage.post_entries(conn, [charged, *after]))[0]


async def _handed_over(conn: AsyncConnection, events: list[Event]) -> tuple[rules.Posting, ...]:
    """Of calls that ran on when their accounts came to other sellers."""
    sold = [charge for event in events for charge in event["cdr"]["charges"] if charge["micros"]]
    sellers = await sellers_of(conn, {charge["account"] for charge in sold})
    return rules.sum_postings(
        line
        for charge in sold
        for line in rules.handed_over(
            charge["seller"], sellers[charge["account"]], -charge["micros"], charge["currency"]
        )
    )
