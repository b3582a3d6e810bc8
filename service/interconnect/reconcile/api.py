"""The API of comparisons with partners' call records."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import FieldError, Problem, invalid
from service.database.engine import reading
from service.database.interconnect_tables import differences, disputes, reconciliations
from service.interconnect.below import check_payer, direction_of
from service.interconnect.partners import calls_of
from service.interconnect.reconcile.reading import Refused
from service.interconnect.reconcile.sheet import to_csv, to_xlsx
from service.interconnect.reconcile.sides import Answers, OurCall, Rules, ours_of
from service.interconnect.reconcile.storage import Kept, answers_of, keep, keep_answers
from service.interconnect.reconcile.views import (
    FILE_BYTES_MAX,
    DifferenceQuery,
    DifferenceSheet,
    DifferenceView,
    NewReconciliation,
    ReconciliationQuery,
    ReconciliationText,
    ReconciliationView,
    SheetQuery,
)
from service.interconnect.reconcile.worker import Job, work_apart

AROUND_MS = 3_600_000
"""About the time that is compared calls are looked at too: what one side has before midnight, the other has after."""
CALLS_MAX = 3_000_000
PERIOD_MS_MAX = 100 * 86_400_000

_LISTING = Listing(
    "reconciliation",
    {"-id": reconciliations.c.id},
    {"account_id": equals(reconciliations.c.account_id), "direction": equals(reconciliations.c.direction)},
)
_DIFFERENCES = Listing(
    "difference",
    {"id": differences.c.id},
    {"kind": equals(differences.c.kind)},
    None,
    lambda call: differences.c.reconciliation_id == call.row.id,
)
_TURNS: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()
"""One comparison at a time: each may take a processor and two gigabytes."""


async def make_reconciliation(call: Call) -> Answer:
    """What differs is kept, class by class; nothing is posted. Raises Problem for a file that can't be compared."""
    body: NewReconciliation = call.body
    if not 0 < body.until - body.since <= PERIOD_MS_MAX:
        raise invalid("/until", "the time ends after it begins, and lasts 100 days at most")
    async with _TURNS.setdefault(call.api.engine, asyncio.Lock()):
        return await _made(call, body)


async def _made(call: Call, body: NewReconciliation) -> Answer:
    async with reading(call.api.engine) as conn:
        call.conn = conn
        account = await call.find("account", body.account_id, to_change=True)
        direction = direction_of(account, body.direction)
        check_payer(call, direction)
        known = await answers_of(conn, account.id, direction)
        calls: list[OurCall] = []
        async for one in calls_of(conn, account.id, direction, body.since - AROUND_MS, body.until + AROUND_MS):
            calls.append(one)
            if len(calls) > CALLS_MAX:
                raise invalid("/until", f"we have more than {CALLS_MAX} calls in this time: take a shorter one")
    answers = Answers.from_record(known.to_record() | body.answers())
    rules = Rules(body.time_s, body.duration_s, body.money, body.since, body.until)
    ours = ours_of(calls)
    calls.clear()
    try:
        done = await asyncio.to_thread(work_apart, Job(body.file, answers, ours, rules))
    except Refused as refused:
        raise Problem("invalid", errors=[FieldError("body", "/file", str(one)) for one in refused.faults]) from None
    values = {
        "account_id": account.id, "direction": direction, "name": body.name,
        "digest": hashlib.sha256(body.file).hexdigest(), "since_ms": body.since, "until_ms": body.until,
        "currency": account.currency, "time_s": body.time_s, "duration_s": body.duration_s, "money_micros": body.money,
        "actor": call.actor.name, "created_ms": call.now_ms,
    }  # fmt: skip
    async with call.writing() as conn:
        row = await keep(conn, Kept(values, done, ours))
        await keep_answers(conn, account.id, direction, done.answers, call.now_ms)
        view = ReconciliationText.of(row)
        told = view.model_dump(mode="json", include={"direction", "name", "digest", "since", "until", "differences"})
        await call.audit("reconciliation.make", "reconciliation", row.id, account.id, None, told)
    return Answer(view, location=f"/api/v1/reconciliations/{row.id}")


async def list_reconciliations(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    items = [ReconciliationView.model_validate(row) for row in rows]
    return Answer(Page[ReconciliationView](items=items, next=following))


async def show_reconciliation(call: Call) -> Answer:
    """One, with the money at stake by class."""
    return Answer(ReconciliationText.of(call.row))


async def list_differences(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _DIFFERENCES)
    return Answer(Page[DifferenceView](items=[DifferenceView.of(row) for row in rows], next=following))


async def export_differences(call: Call) -> Answer:
    """All that are kept, or those of a class."""
    query: SheetQuery = call.query
    chosen = sa.select(differences).where(differences.c.reconciliation_id == call.row.id)
    if query.kind:
        chosen = chosen.where(differences.c.kind == query.kind)
    rows = list(await call.conn.execute(chosen.order_by(differences.c.id)))
    content = await asyncio.to_thread(_content, rows, query.format)
    name = f"differences-{call.row.id}{'-' + query.kind if query.kind else ''}.{query.format}"
    return Answer(DifferenceSheet(name=name, format=query.format, content=content))


def _content(rows: list[Row[Any]], form: str) -> str:
    return to_csv(rows) if form == "csv" else base64.b64encode(to_xlsx(rows)).decode()


async def remove_reconciliation(call: Call) -> Answer:
    """With its differences, unless one of them is disputed."""
    disputed = sa.select(disputes.c.id).where(disputes.c.reconciliation_id == call.row.id).limit(1)
    if (await call.conn.execute(disputed)).first() is not None:
        raise Problem("conflict", "some of it is disputed: it stays as the ground of that")
    await call.conn.execute(sa.delete(differences).where(differences.c.reconciliation_id == call.row.id))
    await call.conn.execute(sa.delete(reconciliations).where(reconciliations.c.id == call.row.id))
    before = ReconciliationView.model_validate(call.row)
    await call.audit("reconciliation.remove", "reconciliation", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/reconciliations/{reconciliation_id}"
_BYTES = FILE_BYTES_MAX * 4 // 3 + (64 << 10)
ENDPOINTS = [
    Endpoint(
        "reconciliation.make", "POST", "/reconciliations", _P.STATEMENTS_CHANGE, make_reconciliation,
        "Compare a partner's call records with ours", NewReconciliation, answer=ReconciliationText, status=201,
        key=Key.NONE, own_transaction=True, body_bytes_max=_BYTES, of_seller=True,
    ),
    Endpoint(
        "reconciliation.list", "GET", "/reconciliations", _P.STATEMENTS_READ, list_reconciliations,
        "List comparisons with partners' call records", query=ReconciliationQuery, answer=Page[ReconciliationView],
    ),
    Endpoint(
        "reconciliation.show", "GET", _ONE, _P.STATEMENTS_READ, show_reconciliation, "Show a comparison",
        answer=ReconciliationText,
    ),
    Endpoint(
        "reconciliation.differences", "GET", f"{_ONE}/differences", _P.STATEMENTS_READ, list_differences,
        "List the differences of a comparison", query=DifferenceQuery, answer=Page[DifferenceView],
    ),
    Endpoint(
        "reconciliation.export", "GET", f"{_ONE}/sheet", _P.STATEMENTS_READ, export_differences,
        "The differences as a file", query=SheetQuery, answer=DifferenceSheet,
    ),
    Endpoint(
        "reconciliation.remove", "DELETE", _ONE, _P.STATEMENTS_CHANGE, remove_reconciliation, "Remove a comparison",
        status=204, below=True, of_seller=True,
    ),
]  # fmt: skip
