"""The API of disputes."""

from __future__ import annotations

import functools
import operator
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.nouns import NOUNS, visible
from service.api.problems import Problem, invalid
from service.database.interconnect_tables import differences, dispute_notes, disputes
from service.database.tables import accounts
from service.interconnect.below import check_payer, direction_of
from service.interconnect.disputes.mails import MOVED, NOTED, OPENED, SETTLED, tell
from service.interconnect.disputes.rules import (
    AGES_DAYS,
    CLOSED,
    DAY_MS,
    SENT,
    agreed_micros,
    borders_ms,
    may_settle,
    move_problem,
)
from service.interconnect.disputes.storage import Opening, change, disputed_micros, note, open_dispute, settle
from service.interconnect.disputes.views import (
    Age,
    Aging,
    AgingQuery,
    DisputeQuery,
    DisputeText,
    DisputeView,
    Move,
    NewDispute,
    NewNote,
    NoteView,
    SettleDispute,
    view_of,
)
from service.ledger.api import check_amount, seen_actor


def _waits(wanted: Any) -> sa.ColumnElement[bool]:
    waits = disputes.c.statement_id.is_not(None) & (disputes.c.state == SENT)
    return waits if wanted else ~waits


_LISTING = Listing(
    "dispute",
    {"-id": disputes.c.id, "due": disputes.c.due_ms, "amount": disputes.c.amount_micros},
    {
        "account_id": equals(disputes.c.account_id),
        "state": equals(disputes.c.state),
        "statement_id": equals(disputes.c.statement_id),
        "waits": _waits,
    },
)


async def start_dispute(call: Call) -> Answer:
    """Of a comparison's differences, or by hand."""
    body: NewDispute = call.body
    opening = await (_by_hand(call, body) if body.reconciliation_id is None else _of_differences(call, body))
    row = await open_dispute(call.conn, opening, call.by, call.now_ms, kinds=body.kinds)
    view = view_of(row)
    await call.audit("dispute.open", "dispute", row.id, row.account_id, None, view)
    await tell(call, row, OPENED)
    return Answer(view, location=f"/api/v1/disputes/{row.id}")


async def _by_hand(call: Call, body: NewDispute) -> Opening:
    if body.account_id is None or body.amount is None:
        raise invalid("/reconciliation_id", "name a comparison, or account_id and amount")
    check_amount(body.amount)
    account = await call.find("account", body.account_id, to_change=True)
    direction = direction_of(account, body.direction)
    check_payer(call, direction)
    due_ms = call.now_ms + body.due_days * DAY_MS
    return Opening(account.id, direction, body.subject, account.currency, body.amount, None, due_ms)


async def _of_differences(call: Call, body: NewDispute) -> Opening:
    if any(one is not None for one in (body.account_id, body.amount, body.direction)):
        raise invalid("/reconciliation_id", "the comparison says whose it is, and how much: leave the rest out")
    assert body.reconciliation_id is not None
    compared = await call.find("reconciliation", body.reconciliation_id, to_change=True)
    await call.need_seller((await call.owner_of(compared)).path)
    check_payer(call, compared.direction)
    micros = await disputed_micros(call.conn, compared, body.kinds)
    due_ms = call.now_ms + body.due_days * DAY_MS
    return Opening(
        compared.account_id, compared.direction, body.subject, compared.currency, micros, compared.id, due_ms
    )


