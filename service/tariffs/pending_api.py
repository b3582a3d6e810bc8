"""The API of publications that wait for their moment: what comes into force when, and what is called off."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem
from service.api.values import AccountId, Moment, Told
from service.database.ratebook_tables import publications
from service.tariffs.content import Content
from service.tariffs.pending import NotWaiting, announced, cancel


class ComingTariff(Told):
    """A tariff with what becomes of it."""

    name: str
    version: str
    rates: int
    changes: dict[str, int]


class PublicationView(Told):
    """What comes into force at a moment, or did."""

    id: int
    account_id: Annotated[int, Field(description="Whose tariffs")]
    state: Annotated[str, Field(description="waiting, done, cancelled, failed")]
    due_at: Moment
    asked_at: Moment
    asked_by: str
    note: str
    outcome: Annotated[str, Field(description="Why it failed, or who called it off")]
    tariffs: list[ComingTariff]
    plans: list[str]
    groups: list[str]
    exchange: Annotated[bool, Field(description="Rates of exchange, too")]


class PublicationQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    state: Literal["", "waiting", "done", "cancelled", "failed"] = ""
    sort: Literal["", "due", "-due"] = ""


_LISTING = Listing(
    "publication",
    {"due": publications.c.due_ms, "id": publications.c.id},
    {"account_id": equals(publications.c.owner_id), "state": equals(publications.c.state)},
)


async def list_publications(call: Call) -> Answer:
    """A page of them, the next one to come first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[PublicationView](items=[_view(row) for row in rows], next=following))


async def show_publication(call: Call) -> Answer:
    """One."""
    return Answer(_view(call.row))


async def cancel_publication(call: Call) -> Answer:
    """It will not be carried out."""
    row = call.row
    try:
        await cancel(call.conn, row.owner_id, row.id, call.actor.name, call.now_ms)
    except NotWaiting as fault:
        raise Problem("conflict", str(fault)) from None
    await call.audit("publication.cancel", "publication", row.id, row.owner_id, {"state": row.state}, None)
    return Answer(status=204)


def _view(row: Row[Any]) -> PublicationView:
    coming = announced(Content.from_record(row.content))
    return PublicationView(
        id=row.id,
        account_id=row.owner_id,
        state=row.state,
        due_at=row.due_ms,
        asked_at=row.asked_ms,
        asked_by=row.asked_by,
        note=row.note,
        outcome=row.outcome,
        tariffs=[ComingTariff.model_validate(one) for one in coming.tariffs],
        plans=coming.plans,
        groups=coming.groups,
        exchange=coming.exchange,
    )


_P = Permission
_ONE = "/publications/{publication_id}"
ENDPOINTS = [
    Endpoint(
        "publication.list", "GET", "/publications", _P.TARIFFS_READ, list_publications,
        "List publications at a moment", query=PublicationQuery, answer=Page[PublicationView],
    ),
    Endpoint(
        "publication.show", "GET", _ONE, _P.TARIFFS_READ, show_publication, "Show a publication at a moment",
        answer=PublicationView,
    ),
    Endpoint(
        "publication.cancel", "DELETE", _ONE, _P.TARIFFS_PUBLISH, cancel_publication, "Call a publication off",
        status=204,
    ),
]  # fmt: skip
