"""The API of statements: looked at before, issued, settled by netting."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import Problem, invalid
from service.billing.papers import PaperView, PlainQuery, answer_of
from service.billing.views import AnnexQuery, AnnexView
from service.database.interconnect_tables import statement_calls, statement_lines, statement_settlements, statements
from service.database.tables import cdrs
from service.interconnect.partners import COST_LEVEL, IN
from service.interconnect.statements.annex import part_of
from service.interconnect.statements.issue import issue, last_until_ms, settle
from service.interconnect.statements.paper import statement_document
from service.interconnect.statements.sums import Wanted, sums_of
from service.interconnect.statements.views import (
    NewStatement,
    Settlement,
    StatementCall,
    StatementCallQuery,
    StatementLine,
    StatementPreview,
    StatementQuery,
    StatementText,
    StatementView,
)

_SETTLED = (statement_settlements.c.settled_ms, statement_settlements.c.entry_id)
_SELECT = sa.select(statements, *_SETTLED).join(
    statement_settlements, statement_settlements.c.statement_id == statements.c.id, isouter=True
)
_LISTING = Listing(
    "statement",
    {"-id": statements.c.id, "net": statements.c.net_micros},
    {"account_id": equals(statements.c.account_id)},
    _SELECT,
)
_IS_COST = statement_calls.c.level == COST_LEVEL
_OURS = sa.func.sum(sa.case((_IS_COST, 0), else_=statement_calls.c.micros))
_THEIRS = sa.func.sum(sa.case((_IS_COST, statement_calls.c.micros), else_=0))
_TAX = sa.func.sum(statement_calls.c.tax_micros)
_SHOWN = (cdrs.c.id, cdrs.c.call, cdrs.c.answer_ms, cdrs.c.end_ms, cdrs.c.destination, cdrs.c.duration_ms)
_CALLS = Listing(
    "cdr",
    {"id": cdrs.c.id},
    {"direction": lambda direction: ~_IS_COST if direction == IN else _IS_COST},
    sa.select(*_SHOWN, _OURS.label("ours"), _THEIRS.label("theirs"), _TAX.label("tax_micros"))
    .join(statement_calls, statement_calls.c.cdr_id == cdrs.c.id)
    .group_by(*_SHOWN),
    lambda call: statement_calls.c.statement_id == call.row.id,
)


async def _wanted(call: Call) -> tuple[Any, int, Wanted]:
    """The partner, where the statement begins, what is asked. Raises Problem."""
    body: NewStatement = call.body
    account = await call.find("account", body.account_id, to_change=True)
    before_ms = await last_until_ms(call.conn, account.id)
    since_ms = before_ms if before_ms is not None else body.since
    if before_ms is not None and body.since not in {None, before_ms}:
        raise Problem("conflict", "it begins where the last statement ends: leave `since` out")
    if since_ms is None:
        raise invalid("/since", "the partner's first statement needs its beginning")
    if not since_ms < body.until <= call.now_ms:
        raise invalid("/until", "it ends after it begins, and is over by now")
    return account, since_ms, Wanted(account.id, account.currency, body.until)


async def preview_statement(call: Call) -> Answer:
    """Nothing is changed."""
    account, _, wanted = await _wanted(call)
    return Answer(StatementPreview.of(await sums_of(call.conn, wanted), account.currency))


async def issue_statement(call: Call) -> Answer:
    """It can't be changed afterwards. Every call is on one statement; what comes late, on the next."""
    account, since_ms, wanted = await _wanted(call)
    row = await issue(call.conn, account, since_ms, wanted, call.by, call.now_ms)
    view = StatementView.from_row(row)
    await call.audit("statement.issue", "statement", row.id, account.id, None, view)
    return Answer(view, location=f"/api/v1/statements/{row.id}")


async def list_statements(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[StatementView](items=[StatementView.from_row(row) for row in rows], next=following))


