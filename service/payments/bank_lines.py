"""Lines of a bank's file become payments of whom they name. Each is taken once; what isn't clear waits for a person.

In the caller's transaction, under the node's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import lock_account, seller_of
from service.billing.states import OPEN_STATES
from service.database.billing_tables import invoices
from service.database.engine import is_sqlite
from service.database.payment_tables import bank_lines
from service.database.tables import accounts
from service.ledger.by import By
from service.ledger.payments import payment_problem
from service.ledger.postings import Booking, book
from service.ledger.reversals import Reversal, payment_like, reverse
from service.ledger.rules import PAYMENT
from service.payments.bank_file import BankLine
from service.payments.bank_words import accounts_named, invoices_named, squeezed

REASON_CHARACTERS_MAX = 200
OPEN, POSTED, IGNORED = "open", "posted", "ignored"
Invoices = Mapping[str, Row[Any]]
"""A seller's invoices that were open, by their squeezed numbers."""


class Paid(NamedTuple):
    """Whose a line is."""

    account: Row[Any]
    invoice_id: int | None = None


async def open_invoices(conn: AsyncConnection, seller_id: int) -> Invoices:
    """Of all its customers."""
    query: sa.Select[Any] = sa.select(invoices.c.id, invoices.c.number, invoices.c.account_id, invoices.c.currency)
    query = query.where((invoices.c.seller_id == seller_id) & (invoices.c.kind == "invoice"))
    rows = await conn.execute(query.where(invoices.c.state.in_(OPEN_STATES)))
    return {squeezed(row.number): row for row in rows}


async def take(
    conn: AsyncConnection, node: str, seller_id: int, line: BankLine, digest: str, known: Invoices, by: By, now_ms: int
) -> str:
    """Returns the state that it is in, or empty: it was taken before."""
    row = await _keep(conn, seller_id, line, digest, now_ms)
    if row is None:
        return ""
    if line.amount_micros <= 0:
        return await _settle_out(conn, seller_id, row, line)
    found = await _recognised(conn, seller_id, line, known)
    problem = line.odd or (found if isinstance(found, str) else await problem_of(conn, row, found))
    if not problem and isinstance(found, Paid) and await _looks_taken(conn, row, found):
        problem = "another file had such a line, and it is posted: is this the same money?"
    if problem or isinstance(found, str):
        await settle(conn, row.id, OPEN, problem)
        return OPEN
    await post(conn, node, row, found, by, now_ms)
    return POSTED


async def _settle_out(conn: AsyncConnection, seller_id: int, row: Row[Any], line: BankLine) -> str:
    """Money that went out is a payment that went back, perhaps, if it names a customer: a person says so."""
    if line.amount_micros and (line.odd or await _names_customer(conn, seller_id, line)):
        await settle(conn, row.id, OPEN, "money that went out: was a payment taken back?")
        return OPEN
    await settle(conn, row.id, IGNORED, "money that went out" if line.amount_micros else "no money")
    return IGNORED


async def _names_customer(conn: AsyncConnection, seller_id: int, line: BankLine) -> bool:
    for number in accounts_named(line.remittance):
        account = (await conn.execute(sa.select(accounts).where(accounts.c.id == number))).first()
        if account is not None and await seller_of(conn, account) == seller_id:
            return True
    return bool(await _settled(conn, seller_id, line))


async def _keep(conn: AsyncConnection, seller_id: int, line: BankLine, digest: str, now_ms: int) -> Row[Any] | None:
    insert: Any = sqlite.insert(bank_lines) if is_sqlite(conn) else postgresql.insert(bank_lines)
    values = {name: getattr(line, name) for name in ("booked_on", "amount_micros", "currency", "payer", "remittance")}
    once = insert.values(account_id=seller_id, digest=digest, created_ms=now_ms, **values)
    once = once.on_conflict_do_nothing(index_elements=["account_id", "digest"])
    return (await conn.execute(once.returning(bank_lines))).first()


async def _recognised(conn: AsyncConnection, seller_id: int, line: BankLine, known: Invoices) -> Paid | str:
    """Whose it is by what it names, or why that isn't clear."""
    named = await _still_open(conn, invoices_named(line.remittance, known))
    numbers = {row.account_id for row in named} or set(accounts_named(line.remittance))
    if not numbers:
        return await _settled(conn, seller_id, line) or "it names no invoice that is open, and no account"
    if len(numbers) > 1:
        return "it names several accounts"
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == numbers.pop()))).first()
    if account is None or await seller_of(conn, account) != seller_id:
        return "it names no customer of the seller"
    if any(row.currency != line.currency for row in named):
        return f"the invoice that it names is in {named[0].currency}"
    first = min(named, key=lambda row: row.id, default=None)
    return Paid(account, None if first is None else first.id)


