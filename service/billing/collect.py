"""What belongs on the drafts of a batch, put there by sets: calls, items, corrections.

The caller holds every node's lock, so that no charge appears between two statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import (
    billable_items,
    billing_terms,
    invoice_calls,
    invoice_corrections,
    invoice_lines,
    invoices,
)
from service.database.columns import BIG
from service.database.rerating_tables import corrections
from service.database.switch_tables import billing_switches
from service.database.tables import accounts, cdrs, charges

Condition = sa.ColumnElement[bool]
_SERVICE = sa.case((cdrs.c.kind == "message", "messages"), else_="calls")
_CALLER = sa.case((billing_terms.c.lines == "destination_and_caller", cdrs.c.caller), else_="")
"""Empty where an account's lines are not by number."""
_COUNTS = (cdrs.c.outcome == "answered") | (charges.c.charge_micros != 0)
"""What a line shows; other attempts are on the invoice too, as calls of no line."""
_UNBILLED = ~sa.exists().where(
    (invoice_calls.c.cdr_id == charges.c.cdr_id) & (invoice_calls.c.level == charges.c.level)
)
_SWITCHED = billing_switches.c.account_id == billing_terms.c.account_id
"""What was used before an account's billing changed was billed as it was by then."""


class Due(NamedTuple):
    """What an account has with one seller that is to be billed."""

    account_id: int
    seller_id: int
    micros: int
    things: int
    """Charges of something, items, corrections: what makes an invoice more than a zero invoice."""
    first_id: int | None = None
    """The first of its calls that are to be billed; None: there is none."""
    later_id: int | None = None
    """The first of those that began after the period, or None."""
    later_ms: int | None = None
    """When the first of those that are charged began, or None."""
    corrected_micros: int = 0
    """Of `micros`, what calls on earlier invoices were corrected by."""


def _calls(*columns: Any) -> sa.Select[Any]:
    """Charges that are on no invoice; of prepaid accounts since billing began."""
    since = _since(cdrs.c.start_ms) & (charges.c.cdr_id > sa.func.coalesce(billing_switches.c.calls_until_id, 0))
    return (
        sa.select(*columns)
        .select_from(billing_terms)
        .join(accounts, accounts.c.id == billing_terms.c.account_id)
        .join(charges, charges.c.account_id == billing_terms.c.account_id)
        .join(cdrs, cdrs.c.id == charges.c.cdr_id)
        .join(billing_switches, _SWITCHED, isouter=True)
        .where((charges.c.cdr_id > billing_terms.c.calls_after_id) & since & _UNBILLED)
    )


def _since(at_ms: sa.ColumnElement[int]) -> Condition:
    """Postpaid accounts owe whatever there is, prepaid ones are told of what they used since they have invoices."""
    return (accounts.c.billing == "postpaid") | (at_ms >= billing_terms.c.anchor_ms)


def _items(*columns: Any) -> sa.Select[Any]:
    """Items that are on no invoice, as calls are."""
    items = billable_items.c
    unbilled = items.invoice_id.is_(None) & (items.id > sa.func.coalesce(billing_switches.c.items_until_id, 0))
    return (
        sa.select(*columns)
        .select_from(billable_items)
        .join(billing_terms, billing_terms.c.account_id == items.account_id)
        .join(accounts, accounts.c.id == items.account_id)
        .join(billing_switches, _SWITCHED, isouter=True)
        .where(unbilled & _since(items.at_ms))
    )


async def due(conn: AsyncConnection, account_ids: Sequence[int]) -> list[Due]:
    """By account and seller: what the period that ends at `billing_terms.due_ms` has to bill, late things included."""
    owner = (billable_items.c.account_id, billable_items.c.seller_id)
    kept = (
        _items(*owner, sa.func.sum(billable_items.c.amount_micros), sa.func.count())
        .where(billable_items.c.account_id.in_(account_ids))
        .where(billable_items.c.at_ms < billing_terms.c.due_ms)
        .group_by(*owner)
    )
    changed = changes(account_ids).subquery()
    pair = (changed.c.account_id, changed.c.seller_id)
    corrected = sa.select(*pair, sa.func.sum(changed.c.delta_micros), sa.func.count()).group_by(*pair)
    found = {(one.account_id, one.seller_id): one for one in await _called(conn, account_ids)}
    for query in (kept, corrected):
        for account_id, seller_id, micros, count in await conn.execute(query):
            before = found.get((account_id, seller_id), Due(account_id, seller_id, 0, 0))
            more = {"micros": before.micros + int(micros), "things": before.things + int(count)}
            more["corrected_micros"] = int(micros) if query is corrected else 0
            found[account_id, seller_id] = before._replace(**more)
    return [one for _, one in sorted(found.items())]


