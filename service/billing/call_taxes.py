"""Taxes that are added while prepaid accounts use something: what stores are told of them, and what else is charged.

A seller's taxes say it (`added_to_prepaid`). Stores know of each seller what everybody pays, and of accounts what is
theirs alone: taxes that are assigned, an exemption. Dates are told beforehand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import PAR, factor_text
from ratebook.price import Factor
from ratebook.tax import CALLS, MESSAGES, UNTAXED, Stretch, Taxes
from service.accounts.storage import seller_of
from service.billing.assess import Pair, rules_of
from service.billing.taxing import NOTHING_ADDED, Added, Payer, Rates, Tax, added_factor, charged_rates
from service.commands.bodies import taxes_body
from service.commands.outbox import Command, enqueue_all
from service.database.billing_tables import account_taxes, billing_terms, taxes
from service.database.call_tax_tables import call_taxes, tax_sets
from service.database.paths import path_ids
from service.database.tables import accounts
from service.faults import Fault
from service.ledger.rules import ROOT_ID

Key = tuple[int, bool]
"""An account, and whether it is about itself; else it is a seller."""
EVERYBODY = 0
"""Stands for an account to which nothing is assigned."""


class TaxesMeet(Fault):
    """An account would have two taxes on one thing that are both VAT."""


class _Dated(NamedTuple):
    """From when which rates hold."""

    from_s: int
    rates: Rates


async def refresh(conn: AsyncConnection, node: str, now_ms: int) -> None:
    """Tells stores what has changed. In the transaction of whoever changed a tax, its assignment, an exemption, or who
    sells to whom. Raises TaxesMeet.
    """
    told = await standing(conn, now_ms)
    wanted = await wanted_taxes(conn, now_ms, may_make=True)
    changed = [key for key in sorted(told.keys() | wanted.keys()) if told.get(key) != wanted.get(key)]
    for account_id, own in changed:
        mine = (call_taxes.c.account_id == account_id) & (call_taxes.c.own == own)
        await conn.execute(sa.delete(call_taxes).where(mine))
        found = wanted.get((account_id, own))
        if found is not None:
            row = {"account_id": account_id, "own": own, "courses": found.to_record()}
            await conn.execute(sa.insert(call_taxes).values(**row))
    bodies = [taxes_body(*key, wanted.get(key)) for key in changed]
    if bodies:
        await enqueue_all(conn, node, [Command(body) for body in bodies], now_ms=now_ms)


async def standing(conn: AsyncConnection, now_ms: int) -> dict[Key, Taxes]:
    """What stores were told, as far as it is not over."""
    rows = await conn.execute(sa.select(call_taxes))
    return {(row.account_id, row.own): _from_now(Taxes.from_record(row.courses), now_ms) for row in rows}


def _from_now(found: Taxes, now_ms: int) -> Taxes:
    """What holds is said to have held ever, so that the same is the same at any moment."""
    left = found.since(now_ms // 1000).courses
    return Taxes({name: ((0, *course[0][1:]), *course[1:]) for name, course in left.items()})


async def wanted_taxes(conn: AsyncConnection, now_ms: int, *, may_make: bool = False) -> dict[Key, Taxes]:
    """What stores are to know: the same as what `standing` makes of it as time goes by, so that nobody need tell them
    that a tax is over. `may_make`: sets of rates that are new are made; else they have the id -1.
    """
    adding = sa.select(taxes.c.account_id).where(taxes.c.added_to_prepaid).distinct()
    sellers = set((await conn.execute(adding)).scalars())
    if not sellers:
        return {}
    pairs = await _apart(conn, sellers) | {(seller_id, EVERYBODY) for seller_id in sellers}
    rules = await rules_of(conn, pairs)
    dated = {pair: _dated(rules.taxes[pair], rules.payers[pair[1]], pair, now_ms) for pair in pairs}
    every = {one.rates for courses in dated.values() for course in courses.values() for one in course}
    sets = await sets_of(conn, every) if may_make else dict.fromkeys(every, -1) | await _known_sets(conn, every)
    return {
        (account_id or seller_id, account_id != EVERYBODY): _from_now(_courses(courses, sets), now_ms)
        for (seller_id, account_id), courses in dated.items()
    }


async def _apart(conn: AsyncConnection, sellers: set[int]) -> set[Pair]:
    """Accounts that may be taxed otherwise than everybody, with their sellers."""
    assigned = sa.select(account_taxes.c.account_id).join(taxes, taxes.c.id == account_taxes.c.tax_id)
    assigned = assigned.where(taxes.c.account_id.in_(sellers))
    exempt = sa.select(billing_terms.c.account_id).where(billing_terms.c.tax_status != "taxed")
    chosen = accounts.c.id.in_(assigned) | accounts.c.id.in_(exempt)
    rows = list(await conn.execute(sa.select(accounts.c.id, accounts.c.path).where(chosen)))
    above = {number: path_ids(path)[-2::-1] for number, path in rows}
    pay_nothing = accounts.c.commission & accounts.c.id.in_({one for path in above.values() for one in path})
    passed = set((await conn.execute(sa.select(accounts.c.id).where(pay_nothing))).scalars())
    pairs = {(next((one for one in path if one not in passed), ROOT_ID), number) for number, path in above.items()}
    return {pair for pair in pairs if pair[0] in sellers}


def _dated(sold: Sequence[Tax], payer: Payer, pair: Pair, now_ms: int) -> dict[str, list[_Dated]]:
    """By service; of services to which nothing is ever added nothing is said."""
    found = {}
    for service in (CALLS, MESSAGES):
        own = [tax for tax in sold if not tax.services or service in tax.services]
        left = [tax for tax in own if tax.valid_until_ms is None or tax.valid_until_ms > now_ms]
        if any(tax.added_to_prepaid for tax in left):
            found[service] = list(_stretches(left, payer, service, pair, now_ms))
    return found


def _stretches(sold: Sequence[Tax], payer: Payer, service: str, pair: Pair, now_ms: int) -> Iterable[_Dated]:
    borders = {tax.valid_from_ms for tax in sold} | {tax.valid_until_ms for tax in sold if tax.valid_until_ms}
    before: Rates | None = None
    for at_ms in [now_ms, *sorted(border for border in borders if border > now_ms)]:
        try:
            rates = charged_rates(sold, payer, service, at_ms)
        except ValueError as fault:
            who = f"account {pair[1]}" if pair[1] else f"whoever pays account {pair[0]}"
            raise TaxesMeet(f"{who}: {fault}") from None
        if rates != before:
            yield _Dated(0 if at_ms == now_ms else -(-at_ms // 1000), rates)
        before = rates


def _courses(dated: Mapping[str, Sequence[_Dated]], sets: Mapping[Rates, int]) -> Taxes:
    courses: dict[str, tuple[Stretch, ...]] = {
        service: tuple((one.from_s, sets[one.rates], *added_factor(one.rates)) for one in course)
        for service, course in dated.items()
    }
    return Taxes(courses)


# --- sets of rates


async def sets_of(conn: AsyncConnection, wanted: Iterable[Rates]) -> dict[Rates, int]:
    """The ids of sets of rates, which are made if they are new. The caller holds the node's lock."""
    every = sorted(wanted)
    found = await _known_sets(conn, every)
    for rates in every:
        if rates not in found:
            values = {"digest": _digest(rates), "rates": _plain(rates), "factor": factor_text(added_factor(rates))}
            made = await conn.execute(sa.insert(tax_sets).values(**values).returning(tax_sets.c.id))
            found[rates] = int(made.scalar_one())
    return found


