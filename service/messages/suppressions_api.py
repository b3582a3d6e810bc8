"""The API of addresses that get no broadcast in a seller's name: looked for, and lifted."""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.values import AccountId, Moment, Text, Told
from service.database.message_tables import suppressions


class SuppressionQuery(Paging):
    """Which addresses."""

    account_id: Annotated[AccountId | None, Field(description="Of this seller")] = None
    address: Text = ""
    reason: Literal["", "unsubscribed", "bounced"] = ""


class SuppressionView(Told):
    """An address that gets no broadcast in a seller's name."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    address: str
    reason: Annotated[str, Field(description="unsubscribed: they have said so; bounced: it is no address any more")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


_C = suppressions.c
_LISTING = Listing(
    "suppression",
    {"-id": _C.id, "address": _C.address},
    {"account_id": equals(_C.account_id), "address": contains(_C.address), "reason": equals(_C.reason)},
)


async def list_suppressions(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[SuppressionView](items=[SuppressionView.model_validate(row) for row in rows], next=following))


async def lift_suppression(call: Call) -> Answer:
    """It gets the next broadcast again: of whoever unsubscribed, only if they have asked for it."""
    view = SuppressionView.model_validate(call.row)
    await call.conn.execute(sa.delete(suppressions).where(_C.id == call.row.id))
    await call.audit("suppression.lift", "suppression", view.id, view.account_id, view, None)
    return Answer(status=204)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "suppression.list", "GET", "/suppressions", _P.MESSAGES_READ, list_suppressions,
        "List addresses that get no broadcast", query=SuppressionQuery, answer=Page[SuppressionView],
    ),
    Endpoint(
        "suppression.lift", "DELETE", "/suppressions/{suppression_id}", _P.MESSAGES_CHANGE, lift_suppression,
        "Let an address get broadcasts again", status=204,
    ),
]  # fmt: skip
