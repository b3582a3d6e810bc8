"""Credit notes: an invoice taken back, as a whole, by lines, or as far as its calls were rated again.

What notes of one invoice come to is told from their sum: the taxes of all that is credited so far, less those of what
was credited before. So the last one closes the invoice to the micro-unit, however many there were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.accounts.storage import sellers_of
from service.billing.allocation import wait_again
from service.billing.assess import rate_of, write_taxes
from service.billing.collect import changes
from service.billing.currencies import decimals_of
from service.billing.dunning.barring import lift_paid
from service.billing.issue import commands_of
from service.billing.rests import most_of
from service.billing.states import PAID, Standing, state_of
from service.billing.taxing import LEVY, Group, Rates, Share, Taxed, shared_out, tax, to_minor
from service.commands.outbox import enqueue_all
from service.commission.accrual import Credited, take_back_lines
from service.config import Config
from service.database.billing_tables import (
    invoice_calls,
    invoice_corrections,
    invoice_lines,
    invoice_taxes,
    invoices,
)
from service.database.engine import is_sqlite
from service.database.seller_tables import credit_note_numberings
from service.faults import Fault
from service.ledger.by import By
from service.ledger.rules import BALANCE, CREDIT_NOTE, REVENUE, TAX, Entry, Posting, handed_over, sum_postings
from service.ledger.storage import post_entry
from service.sellers.numbers import take_numbers


class CreditRefused(Fault):
    """This can't be credited. Nothing was."""

    def __init__(self, said: str, at: int | None = None) -> None:
        super().__init__(said)
        self.at = at
        """Which of the wanted lines, from 0; None: all of it."""


class Wanted(NamedTuple):
    """What of a line is taken back."""

    line_id: int
    amount_micros: int
    """As the ledger has it, with the taxes that prices have in them; of a line below zero also below zero."""


class _Part(NamedTuple):
    """A line of the note."""

    line: Row[Any]
    """Of the invoice."""
    amount_micros: int
    calls: Sequence[Row[Any]] = ()
    """Whose charges fell since: the ledger has it already. Empty: the note posts it."""


async def credit(
    conn: AsyncConnection,
    config: Config,
    invoice: Row[Any],
    wanted: Sequence[Wanted] | None,
    by: By,
    reason: str,
    now_ms: int,
) -> int:
    """Issues a note for lines, or for all that is left of the invoice; returns its id. Raises CreditRefused.

    The caller holds the locks of the node, the account and the invoice's row.
    """
    _check(invoice)
    lines = await _lines(conn, invoice.id)
    left = await left_of(conn, invoice, lines)
    if wanted is None:
        parts = [_Part(line, left[line.id]) for line in lines.values() if left[line.id]]
    else:
        parts = []
        for at, one in enumerate(wanted):
            parts.append(_part(lines, left, one, at))
            left[one.line_id] -= one.amount_micros  # a line may be named again
    return await _note(conn, config, invoice, lines, parts, by, reason, now_ms)


async def credit_corrections(
    conn: AsyncConnection, config: Config, invoice: Row[Any], by: By, reason: str, now_ms: int
) -> int:
    """Issues a note for what calls on the invoice were charged too much, as re-rating has posted it."""
    _check(invoice)
    lines = await _lines(conn, invoice.id)
    changed = changes([invoice.account_id]).subquery()
    fallen = (changed.c.invoice_id == invoice.id) & (changed.c.delta_micros < 0)
    rows = (await conn.execute(sa.select(changed).where(fallen).order_by(changed.c.line_id))).all()
    parts = []
    for line_id, calls in groupby(rows, key=lambda row: row.line_id):
        of = list(calls)
        parts.append(_Part(lines[line_id], -sum(row.delta_micros for row in of), of))
    return await _note(conn, config, invoice, lines, parts, by, reason, now_ms)


def _check(invoice: Row[Any]) -> None:
    if invoice.kind != "invoice" or invoice.number is None:
        raise CreditRefused("only an invoice that was issued is credited: a draft is made void")


async def _lines(conn: AsyncConnection, invoice_id: int) -> dict[int, Row[Any]]:
    query = sa.select(invoice_lines).where(invoice_lines.c.invoice_id == invoice_id).order_by(invoice_lines.c.position)
    return {row.id: row for row in await conn.execute(query)}