async def _called(conn: AsyncConnection, account_ids: Sequence[int]) -> list[Due]:
    """Of calls: one look at all that are not billed, those of the next period included."""
    key = (charges.c.account_id, charges.c.seller_id)
    in_time = cdrs.c.start_ms < billing_terms.c.due_ms
    sums = (
        sa.func.sum(sa.case((in_time, charges.c.charge_micros), else_=0)),
        sa.func.sum(sa.case((in_time & (charges.c.charge_micros != 0), 1), else_=0)),
        sa.func.min(sa.case((in_time, charges.c.cdr_id))),
        sa.func.min(sa.case((~in_time, charges.c.cdr_id))),
        sa.func.min(sa.case((~in_time & (charges.c.charge_micros != 0), cdrs.c.start_ms))),
    )
    query = _calls(*key, *sums).where(billing_terms.c.account_id.in_(account_ids)).group_by(*key)
    return [
        Due(account_id, seller_id, int(micros), int(things), *later)
        for account_id, seller_id, micros, things, *later in await conn.execute(query)
    ]


async def first_items(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, int]:
    """By account, when the first item is to be billed that no invoice has; accounts without any are left out."""
    key = billable_items.c.account_id
    query = _items(key, sa.func.min(billable_items.c.at_ms)).group_by(key)
    rows = await conn.execute(query.where(key.in_(account_ids)))
    return {account_id: int(at_ms) for account_id, at_ms in rows}


def changes(account_ids: Sequence[int]) -> sa.Select[Any]:
    """Charges on invoices that say something else by now, as far as no invoice has said that."""
    said = (
        sa.select(sa.cast(sa.func.coalesce(sa.func.sum(invoice_corrections.c.delta_micros), 0), BIG))
        .where(invoice_corrections.c.cdr_id == charges.c.cdr_id, invoice_corrections.c.level == charges.c.level)
        .scalar_subquery()
    )
    corrected = sa.exists().where(
        (corrections.c.account_id == charges.c.account_id)
        & (corrections.c.cdr_id == charges.c.cdr_id)
        & (corrections.c.level == charges.c.level)
    )
    touched = sa.select(corrections.c.cdr_id).where(corrections.c.account_id.in_(account_ids))
    delta = charges.c.charge_micros - invoice_calls.c.amount_micros - said
    return (
        sa.select(
            charges.c.account_id,
            charges.c.seller_id,
            charges.c.cdr_id,
            charges.c.level,
            invoice_calls.c.invoice_id,
            invoice_calls.c.line_id,
            _SERVICE.label("service"),
            _CALLER.label("caller"),
            charges.c.tax_set_id,
            cdrs.c.destination,
            cdrs.c.duration_ms,
            charges.c.billed_s,
            delta.label("delta_micros"),
        )
        .join(cdrs, cdrs.c.id == charges.c.cdr_id)
        .join(billing_terms, billing_terms.c.account_id == charges.c.account_id, isouter=True)
        .join(
            invoice_calls,
            (invoice_calls.c.cdr_id == charges.c.cdr_id) & (invoice_calls.c.level == charges.c.level),
        )
        .where(charges.c.cdr_id.in_(touched) & charges.c.account_id.in_(account_ids) & corrected & (delta != 0))
    )


async def collect(conn: AsyncConnection, invoice_ids: Sequence[int]) -> None:
    """Onto drafts: lines, and the links that keep anything from being billed twice."""
    drafts = invoices.c.id.in_(invoice_ids)
    await conn.execute(_call_lines(drafts))
    await conn.execute(_call_links(drafts))
    await _collect_items(conn, drafts, invoice_ids)
    await _collect_changes(conn, drafts)


def _of_draft(query: sa.Select[Any], drafts: Condition) -> sa.Select[Any]:
    whose = (invoices.c.account_id == charges.c.account_id) & (invoices.c.seller_id == charges.c.seller_id)
    in_time = cdrs.c.start_ms < invoices.c.period_to_ms
    return query.join(invoices, whose & (invoices.c.account_id == billing_terms.c.account_id)).where(drafts & in_time)


_LINE = (
    "invoice_id", "position", "kind", "service", "description", "destination", "caller", "terms", "exchange",
    "tax_set_id", "quantity", "duration_ms", "billed_s", "amount_micros", "net_micros",
)  # fmt: skip


def _call_lines(drafts: Condition) -> Any:
    """A line for each destination, price and set of taxes; of who wants that, for each number that called, too."""
    key = (_SERVICE, _CALLER, cdrs.c.destination, charges.c.terms, charges.c.exchange, charges.c.tax_set_id)
    position = sa.func.row_number().over(partition_by=invoices.c.id, order_by=key)
    amount = sa.func.sum(charges.c.charge_micros)
    sums = (sa.func.count(), sa.func.sum(cdrs.c.duration_ms), sa.func.sum(charges.c.billed_s), amount, amount)
    service, caller, destination, *price = key
    query = _calls(invoices.c.id, position, service, service, destination, destination, caller, *price, *sums)
    query = _of_draft(query, drafts).where(_COUNTS).group_by(invoices.c.id, *key)
    return sa.insert(invoice_lines).from_select(_LINE, query)


