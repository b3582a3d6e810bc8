"""Which invoice a payment pays: the one that is named, then the oldest ones; what is left waits for the next.

Invoices of prepaid accounts are paid when they are issued: theirs are those from when they were postpaid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.dunning.barring import bar_again, lift_paid
from service.billing.states import OPEN_STATES, PAID, Standing, state_of
from service.database.billing_tables import invoices
from service.database.payment_tables import allocations, payment_rests
from service.database.tables import accounts


def is_allocated(account: Row[Any]) -> bool:
    """Whether payments of an account pay its invoices; of a prepaid one those from when it was postpaid."""
    return account.kind in {"customer", "reseller"}


async def take_payment(
    conn: AsyncConnection,
    node: str,
    account: Row[Any],
    entry_id: int,
    micros: int,
    now_ms: int,
    first_id: int | None = None,
) -> None:
    """A payment was posted. `first_id`: the invoice that it is for; None: none was named. Under the node's lock."""
    prepaid = account.billing == "prepaid"
    if prepaid and (await conn.execute(_open(account.id, first_id).limit(1))).first() is None:
        return
    row = {"entry_id": entry_id, "account_id": account.id, "currency": account.currency, "rest_micros": micros}
    await conn.execute(sa.insert(payment_rests).values(**row))
    await allocate(conn, node, account.id, now_ms, first_id)
    if prepaid:
        await nothing_waits(conn, account.id)


async def nothing_waits(conn: AsyncConnection, account_id: int) -> None:
    """Of a prepaid account: calls are paid by what is left."""
    own = payment_rests.c.account_id == account_id
    await conn.execute(sa.update(payment_rests).where(own).values(rest_micros=0))


async def allocate(conn: AsyncConnection, node: str, account_id: int, now_ms: int, first_id: int | None = None) -> None:
    """Pays what is open by what waits: the oldest payment, the invoice that is due first. Whoever was barred for what
    is paid now goes on at once. Under the node's lock.
    """
    waiting = list(await conn.execute(_waiting(account_id)))
    if not waiting:
        return
    settled = False
    for invoice in await conn.execute(_open(account_id, first_id)):
        left = _standing(invoice).open_micros
        paid = 0
        while waiting and left > paid:
            payment = waiting[0]
            part = min(left - paid, payment.rest_micros)
            await _allot(conn, payment.entry_id, invoice, part, now_ms)
            rest = await _lower(conn, payment.entry_id, part)
            waiting = waiting[1:] if not rest else list(await conn.execute(_waiting(account_id)))
            paid += part
        if paid:
            settled |= await _count(conn, invoice, paid, now_ms) == PAID
    if settled:
        await lift_paid(conn, node, account_id, now_ms)


async def wait_again(conn: AsyncConnection, node: str, before: Row[Any], entry_id: int | None, now_ms: int) -> None:
    """Some of an invoice was credited by an entry. What payments gave it beyond what is left of it pays others: the
    newest first; and so does what was credited beyond all that it asks. `before`: the invoice as it stood then. Under
    the node's lock.
    """
    invoice = await _invoice(conn, before.id)
    over = -_standing(invoice).open_micros
    for share in await _shares(conn, allocations.c.invoice_id == invoice.id) if over > 0 else ():
        part = min(over, share.micros)
        await _give_back(conn, share, part, now_ms)
        await _lower(conn, share.entry_id, -part)
        over -= part
        if not over:
            break
    fresh = over - max(0, -_standing(before).open_micros)
    if fresh > 0 and entry_id is not None and not invoice.prepaid:
        row = {"entry_id": entry_id, "account_id": invoice.account_id, "currency": invoice.currency}
        await conn.execute(sa.insert(payment_rests).values(**row, rest_micros=fresh))
    await allocate(conn, node, invoice.account_id, now_ms)
    own = (accounts.c.id == invoice.account_id) & (accounts.c.billing == "prepaid")
    if (await conn.execute(sa.select(accounts.c.id).where(own))).first() is not None:
        await nothing_waits(conn, invoice.account_id)


async def take_back(conn: AsyncConnection, node: str, account_id: int, entry_id: int, micros: int, now_ms: int) -> None:
    """So much of a payment went back: what of it waits, then what it gave to invoices, the newest first, which are open
    again; beyond that other money that waits. Whoever an invoice had barred is barred again. Under the node's lock.
    """
    own = sa.select(payment_rests.c.rest_micros).where(payment_rests.c.entry_id == entry_id)
    waits = min(micros, int((await conn.execute(own)).scalar() or 0))
    if waits:
        await _lower(conn, entry_id, waits)
    micros -= waits
    opened = []
    for share in await _shares(conn, allocations.c.entry_id == entry_id) if micros else ():
        part = min(micros, share.micros)
        if part:
            await _give_back(conn, share, part, now_ms)
            opened.append(share.invoice_id)
        micros -= part
    if micros:
        await take_from_waiting(conn, account_id, micros)
    await allocate(conn, node, account_id, now_ms)
    await bar_again(conn, node, account_id, opened, now_ms)


