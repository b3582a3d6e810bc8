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
from service.doctor.evidence import RESTORE, Check, LedgerView, StoreView, check

ROWS_AT_ONCE = 20_000


def of_store(store: StoreView, ledger: LedgerView) -> Check:
    """What calls are taxed by is what the ledger says, as far as the store has heard all of it."""
    findings = []
    if ledger.collected_epoch == store.epoch and not ledger.taxes_ahead:
        findings = [
            f"{_who(key)}: the store adds {_said(store.taxes.get(key))}, the ledger says {_said(ledger.taxes.get(key))}"
            for key in sorted(store.taxes.keys() | ledger.taxes.keys())
            if store.taxes.get(key) != ledger.taxes.get(key)
        ]
        sellers = {number for number, own in store.taxes if not own}
        marked = {account.id for account in store.accounts.values() if account.flags & TAXES}
        findings += [f"account {number}: its customers aren't looked up" for number in sorted(sellers - marked)]
    advice = "stop Kamailio, remove the hot store's folder and start again: it is rebuilt from the ledger"
    return check("taxes of calls", findings, f"{len(store.taxes)} of sellers and accounts agree", advice)


def _who(key: Key) -> str:
    return f"account {key[0]}" if key[1] else f"whoever pays account {key[0]}"


def _said(taxes: Taxes | None) -> str:
    return "nothing" if taxes is None else str(taxes.to_record())


async def explained(conn: AsyncConnection, now_ms: int) -> Check:
    """Each charge has the factor of its rates and the tax that this comes to; stores are told what taxes say."""
    found = [*await _unlike_sets(conn), *await _unlike_factors(conn), *await _unlike_told(conn, now_ms)]
    taxed = sa.select(sa.func.count()).select_from(charges).where(charges.c.tax_set_id != 0)
    count = (await conn.execute(taxed)).scalar_one()
    return check("taxes", found, f"{count} charges with taxes added, each by its rates", RESTORE)


async def _unlike_sets(conn: AsyncConnection) -> list[str]:
    """A set's factor is that of its rates; a charge's factor is that of its set."""
    factors = {row.id: row.factor for row in await conn.execute(sa.select(tax_sets))}
    rates = await rates_by_set(conn, factors)
    found = [
        f"tax set {number}: its factor is {factor}, its rates come to {added_factor(rates[number])}"
        for number, factor in factors.items()
        if parse_factor(factor) != added_factor(rates[number])
    ]
    query = sa.select(charges.c.cdr_id, charges.c.level, charges.c.tax, tax_sets.c.factor)
    query = query.join(tax_sets, tax_sets.c.id == charges.c.tax_set_id, isouter=True)
    unlike = charges.c.tax != sa.func.coalesce(tax_sets.c.factor, "1/1")
    nowhere = (charges.c.tax_set_id != 0) & tax_sets.c.id.is_(None)
    return found + [
        f"call {cdr}, level {level}: its tax is {tax}, and {factor or 'nothing'} by its rates"
        for cdr, level, tax, factor in await conn.execute(query.where(unlike | nowhere))
    ]


async def _unlike_factors(conn: AsyncConnection) -> list[str]:
    columns = (charges.c.cdr_id, charges.c.level, charges.c.charge_micros, charges.c.tax, charges.c.tax_micros)
    query = sa.select(*columns).where((charges.c.tax != "1/1") | (charges.c.tax_micros != 0))
    rows = await conn.stream(query, execution_options={"yield_per": ROWS_AT_ONCE})
    return [
        f"call {cdr}, level {level}: {said} of {micros} is said to be tax, and {right} is"
        async for cdr, level, micros, tax, said in rows
        if (right := tax_within(micros, parse_factor(tax))) != said
    ]


async def _unlike_told(conn: AsyncConnection, now_ms: int) -> list[str]:
    told = await standing(conn, now_ms)
    wanted = await wanted_taxes(conn, now_ms)
    return [
        f"{_who(key)}: stores were told {_said(told.get(key))}, and {_said(wanted.get(key))} is right"
        for key in sorted(told.keys() | wanted.keys())
        if told.get(key) != wanted.get(key)
    ]
