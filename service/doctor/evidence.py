"""What the doctor looks at: one snapshot of the hot store, one of the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.calls import RunningCall
from kemi.store.environment import StoreAbsent, snapshot_of
from kemi.store.layout import Account, Aside
from kemi.store.packages import Stock, all_stocks
from kemi.store.taxes import all_taxes
from ratebook.tax import Taxes
from service.config import Config
from service.database.call_tax_tables import call_taxes
from service.database.product_tables import package_grants, package_takes
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges, commands, nodes, operations
from service.doctor.sentences import Sentence, joined, sentence
from service.ledger.rules import BALANCE, CASH, COMMISSION, COST, REVENUE, TAX
from service.ledger.storage import balances
from service.rerating.lines import COST_LEVEL

Event = dict[str, Any]
Sums = dict[int, int]
"""Micro-units by account."""


class Check(NamedTuple):
    """One rule, held or broken."""

    name: str
    ok: bool
    said: Sentence
    """What was found; for a broken one also what to do."""
    is_warning: bool = False
    """It holds, and somebody should look at something all the same."""

    @property
    def detail(self) -> str:
        """What it says, in English."""
        return str(self.said)

    def to_record(self) -> dict[str, Any]:
        """As programs read it."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "is_warning": self.is_warning}


SHOWN_MAX = 5
"""Findings that a check names; the rest is counted."""
BOOKS = {
    BALANCE: sentence("balance"),
    REVENUE: sentence("revenue"),
    COST: sentence("cost"),
    CASH: sentence("cash"),
    TAX: sentence("tax"),
    COMMISSION: sentence("commission"),
}
RESTORE = sentence("restore the ledger from the last backup that passes, then replay the journal")
REFILL = sentence("stop Kamailio, remove the hot store's folder and start again: it is rebuilt from the ledger")
RESTART = sentence("restart Kamailio")


def book_of(name: str) -> Sentence:
    """A book as it is called."""
    return BOOKS.get(name) or Sentence(name)


def check(name: str, findings: list[Sentence], good: Sentence, what_to_do: Sentence) -> Check:
    """Of a rule: `good` is told where nothing was found."""
    if not findings:
        return Check(name, ok=True, said=good)
    shown = joined(findings[:SHOWN_MAX], "; ")
    if len(findings) > SHOWN_MAX:
        shown = sentence("{0} and {1} more", shown, len(findings) - SHOWN_MAX)
    return Check(name, ok=False, said=joined([shown, what_to_do], ": "))


def warning(name: str, findings: list[Sentence], good: Sentence, what_to_do: Sentence) -> Check:
    """Of what is no rule: nothing fails by it."""
    found = check(name, findings, good, what_to_do)
    return Check(name, ok=True, said=found.said, is_warning=not found.ok)


class Report(NamedTuple):
    """All checks."""

    ok: bool
    checks: list[Check]


class StoreView(NamedTuple):
    """One snapshot of the hot store."""

    epoch: int
    ready: bool
    sequence: int
    applied_command: int
    accounts: dict[int, Account]
    calls: list[RunningCall]
    events: dict[int, Event]
    """By sequence: those not yet in the journal."""
    channels: dict[tuple[bytes, int], int]
    """In use, of each trunk (`t`) and gateway (`g`) that has any."""
    asides: dict[int, Aside]
    """What operations have set aside."""
    exposures: dict[int, int]
    """What running calls hold against limits of exposure, by provider."""
    stocks: dict[int, Stock]
    """What is left of packages, by grant."""
    taxes: dict[tuple[int, bool], Taxes]
    """What is added to prices, by account and whether it is that one's own."""


class Operation(NamedTuple):
    """What the ledger knows of money set aside."""

    account: int
    micros: int
    closed_by: int
    """The command that ends it; 0: not decided yet."""


class Grant(NamedTuple):
    """What the ledger knows of a grant of a package."""

    is_open: bool
    """Whether the store has to know it."""
    left: int
    """Granted less taken, as the store's snapshot has to have it but for calls that the ledger has not collected."""


class LedgerView(NamedTuple):
    """The ledger in one transaction, later than the store's snapshot."""

    collected_epoch: int
    collected_sequence: int
    last_command: int
    balances: Sums
    commanded: Sums
    """By commands that the store had not applied."""
    charged_since: Sums
    """Changes of balances by calls that the ledger has and the store's snapshot had not."""
    operations: dict[int, Operation]
    """Those that the store has something aside for."""
    grants: dict[int, Grant]
    """Of packages: those that the store knows, and those that it should."""
    taxes: dict[tuple[int, bool], Taxes]
    """What stores were told."""
    taxes_ahead: bool
    """Whether the store had not applied all that it was told of taxes."""