async def _still_open(conn: AsyncConnection, named: list[Row[Any]]) -> list[Row[Any]]:
    """Those that no line before has paid."""
    where = invoices.c.id.in_([row.id for row in named]) & invoices.c.state.in_(OPEN_STATES)
    left = set((await conn.execute(sa.select(invoices.c.id).where(where))).scalars()) if named else set()
    return [row for row in named if row.id in left]


async def _settled(conn: AsyncConnection, seller_id: int, line: BankLine) -> str:
    """Whether an invoice is named that isn't open any more."""
    words = [word.strip(".,;:()'\"") for word in line.remittance.split()]
    where = (invoices.c.seller_id == seller_id) & invoices.c.number.in_(words)
    row = (await conn.execute(sa.select(invoices.c.number, invoices.c.state).where(where).limit(1))).first()
    return "" if row is None else f"the invoice {row.number} is {row.state}"


async def problem_of(conn: AsyncConnection, line: Row[Any], paid: Paid) -> str:
    """Why a line can't be posted so; empty: it can."""
    account = paid.account
    if account.kind == "root" or await seller_of(conn, account) != line.account_id:
        return "it is no customer of the seller"
    if account.currency != line.currency:
        return f"the account is kept in {account.currency}"
    return payment_problem(line.amount_micros, account.kind, account.state) or ""


async def _looks_taken(conn: AsyncConnection, line: Row[Any], paid: Paid) -> bool:
    """The same day, account and amount, from an earlier file: perhaps this one in another form."""
    same = (bank_lines.c.account_id == line.account_id) & (bank_lines.c.payer_account_id == paid.account.id)
    same &= (bank_lines.c.booked_on == line.booked_on) & (bank_lines.c.amount_micros == line.amount_micros)
    same &= (bank_lines.c.state == POSTED) & (bank_lines.c.created_ms != line.created_ms)
    return (await conn.execute(sa.select(bank_lines.c.id).where(same).limit(1))).first() is not None


async def match(conn: AsyncConnection, node: str, line: Row[Any], paid: Paid, by: By, now_ms: int) -> str:
    """Posts it as somebody has said; returns why it can't be, or nothing."""
    if line.amount_micros < 0:
        return await _take_back(conn, node, line, paid, by, now_ms)
    problem = await problem_of(conn, line, paid)
    if not problem:
        await post(conn, node, line, paid, by, now_ms)
    return problem


async def post(conn: AsyncConnection, node: str, line: Row[Any], paid: Paid, by: By, now_ms: int) -> int:
    """Pays it in; returns the entry's id."""
    reason = f"bank {line.booked_on}: {line.payer or line.remittance}"[:REASON_CHARACTERS_MAX]
    key = f"bank line {line.id}"
    booking = Booking(PAYMENT, line.amount_micros, reason, by.name, by.account_id, key=key, invoice_id=paid.invoice_id)
    entry_id = await book(conn, node, paid.account, booking, now_ms)
    await settle(conn, line.id, POSTED, "", payer_account_id=paid.account.id, entry_id=entry_id)
    return entry_id


async def _take_back(conn: AsyncConnection, node: str, line: Row[Any], paid: Paid, by: By, now_ms: int) -> str:
    """The payment that a line takes back goes back; returns why it can't, or nothing."""
    if paid.account.currency != line.currency:
        return f"the account is kept in {paid.account.currency}"
    await lock_account(conn, paid.account.id)
    found = await payment_like(conn, paid.account.id, -line.amount_micros, paid.invoice_id)
    if found is None or found.seller_id != line.account_id:
        return "the account has made no payment of just this amount that is left: reverse what it was by hand"
    reason = f"bank {line.booked_on}: {line.remittance or line.payer}"[:REASON_CHARACTERS_MAX]
    wanted = Reversal(found.entry_id, found.left_micros, reason, by.name, by.account_id)
    entry_id = await reverse(conn, node, paid.account, wanted, now_ms)
    await settle(conn, line.id, POSTED, "", payer_account_id=paid.account.id, entry_id=entry_id)
    return ""


async def settle(conn: AsyncConnection, line_id: int, state: str, why: str, **values: Any) -> None:
    """What has become of it."""
    changed = sa.update(bank_lines).where(bank_lines.c.id == line_id)
    await conn.execute(changed.values(state=state, why=why, **values))
