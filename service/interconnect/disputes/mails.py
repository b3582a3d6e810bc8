"""Mails about disputes: to the partner's people, and to those who work on them, each in their own language.

The latter are its seller's, or the operator's where it is about what a provider costs.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.access.readers import readers_of
from service.accounts.storage import seller_of
from service.api.call import Call
from service.database.access_tables import mails
from service.database.tables import accounts
from service.interconnect.disputes.rules import ACCEPTED, ANSWERED, CLOSED, PARTLY, REJECTED, SENT
from service.interconnect.partners import IN
from service.ledger.rules import ROOT_ID

TEMPLATE = "dispute"
RECIPIENTS_MAX = 50
"""Of each side."""
OPENED, NOTED, REPLIED, WITHDRAWN, SETTLED = (
    "was opened", "was written about", "was replied to", "was withdrawn", "was settled",
)  # fmt: skip
MOVED = {
    SENT: "was sent",
    ANSWERED: "was answered",
    ACCEPTED: "was accepted",
    PARTLY: "was accepted in part",
    REJECTED: "was rejected",
    CLOSED: "was closed",
}
"""What happened, as a mail says it; in other languages by `service/sellers/german.py`."""


async def tell(call: Call, row: Row[Any], event: str, said: str = "") -> None:
    """What happened to a dispute, and what was said: to both sides, but for whoever did it."""
    partner = (await call.conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
    fields = {
        "dispute": row.id, "partner": partner.name, "about": row.subject, "event": event, "said": said or row.subject,
        "total": format_micros(row.amount_micros), "currency": row.currency,
    }  # fmt: skip
    desk = await seller_of(call.conn, partner) if row.direction == IN else ROOT_ID  # whose money it is
    sides = {partner.id: Permission.STATEMENTS_READ, desk: Permission.STATEMENTS_CHANGE}
    letters = [
        {
            "account_id": account_id, "recipient": user.email, "template": TEMPLATE, "created_ms": call.now_ms,
            "fields": {"user_id": user.id, **fields},
        }
        for account_id, needed in sides.items()
        for user in (await readers_of(call.conn, [account_id], needed))[account_id][:RECIPIENTS_MAX]
        if user.id != call.actor.user_id
    ]  # fmt: skip
    if letters:
        await call.conn.execute(sa.insert(mails), letters)
