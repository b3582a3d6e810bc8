"""The API of volume commitments."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import Problem, invalid
from service.commands.outbox import lock_node
from service.database.interconnect_tables import commitments
from service.interconnect.below import check_payer, has_costs
from service.interconnect.commitments.rules import Covered, Period, Step, Terms, is_month_day, periods, terms_problem
from service.interconnect.commitments.storage import periods_of, settle, standing, standings
from service.interconnect.commitments.views import (
    CommitmentQuery,
    CommitmentText,
    CommitmentView,
    NewCommitment,
    PeriodAsked,
    ProgressView,
)
from service.interconnect.partners import IN
from service.peers.common import check_open
from service.tariffs.switching import load_groups

PERIODS_MAX = 120
_LISTING = Listing(
    "commitment",
    {"-id": commitments.c.id, "name": commitments.c.name},
    {"account_id": equals(commitments.c.account_id), "state": equals(commitments.c.state)},
)


async def make_commitment(call: Call) -> Answer:
    """It changes no call's price: what it comes to is settled at each period's end."""
    body: NewCommitment = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if body.direction != IN and not has_costs(account):
        raise invalid("/direction", "this account is no provider: nothing is sent to it")
    check_payer(call, body.direction)
    steps = tuple(Step(step.from_minutes * 60, step.rate) for step in body.steps)
    terms = Terms(body.kind, body.direction, steps, body.whole, body.committed_minutes * 60, body.rate)
    problem = terms_problem(terms)
    if problem is not None:
        raise invalid(f"/{problem[0]}", problem[1])
    _check_time(body)
    if body.group and body.group not in {group.name for group in await load_groups(call.conn)}:
        raise invalid("/group", f"there is no destination group {body.group!r} in force")
    values = {
        "account_id": account.id, "name": body.name, "kind": body.kind, "direction": body.direction,
        "group_name": body.group, "period": body.period, "zone": body.zone, "since_ms": body.since,
        "until_ms": body.until, "currency": account.currency, "steps": [list(step) for step in steps],
        "whole": body.whole, "committed_s": terms.committed_s, "rate_nanos": body.rate, "created_ms": call.now_ms,
    }  # fmt: skip
    await lock_node(call.conn, call.node)  # of two at once the second one sees the first
    await _check_others(call, account.id, Covered(body.kind, body.direction, body.group, body.since, body.until))
    row = (await call.conn.execute(sa.insert(commitments).values(**values).returning(commitments))).one()
    view = CommitmentView.of(row)
    await call.audit("commitment.make", "commitment", row.id, account.id, None, view)
    return Answer(view, location=f"/api/v1/commitments/{row.id}")


def _check_time(body: NewCommitment) -> None:
    """Raises Problem."""
    if not body.since < body.until:
        raise invalid("/until", "it ends after it begins")
    if body.period != "whole" and not is_month_day(body.since, body.zone):
        raise invalid("/since", "its periods begin on one of the days 1 to 28")
    if len(list(periods(body.period, body.zone, body.since, body.until))) > PERIODS_MAX:
        raise invalid("/until", f"a commitment has at most {PERIODS_MAX} periods")


async def _check_others(call: Call, account_id: int, wanted: Covered) -> None:
    """Raises Problem."""
    for row in await call.conn.execute(sa.select(commitments).where(commitments.c.account_id == account_id)):
        if wanted.prices_again(Covered(row.kind, row.direction, row.group_name, row.since_ms, row.until_ms)):
            said = f"{row.name!r} prices the same minutes already: end it, or take another time or destination group"
            raise Problem("conflict", said)


async def list_commitments(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[CommitmentView](items=[CommitmentView.of(row) for row in rows], next=following))


async def show_commitment(call: Call) -> Answer:
    """With each period that has begun: what it was settled by, or would be now."""
    begun = [period for period in periods_of(call.row) if period.since_ms <= call.now_ms]
    progress = [ProgressView.of(call.row, one) for one in await standings(call.conn, call.row, begun)]
    return Answer(CommitmentText.model_construct(**dict(CommitmentView.of(call.row)), progress=progress))


def _period(call: Call) -> Period:
    """That is asked for. Raises Problem."""
    body: PeriodAsked = call.body
    found = next((period for period in periods_of(call.row) if period.since_ms == body.since), None)
    if found is None:
        raise invalid("/since", "none of its periods begins then")
    return found


async def preview_commitment(call: Call) -> Answer:
    """What a period would be settled by now; nothing is posted."""
    return Answer(ProgressView.of(call.row, await standing(call.conn, call.row, _period(call))))


async def settle_commitment(call: Call) -> Answer:
    """One entry for a period that is over, which is on the next statement. Once."""
    check_payer(call, call.row.direction)
    period = _period(call)
    if period.until_ms > call.now_ms:
        raise Problem("conflict", "this period is not over yet: preview says how it stands")
    if (await standing(call.conn, call.row, period)).settled is not None:
        raise Problem("conflict", "this period is settled already")
    found = await settle(call.conn, call.node, call.row, period, call.by, call.now_ms)
    view = ProgressView.of(call.row, found)
    await call.audit("commitment.settle", "commitment", call.row.id, call.row.account_id, None, view)
    return Answer(view)


async def end_commitment(call: Call) -> Answer:
    """From now on: no period begins after this one; of what has not begun there is none. What was settled stays."""
    check_payer(call, call.row.direction)
    call.check_match(call.row.version)
    if call.row.state == "ended":
        raise Problem("conflict", "it has ended")
    edited = sa.update(commitments).where(commitments.c.id == call.row.id)
    values: dict[str, Any] = {"state": "ended", "version": commitments.c.version + 1}
    begun = [period.until_ms for period in periods_of(call.row) if period.since_ms <= call.now_ms]
    values |= {"until_ms": max(begun, default=call.row.since_ms)}
    row = (await call.conn.execute(edited.values(**values).returning(commitments))).one()
    view = CommitmentView.of(row)
    await call.audit("commitment.end", "commitment", row.id, row.account_id, CommitmentView.of(call.row), view)
    return Answer(view, version=view.version)


_P = Permission
_ONE = "/commitments/{commitment_id}"
ENDPOINTS = [
    Endpoint(
        "commitment.make", "POST", "/commitments", _P.STATEMENTS_CHANGE, make_commitment, "Agree on volumes",
        NewCommitment, answer=CommitmentView, status=201, of_seller=True,
    ),
    Endpoint(
        "commitment.list", "GET", "/commitments", _P.STATEMENTS_READ, list_commitments, "List commitments",
        query=CommitmentQuery, answer=Page[CommitmentView],
    ),
    Endpoint(
        "commitment.show", "GET", _ONE, _P.STATEMENTS_READ, show_commitment, "Show how far a commitment is",
        answer=CommitmentText,
    ),
    Endpoint(
        "commitment.preview", "POST", f"{_ONE}/preview", _P.STATEMENTS_READ, preview_commitment,
        "Look at what a period would be settled by", PeriodAsked, answer=ProgressView, reads=True,
    ),
    Endpoint(
        "commitment.settle", "POST", f"{_ONE}/settlements", _P.PAYMENTS_CHANGE, settle_commitment,
        "Settle a period of a commitment", PeriodAsked, answer=ProgressView, below=True, of_seller=True, key=Key.NEEDED,
    ),
    Endpoint(
        "commitment.end", "POST", f"{_ONE}/end", _P.STATEMENTS_CHANGE, end_commitment, "End a commitment",
        answer=CommitmentView, below=True, of_seller=True,
    ),
]  # fmt: skip