async def list_disputes(call: Call) -> Answer:
    """A page of them, the latest first; `sort=due` for those that wait longest."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[DisputeView](items=[view_of(row) for row in rows], next=following))


async def show_dispute(call: Call) -> Answer:
    """With the correspondence; the partner's own people don't see what is internal."""
    return Answer(await text_of(call, call.row), version=call.row.version)


async def text_of(call: Call, row: Any) -> DisputeText:
    """A dispute with the correspondence that the asker may read."""
    query = (
        sa.select(dispute_notes, accounts.c.path.label("actor_path"))
        .join(accounts, accounts.c.id == dispute_notes.c.actor_account_id, isouter=True)
        .where(dispute_notes.c.dispute_id == row.id)
        .order_by(dispute_notes.c.id)
    )
    if row.account_id == call.actor.account_id:
        query = query.where(~dispute_notes.c.internal)
    notes = [
        NoteView.model_validate(dict(one._mapping) | {"actor": seen_actor(one.actor, one.actor_path, call.actor)})
        for one in await call.conn.execute(query)
    ]
    counted = sa.select(sa.func.count()).select_from(differences).where(differences.c.dispute_id == row.id)
    count = (await call.conn.execute(counted)).scalar_one()
    return DisputeText.model_construct(**dict(view_of(row)), differences=count, notes=notes)


async def add_note(call: Call) -> Answer:
    """What was said or written; it stays as it is."""
    body: NewNote = call.body
    await note(call.conn, call.row, body.text, call.by, call.now_ms, internal=body.internal)
    told = {"text": body.text, "internal": body.internal}
    await call.audit("dispute.note", "dispute", call.row.id, call.row.account_id, None, told)
    if not body.internal:
        await tell(call, call.row, NOTED, body.text)
    return Answer(await text_of(call, call.row))


async def move_dispute(call: Call) -> Answer:
    """To the partner, answered, agreed on or not."""
    body: Move = call.body
    check_payer(call, call.row.direction)
    call.check_match(call.row.version)
    problem = move_problem(call.row.state, body.state)
    if problem is not None:
        raise Problem("conflict", problem)
    try:
        agreed = agreed_micros(body.state, call.row.amount_micros, body.agreed)
    except ValueError as fault:
        raise invalid("/agreed", str(fault)) from None
    row = await change(call.conn, call.row, call.now_ms, state=body.state, agreed_micros=agreed)
    await note(call.conn, row, body.text, call.by, call.now_ms)
    await call.audit("dispute.move", "dispute", row.id, row.account_id, view_of(call.row), view_of(row))
    await tell(call, row, MOVED[body.state], body.text)
    return Answer(await text_of(call, row), version=row.version)


async def settle_dispute(call: Call) -> Answer:
    """What was agreed on is posted, or a credit note is named that has posted it. Once."""
    body: SettleDispute = call.body
    check_payer(call, call.row.direction)
    if not may_settle(call.row.state, call.row.direction, is_compared=call.row.reconciliation_id is not None):
        raise Problem("conflict", f"it is {call.row.state}: what is accepted, wholly or partly, is settled")
    row = await settle(call.conn, call.node, call.row, body.credit_note, call.by, call.now_ms)
    await call.audit("dispute.settle", "dispute", row.id, row.account_id, view_of(call.row), view_of(row))
    await tell(call, row, SETTLED)
    return Answer(await text_of(call, row), version=row.version)


async def show_aging(call: Call) -> Answer:
    """What is not closed, by age since it was opened."""
    query: AgingQuery = call.query
    older = (sa.case((disputes.c.opened_ms <= border, 1), else_=0) for border in borders_ms(call.now_ms))
    age = functools.reduce(operator.add, older).label("age")
    chosen = sa.select(disputes.c.currency, disputes.c.amount_micros, age)
    chosen = chosen.where(disputes.c.state != CLOSED, visible(NOUNS["dispute"], call.actor))
    if query.account_id is not None:
        chosen = chosen.where(disputes.c.account_id == query.account_id)
    each = chosen.subquery().c
    summed = sa.select(each.currency, each.age, sa.func.count(), sa.func.sum(each.amount_micros))
    summed = summed.group_by(each.currency, each.age).order_by(each.currency, each.age)
    items = [
        Age(currency=currency, days=_AGES[age], disputes=counted, amount=int(micros))
        for currency, age, counted, micros in await call.conn.execute(summed)
    ]
    return Answer(Aging(items=items))


_AGES = (
    f"0-{AGES_DAYS[0]}",
    *(f"{before + 1}-{after}" for before, after in pairwise(AGES_DAYS)),
    f"{AGES_DAYS[-1] + 1}-",
)
_P = Permission
_ONE = "/disputes/{dispute_id}"
ENDPOINTS = [
    Endpoint(
        "dispute.open", "POST", "/disputes", _P.STATEMENTS_CHANGE, start_dispute, "Open a dispute", NewDispute,
        answer=DisputeView, status=201, of_seller=True,
    ),
    Endpoint(
        "dispute.list", "GET", "/disputes", _P.STATEMENTS_READ, list_disputes, "List disputes", query=DisputeQuery,
        answer=Page[DisputeView],
    ),
    Endpoint(
        "dispute.aging", "GET", "/dispute-aging", _P.STATEMENTS_READ, show_aging, "Show disputes by their age",
        query=AgingQuery, answer=Aging,
    ),
    Endpoint("dispute.show", "GET", _ONE, _P.STATEMENTS_READ, show_dispute, "Show a dispute", answer=DisputeText),
    Endpoint(
        "dispute.note", "POST", f"{_ONE}/notes", _P.STATEMENTS_CHANGE, add_note, "Add to a dispute's correspondence",
        NewNote, answer=DisputeText, status=201, below=True, of_seller=True,
    ),
    Endpoint(
        "dispute.move", "POST", f"{_ONE}/state", _P.STATEMENTS_CHANGE, move_dispute, "Move a dispute", Move,
        answer=DisputeText, below=True, of_seller=True,
    ),
    Endpoint(
        "dispute.settle", "POST", f"{_ONE}/settlement", _P.PAYMENTS_CHANGE, settle_dispute, "Settle a dispute",
        SettleDispute, answer=DisputeText, below=True, of_seller=True, key=Key.NEEDED,
    ),
]  # fmt: skip
