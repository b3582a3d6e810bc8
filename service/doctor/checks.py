"""The rules. Each check says what it found, and what to do when its rule is broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.journal import FOLDER, journal_files, read_lines
from service.access import audit
from service.config import Config
from service.database.access_tables import audit as audit_lines
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges, postings
from service.doctor import packages, taxes
from service.doctor.evidence import (
    REFILL,
    RESTART,
    RESTORE,
    Check,
    Event,
    LedgerView,
    StoreView,
    Sums,
    book_of,
    check,
)  # fmt: skip
from service.doctor.sentences import Sentence, sentence
from service.ledger.rules import BALANCE, REVENUE
from service.ledger.storage import Imbalance, imbalances
from service.rerating.lines import COST_LEVEL

PEERS = {
    b"t": sentence("trunk {0}: {1} channels, {2} calls"),
    b"d": sentence("device {0}: {1} channels, {2} calls"),
    b"n": sentence("number {0}: {1} channels, {2} calls"),
    b"g": sentence("gateway {0}: {1} channels, {2} calls"),
}
BREAKS = {
    "missing": sentence("line {0}: a line before it is missing, or was put in"),
    "changed": sentence("line {0}: its text is not the one that was written"),
    "shortened": sentence("the last lines are missing"),
}
OVERDUE_MS = 15_000
"""How long after its grant a call may still be in the store: dialog timer, reaper, and a second each."""


async def conservation(conn: AsyncConnection) -> Check:
    """H1: every entry adds up to nothing, every balance is the sum of its lines."""
    found = [_unlike(one) for one in await imbalances(conn)]
    lines = (await conn.execute(sa.select(sa.func.count()).select_from(postings))).scalar_one()
    return check("conservation", found, sentence("{0} postings add up", lines), RESTORE)


def _unlike(found: Imbalance) -> Sentence:
    micros = (found.found_micros, found.currency, found.expected_micros)
    if found.entry_id:
        return sentence("entry {0}: {1} micro-units of {2} where {3} were expected", found.entry_id, *micros)
    of = (book_of(found.book), found.account_id)
    return sentence("{0} of account {1}: {2} micro-units of {3} where {4} were expected", *of, *micros)


async def batches(conn: AsyncConnection) -> Check:
    """H3: what the calls of a batch were charged, before any correction, is what its entry posted: every level, each
    currency.
    """
    findings = []
    told = sentence("entry {0}, {1} of account {2}: calls and postings differ by {3} micro-units of {4}")
    for book, column, sign in ((BALANCE, charges.c.account_id, -1), (REVENUE, charges.c.seller_id, 1)):
        called = (
            sa.select(
                cdrs.c.entry_id.label("entry_id"),
                column.label("account_id"),
                charges.c.currency.label("currency"),
                (charges.c.charge_micros * sign).label("micros"),
            )
            .join(cdrs, cdrs.c.id == charges.c.cdr_id)
            .where(charges.c.charge_micros != 0)
        )
        posted = sa.select(
            postings.c.entry_id, postings.c.account_id, postings.c.currency, (-postings.c.amount_micros).label("micros")
        ).where(postings.c.book == book, postings.c.entry_id.in_(sa.select(cdrs.c.entry_id)))
        parts = [called, posted, _corrected(book, sign)]
        if book == BALANCE:
            owed = sa.select(cdrs.c.entry_id, cdrs.c.cost_account_id, cdrs.c.cost_currency, cdrs.c.cost_micros)
            parts.append(owed.where(cdrs.c.cost_micros != 0))
        both = sa.union_all(*parts).subquery()
        total = sa.func.sum(both.c.micros)
        key = (both.c.entry_id, both.c.account_id, both.c.currency)
        query = sa.select(*key, total).group_by(*key)
        findings += [
            told.filled(entry, book_of(book), account, micros, currency)
            for entry, account, currency, micros in await conn.execute(query.having(total != 0))
        ]
    calls = (await conn.execute(sa.select(sa.func.count()).select_from(cdrs))).scalar_one()
    return check("exactly once", findings, sentence("{0} records, each posted once at every level", calls), RESTORE)


def _corrected(book: str, sign: int) -> sa.Select[Any]:
    """Takes corrections off again: their own entries post them."""
    is_cost = corrections.c.level == COST_LEVEL
    if book == REVENUE:
        columns = (cdrs.c.entry_id, corrections.c.seller_id, corrections.c.currency, corrections.c.delta_micros * -sign)
        return sa.select(*columns).join(cdrs, cdrs.c.id == corrections.c.cdr_id).where(~is_cost)
    micros = sa.case((is_cost, -corrections.c.delta_micros), else_=corrections.c.delta_micros * -sign)
    columns = (cdrs.c.entry_id, corrections.c.account_id, corrections.c.currency, micros)
    return sa.select(*columns).join(cdrs, cdrs.c.id == corrections.c.cdr_id)


async def trail(conn: AsyncConnection) -> Check:
    """The audit is what was written: each line's hash holds the one before it."""
    found = await audit.find_break(conn)
    findings = [] if found is None else [BREAKS[found.what].filled(found.id)]
    lines = (await conn.execute(sa.select(sa.func.count()).select_from(audit_lines))).scalar_one()
    advice = sentence("somebody changed the database by hand: compare it with a backup")
    return check("audit", findings, sentence("{0} lines, each as it was written", lines), advice)