def _call_links(drafts: Condition) -> Any:
    query = _of_draft(
        _calls(charges.c.cdr_id, charges.c.level, invoices.c.id, invoice_lines.c.id, charges.c.charge_micros), drafts
    )
    same = (
        (invoice_lines.c.invoice_id == invoices.c.id)
        & (invoice_lines.c.destination == cdrs.c.destination)
        & (invoice_lines.c.caller == _CALLER)
        & (invoice_lines.c.terms == charges.c.terms)
        & (invoice_lines.c.exchange == charges.c.exchange)
        & (invoice_lines.c.tax_set_id == charges.c.tax_set_id)
        & (invoice_lines.c.kind == _SERVICE)
        & _COUNTS
    )
    query = query.join(invoice_lines, same, isouter=True)
    return sa.insert(invoice_calls).from_select(("cdr_id", "level", "invoice_id", "line_id", "amount_micros"), query)


def _next_position() -> sa.ColumnElement[int]:
    lines = invoice_lines.alias("lines")
    return sa.select(sa.func.count()).where(lines.c.invoice_id == invoices.c.id).scalar_subquery()


async def _collect_items(conn: AsyncConnection, drafts: Condition, invoice_ids: Sequence[int]) -> None:
    items = billable_items
    whose = (invoices.c.account_id == items.c.account_id) & (invoices.c.seller_id == items.c.seller_id)
    place = sa.func.row_number().over(partition_by=invoices.c.id, order_by=(items.c.kind, items.c.at_ms, items.c.id))
    columns = (
        *(invoices.c.id, _next_position() + place, items.c.kind, items.c.kind, items.c.description),
        *(items.c.quantity, items.c.amount_micros, items.c.amount_micros, items.c.id),
        *(items.c.period_from_ms, items.c.period_to_ms, items.c.tax_set_id),
    )
    names = (
        "invoice_id", "position", "kind", "service", "description", "quantity", "amount_micros", "net_micros",
        "item_id", "period_from_ms", "period_to_ms", "tax_set_id",
    )  # fmt: skip
    query = _items(*columns).join(invoices, whose).where(drafts & (items.c.at_ms < invoices.c.period_to_ms))
    await conn.execute(sa.insert(invoice_lines).from_select(names, query))
    lines = invoice_lines
    taken = sa.update(items).values(invoice_id=lines.c.invoice_id, line_id=lines.c.id)
    await conn.execute(taken.where((lines.c.item_id == items.c.id) & lines.c.invoice_id.in_(invoice_ids)))


async def _collect_changes(conn: AsyncConnection, drafts: Condition) -> None:
    """A line for each destination and set of taxes, and number that called where lines are by that; most batches have
    none.
    """
    whose = (await conn.execute(sa.select(invoices.c.account_id).where(drafts))).scalars()
    found = changes(list(whose)).subquery()
    of_draft = (invoices.c.account_id == found.c.account_id) & (invoices.c.seller_id == found.c.seller_id)
    of_draft &= found.c.invoice_id != invoices.c.id
    key = (found.c.service, found.c.destination, found.c.caller, found.c.tax_set_id)
    place = _next_position() + sa.func.row_number().over(partition_by=invoices.c.id, order_by=key)
    amount = sa.func.sum(found.c.delta_micros)
    sums = (sa.func.count(), sa.func.sum(found.c.duration_ms), sa.func.sum(found.c.billed_s), amount, amount)
    columns = (
        invoices.c.id,
        place,
        sa.literal("correction"),
        found.c.service,
        found.c.destination,
        found.c.destination,
    )
    more = (found.c.caller, sa.literal(""), sa.literal("1/1"), found.c.tax_set_id, *sums)
    query = sa.select(*columns, *more).join(invoices, of_draft).where(drafts)
    await conn.execute(sa.insert(invoice_lines).from_select(_LINE, query.group_by(invoices.c.id, *key)))
    same = (
        (invoice_lines.c.invoice_id == invoices.c.id)
        & (invoice_lines.c.kind == "correction")
        & (invoice_lines.c.service == found.c.service)
        & (invoice_lines.c.destination == found.c.destination)
        & (invoice_lines.c.caller == found.c.caller)
        & (invoice_lines.c.tax_set_id == found.c.tax_set_id)
    )
    links = sa.select(found.c.cdr_id, found.c.level, invoices.c.id, invoice_lines.c.id, found.c.delta_micros)
    links = links.join(invoices, of_draft).join(invoice_lines, same).where(drafts)
    names = ("cdr_id", "level", "invoice_id", "line_id", "delta_micros")
    await conn.execute(sa.insert(invoice_corrections).from_select(names, links))