async def left_of(conn: AsyncConnection, invoice: Row[Any], lines: Mapping[int, Row[Any]]) -> dict[int, int]:
    """Of each of these lines what was neither credited nor taken back by re-rating, billed or not yet."""
    left = {number: line.amount_micros for number, line in lines.items()}
    for number, micros in (await _credited(conn, invoice.id)).items():
        if number in left:
            left[number] -= micros
    changed = changes([invoice.account_id]).subquery()
    waiting = sa.select(changed.c.line_id, sa.func.sum(changed.c.delta_micros)).group_by(changed.c.line_id)
    fallen: defaultdict[int, int] = defaultdict(int)
    for query in (_corrected(invoice.id), waiting.where(changed.c.line_id.in_(list(lines)))):
        for number, micros in await conn.execute(query):
            fallen[number] += int(micros)
    for number in left:
        left[number] += min(0, fallen[number])
    most = await most_of(conn, lines)
    return {number: min(micros, most.get(number, micros)) if micros > 0 else micros for number, micros in left.items()}


def _corrected(invoice_id: int) -> sa.Select[Any]:
    """By line, what its calls were corrected by on later invoices."""
    return (
        sa.select(invoice_calls.c.line_id, sa.func.sum(invoice_corrections.c.delta_micros))
        .join(
            invoice_corrections,
            (invoice_corrections.c.cdr_id == invoice_calls.c.cdr_id)
            & (invoice_corrections.c.level == invoice_calls.c.level),
        )
        .join(invoices, (invoices.c.id == invoice_corrections.c.invoice_id) & (invoices.c.kind == "invoice"))
        .where((invoice_calls.c.invoice_id == invoice_id) & invoice_calls.c.line_id.is_not(None))
        .group_by(invoice_calls.c.line_id)
    )


async def _credited(conn: AsyncConnection, invoice_id: int) -> dict[int, int]:
    """By line of the invoice, what earlier notes have taken back."""
    key = invoice_lines.c.credits_line_id
    query = sa.select(key, sa.func.sum(invoice_lines.c.amount_micros)).group_by(key)
    query = query.join(invoices, invoices.c.id == invoice_lines.c.invoice_id)
    rows = await conn.execute(query.where((invoices.c.refers_to_id == invoice_id) & key.is_not(None)))
    return {row[0]: int(row[1]) for row in rows}


def _part(lines: Mapping[int, Row[Any]], left: Mapping[int, int], wanted: Wanted, at: int) -> _Part:
    line = lines.get(wanted.line_id)
    if line is None:
        raise CreditRefused(f"line {wanted.line_id} is not on this invoice", at)
    rest = left[line.id]
    if not 0 < wanted.amount_micros * (1 if rest > 0 else -1) <= abs(rest):
        raise CreditRefused(f"line {line.position}: {format_micros(rest)} of it can be credited", at)
    return _Part(line, wanted.amount_micros)


async def _note(
    conn: AsyncConnection,
    config: Config,
    invoice: Row[Any],
    lines: Mapping[int, Row[Any]],
    parts: Sequence[_Part],
    by: By,
    reason: str,
    now_ms: int,
) -> int:
    if not parts:
        raise CreditRefused("nothing of this invoice is left to be credited")
    groups = await _taxes(conn, invoice, lines, parts)
    if sum(group.total_micros for group in groups) < 0:
        raise CreditRefused("this would take more from the account than it gives back: leave the lines below zero out")
    nets = _nets(parts, groups)
    decimals = decimals_of(invoice.currency)
    rests = {number: rest for number in range(len(groups)) if (rest := _rest(number, groups, parts, nets, decimals))}
    groups = [_with_rest(group, rests.get(number, 0)) for number, group in enumerate(groups)]
    note_id = await _draft(conn, invoice, by, reason, now_ms)
    await write_taxes(conn, {note_id: groups})
    await _write_lines(conn, note_id, parts, nets, now_ms)
    await _write_rests(conn, note_id, parts, rests)
    await _issue(conn, config, invoice, note_id, parts, by, now_ms)
    return note_id