def events_between(config: Config, store: StoreView | None, ledger: LedgerView) -> dict[int, Event]:
    """Events of the store's life that the ledger has not collected and the store's snapshot had, by sequence."""
    if store is None:
        return {}
    first = ledger.collected_sequence + 1 if ledger.collected_epoch == store.epoch else 1
    wanted = {number: event for number, event in store.events.items() if number >= first}
    for path in reversed(journal_files(config.data_dir / FOLDER)):
        lines = [event for _, event in read_lines(path) if event["e"] != "carried"]
        for event in lines:
            if event["epoch"] == store.epoch and first <= event["seq"] <= store.sequence:
                wanted[event["seq"]] = event
        if lines and (lines[0]["epoch"], lines[0]["seq"]) <= (store.epoch, first):
            break
    return wanted


def changes_of(events: Iterable[Event]) -> Sums:
    """What settled calls changed in balances."""
    sums: defaultdict[int, int] = defaultdict(int)
    for event in events:
        cdr = event.get("cdr") or {"charges": [], "cost": None}
        for charge in cdr["charges"]:
            sums[charge["account"]] -= charge["micros"]
        if cdr["cost"]:
            sums[cdr["cost"]["account"]] += cdr["cost"]["micros"]
    return dict(sums)


def of_store(store: StoreView | None, ledger: LedgerView, between: dict[int, Event], boot_ms: int) -> list[Check]:
    """Everything that the store has a part in."""
    if store is None:
        return [
            Check("store", ok=False, said=sentence("there is no hot store: start Kamailio (kemi.prestart makes it)"))
        ]
    ready = [] if store.ready else [sentence("the hot store is not filled yet, calls get 503")]
    good = sentence("life {0}, {1} calls", store.epoch, len(store.calls))
    return [
        check("store", ready, good, sentence("start `kambill serve`")),
        journal(store, ledger, between),
        equation(store, ledger, between),
        holds(store),
        set_aside(store, ledger),
        *packages.of_store(store, ledger, between),
        taxes.of_store(store, ledger),
        channels(store),
        funds(store),
        overdue(store, boot_ms),
    ]


def journal(store: StoreView, ledger: LedgerView, between: dict[int, Event]) -> Check:
    """Every event is in the ledger, the journal or the store."""
    first = ledger.collected_sequence + 1 if ledger.collected_epoch == store.epoch else 1
    missing = [
        sentence("event {0} is nowhere", number) for number in range(first, store.sequence + 1) if number not in between
    ]
    good = sentence("{0} events, {1} on their way to the ledger", store.sequence, max(0, store.sequence - first + 1))
    return check("journal", missing, good, sentence("put the journal's missing file back"))


def equation(store: StoreView, ledger: LedgerView, between: dict[int, Event]) -> Check:
    """The store is the ledger less charges not yet posted and commands not yet applied, for each account."""
    if ledger.collected_epoch != store.epoch:
        unseen = sentence("the ledger has not seen this store yet: start `kambill serve`, wait, repeat")
        return Check("store and ledger", ok=False, said=unseen)
    pending = changes_of(between.values())
    findings = []
    for account in sorted(store.accounts.keys() | ledger.balances.keys()):
        expected = (
            ledger.balances.get(account, 0)
            - ledger.charged_since.get(account, 0)
            + pending.get(account, 0)
            - ledger.commanded.get(account, 0)
        )
        found = store.accounts[account].balance if account in store.accounts else 0
        if found != expected:
            findings.append(sentence("account {0}: the store has {1}, the ledger says {2}", account, found, expected))
    return check(
        "store and ledger", findings, sentence("{0} accounts agree to the micro-unit", len(store.accounts)), REFILL
    )


