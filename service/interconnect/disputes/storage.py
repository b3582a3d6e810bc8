"""Disputes in SQL: opened, moved, noted, settled, each in one transaction under the node's lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import invoices
from service.database.interconnect_tables import differences, dispute_notes, disputes
from service.database.tables import accounts, cdrs, charges
from service.faults import Fault
from service.interconnect.adjustments import DISPUTE, Adjusting, adjust
from service.interconnect.disputes.rules import CLOSED, OPEN, Settling, settling_micros
from service.interconnect.partners import OUT
from service.ledger.by import By


class Opening(NamedTuple):
    """What is disputed."""

    account_id: int
    direction: str
    subject: str
    currency: str
    amount_micros: int
    reconciliation_id: int | None
    due_ms: int
    statement_id: int | None = None
    """That its partner disputes; None: it was opened from above."""
    state: str = OPEN


class NothingDisputed(Fault):
    """The differences speak for us, or there are none."""

    def __init__(self, micros: int) -> None:
        said = "there are none that are in no dispute yet" if not micros else "altogether they speak against it"
        super().__init__(f"these differences can't be disputed: {said}")


class NoCreditNote(Fault):
    """Of this number."""

    def __init__(self, number: str) -> None:
        super().__init__(f"no credit note {number} was issued to this account with the agreed amount")


class NoNoteOfTheirs(Fault):
    """A credit note would give what is asked for."""

    def __init__(self) -> None:
        super().__init__("a credit note lowers what the partner owes us, and this is about what we owe it: name none")


async def disputed_micros(conn: AsyncConnection, reconciliation: Row[Any], kinds: Sequence[str]) -> int:
    """What differences come to that are in no dispute yet. Raises NothingDisputed."""
    at_stake = sa.func.coalesce(sa.func.sum(differences.c.their_micros - differences.c.our_micros), 0)
    found = int((await conn.execute(sa.select(at_stake).where(_free(reconciliation.id, kinds)))).scalar_one())
    micros = found if reconciliation.direction == OUT else -found
    if micros <= 0:
        raise NothingDisputed(found)
    return micros


def _free(reconciliation_id: int, kinds: Sequence[str]) -> sa.ColumnElement[bool]:
    of = (differences.c.reconciliation_id == reconciliation_id) & differences.c.kind.in_(kinds)
    return of & differences.c.dispute_id.is_(None)


async def open_dispute(
    conn: AsyncConnection, opening: Opening, by: By, now_ms: int, *, kinds: Sequence[str] = (), text: str = ""
) -> Row[Any]:
    """Its row. Differences of these kinds belong to it from now on. `text`: how the correspondence begins; empty: with
    its subject.
    """
    values = opening._asdict() | {"actor": by.name, "opened_ms": now_ms, "changed_ms": now_ms}
    row: Row[Any] = (await conn.execute(sa.insert(disputes).values(**values).returning(disputes))).one()
    if opening.reconciliation_id is not None:
        taken = sa.update(differences).where(_free(opening.reconciliation_id, kinds))
        await conn.execute(taken.values(dispute_id=row.id))
    await note(conn, row, text or opening.subject, by, now_ms)
    return row


async def open_of(conn: AsyncConnection, statement_id: int) -> int:
    """How many disputes its partner has opened about a statement that are not closed."""
    counted = sa.select(sa.func.count()).where(disputes.c.statement_id == statement_id, disputes.c.state != CLOSED)
    return int((await conn.execute(counted)).scalar_one())


async def note(
    conn: AsyncConnection, dispute: Row[Any], text: str, by: By, now_ms: int, *, internal: bool = False
) -> None:
    """Adds to the correspondence."""
    values = {"dispute_id": dispute.id, "state": dispute.state, "text": text, "internal": internal}
    values |= {"actor": by.name, "actor_account_id": by.account_id, "created_ms": now_ms}
    await conn.execute(sa.insert(dispute_notes).values(**values))


async def change(conn: AsyncConnection, dispute: Row[Any], now_ms: int, **values: Any) -> Row[Any]:
    """Its row afterwards."""
    edited = sa.update(disputes).where(disputes.c.id == dispute.id)
    made = edited.values(**values, changed_ms=now_ms, version=disputes.c.version + 1).returning(disputes)
    row: Row[Any] = (await conn.execute(made)).one()
    return row


async def settle(
    conn: AsyncConnection, node: str, dispute: Row[Any], credit_note: str, by: By, now_ms: int
) -> Row[Any]:
    """Posts what was agreed on, or takes a credit note for it; closes it. Raises NoCreditNote, NoNoteOfTheirs."""
    entry_id: int | None
    if credit_note:
        entry_id, text = await _credited(conn, dispute, credit_note), f"settled by credit note {credit_note}"
    else:
        entry_id = await _adjusted(conn, node, dispute, by, now_ms)
        text = "settled: the books say it already" if entry_id is None else "settled by an adjustment"
    row = await change(conn, dispute, now_ms, state=CLOSED, entry_id=entry_id)
    await note(conn, row, text, by, now_ms)
    return row


async def _adjusted(conn: AsyncConnection, node: str, dispute: Row[Any], by: By, now_ms: int) -> int | None:
    """The entry; None: nothing is to be posted."""
    is_compared = dispute.reconciliation_id is not None
    risen = await _risen_micros(conn, dispute) if is_compared else 0
    is_partners = dispute.statement_id is not None
    settling = Settling(
        dispute.direction, dispute.amount_micros, dispute.agreed_micros, is_compared, risen, is_partners
    )  # fmt: skip
    micros = settling_micros(settling)
    if not micros:
        return None
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == dispute.account_id))).one()
    subject = f"dispute {dispute.id}: {dispute.subject}"
    wanted = Adjusting(dispute.direction, DISPUTE, subject, micros, f"dispute {dispute.id}")
    return await adjust(conn, node, account, wanted, by, now_ms)


async def _risen_micros(conn: AsyncConnection, dispute: Row[Any]) -> int:
    """By what re-rating has raised our records of its calls since they were compared."""
    if dispute.direction == OUT:
        query = sa.select(sa.func.sum(cdrs.c.cost_micros - differences.c.our_micros))
        query = query.join(cdrs, cdrs.c.id == differences.c.cdr_id).where(cdrs.c.cost_account_id == dispute.account_id)
    else:
        query = sa.select(sa.func.sum(charges.c.charge_micros - differences.c.our_micros))
        query = query.join(charges, charges.c.cdr_id == differences.c.cdr_id)
        query = query.where(charges.c.account_id == dispute.account_id)
    return int((await conn.execute(query.where(differences.c.dispute_id == dispute.id))).scalar() or 0)


async def _credited(conn: AsyncConnection, dispute: Row[Any], number: str) -> int:
    if dispute.direction == OUT:
        raise NoNoteOfTheirs
    query = sa.select(invoices).where(
        invoices.c.kind == "credit_note", invoices.c.account_id == dispute.account_id, invoices.c.number == number
    )
    row = (await conn.execute(query)).first()
    used = sa.select(disputes.c.id).where(disputes.c.entry_id == (row.entry_id if row is not None else 0))
    if row is None or row.entry_id is None or row.currency != dispute.currency:
        raise NoCreditNote(number)
    if row.net_micros + row.rounding_micros < dispute.agreed_micros or (await conn.execute(used)).first() is not None:
        raise NoCreditNote(number)
    return int(row.entry_id)