async def _taxes(
    conn: AsyncConnection, invoice: Row[Any], lines: Mapping[int, Row[Any]], parts: Sequence[_Part]
) -> list[Taxed]:
    """By the invoice's own rates, in its groups."""
    rates: defaultdict[int, list[Any]] = defaultdict(list)
    order = (invoice_taxes.c.tax_group, invoice_taxes.c.position)
    for row in await conn.execute(
        sa.select(invoice_taxes).where(invoice_taxes.c.invoice_id == invoice.id).order_by(*order)
    ):
        rates[row.tax_group].append(rate_of(row))
    sums: defaultdict[int, int] = defaultdict(int)
    for number, micros in (await _credited(conn, invoice.id)).items():
        sums[lines[number].tax_group] += micros
    before = _tax(rates, sums, invoice.currency)
    for part in parts:
        sums[part.line.tax_group] += part.amount_micros
    return [_less(one, other) for one, other in zip(_tax(rates, sums, invoice.currency), before, strict=True)]


def _tax(rates: Mapping[int, list[Any]], sums: Mapping[int, int], currency: str) -> list[Taxed]:
    groups = [Group(sums.get(number, 0), Rates(of)) for number, of in sorted(rates.items())]
    return tax(groups, decimals_of(currency))


def _less(one: Taxed, other: Taxed) -> Taxed:
    shares = tuple(
        Share(mine.rate, mine.base_micros - theirs.base_micros, mine.tax_micros - theirs.tax_micros)
        for mine, theirs in zip(one.shares, other.shares, strict=True)
    )
    return Taxed(one.net_micros - other.net_micros, one.rounding_micros - other.rounding_micros, shares)


def _rest(number: int, groups: Sequence[Taxed], parts: Sequence[_Part], nets: Sequence[int], decimals: int) -> int:
    """What is wanting on the lines of a rate of VAT so that, rounded, they are what this note takes back of it.

    Notes before this one were rounded, too. It is told of the first group that has the rate and lines.
    """
    alike = {at for at, group in enumerate(groups) if _vat(group) == _vat(groups[number])}
    own = [at for at, part in enumerate(parts) if part.line.tax_group in alike]
    if not own or number != min(parts[at].line.tax_group for at in own):
        return 0
    told = sum(nets[at] for at in own)
    right = sum(groups[at].net_micros + groups[at].rounding_micros for at in alike)
    return 0 if to_minor(told, decimals) == right else right - told


def _vat(group: Taxed) -> tuple[str, int]:
    (found,) = {(one.rate.category, one.rate.percent_millionths) for one in group.shares if one.rate.category != LEVY}
    return found


def _with_rest(group: Taxed, micros: int) -> Taxed:
    return group._replace(net_micros=group.net_micros + micros, rounding_micros=group.rounding_micros - micros)


async def _write_rests(conn: AsyncConnection, note_id: int, parts: Sequence[_Part], rests: Mapping[int, int]) -> None:
    """A line each, which takes back no line of the invoice."""
    rows = [
        {
            "invoice_id": note_id, "position": position, "kind": "adjustment", "description": "Rounding",
            "service": next(part.line.service for part in parts if part.line.tax_group == number),
            "amount_micros": micros, "net_micros": micros, "tax_group": number,
        }
        for position, (number, micros) in enumerate(rests.items(), len(parts) + 1)
    ]  # fmt: skip
    if rows:
        await conn.execute(sa.insert(invoice_lines), rows)


_COPIED = ("seller_id", "account_id", "currency", "language", "zone", "period_from_ms", "period_to_ms")


async def _draft(conn: AsyncConnection, invoice: Row[Any], by: By, reason: str, now_ms: int) -> int:
    values = {name: getattr(invoice, name) for name in (*_COPIED, "seller", "buyer")}
    values |= {"kind": "credit_note", "refers_to_id": invoice.id, "reason": reason, "actor": by.name}
    insert = sa.insert(invoices).values(**values, created_ms=now_ms)
    return int((await conn.execute(insert.returning(invoices.c.id))).scalar_one())


_OF_LINE = (
    "service", "description", "destination", "caller", "terms", "exchange", "tax_group", "tax_set_id", "period_from_ms",
    "period_to_ms",
)  # fmt: skip


