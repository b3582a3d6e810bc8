"""Taxes that are added to prepaid prices: charges say what their rates come to, and stores what the ledger says."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.layout import TAXES
from ratebook.exchange import parse_factor
from ratebook.tax import Taxes, tax_within
from service.billing.assess import rates_by_set
from service.billing.call_taxes import Key, standing, wanted_taxes
from service.billing.taxing import added_factor
from service.database.call_tax_tables import tax_sets
from service.database.tables import charges
from service.doctor.evidence import REFILL, RESTORE, Check, LedgerView, StoreView, check
from service.doctor.sentences import Sentence, sentence

ROWS_AT_ONCE = 20_000


def of_store(store: StoreView, ledger: LedgerView) -> Check:
    """What calls are taxed by is what the ledger says, as far as the store has heard all of it."""
    findings = []
    told = sentence("{0}: the store adds {1}, the ledger says {2}")
    if ledger.collected_epoch == store.epoch and not ledger.taxes_ahead:
        findings = [
            told.filled(_who(key), _said(store.taxes.get(key)), _said(ledger.taxes.get(key)))
            for key in sorted(store.taxes.keys() | ledger.taxes.keys())
            if store.taxes.get(key) != ledger.taxes.get(key)
        ]
        sellers = {number for number, own in store.taxes if not own}
        marked = {account.id for account in store.accounts.values() if account.flags & TAXES}
        unmarked = sentence("account {0}: its customers aren't looked up")
        findings += [unmarked.filled(number) for number in sorted(sellers - marked)]
    return check("taxes of calls", findings, sentence("{0} of sellers and accounts agree", len(store.taxes)), REFILL)


def _who(key: Key) -> Sentence:
    return sentence("account {0} itself", key[0]) if key[1] else sentence("whoever pays account {0}", key[0])


def _said(taxes: Taxes | None) -> str | None:
    return None if taxes is None else str(taxes.to_record())


async def explained(conn: AsyncConnection, now_ms: int) -> Check:
    """Each charge has the factor of its rates and the tax that this comes to; stores are told what taxes say."""
    found = [*await _unlike_sets(conn), *await _unlike_factors(conn), *await _unlike_told(conn, now_ms)]
    taxed = sa.select(sa.func.count()).select_from(charges).where(charges.c.tax_set_id != 0)
    count = (await conn.execute(taxed)).scalar_one()
    return check("taxes", found, sentence("{0} charges with taxes added, each by its rates", count), RESTORE)


async def _unlike_sets(conn: AsyncConnection) -> list[Sentence]:
    """A set's factor is that of its rates; a charge's factor is that of its set."""
    factors = {row.id: row.factor for row in await conn.execute(sa.select(tax_sets))}
    rates = await rates_by_set(conn, factors)
    found = [
        sentence("tax set {0}: its factor is {1}, its rates come to {2}", number, factor, added_factor(rates[number]))
        for number, factor in factors.items()
        if parse_factor(factor) != added_factor(rates[number])
    ]
    query = sa.select(charges.c.cdr_id, charges.c.level, charges.c.tax, tax_sets.c.factor)
    query = query.join(tax_sets, tax_sets.c.id == charges.c.tax_set_id, isouter=True)
    unlike = charges.c.tax != sa.func.coalesce(tax_sets.c.factor, "1/1")
    nowhere = (charges.c.tax_set_id != 0) & tax_sets.c.id.is_(None)
    return found + [
        sentence("call {0}, level {1}: its tax is {2}, and {3} by its rates", cdr, level, tax, factor)
        for cdr, level, tax, factor in await conn.execute(query.where(unlike | nowhere))
    ]


async def _unlike_factors(conn: AsyncConnection) -> list[Sentence]:
    columns = (charges.c.cdr_id, charges.c.level, charges.c.charge_micros, charges.c.tax, charges.c.tax_micros)
    query = sa.select(*columns).where((charges.c.tax != "1/1") | (charges.c.tax_micros != 0))
    rows = await conn.stream(query, execution_options={"yield_per": ROWS_AT_ONCE})
    return [
        sentence("call {0}, level {1}: {2} of {3} is said to be tax, and {4} is", cdr, level, said, micros, right)
        async for cdr, level, micros, tax, said in rows
        if (right := tax_within(micros, parse_factor(tax))) != said
    ]


async def _unlike_told(conn: AsyncConnection, now_ms: int) -> list[Sentence]:
    told = await standing(conn, now_ms)
    wanted = await wanted_taxes(conn, now_ms)
    return [
        sentence("{0}: stores were told {1}, and {2} is right", _who(key), _said(told.get(key)), _said(wanted.get(key)))
        for key in sorted(told.keys() | wanted.keys())
        if told.get(key) != wanted.get(key)
    ]
