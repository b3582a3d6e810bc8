"""Drafts become invoices: numbered, both parties as they are now, taxes and rounding posted, the store told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import sellers_of
from service.billing.allocation import allocate
from service.billing.cycles import local_date, midnight_ms
from service.billing.states import Standing, state_of
from service.billing.telling import Issued, tell
from service.commands.bodies import credit_body
from service.commands.outbox import Command, enqueue_all
from service.config import Config
from service.database.billing_tables import (
    billable_items,
    billing_parties,
    billing_terms,
    invoice_lines,
    invoice_taxes,
    invoices,
)
from service.database.payment_tables import payment_rests
from service.database.tables import accounts
from service.ledger.by import By
from service.ledger.rules import BALANCE, INVOICE, REVENUE, TAX, Entry, Posting, handed_over, sum_postings
from service.ledger.storage import post_entries
from service.sellers.numbers import take_numbers

Parties = Mapping[int, dict[str, Any]]
"""By account: who it is on paper."""


async def parties_of(conn: AsyncConnection, account_ids: set[int]) -> Parties:
    """Accounts that are nobody on paper are left out."""
    query = sa.select(billing_parties, accounts.c.name.label("account"))
    query = query.join(accounts, accounts.c.id == billing_parties.c.account_id)
    rows = await conn.execute(query.where(billing_parties.c.account_id.in_(account_ids)))
    return {row.account_id: {name: value for name, value in row._mapping.items() if name != "version"} for row in rows}


async def issue(
    conn: AsyncConnection, config: Config, invoice_ids: Sequence[int], by: By, now_ms: int
) -> dict[int, str]:
    """Issues what can be issued; returns the others with what is missing. The caller holds the node's lock."""
    buyer, seller = accounts.alias("buyer_account"), accounts.alias("seller_account")
    names = (
        column.label(f"{one.name}_{column.name}") for one in (buyer, seller) for column in (one.c.name, one.c.path)
    )
    query = sa.select(invoices, billing_terms.c.due_days, billing_terms.c.tax_status, *names)
    query = query.join(billing_terms, billing_terms.c.account_id == invoices.c.account_id)
    query = query.join(buyer, buyer.c.id == invoices.c.account_id).join(seller, seller.c.id == invoices.c.seller_id)
    chosen = invoices.c.id.in_(invoice_ids) & (invoices.c.state == "draft")
    rows = (await conn.execute(query.where(chosen).order_by(invoices.c.id))).all()
    parties = await parties_of(conn, {row.seller_id for row in rows} | {row.account_id for row in rows})
    lowered = await _lowered(conn, [row.id for row in rows if row.total_micros < 0])
    left = {row.id: problem for row in rows if (problem := _problem(row, parties, lowered)) is not None}
    await _issue_ready(conn, config, [row for row in rows if row.id not in left], parties, by, now_ms)
    return left


async def _lowered(conn: AsyncConnection, invoice_ids: Sequence[int]) -> frozenset[int]:
    """Of drafts below zero those that corrections have lowered."""
    own = invoice_lines.c.invoice_id.in_(invoice_ids) & (invoice_lines.c.kind == "correction")
    query = sa.select(invoice_lines.c.invoice_id).where(own & (invoice_lines.c.amount_micros < 0)).distinct()
    return frozenset((await conn.execute(query)).scalars() if invoice_ids else ())


async def _issue_ready(
    conn: AsyncConnection, config: Config, ready: Sequence[Row[Any]], parties: Parties, by: By, now_ms: int
) -> None:
    """Numbers, entries, the invoices themselves, who is told, and what was paid before."""
    numbers = await _numbers(conn, config, ready, now_ms)
    included = await _included(conn, [row.id for row in ready])
    sellers = await sellers_of(conn, {row.account_id for row in ready})
    lines = {row.id: _postings(row, included.get(row.id, 0), sellers[row.account_id]) for row in ready}
    entry_ids = await _post(conn, {number: of for number, of in lines.items() if of}, numbers, by, now_ms)
    fresh = [
        {"draft": row.id, "number": numbers[row.id], "entry_id": entry_ids.get(row.id)} | _issued(row, parties, now_ms)
        for row in ready
    ]
    await _write(conn, fresh)
    await _keep_waiting(conn, [row for row in ready if row.total_micros < 0 and not row.prepaid], entry_ids)
    issued = [
        Issued(row.id, row.account_id, numbers[row.id], row.total_micros, row.currency, new["due_ms"], row.zone)
        for row, new in zip(ready, fresh, strict=True)
    ]
    await tell(conn, issued, now_ms)
    wanted = commands_of([line for row in ready for line in lines[row.id]])
    if wanted:
        await enqueue_all(conn, config.node, wanted, now_ms=now_ms)
    for account_id in await _with_waiting(conn, {row.account_id for row in ready if not row.prepaid}):
        await allocate(conn, config.node, account_id, now_ms)


async def _keep_waiting(conn: AsyncConnection, below: Sequence[Row[Any]], entry_ids: Mapping[int, int]) -> None:
    """What is to be had of invoices below zero pays others, as a payment would; told of what posted it."""
    for row in below:
        entry_id = entry_ids.get(row.id) or await _entry_on(conn, row.id)
        if entry_id is not None:
            values = {"entry_id": entry_id, "account_id": row.account_id, "currency": row.currency}
            await conn.execute(sa.insert(payment_rests).values(**values, rest_micros=-row.total_micros))


