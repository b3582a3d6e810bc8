"""What is left of lines of calls that credit notes took something back of: re-rating and notes share it.

A line's calls may have been corrected since, on lines of later invoices, which can be credited as well. Together notes
and corrections never give back more than the calls were charged: what is left is what they are charged now, less what
notes took back that is no correction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import invoice_calls, invoice_corrections, invoice_lines
from service.database.tables import charges

SERVICES_OF_CALLS = ("calls", "messages")
"""Kinds of lines that say what calls were charged."""
_own, _note = invoice_lines.alias("own"), invoice_lines.alias("note")
_CORRECTS = sa.exists().where(invoice_corrections.c.line_id == _note.c.id).correlate(_note)
"""A line of a note that says what re-rating has posted: charges have it in them."""


async def credited_of(conn: AsyncConnection, line_ids: Iterable[int]) -> dict[int, int]:
    """By line of calls what notes took back beside re-rating; lines that nothing was credited of are left out."""
    wanted = list(line_ids)
    given: defaultdict[int, int] = defaultdict(int)
    for query in (_directly(wanted), _by_corrections(wanted)) if wanted else ():
        for line_id, micros in await conn.execute(query):
            given[line_id] += int(micros)
    return given


async def rests_of(conn: AsyncConnection, given: Mapping[int, int]) -> dict[int, int]:
    """By line of calls what is left of it. `given`: what notes took back of each of these lines."""
    rows = (await conn.execute(_charged(list(given)))).all() if given else []
    return {line_id: int(micros) - given[line_id] for line_id, micros in rows}


async def most_of(conn: AsyncConnection, lines: Mapping[int, Row[Any]]) -> dict[int, int]:
    """By line of an invoice what can be credited of it at most, of those that share this with other lines."""
    calls = [number for number, line in lines.items() if line.kind in SERVICES_OF_CALLS]
    owners = await _owners_of(conn, [number for number, line in lines.items() if line.kind == "correction"])
    corrected = {owner for of in owners.values() for owner in of}
    rests = await rests_of(conn, dict.fromkeys(corrected, 0) | await credited_of(conn, {*calls, *corrected}))
    own = {number: [number] for number in calls if number in rests} | owners
    return {number: sum(max(0, rests[owner]) for owner in of) for number, of in own.items()}


async def _owners_of(conn: AsyncConnection, told_ids: list[int]) -> dict[int, list[int]]:
    """By line of corrections the lines that their calls were billed on."""
    if not told_ids:
        return {}
    same = (invoice_corrections.c.cdr_id == invoice_calls.c.cdr_id) & (
        invoice_corrections.c.level == invoice_calls.c.level
    )
    query = sa.select(invoice_corrections.c.line_id, invoice_calls.c.line_id).join(invoice_calls, same)
    of = invoice_corrections.c.line_id.in_(told_ids) & invoice_calls.c.line_id.is_not(None)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for told_id, owner in await conn.execute(query.where(of).distinct()):
        found[told_id].append(owner)
    return found


def _directly(line_ids: list[int]) -> sa.Select[Any]:
    of = _note.c.credits_line_id
    query = sa.select(of, sa.func.sum(_note.c.amount_micros)).where(of.in_(line_ids), ~_CORRECTS)
    return query.group_by(of)


def _by_corrections(line_ids: list[int]) -> sa.Select[Any]:
    """Of lines that say what became of a line's calls: all of it, though other calls may be on them, too."""
    told = (
        sa.select(_own.c.id.label("line_id"), invoice_corrections.c.line_id.label("told_id"))
        .join(invoice_calls, (invoice_calls.c.invoice_id == _own.c.invoice_id) & (invoice_calls.c.line_id == _own.c.id))
        .join(
            invoice_corrections,
            (invoice_corrections.c.cdr_id == invoice_calls.c.cdr_id)
            & (invoice_corrections.c.level == invoice_calls.c.level),
        )
        .where(_own.c.id.in_(line_ids))
        .distinct()
        .subquery()
    )
    query = sa.select(told.c.line_id, sa.func.sum(_note.c.amount_micros))
    query = query.join(_note, _note.c.credits_line_id == told.c.told_id).where(~_CORRECTS)
    return query.group_by(told.c.line_id)


def _charged(line_ids: list[int]) -> sa.Select[Any]:
    """What the calls of lines are charged now."""
    return (
        sa.select(_own.c.id, sa.func.sum(charges.c.charge_micros))
        .join(invoice_calls, (invoice_calls.c.invoice_id == _own.c.invoice_id) & (invoice_calls.c.line_id == _own.c.id))
        .join(charges, (charges.c.cdr_id == invoice_calls.c.cdr_id) & (charges.c.level == invoice_calls.c.level))
        .where(_own.c.id.in_(line_ids))
        .group_by(_own.c.id)
    )