async def come_again(
    conn: AsyncConnection, node: str, account_id: int, entry_id: int, micros: int, now_ms: int
) -> None:
    """So much of a payment that went back came after all: it pays what is open. Under the node's lock."""
    known = sa.select(payment_rests.c.entry_id).where(payment_rests.c.entry_id == entry_id)
    if (await conn.execute(known)).first() is not None:
        await _lower(conn, entry_id, -micros)
        await allocate(conn, node, account_id, now_ms)


async def take_from_waiting(conn: AsyncConnection, account_id: int, micros: int) -> None:
    """Money that goes out again was not on an invoice, as far as there is such: the newest first."""
    query = _waiting(account_id).order_by(None).order_by(payment_rests.c.entry_id.desc())
    for row in (await conn.execute(query)).all():
        part = min(micros, row.rest_micros)
        await _lower(conn, row.entry_id, part)
        micros -= part
        if not micros:
            return


def _waiting(account_id: int) -> sa.Select[Any]:
    own = (payment_rests.c.account_id == account_id) & (payment_rests.c.rest_micros > 0)
    return sa.select(payment_rests).where(own).order_by(payment_rests.c.entry_id)


def _open(account_id: int, first_id: int | None) -> sa.Select[Any]:
    own = (invoices.c.account_id == account_id) & (invoices.c.kind == "invoice")
    query = sa.select(invoices).where(own & invoices.c.state.in_(OPEN_STATES))
    named = sa.case((invoices.c.id == first_id, 0), else_=1)
    return query.order_by(named, invoices.c.due_ms, invoices.c.id)


class _Share(NamedTuple):
    """What a payment has given an invoice, less what was taken back."""

    entry_id: int
    invoice_id: int
    micros: int


async def _shares(conn: AsyncConnection, of: sa.ColumnElement[bool]) -> list[_Share]:
    """The newest first."""
    total = sa.func.sum(allocations.c.amount_micros)
    query = sa.select(allocations.c.entry_id, allocations.c.invoice_id, total).where(of)
    query = query.group_by(allocations.c.entry_id, allocations.c.invoice_id).having(total > 0)
    rows = await conn.execute(query.order_by(sa.func.max(allocations.c.id).desc()))
    return [_Share(entry_id, invoice_id, int(micros)) for entry_id, invoice_id, micros in rows]


async def _invoice(conn: AsyncConnection, invoice_id: int) -> Row[Any]:
    return (await conn.execute(sa.select(invoices).where(invoices.c.id == invoice_id))).one()


async def _give_back(conn: AsyncConnection, share: _Share, micros: int, now_ms: int) -> None:
    invoice = await _invoice(conn, share.invoice_id)
    await _allot(conn, share.entry_id, invoice, -micros, now_ms)
    await _count(conn, invoice, -micros, now_ms)


def _standing(row: Row[Any]) -> Standing:
    return Standing(row.total_micros, row.paid_micros, row.credited_micros, row.due_ms)


async def _allot(conn: AsyncConnection, entry_id: int, invoice: Row[Any], micros: int, now_ms: int) -> None:
    row = {"entry_id": entry_id, "invoice_id": invoice.id}
    row |= {"account_id": invoice.account_id, "currency": invoice.currency}
    await conn.execute(sa.insert(allocations).values(**row, amount_micros=micros, created_ms=now_ms))


async def _lower(conn: AsyncConnection, entry_id: int, micros: int) -> int:
    """Returns what is left of the payment."""
    changed = sa.update(payment_rests).where(payment_rests.c.entry_id == entry_id)
    changed = changed.values(rest_micros=payment_rests.c.rest_micros - micros)
    return int((await conn.execute(changed.returning(payment_rests.c.rest_micros))).scalar_one())


async def _count(conn: AsyncConnection, invoice: Row[Any], micros: int, now_ms: int) -> str:
    """Returns the invoice's state."""
    standing = _standing(invoice)._replace(paid_micros=invoice.paid_micros + micros)
    state = state_of(standing, now_ms)
    values = {"paid_micros": standing.paid_micros, "state": state, "version": invoice.version + 1}
    await conn.execute(sa.update(invoices).where(invoices.c.id == invoice.id).values(**values))
    return state