async def _entry_on(conn: AsyncConnection, invoice_id: int) -> int | None:
    """Of the latest item that lowers an invoice which posts nothing itself."""
    own = (billable_items.c.invoice_id == invoice_id) & (billable_items.c.amount_micros < 0)
    number: int | None = (await conn.execute(sa.select(sa.func.max(billable_items.c.entry_id)).where(own))).scalar()
    return number


async def _with_waiting(conn: AsyncConnection, account_ids: set[int]) -> list[int]:
    """Those that have paid before they were asked to, or that something is to be had by."""
    own = payment_rests.c.account_id.in_(account_ids) & (payment_rests.c.rest_micros > 0)
    query = sa.select(payment_rests.c.account_id).where(own).distinct().order_by(payment_rests.c.account_id)
    return list((await conn.execute(query)).scalars())


def _problem(row: Row[Any], parties: Parties, lowered: frozenset[int]) -> str | None:
    if row.seller_id not in parties:  # whoever issues stands above both, unless the account has moved away meanwhile
        is_above = row.buyer_account_path.startswith(row.seller_account_path)
        seller = row.seller_account_name if is_above else f"account {row.seller_id}"
        return f"the seller ({seller}) is nobody on paper: `kambill party edit` says who it is"
    if row.account_id not in parties:
        return f"the buyer ({row.buyer_account_name}) is nobody on paper: `kambill party edit` says who it is"
    buyer = parties[row.account_id]
    if row.tax_status == "reverse_charge" and not (buyer["tax_number"] or buyer["registration"]):
        return "who owes the tax itself needs a tax number or a registration: `kambill party edit`"
    if row.id in lowered:
        return (
            "it is below zero by corrections of calls: make it void, and credit the invoices that those are on "
            "(`kambill invoice credit --corrections`)"
        )
    return None


async def _numbers(conn: AsyncConnection, config: Config, rows: Sequence[Row[Any]], now_ms: int) -> dict[int, str]:
    """By invoice, in the order of their ids."""
    of: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        of[row.seller_id].append(row.id)
    found: dict[int, str] = {}
    for seller_id, ids in sorted(of.items()):
        taken = await take_numbers(conn, seller_id, now_ms, config.timezone, len(ids))
        found |= dict(zip(ids, taken, strict=True))
    return found


async def _included(conn: AsyncConnection, invoice_ids: Sequence[int]) -> dict[int, int]:
    """By invoice, taxes that its prices have in them."""
    key = invoice_taxes.c.invoice_id
    query = sa.select(key, sa.func.sum(invoice_taxes.c.tax_micros)).group_by(key)
    rows = await conn.execute(query.where(key.in_(invoice_ids) & invoice_taxes.c.inclusive))
    return {row[0]: int(row[1]) for row in rows}


def _postings(row: Row[Any], included_micros: int, seller_now: int) -> tuple[Posting, ...]:
    """What the ledger doesn't say yet. `seller_now`: whom the account pays by now."""
    fresh = row.tax_micros - included_micros + row.rounding_micros
    lines = (
        Posting(BALANCE, row.account_id, -fresh, row.currency),
        Posting(TAX, row.seller_id, row.tax_micros, row.currency),
        Posting(REVENUE, row.seller_id, row.rounding_micros - included_micros, row.currency),
        *handed_over(row.seller_id, seller_now, -fresh, row.currency),
    )
    return sum_postings(lines)


async def _post(
    conn: AsyncConnection, lines: Mapping[int, tuple[Posting, ...]], numbers: Mapping[int, str], by: By, now_ms: int
) -> dict[int, int]:
    """By invoice, its entry."""
    fresh = [
        Entry(INVOICE, by.name, f"invoice {numbers[number]}", now_ms, of, actor_account_id=by.account_id)
        for number, of in lines.items()
    ]
    return dict(zip(lines, await post_entries(conn, fresh), strict=True))


async def _write(conn: AsyncConnection, fresh: list[dict[str, Any]]) -> None:
    """Columns of drafts, alike in all of them."""
    if not fresh:
        return
    values = {name: sa.bindparam(f"new_{name}", type_=invoices.c[name].type) for name in fresh[0] if name != "draft"}
    changed = sa.update(invoices).where(invoices.c.id == sa.bindparam("of_draft")).values(**values)
    rows = [{f"of_{name}" if name == "draft" else f"new_{name}": value for name, value in row.items()} for row in fresh]
    await conn.execute(changed, rows)


def commands_of(lines: Sequence[Posting]) -> list[Command]:
    """What stores learn of balances that moved."""
    moved = [(line.account_id, line.amount_micros) for line in lines if line.book == BALANCE]
    return [Command(credit_body(account_id, micros), account_id, micros) for account_id, micros in moved]


def _issued(row: Row[Any], parties: Parties, now_ms: int) -> dict[str, Any]:
    last_day = local_date(now_ms, row.zone) + timedelta(days=row.due_days)
    due_ms = midnight_ms(last_day + timedelta(days=1), row.zone) - 1
    paid = row.total_micros if row.prepaid else 0
    state = state_of(Standing(row.total_micros, paid, 0, due_ms), now_ms)
    people = {"seller": parties[row.seller_id], "buyer": parties[row.account_id]}
    return {"state": state, "paid_micros": paid, "issued_ms": now_ms, "due_ms": due_ms, **people}
