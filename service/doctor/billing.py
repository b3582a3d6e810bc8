"""Revenue assurance: every charge is on one invoice or waits for one, and every figure of an invoice is explained."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import (
    billable_items,
    billing_terms,
    invoice_calls,
    invoice_corrections,
    invoice_lines,
    invoice_taxes,
    invoices,
)
from service.database.payment_tables import allocations, payment_rests
from service.database.rerating_tables import corrections
from service.database.switch_tables import billing_switches
from service.database.tables import accounts, cdrs, charges, entries, postings
from service.doctor.evidence import RESTORE, Check, check
from service.doctor.sentences import Sentence, sentence
from service.ledger.reversals import returned
from service.ledger.rules import BALANCE, PAYMENT, TAX

FOUND_MAX = 20
"""Of each kind."""
_SAME = (invoice_calls.c.cdr_id == charges.c.cdr_id) & (invoice_calls.c.level == charges.c.level)


async def invoiced(conn: AsyncConnection) -> Check:
    """Call ↔ charge ↔ invoice line ↔ invoice ↔ posting, without a rest."""
    found: list[Sentence] = []
    for looks in _LOOKS:
        query, told = looks()
        found += [told.filled(*row) for row in await conn.execute(query.limit(FOUND_MAX))]
    on = (await conn.execute(sa.select(sa.func.count()).select_from(invoice_calls))).scalar_one()
    count = (await conn.execute(sa.select(sa.func.count()).select_from(invoices))).scalar_one()
    charged = (await conn.execute(sa.select(sa.func.count()).select_from(charges))).scalar_one()
    good = sentence("{0} invoices explained by {1} charges; {2} charges are yet to be billed", count, on, charged - on)
    return check("invoices", found, good, RESTORE)


_Look = tuple[sa.Select[Any], Sentence]


def _forgotten() -> _Look:
    """Behind the mark up to which everything is said to be billed."""
    query = (
        sa.select(charges.c.cdr_id, charges.c.account_id, charges.c.charge_micros)
        .join(billing_terms, billing_terms.c.account_id == charges.c.account_id)
        .join(accounts, accounts.c.id == charges.c.account_id)
        .join(cdrs, cdrs.c.id == charges.c.cdr_id)
        .where((accounts.c.billing == "postpaid") & (charges.c.cdr_id <= billing_terms.c.calls_after_id))
        .where(cdrs.c.start_ms >= billing_terms.c.anchor_ms)
        .join(billing_switches, billing_switches.c.account_id == charges.c.account_id, isouter=True)
        .where(charges.c.cdr_id > sa.func.coalesce(billing_switches.c.calls_until_id, 0))
        .where(~sa.exists().where(_SAME))
    )
    return query, sentence(
        "record {0}: the charge of account {1}, {2} micro-units, is on no invoice and waits for none"
    )


def _unlike_calls() -> _Look:
    """What a line of calls comes to is what its calls did then; a charge says the same still, or was corrected."""
    sums = (
        sa.select(invoice_calls.c.line_id, sa.func.sum(invoice_calls.c.amount_micros).label("micros"))
        .group_by(invoice_calls.c.line_id)
        .subquery()
    )
    query = (
        sa.select(invoice_lines.c.invoice_id, invoice_lines.c.position, invoice_lines.c.amount_micros, sums.c.micros)
        .join(invoices, invoices.c.id == invoice_lines.c.invoice_id)
        .join(sums, sums.c.line_id == invoice_lines.c.id, isouter=True)
        .where(invoice_lines.c.kind.in_(("calls", "messages")) & (invoices.c.kind == "invoice"))
        .where((invoices.c.state != "void") & sums.c.micros.is_distinct_from(invoice_lines.c.amount_micros))
    )
    return query, sentence("invoice {0}, line {1}: it says {2}, its calls come to {3}")


def _unlike_changes() -> _Look:
    """A charge that differs from what invoices have said of it, and no correction tells why."""
    said = (
        sa.select(sa.func.coalesce(sa.func.sum(invoice_corrections.c.delta_micros), 0))
        .where(invoice_corrections.c.cdr_id == charges.c.cdr_id, invoice_corrections.c.level == charges.c.level)
        .scalar_subquery()
    )
    corrected = sa.exists().where((corrections.c.cdr_id == charges.c.cdr_id) & (corrections.c.level == charges.c.level))
    query = (
        sa.select(charges.c.cdr_id, charges.c.level, charges.c.charge_micros, invoice_calls.c.amount_micros)
        .join(invoice_calls, _SAME)
        .where((charges.c.charge_micros != invoice_calls.c.amount_micros) & ~corrected)
        .where(charges.c.charge_micros != invoice_calls.c.amount_micros + said)
    )
    return query, sentence("record {0}, level {1}: it is charged {2}, and the invoice says {3}")


def _unlike_items() -> _Look:
    query = (
        sa.select(billable_items.c.id, billable_items.c.amount_micros, invoice_lines.c.amount_micros)
        .join(invoice_lines, invoice_lines.c.id == billable_items.c.line_id, isouter=True)
        .where(billable_items.c.line_id.is_not(None))
        .where(invoice_lines.c.amount_micros.is_distinct_from(billable_items.c.amount_micros))
    )
    return query, sentence("item {0}: it comes to {1}, its line says {2}")


def _unlike_lines() -> _Look:
    sums = (
        sa.select(invoice_lines.c.invoice_id, sa.func.sum(invoice_lines.c.net_micros).label("micros"))
        .group_by(invoice_lines.c.invoice_id)
        .subquery()
    )
    query = (
        sa.select(invoices.c.id, invoices.c.net_micros, sums.c.micros)
        .join(sums, sums.c.invoice_id == invoices.c.id, isouter=True)
        .where(sa.func.coalesce(sums.c.micros, 0) != invoices.c.net_micros)
    )
    return query, sentence("invoice {0}: its net is {1}, its lines come to {2}")


def _unlike_taxes() -> _Look:
    sums = (
        sa.select(invoice_taxes.c.invoice_id, sa.func.sum(invoice_taxes.c.tax_micros).label("micros"))
        .group_by(invoice_taxes.c.invoice_id)
        .subquery()
    )
    query = (
        sa.select(invoices.c.id, invoices.c.tax_micros, sums.c.micros)
        .join(sums, sums.c.invoice_id == invoices.c.id, isouter=True)
        .where(sa.func.coalesce(sums.c.micros, 0) != invoices.c.tax_micros)
    )
    return query, sentence("invoice {0}: its tax is {1}, its rates come to {2}")


def _unposted() -> _Look:
    """The seller's book of taxes has just those of its invoices, less those of its credit notes."""
    sign = sa.case((invoices.c.kind == "invoice", 1), else_=-1)
    query = (
        sa.select(invoices.c.id, invoices.c.tax_micros, sa.func.sum(postings.c.amount_micros))
        .join(postings, (postings.c.entry_id == invoices.c.entry_id) & (postings.c.book == TAX), isouter=True)
        .where(invoices.c.number.is_not(None))
        .group_by(invoices.c.id, invoices.c.tax_micros, sign)
        .having(sa.func.coalesce(sa.func.sum(postings.c.amount_micros), 0) != invoices.c.tax_micros * sign)
    )
    return query, sentence("invoice {0}: its tax is {1}, and {2} is posted")


