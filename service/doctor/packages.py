"""Packages: the store has what the ledger says is left, calls hold what is held, each take is in its call's charge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.product_tables import package_grants, package_takes, subscription_fees
from service.database.tables import charges, postings
from service.doctor.evidence import REFILL, RESTART, RESTORE, Check, Event, LedgerView, StoreView, check
from service.doctor.sentences import Sentence, sentence
from service.ledger.rules import BALANCE


def of_store(store: StoreView, ledger: LedgerView, between: Mapping[int, Event]) -> list[Check]:
    """What the store has a part in."""
    return [_left(store, ledger, between), _held(store)]


def _left(store: StoreView, ledger: LedgerView, between: Mapping[int, Event]) -> Check:
    """What is left of a grant: granted less taken, at the same cut as balances."""
    pending = Counter[int]()
    for event in between.values():
        for charge in (event.get("cdr") or {"charges": []})["charges"]:
            pending.update(dict(charge["takes"]))
    unknown = sentence("grant {0}: the ledger doesn't know it")
    findings = [unknown.filled(number) for number in store.stocks.keys() - ledger.grants.keys()]
    unlike = sentence("grant {0}: the store has {1}, the ledger says {2}")
    for number, grant in sorted(ledger.grants.items()):
        found = store.stocks[number].left if number in store.stocks else 0
        if grant.is_open and ledger.collected_epoch == store.epoch and found != grant.left - pending[number]:
            findings.append(unlike.filled(number, found, grant.left - pending[number]))
    return check("packages", findings, sentence("{0} grants agree", len(ledger.grants)), REFILL)


def _held(store: StoreView) -> Check:
    held = Counter[int]()
    for call in store.calls:
        for leg in call.legs:
            for hold in leg.packages.holds if leg.packages else ():
                held[hold.grant] += hold.amount
    findings = [
        sentence("grant {0}: {1} held, calls hold {2}", number, stock.held, held[number])
        for number, stock in store.stocks.items()
        if stock.held != held[number]
    ]
    return check("holds of packages", findings, sentence("{0} grants are in use", len(held)), RESTART)


async def explained(conn: AsyncConnection) -> Check:
    """What was taken is the sum of what calls took; each charge says what was taken for it; each fee is posted."""
    found = [*await _wrong_sums(conn), *await _unlike_charges(conn), *await _unposted(conn)]
    count = (await conn.execute(sa.select(sa.func.count()).select_from(package_takes))).scalar_one()
    good = sentence("{0} uses of packages, each in its call; fees as posted", count)
    return check("products", found, good, RESTORE)


async def _wrong_sums(conn: AsyncConnection) -> list[Sentence]:
    taken = sa.func.coalesce(sa.func.sum(package_takes.c.amount), 0)
    query = (
        sa.select(package_grants.c.id, package_grants.c.taken, taken)
        .join(package_takes, package_takes.c.grant_id == package_grants.c.id, isouter=True)
        .group_by(package_grants.c.id, package_grants.c.taken)
        .having(taken != package_grants.c.taken)
    )
    told = sentence("grant {0}: {1} taken, calls took {2}")
    return [told.filled(*row) for row in await conn.execute(query)]


async def _unlike_charges(conn: AsyncConnection) -> list[Sentence]:
    of = (package_takes.c.cdr_id == charges.c.cdr_id) & (package_takes.c.level == charges.c.level)
    amount = sa.func.coalesce(sa.func.sum(package_takes.c.amount), 0)
    both = (
        sa.select(charges.c.cdr_id, charges.c.level, amount, charges.c.covered_s + charges.c.covered_micros)
        .join(package_takes, of, isouter=True)
        .group_by(charges.c.cdr_id, charges.c.level, charges.c.covered_s, charges.c.covered_micros)
        .having(amount != charges.c.covered_s + charges.c.covered_micros)
    )
    return [
        sentence("call {0}, level {1}: packages gave {2}, the charge says {3}", cdr, level, taken, said)
        for cdr, level, taken, said in await conn.execute(both)
    ]


async def _unposted(conn: AsyncConnection) -> list[Sentence]:
    line = (postings.c.entry_id == subscription_fees.c.entry_id) & (postings.c.book == BALANCE)
    posted = sa.func.coalesce(postings.c.amount_micros, 0)
    query = sa.select(subscription_fees.c.id, subscription_fees.c.amount_micros, posted)
    query = query.join(postings, line, isouter=True).where(posted != -subscription_fees.c.amount_micros)
    told = sentence("fee {0}: {1} charged, {2} posted")
    return [told.filled(number, said, -found) for number, said, found in await conn.execute(query)]