async def _write_lines(
    conn: AsyncConnection, note_id: int, parts: Sequence[_Part], nets: Sequence[int], now_ms: int
) -> None:
    rows = [
        {"invoice_id": note_id, "position": position, **_columns(part, net)}
        for position, (part, net) in enumerate(zip(parts, nets, strict=True), 1)
    ]
    # SQLite numbers rows as they stand in the statement: told to see to it, SQLAlchemy would send it one by one.
    insert = sa.insert(invoice_lines).returning(invoice_lines.c.id, sort_by_parameter_order=not is_sqlite(conn))
    ids = sorted((await conn.execute(insert, rows)).scalars())
    told = list(zip(ids, parts, strict=True))
    corrected = [
        {
            "invoice_id": note_id, "cdr_id": row.cdr_id, "level": row.level, "delta_micros": row.delta_micros,
            "line_id": line_id,
        }
        for line_id, part in told
        for row in part.calls
    ]  # fmt: skip
    if corrected:
        await conn.execute(sa.insert(invoice_corrections), corrected)
    credited = [
        Credited(line_id, part.line.id, part.line.item_id, part.line.amount_micros, part.amount_micros)
        for line_id, part in told
        if not part.calls
    ]
    await take_back_lines(conn, credited, now_ms)


def _columns(part: _Part, net_micros: int) -> dict[str, Any]:
    """Of a line of the note; what is counted stands there if all of it is taken back."""
    line, whole = part.line, part.amount_micros == part.line.amount_micros
    counted = {name: getattr(line, name) if whole else 0 for name in ("duration_ms", "billed_s")}
    values = {name: getattr(line, name) for name in _OF_LINE} | counted
    values |= {"kind": "correction" if part.calls else line.kind, "quantity": line.quantity if whole else 1}
    return values | {"amount_micros": part.amount_micros, "net_micros": net_micros, "credits_line_id": line.id}


def _nets(parts: Sequence[_Part], groups: Sequence[Taxed]) -> list[int]:
    """Of each line, without the taxes that its price has in it."""
    found = [part.amount_micros for part in parts]
    for number, group in enumerate(groups):
        own = [at for at, part in enumerate(parts) if part.line.tax_group == number]
        shares = shared_out([found[at] for at in own], group.net_micros)
        for at, net in zip(own, shares, strict=True):
            found[at] = net
    found[-1] += sum(group.net_micros for group in groups) - sum(found)  # a tax's minor unit went to another group
    return found


async def _issue(
    conn: AsyncConnection,
    config: Config,
    invoice: Row[Any],
    note_id: int,
    parts: Sequence[_Part],
    by: By,
    now_ms: int,
) -> None:
    note = (await conn.execute(sa.select(invoices).where(invoices.c.id == note_id))).one()
    series, seller_now = credit_note_numberings, (await sellers_of(conn, [note.account_id]))[note.account_id]
    (number,) = await take_numbers(conn, note.seller_id, now_ms, config.timezone, 1, series)
    posted = sum(part.amount_micros for part in parts if part.calls)
    lines = sum_postings(
        (
            Posting(BALANCE, note.account_id, note.total_micros - posted, note.currency),
            Posting(REVENUE, note.seller_id, posted - note.net_micros - note.rounding_micros, note.currency),
            Posting(TAX, note.seller_id, -note.tax_micros, note.currency),
            *handed_over(note.seller_id, seller_now, note.total_micros - posted, note.currency),
        )
    )
    entry_id = None
    if lines:
        said = f"credit note {number} for invoice {invoice.number}: {note.reason}"
        entry_id = await post_entry(
            conn, Entry(CREDIT_NOTE, by.name, said, now_ms, lines, actor_account_id=by.account_id)
        )
        await enqueue_all(conn, config.node, commands_of(lines), now_ms=now_ms)
    values = {"state": PAID, "number": number, "entry_id": entry_id, "issued_ms": now_ms, "due_ms": now_ms}
    await conn.execute(
        sa.update(invoices).where(invoices.c.id == note_id).values(**values, paid_micros=note.total_micros)
    )
    if await _count(conn, invoice, note.total_micros, now_ms) == PAID:
        await lift_paid(conn, config.node, invoice.account_id, now_ms)
        await wait_again(conn, config.node, invoice, entry_id, now_ms)


async def _count(conn: AsyncConnection, invoice: Row[Any], micros: int, now_ms: int) -> str:
    """Returns the invoice's state."""
    credited = invoice.credited_micros + micros
    state = state_of(Standing(invoice.total_micros, invoice.paid_micros, credited, invoice.due_ms), now_ms)
    values = {"credited_micros": credited, "state": state, "version": invoice.version + 1}
    await conn.execute(sa.update(invoices).where(invoices.c.id == invoice.id).values(**values))
    return state
