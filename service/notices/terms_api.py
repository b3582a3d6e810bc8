"""The API of how rates that change are told: by a seller, and to an account."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.database.engine import is_sqlite
from service.database.notice_tables import notice_terms
from service.notices.views import NoticeTerms, NoticeTermsView
from service.sellers.brand import check_sells

_UNSAID = NoticeTermsView(**NoticeTerms().model_dump(), version=0)


async def show_terms(call: Call) -> Answer:
    """As they stand, or as they are if nobody has said anything."""
    view = _view(await _own(call))
    return Answer(view, version=view.version)


async def _own(call: Call) -> Row[Any] | None:
    return (await call.conn.execute(sa.select(notice_terms).where(notice_terms.c.account_id == call.row.id))).first()


def _view(row: Row[Any] | None) -> NoticeTermsView:
    return _UNSAID if row is None else NoticeTermsView.model_validate(row)


async def edit_terms(call: Call) -> Answer:
    """For what is published from now on."""
    body: NoticeTerms = call.body
    if body.sends:
        check_sells(call.row)
    before = _view(await _own(call))
    call.check_match(before.version)
    insert: Any = sqlite.insert(notice_terms) if is_sqlite(call.conn) else postgresql.insert(notice_terms)
    upsert = insert.values(account_id=call.row.id, **body.model_dump())
    changed = {**body.model_dump(), "version": notice_terms.c.version + 1}
    await call.conn.execute(upsert.on_conflict_do_update(index_elements=["account_id"], set_=changed))
    after = _view(await _own(call))
    await call.audit("notice-terms.edit", "notice-terms", call.row.id, call.row.id, before, after)
    return Answer(after, version=after.version)


_P = Permission
_ONE = "/accounts/{account_id}/notice-terms"
ENDPOINTS = [
    Endpoint(
        "notice-terms.show", "GET", _ONE, _P.MESSAGES_READ, show_terms, "Show how rates that change are told",
        answer=NoticeTermsView,
    ),
    Endpoint(
        "notice-terms.edit", "PUT", _ONE, _P.MESSAGES_CHANGE, edit_terms, "Set how rates that change are told",
        NoticeTerms, answer=NoticeTermsView,
    ),
]  # fmt: skip