async def _known_sets(conn: AsyncConnection, wanted: Iterable[Rates]) -> dict[Rates, int]:
    by_digest = {_digest(rates): rates for rates in wanted}
    query = sa.select(tax_sets.c.digest, tax_sets.c.id).where(tax_sets.c.digest.in_(by_digest))
    return {by_digest[digest]: int(number) for digest, number in await conn.execute(query)}


def _plain(rates: Rates) -> list[dict[str, Any]]:
    return [rate._asdict() for rate in rates]


def _digest(rates: Rates) -> str:
    return hashlib.sha256(json.dumps(_plain(rates), sort_keys=True).encode()).hexdigest()


async def taxes_of(conn: AsyncConnection, account: Row[Any], now_ms: int) -> Taxes:
    """What is added to the prices of an account's calls and messages from now on: as the call path looks it up."""
    if account.billing != "prepaid":
        return UNTAXED
    told = await standing(conn, now_ms)
    everybody = told.get((await seller_of(conn, account), False), UNTAXED)
    return told.get((account.id, True), everybody)


# --- what is charged beside calls


async def added_to(conn: AsyncConnection, seller_id: int, account: Row[Any], service: str, now_ms: int) -> Added:
    """To what an account pays for a service at this moment. The caller holds the node's lock. Raises TaxesMeet."""
    rates = await _rates_for(conn, seller_id, account, service, now_ms)
    return NOTHING_ADDED if rates is None else Added((await sets_of(conn, [rates]))[rates], added_factor(rates))


async def factor_to(conn: AsyncConnection, seller_id: int, account: Row[Any], service: str, now_ms: int) -> Factor:
    """What the same multiplies a price by; nothing is written. Raises TaxesMeet."""
    rates = await _rates_for(conn, seller_id, account, service, now_ms)
    return PAR if rates is None else added_factor(rates)


async def _rates_for(
    conn: AsyncConnection, seller_id: int, account: Row[Any], service: str, now_ms: int
) -> Rates | None:
    """None: nothing is added."""
    if account.billing != "prepaid":
        return None
    rules = await rules_of(conn, {(seller_id, account.id)})
    sold, payer = rules.taxes[seller_id, account.id], rules.payers[account.id]
    if not any(tax.added_to_prepaid and tax.applies(service, now_ms) for tax in sold):
        return None
    try:
        return charged_rates(sold, payer, service, now_ms)
    except ValueError as fault:
        raise TaxesMeet(f"account {account.id}: {fault}") from None
