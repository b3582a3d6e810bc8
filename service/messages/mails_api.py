"""The API of the queue of mails: what came of each, and bounces."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.accounts.rules import ROOT_ID
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.listed import lines_of
from service.api.lists import Listing, Page, contains, equals, page_of
from service.api.problems import Problem
from service.database.access_tables import mails
from service.messages.suppressing import suppress
from service.messages.views import Bounce, MailQuery, MailView

MAILS = Listing(
    "mail",
    {"-id": mails.c.id, "recipient": mails.c.recipient},
    {
        "account_id": equals(mails.c.account_id),
        "recipient": contains(mails.c.recipient),
        "template": equals(mails.c.template),
        "message_id": equals(mails.c.message_id),
        "state": equals(mails.c.state),
    },
)


def mail_view(row: Row[Any]) -> MailView:
    """Never its fields: links are secrets."""
    return MailView.model_validate(row)


async def list_mails(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, MAILS)
    return Answer(Page[MailView](items=[mail_view(row) for row in rows], next=following))


async def show_mail(call: Call) -> Answer:
    """One."""
    return Answer(mail_view(call.row))


async def note_bounce(call: Call) -> Answer:
    """It was taken, and came back."""
    body: Bounce = call.body
    if call.row.state not in {"sent", "bounced"}:
        raise Problem("conflict", f"it is {call.row.state}: only what was sent can come back")
    noted = sa.update(mails).where(mails.c.id == call.row.id).values(state="bounced", fault=body.words)
    row = (await call.conn.execute(noted.returning(mails))).one()
    if body.permanent:
        await suppress(call.conn, call.of.parent_id or ROOT_ID, row.recipient, "bounced", call.now_ms)
    await call.audit("mail.note-bounce", "mail", row.id, call.of.id, mail_view(call.row), mail_view(row))
    return Answer(mail_view(row))


_P = Permission
_ONE = "/mails/{mail_id}"
ENDPOINTS: list[Endpoint] = [
    Endpoint(
        "mail.list", "GET", "/mails", _P.MESSAGES_READ, list_mails, "List mails", query=MailQuery,
        answer=Page[MailView], lines=lines_of(MAILS, MailView),
    ),
    Endpoint("mail.show", "GET", _ONE, _P.MESSAGES_READ, show_mail, "Show what came of a mail", answer=MailView),
    Endpoint(
        "mail.note-bounce", "POST", f"{_ONE}/bounce", _P.MESSAGES_CHANGE, note_bounce, "Note that a mail came back",
        Bounce, answer=MailView,
    ),
]  # fmt: skip