def set_aside(store: StoreView, ledger: LedgerView) -> Check:
    """What the store has aside is of an operation that is not at its end yet."""
    findings = []
    for number, aside in store.asides.items():
        known = ledger.operations.get(number)
        if known is None:
            findings.append(sentence("operation {0}: the ledger doesn't know it", number))
        elif (known.account, known.micros) != tuple(aside):
            said = sentence("operation {0}: {1} aside of account {2}, not as asked")
            findings.append(said.filled(number, aside.micros, aside.account))
        elif 0 < known.closed_by <= store.applied_command:
            findings.append(sentence("operation {0}: it is over, and {1} are still aside", number, aside.micros))
    good = sentence("{0} operations on their way", len(store.asides))
    return check("set aside", findings, good, sentence("report it; then restart Kamailio"))


def holds(store: StoreView) -> Check:
    """What is held on an account is what its running calls hold, and what operations have set aside.

    What is held against a provider's exposure limit are the costs of its calls.
    """
    held: defaultdict[int, int] = defaultdict(int)
    for aside in store.asides.values():
        held[aside.account] += aside.micros
    for call in store.calls:
        for leg in call.legs:
            held[leg.account] += leg.held
    findings = [
        sentence("account {0}: {1} held, calls and operations hold {2}", account.id, account.held, held[account.id])
        for account in store.accounts.values()
        if account.held != held[account.id]
    ]
    costs: defaultdict[int, int] = defaultdict(int)
    for call in store.calls:
        if call.provider is not None:
            costs[call.provider.account] += call.provider.held
    told = sentence("provider {0}: costs of {1} held against its exposure limit, calls hold {2}")
    findings += [
        told.filled(number, micros, costs[number])
        for number, micros in store.exposures.items()
        if micros != costs[number]
    ]
    good = sentence("{0} held by {1} calls", sum(held.values()), len(store.calls))
    return check("holds", findings, good, RESTART)


def channels(store: StoreView) -> Check:
    """Channels in use are running calls: of accounts, trunks, devices, numbers and gateways."""
    used: defaultdict[int, int] = defaultdict(int)
    peers: defaultdict[tuple[bytes, int], int] = defaultdict(int)
    for call in store.calls:
        for account in call.path:
            used[account] += 1
        for kind, number in ((b"t", call.trunk), (b"d", call.device), (b"n", call.number), (b"g", call.gateway)):
            peers[kind, number] += bool(number)
    findings = [
        sentence("account {0}: {1} channels, {2} calls", account.id, account.channels, used[account.id])
        for account in store.accounts.values()
        if account.channels != used[account.id]
    ]
    findings += [
        PEERS[kind].filled(number, store.channels.get((kind, number), 0), peers[kind, number])
        for kind, number in sorted(peers.keys() | store.channels.keys())
        if store.channels.get((kind, number), 0) != peers[kind, number]
    ]
    return check("channels", findings, sentence("channels in use are the running calls"), RESTART)


def funds(store: StoreView) -> Check:
    """H2: no charged account has more on hold than it can pay."""
    findings = [
        sentence("account {0}: {1} available", account.id, account.available)
        for account in store.accounts.values()
        if account.is_charged and account.available < 0 and account.held
    ]
    advice = sentence("a fee, a correction or a lowered limit may do this; else report it. It gets no new hold")
    return check("funds", findings, sentence("no account holds more than it has"), advice)


def overdue(store: StoreView, boot_ms: int) -> Check:
    """H4: no answered call is in the store long after its grant."""
    findings = [
        sentence("call {0} goes on", call.hex)
        for call in store.calls
        if call.is_answered and call.grant_end_boot_ms + OVERDUE_MS < boot_ms
    ]
    advice = sentence("is Kamailio running? its meter ends them")
    return check("on time", findings, sentence("no call is beyond its grant"), advice)
