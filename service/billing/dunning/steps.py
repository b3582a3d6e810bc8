"""A step that is due is taken: a reminder, a late fee, barring. In the caller's transaction, under the node's lock."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import MICROS, Rounding, RoundingMode, format_micros, round_fraction
from service.accounts.storage import lock_account, sellers_of
from service.billing.currencies import decimals_of
from service.billing.cycles import local_date
from service.billing.dunning.barring import bar
from service.billing.dunning.due import has_later, is_due
from service.billing.items import Item, bill
from service.billing.people import recipients_of
from service.billing.states import Standing
from service.database.access_tables import mails
from service.database.billing_tables import invoices
from service.database.dunning_tables import dunning_actions
from service.database.engine import is_sqlite

WHOLE_MILLIONTHS = 100_000_000
"""A hundred percent."""


class Done(NamedTuple):
    """What a step has come to."""

    outcome: str = "done"
    fee_micros: int = 0
    recipients: tuple[str, ...] = ()


async def take(conn: AsyncConnection, node: str, step: Row[Any], now_ms: int) -> bool:
    """Whether it was taken: no, if somebody else was faster, or the invoice was paid meanwhile."""
    whose = sa.select(invoices.c.account_id).where(invoices.c.id == step.invoice_id)
    await lock_account(conn, (await conn.execute(whose)).scalar_one())
    query = sa.select(invoices).where(invoices.c.id == step.invoice_id).with_for_update()
    invoice = (await conn.execute(query)).one()
    if not await is_due(conn, step, now_ms):
        return False
    number = await _note(conn, step, invoice, now_ms)
    if number is None:
        return False
    done = await _STEPS[step.kind](conn, node, step, invoice, now_ms)
    values = {"outcome": done.outcome, "fee_micros": done.fee_micros, "recipients": list(done.recipients)}
    await conn.execute(sa.update(dunning_actions).where(dunning_actions.c.id == number).values(**values))
    return True


async def _note(conn: AsyncConnection, step: Row[Any], invoice: Row[Any], now_ms: int) -> int | None:
    """First of all, so that of two at once one alone goes on."""
    row = {"invoice_id": invoice.id, "account_id": invoice.account_id, "kind": step.kind, "days": step.days}
    told = {"open_micros": _open(invoice), "currency": invoice.currency, "recipients": [], "done_ms": now_ms}
    insert: Any = sqlite.insert(dunning_actions) if is_sqlite(conn) else postgresql.insert(dunning_actions)
    once = insert.values(**row, **told).on_conflict_do_nothing(index_elements=["invoice_id", "kind", "days"])
    return (await conn.execute(once.returning(dunning_actions.c.id))).scalar()


def _open(invoice: Row[Any]) -> int:
    sums = (invoice.total_micros, invoice.paid_micros, invoice.credited_micros)
    return Standing(*sums, invoice.due_ms).open_micros


async def _remind(conn: AsyncConnection, _node: str, step: Row[Any], invoice: Row[Any], now_ms: int) -> Done:
    """What should have been said before the last day to pay, and wasn't, isn't said after it."""
    if (step.days < 0 and invoice.due_ms < now_ms) or await has_later(conn, step, now_ms):
        return Done("passed")
    recipients = await recipients_of(conn, invoice.account_id, str(invoice.buyer.get("contact_email", "")))
    fields = {
        "number": invoice.number, "total": format_micros(invoice.total_micros), "open": format_micros(_open(invoice)),
        "currency": invoice.currency, "due": local_date(invoice.due_ms, invoice.zone).isoformat(),
        "language": invoice.language, "invoice_id": invoice.id,
    }  # fmt: skip
    kind = "due_soon" if step.days < 0 or now_ms <= invoice.due_ms else "reminder"
    mail = {"account_id": invoice.account_id, "template": kind, "created_ms": now_ms}
    if recipients:
        rows = [{**mail, "recipient": one, "fields": fields | {"user_id": of}} for one, of in recipients.items()]
        await conn.execute(sa.insert(mails), rows)
    return Done(recipients=tuple(recipients))


async def _has_left(conn: AsyncConnection, invoice: Row[Any]) -> bool:
    """Whether the account pays another seller by now, who has its debt: it is no more this one's to charge and bar."""
    sellers = await sellers_of(conn, [invoice.account_id])
    return bool(sellers[invoice.account_id] != invoice.seller_id)


async def _charge(conn: AsyncConnection, node: str, step: Row[Any], invoice: Row[Any], now_ms: int) -> Done:
    if await _has_left(conn, invoice):
        return Done("passed")
    micros = step.amount_micros or share(_open(invoice), step.percent_millionths, invoice.currency)
    item = Item(
        account_id=invoice.account_id,
        seller_id=invoice.seller_id,
        kind="fee",
        description=f"late fee, invoice {invoice.number}",
        amount_micros=micros,
        currency=invoice.currency,
        at_ms=now_ms,
        key=f"late fee of invoice {invoice.id}, day {step.days}",
        period_from_ms=now_ms,
        period_to_ms=now_ms,
        actor="dunning",
    )
    if micros:
        await bill(conn, node, item, now_ms)
    return Done(fee_micros=micros)


def share(open_micros: int, percent_millionths: int, currency: str) -> int:
    """A percentage of what is open, to the nearest minor unit of the currency."""
    exact = Fraction(open_micros * percent_millionths, WHOLE_MILLIONTHS)
    half_up = Rounding(RoundingMode.HALF_UP, decimals_of(currency))
    return round_fraction(exact.numerator, exact.denominator * MICROS, half_up)


async def _bar(conn: AsyncConnection, node: str, _step: Row[Any], invoice: Row[Any], now_ms: int) -> Done:
    if await _has_left(conn, invoice):
        return Done("passed")
    await bar(conn, node, invoice.account_id, now_ms)
    return Done()


_STEPS = {"reminder": _remind, "fee": _charge, "bar": _bar}