def _unlike_payments() -> _Look:
    """What is paid of an invoice is what payments gave it; of prepaid ones it was paid before."""
    given = sa.select(allocations.c.invoice_id, sa.func.sum(allocations.c.amount_micros).label("micros"))
    sums = given.group_by(allocations.c.invoice_id).subquery()
    query = (
        sa.select(invoices.c.id, invoices.c.paid_micros, sa.func.coalesce(sums.c.micros, 0))
        .join(sums, sums.c.invoice_id == invoices.c.id, isouter=True)
        .where((invoices.c.kind == "invoice") & ~invoices.c.prepaid)
        .where(sa.func.coalesce(sums.c.micros, 0) != invoices.c.paid_micros)
    )
    return query, sentence("invoice {0}: {1} of it are paid, and payments gave it {2}")


def _overspent() -> _Look:
    """What a payment has given and what of it waits is no more than it was, less what went back."""
    given = sa.select(allocations.c.entry_id, sa.func.sum(allocations.c.amount_micros).label("micros"))
    sums = given.group_by(allocations.c.entry_id).subquery()
    came = postings.c.amount_micros - returned(payment_rests.c.entry_id)
    told = payment_rests.c.rest_micros + sa.func.coalesce(sums.c.micros, 0)
    query = (
        sa.select(payment_rests.c.entry_id, came, told)
        .join(entries, (entries.c.id == payment_rests.c.entry_id) & (entries.c.kind == PAYMENT))
        .join(
            postings,
            (postings.c.entry_id == payment_rests.c.entry_id)
            & (postings.c.account_id == payment_rests.c.account_id)
            & (postings.c.book == BALANCE),
        )
        .join(sums, sums.c.entry_id == payment_rests.c.entry_id, isouter=True)
        .where(told > came)
    )
    return query, sentence("payment {0}: it came to {1}, and {2} of it paid something or wait")


_LOOKS = (
    _forgotten, _unlike_calls, _unlike_changes, _unlike_items, _unlike_lines, _unlike_taxes, _unposted,
    _unlike_payments, _overspent,
)  # fmt: skip
