"""What trials of mails share: with whom they are filled in, and the one mail to whoever asks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.api.call import Call
from service.api.problems import Problem
from service.database.access_tables import mails, users
from service.messages.composing import Person
from service.messages.mails_api import mail_view
from service.messages.views import MailView


async def first_person(conn: AsyncConnection, account_id: int) -> Person:
    """The first one of an account; nobody: somebody without a name."""
    first = sa.select(users).where(users.c.account_id == account_id).order_by(users.c.id).limit(1)
    user = (await conn.execute(first)).first()
    return Person("", "") if user is None else Person(user.name, user.email, user.language, user.timezone)


async def mail_to_oneself(call: Call, template: str, fields: dict[str, Any]) -> MailView:
    """Put into the queue with these fields beside who gets it. Raises Problem."""
    if call.actor.user_id is None:
        raise Problem("conflict", "only people have a mailbox: ask as a user")
    user = (await call.conn.execute(sa.select(users).where(users.c.id == call.actor.user_id))).one()
    mail = {"account_id": user.account_id, "recipient": user.email, "template": template}
    queued = sa.insert(mails).values(**mail, fields={"user_id": user.id, **fields}, created_ms=call.now_ms)
    return mail_view((await call.conn.execute(queued.returning(mails))).one())
