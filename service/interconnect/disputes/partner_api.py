"""The API of disputes for the partner itself: it opens one about its own statement, writes, and takes it back. Whoever
stands above it answers, agrees and settles.
"""

from __future__ import annotations

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem
from service.interconnect.below import direction_of
from service.interconnect.disputes.api import text_of
from service.interconnect.disputes.mails import OPENED, REPLIED, WITHDRAWN, tell
from service.interconnect.disputes.rules import ANSWERS, CLOSED, DAY_MS, OPEN_MAX, SENT, may_withdraw
from service.interconnect.disputes.storage import Opening, change, note, open_dispute, open_of
from service.interconnect.disputes.views import DisputeText, DisputeView, NewObjection, Reply, Withdrawal, view_of
from service.ledger.api import check_amount


def _check_own(call: Call) -> None:
    """Raises Problem: somebody speaks for another account."""
    if call.row.account_id != call.actor.account_id:
        raise Problem("forbidden", "this is for the partner itself: from above disputes are opened and noted")


async def dispute_statement(call: Call) -> Answer:
    """By the partner. It waits for an answer from then on."""
    body: NewObjection = call.body
    _check_own(call)
    check_amount(body.amount)
    direction = direction_of(call.of, body.direction)
    if await open_of(call.conn, call.row.id) >= OPEN_MAX:
        raise Problem("conflict", f"{OPEN_MAX} disputes about this statement are not closed: wait for answers to them")
    opening = Opening(
        account_id=call.row.account_id,
        direction=direction,
        subject=body.subject,
        currency=call.row.currency,
        amount_micros=body.amount,
        reconciliation_id=None,
        due_ms=call.now_ms + body.due_days * DAY_MS,
        statement_id=call.row.id,
        state=SENT,
    )
    row = await open_dispute(call.conn, opening, call.by, call.now_ms, text=body.text)
    view = view_of(row)
    await call.audit("statement.dispute", "dispute", row.id, row.account_id, None, view)
    await tell(call, row, OPENED, body.text)
    return Answer(view, location=f"/api/v1/disputes/{row.id}")


async def reply(call: Call) -> Answer:
    """By the partner, to what it was asked or told; its own dispute waits for an answer again."""
    body: Reply = call.body
    _check_own(call)
    if call.row.state == CLOSED:
        raise Problem("conflict", "it is closed: nothing is added to it by the partner any more")
    after = ANSWERS.get((call.row.statement_id is not None, call.row.state), call.row.state)
    row = await change(call.conn, call.row, call.now_ms, state=after)
    await note(call.conn, row, body.text, call.by, call.now_ms)
    await call.audit("dispute.reply", "dispute", row.id, row.account_id, view_of(call.row), view_of(row))
    await tell(call, row, REPLIED, body.text)
    return Answer(await text_of(call, row), version=row.version)


async def withdraw(call: Call) -> Answer:
    """By the partner that has opened it: it is closed, and nothing is posted."""
    body: Withdrawal = call.body
    _check_own(call)
    call.check_match(call.row.version)
    if not may_withdraw(call.row.state, is_partners=call.row.statement_id is not None):
        raise Problem("conflict", _why_not(call.row.state, is_partners=call.row.statement_id is not None))
    row = await change(call.conn, call.row, call.now_ms, state=CLOSED)
    await note(call.conn, row, body.text or "withdrawn", call.by, call.now_ms)
    await call.audit("dispute.withdraw", "dispute", row.id, row.account_id, view_of(call.row), view_of(row))
    await tell(call, row, WITHDRAWN, body.text)
    return Answer(await text_of(call, row), version=row.version)


def _why_not(state: str, *, is_partners: bool) -> str:
    if not is_partners:
        return "the other side has opened it, and closes it: reply to it"
    return f"it is {state}: only what is neither agreed on nor closed is withdrawn"


_P = Permission
ENDPOINTS = [
    Endpoint(
        "statement.dispute", "POST", "/statements/{statement_id}/disputes", _P.STATEMENTS_DISPUTE, dispute_statement,
        "Dispute the own statement", NewObjection, answer=DisputeView, status=201,
    ),
    Endpoint(
        "dispute.reply", "POST", "/disputes/{dispute_id}/replies", _P.STATEMENTS_DISPUTE, reply,
        "Write to whoever answers a dispute", Reply, answer=DisputeText, status=201,
    ),
    Endpoint(
        "dispute.withdraw", "POST", "/disputes/{dispute_id}/withdrawal", _P.STATEMENTS_DISPUTE, withdraw,
        "Withdraw the own dispute", Withdrawal, answer=DisputeText,
    ),
]  # fmt: skip
