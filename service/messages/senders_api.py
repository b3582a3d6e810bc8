"""The API of who sends a seller's mails: the name and address that stand above them, and whether any are sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.values import Told
from service.messages.sellers import sender_of
from service.sellers.brand import check_sells


class SenderView(Told):
    """As whoever gets a mail reads it. `brand edit` sets name and address."""

    name: str
    address: Annotated[str, Field(description="Empty: no mail can be sent in this name")]
    is_own_address: Annotated[bool, Field(description="Of the seller's own brand; else the operator's")]
    portal: Annotated[str, Field(description="What links in mails begin with; empty: there are none")]
    sends: Annotated[bool, Field(description="Whether the operator has named a mail server; else mails wait")]
    server: Annotated[str | None, Field(description="host:port; null: it is the operator's, and not for you")]


async def show_sender(call: Call) -> Answer:
    """Of what the accounts that it sells to are sent."""
    check_sells(call.row)
    config = call.api.config.mail
    sender = await sender_of(call.conn, call.api.config, call.row)
    view = SenderView(
        name=sender.name,
        address=sender.address,
        is_own_address=bool(sender.address) and sender.address != config.sender,
        portal=sender.portal,
        sends=bool(config.host),
        server=f"{config.host}:{config.port}" if config.host and call.actor.is_root else None,
    )
    return Answer(view)


ENDPOINTS = [
    Endpoint(
        "mail-sender.show", "GET", "/accounts/{account_id}/mail-sender", Permission.BRANDING_READ, show_sender,
        "Show who sends a seller's mails", answer=SenderView,
    ),
]  # fmt: skip