async def show_statement(call: Call) -> Answer:
    """With its lines by destination."""
    row = (await call.conn.execute(_SELECT.where(statements.c.id == call.row.id))).one()
    order = (statement_lines.c.direction, statement_lines.c.destination)
    found = sa.select(statement_lines).where(statement_lines.c.statement_id == row.id).order_by(*order)
    lines = [
        StatementLine.model_validate(dict(one._mapping) | {"seconds": one.duration_ms // 1000})
        for one in await call.conn.execute(found)
    ]
    view = StatementView.from_row(row)
    return Answer(StatementText.model_construct(**dict(view), lines=lines))


async def list_statement_calls(call: Call) -> Answer:
    """A page of its calls."""
    rows, following = await page_of(call, _CALLS)
    return Answer(Page[StatementCall](items=[StatementCall.model_validate(row) for row in rows], next=following))


async def show_annex(call: Call) -> Answer:
    """Its calls, then corrections of calls on earlier ones; what they come to is what it says."""
    query: AnnexQuery = call.query
    part = await part_of(call.conn, call.row, query.after)
    name = f"{call.row.number}-calls.csv"
    return Answer(AnnexView(name=name, content=part.content, next=part.following))


async def show_paper(call: Call) -> Answer:
    """Both directions, what was posted beside them, the net, and what was disputed; in the partner's language."""
    query: PlainQuery = call.query
    return await answer_of(call, statement_document, query.form)


async def settle_statement(call: Call) -> Answer:
    """One entry pays both directions: what is owed for each, against cash. Once."""
    body: Settlement = call.body
    await call.need_seller_then(call.row.seller_id)
    settled = await settle(call.conn, call.node, call.row, body.reason, call.by, call.now_ms)
    row = (await call.conn.execute(_SELECT.where(statements.c.id == call.row.id))).one()
    view = StatementView.from_row(row)
    said = {"number": view.number, "net": view.model_dump(mode="json")["net"], "entry_id": settled.entry_id}
    await call.audit("statement.settle", "statement", row.id, row.account_id, None, said)
    return Answer(view)


_P = Permission
_ONE = "/statements/{statement_id}"
ENDPOINTS = [
    Endpoint(
        "statement.preview", "POST", "/statements/preview", _P.STATEMENTS_CHANGE, preview_statement,
        "Look at what a statement would say", NewStatement, answer=StatementPreview, reads=True, of_seller=True,
    ),
    Endpoint(
        "statement.issue", "POST", "/statements", _P.STATEMENTS_CHANGE, issue_statement, "Issue a statement",
        NewStatement, answer=StatementView, status=201, of_seller=True,
    ),
    Endpoint(
        "statement.list", "GET", "/statements", _P.STATEMENTS_READ, list_statements, "List statements",
        query=StatementQuery, answer=Page[StatementView],
    ),
    Endpoint(
        "statement.show", "GET", _ONE, _P.STATEMENTS_READ, show_statement, "Show a statement", answer=StatementText,
    ),
    Endpoint(
        "statement.calls", "GET", f"{_ONE}/calls", _P.STATEMENTS_READ, list_statement_calls,
        "List the calls of a statement", query=StatementCallQuery, answer=Page[StatementCall],
    ),
    Endpoint(
        "statement.annex", "GET", f"{_ONE}/annex", _P.STATEMENTS_READ, show_annex, "Show a statement's calls as CSV",
        query=AnnexQuery, answer=AnnexView,
    ),
    Endpoint(
        "statement.paper", "GET", f"{_ONE}/paper", _P.STATEMENTS_READ, show_paper, "Show a statement as PDF or HTML",
        query=PlainQuery, answer=PaperView, own_transaction=True,
    ),
    Endpoint(
        "statement.settle", "POST", f"{_ONE}/settlement", _P.PAYMENTS_CHANGE, settle_statement,
        "Settle a statement by netting", Settlement, answer=StatementView, below=True, of_seller=True, key=Key.NEEDED,
    ),
]  # fmt: skip
