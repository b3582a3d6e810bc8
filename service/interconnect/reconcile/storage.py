"""Comparisons as they are kept: what was found by class, the differences, and how a partner's files are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_sqlite
from service.database.interconnect_tables import differences, partner_answers, reconciliations
from service.database.tables import cdrs
from service.interconnect.reconcile.matching import NONE, Comparison, Pair
from service.interconnect.reconcile.sides import Answers, Ours, Theirs
from service.interconnect.reconcile.worker import Done

KEPT_MAX = 200_000
"""Differences of a comparison; a file with more is another partner's, and its sums tell that."""
ROWS_AT_ONCE = 1_000


async def answers_of(conn: AsyncConnection, account_id: int, direction: str) -> Answers:
    """What is known about a partner's files."""
    where = (partner_answers.c.account_id == account_id) & (partner_answers.c.direction == direction)
    record = (await conn.execute(sa.select(partner_answers.c.record).where(where))).scalar()
    return Answers({}) if record is None else Answers.from_record(record)


async def keep_answers(conn: AsyncConnection, account_id: int, direction: str, answers: Answers, now_ms: int) -> None:
    """For the next file."""
    insert: Any = sqlite.insert(partner_answers) if is_sqlite(conn) else postgresql.insert(partner_answers)
    values = {"record": answers.to_record(), "changed_ms": now_ms}
    fresh = insert.values(account_id=account_id, direction=direction, **values)
    await conn.execute(fresh.on_conflict_do_update(index_elements=["account_id", "direction"], set_=values))


class Kept(NamedTuple):
    """A comparison to be kept."""

    values: dict[str, Any]
    """Of its row, but for what was found."""
    done: Done
    ours: Ours


async def keep(conn: AsyncConnection, kept: Kept) -> Row[Any]:
    """Its row, with the differences."""
    found = kept.done.found
    pairs = found.differences[:KEPT_MAX]
    values = kept.values | {"told": told_of(kept.done), "kept": len(pairs), "differences": len(found.differences)}
    made = await conn.execute(sa.insert(reconciliations).values(**values).returning(reconciliations))
    row: Row[Any] = made.one()
    for first in range(0, len(pairs), ROWS_AT_ONCE):
        part = pairs[first : first + ROWS_AT_ONCE]
        keys = await _keys(conn, [kept.ours.ids[pair.ours] for pair in part if pair.ours != NONE])
        rows = list(_rows(part, row.id, kept.ours, kept.done.theirs, keys))
        await conn.execute(sa.insert(differences), rows)
    return row


async def _keys(conn: AsyncConnection, numbers: list[int]) -> dict[int, str]:
    found = await conn.execute(sa.select(cdrs.c.id, cdrs.c.call).where(cdrs.c.id.in_(numbers)))
    return {row.id: row.call for row in found}


def _rows(pairs: list[Pair], number: int, ours: Ours, theirs: Theirs, keys: dict[int, str]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        row: dict[str, Any] = {"reconciliation_id": number, "kind": pair.kind.value, "shift_ms": pair.shift_ms}
        row |= dict.fromkeys(("cdr_id", "our_ms", "their_ms", "our_duration_ms", "their_duration_ms"))
        row |= {"call": "", "line": 0, "twin_line": 0, "our_micros": 0, "their_micros": 0}
        if pair.ours != NONE:
            one = pair.ours
            row |= {"cdr_id": ours.ids[one], "call": keys.get(ours.ids[one], ""), "our_ms": ours.answer_ms[one]}
            row |= {"our_duration_ms": ours.duration_ms[one], "our_micros": ours.amount_micros[one]}
        if pair.theirs != NONE:
            one = pair.theirs
            row |= {"line": theirs.lines[one], "their_ms": theirs.at_ms[one]}
            row |= {"their_duration_ms": theirs.duration_ms[one]}
            row["their_micros"] = theirs.amount_micros[one] if theirs.amount_micros else 0
            row["twin_line"] = theirs.lines[pair.twin] if pair.twin != NONE else 0
        row["called"] = ours.called[pair.ours] if pair.ours != NONE else theirs.called[pair.theirs]
        row["caller"] = _caller(pair, ours, theirs)
        yield row


def _caller(pair: Pair, ours: Ours, theirs: Theirs) -> str:
    if pair.ours != NONE:
        return ours.callers[pair.ours]
    return theirs.callers[pair.theirs] if theirs.callers else ""


def told_of(done: Done) -> dict[str, Any]:
    """How the file was understood, and what came of it by class: as JSON."""
    found: Comparison = done.found
    reading, theirs = found.reading, done.theirs
    return {
        "basis": reading.basis,
        "measure": reading.measure,
        "clock_ms": reading.clock_ms,
        "shifts": [segment._asdict() for segment in reading.segments],
        "columns": done.answers.columns,
        "notices": [*theirs.notices, *found.notices],
        "rows": len(theirs.lines),
        "unanswered": theirs.unanswered,
        "outside": found.outside,
        "amounts": bool(theirs.amount_micros),
        "classes": {kind.value: sums._asdict() for kind, sums in found.sums.items()},
    }