def read_store(config: Config) -> StoreView | None:
    """The store as it is; None: there is none."""
    try:
        with snapshot_of(config.run_dir) as snapshot:
            accounts = {account.id: account for account in snapshot.accounts()}
            return StoreView(
                snapshot.epoch,
                snapshot.ready,
                snapshot.sequence,
                snapshot.applied_command,
                accounts,
                list(snapshot.calls()),
                dict(snapshot.events()),
                snapshot.channels(),
                snapshot.asides(),
                snapshot.exposures(),
                snapshot.read(all_stocks),
                snapshot.read(all_taxes),
            )
    except StoreAbsent:
        return None


async def read_ledger(conn: AsyncConnection, config: Config, store: StoreView | None) -> LedgerView:
    """What the ledger says now."""
    node = (await conn.execute(sa.select(nodes).where(nodes.c.name == config.node))).one()
    return LedgerView(
        node.collected_epoch,
        node.collected_sequence,
        node.last_command,
        await balances(conn),
        {} if store is None else await _commanded(conn, node.id, store),
        {} if store is None else await _charged_since(conn, node.id, store),
        {} if store is None else await _operations(conn, store),
        {} if store is None else await _grants(conn, node.id, store),
        {
            (row.account_id, row.own): Taxes.from_record(row.courses)
            for row in await conn.execute(sa.select(call_taxes))
        },
        store is not None and any(body["do"] == "taxes" for body in await _ahead(conn, node.id, store)),
    )


async def _operations(conn: AsyncConnection, store: StoreView) -> dict[int, Operation]:
    columns = (operations.c.id, operations.c.account_id, operations.c.amount_micros, operations.c.closed_by)
    rows = await conn.execute(sa.select(*columns).where(operations.c.id.in_(list(store.asides))))
    return {number: Operation(*rest) for number, *rest in rows}


async def _ahead(conn: AsyncConnection, node_id: int, store: StoreView) -> list[dict[str, Any]]:
    """Commands that the store had not applied."""
    of = (commands.c.node_id == node_id) & (commands.c.epoch == store.epoch)
    query = sa.select(commands.c.body).where(of, commands.c.number > store.applied_command)
    return list((await conn.execute(query)).scalars())


async def _grants(conn: AsyncConnection, node_id: int, store: StoreView) -> dict[int, Grant]:
    waiting = Counter[int]()
    for body in await _ahead(conn, node_id, store):
        if body["do"] == "package":
            waiting[body["id"]] += body["amount"]
    later = (cdrs.c.node_id == node_id) & (cdrs.c.epoch == store.epoch) & (cdrs.c.sequence > store.sequence)
    takes = sa.select(package_takes.c.grant_id, package_takes.c.amount)
    taken_since = Counter[int]()
    for grant, amount in await conn.execute(takes.join(cdrs, cdrs.c.id == package_takes.c.cdr_id).where(later)):
        taken_since[grant] += amount
    known = (package_grants.c.state == "open") | package_grants.c.id.in_(list(store.stocks))
    return {
        row.id: Grant(row.state == "open", row.amount - row.taken - waiting[row.id] + taken_since[row.id])
        for row in await conn.execute(sa.select(package_grants).where(known))
    }


async def _commanded(conn: AsyncConnection, node_id: int, store: StoreView) -> Sums:
    where = (
        (commands.c.node_id == node_id)
        & (commands.c.epoch == store.epoch)
        & (commands.c.number > store.applied_command)
        & commands.c.account_id.is_not(None)
    )
    total = sa.select(commands.c.account_id, sa.func.sum(commands.c.amount_micros)).where(where)
    return {int(account): int(micros) for account, micros in await conn.execute(total.group_by(commands.c.account_id))}


async def _charged_since(conn: AsyncConnection, node_id: int, store: StoreView) -> Sums:
    later = (cdrs.c.node_id == node_id) & (cdrs.c.epoch == store.epoch) & (cdrs.c.sequence > store.sequence)
    sums: defaultdict[int, int] = defaultdict(int)
    paid = sa.select(charges.c.account_id, charges.c.charge_micros).join(cdrs, cdrs.c.id == charges.c.cdr_id)
    for account, micros in await conn.execute(paid.where(later)):
        sums[account] -= micros
    owed = sa.select(cdrs.c.cost_account_id, cdrs.c.cost_micros).where(later & cdrs.c.cost_micros.is_not(None))
    for account, micros in await conn.execute(owed):
        sums[account] += micros
    for account, micros in await conn.execute(_corrected_since(later)):
        sums[account] += micros
    return dict(sums)


def _corrected_since(later: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Of these calls, what corrections took back or added: they reach the store by commands of their own."""
    delta = corrections.c.delta_micros
    micros = sa.case((corrections.c.level == COST_LEVEL, -delta), else_=delta)
    return sa.select(corrections.c.account_id, micros).join(cdrs, cdrs.c.id == corrections.c.cdr_id).where(later)
