"""The API of re-rating: look first, then let it be done; what was corrected, by account and call.

A seller corrects what it sells by its own tariffs, and what those below it do; the operator everything, costs included.
"""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.values import AccountId, ReratingId, Text
from service.database.rerating_tables import corrections, reratings
from service.database.tables import cdrs
from service.rerating.asked import NewRerating, Wanted, meant
from service.rerating.lines import COST_LEVEL
from service.rerating.preview import preview
from service.rerating.rates import Rates
from service.rerating.runs import Order, begin
from service.rerating.views import (
    CORRECTIONS,
    RERATINGS,
    CorrectionView,
    PreviewView,
    ReratingText,
    ReratingView,
    correction_views,
    preview_view,
    rerating_text,
    rerating_views,
    sees_costs,
)
from service.tariffs.rates import write_rates


class ReratingQuery(Paging):
    """Which re-ratings."""

    account_id: Annotated[AccountId | None, Field(description="Of this seller's sales")] = None
    state: Literal["", "running", "done"] = ""
    sort: Literal["", "id", "-id"] = ""


class CorrectionQuery(Paging):
    """Which corrections."""

    account_id: AccountId | None = None
    rerating_id: ReratingId | None = None
    call: Annotated[Text, Field(description="The key, or its beginning")] = ""
    sort: Literal["", "id", "-id"] = ""


_RERATINGS = Listing(
    "rerating",
    {"-id": reratings.c.id},
    {"account_id": equals(reratings.c.account_id), "state": equals(reratings.c.state)},
    RERATINGS,
)


def _shown(call: Call) -> sa.ColumnElement[bool]:
    if sees_costs(call):
        return sa.true()
    return (corrections.c.level != COST_LEVEL) | (corrections.c.account_id == call.actor.account_id)


_CORRECTIONS = Listing(
    "correction",
    {"-id": corrections.c.id},
    {
        "account_id": equals(corrections.c.account_id),
        "rerating_id": equals(corrections.c.rerating_id),
        "call": lambda text: cdrs.c.call.startswith(text.lower(), autoescape=True),
    },
    CORRECTIONS,
    _shown,
)


async def preview_rerating(call: Call) -> Answer:
    """Calls, money by account and level, what stays as it is and why. Nothing is changed."""
    wanted = await meant(call)
    rates = Rates(call.api.config, wanted.given)
    found = await preview(call.api.engine, wanted.selection, wanted.pins, rates)
    return Answer(preview_view(found))


async def start_rerating(call: Call) -> Answer:
    """By the rates of this moment, page by page from now on; done twice, the second one finds nothing."""
    body: NewRerating = call.body
    wanted = await meant(call)
    if wanted.draft is not None:
        await write_rates(call.api.config, [(wanted.draft, None)], call.now_ms // 1000)
    actor = call.actor
    by = actor.own_account_id
    order = Order(wanted.selection, wanted.tariff_id, wanted.rates, wanted.pins, body.reason, actor.name, by)
    async with call.writing() as conn:
        number = await begin(conn, order, call.now_ms)
        view = await rerating_text(call, number)
        told = view.model_dump(mode="json", exclude={"id", "actor", "sums", "left_alone", "calls", "changed"})
        await call.audit("rerating.start", "rerating", number, actor.account_id, None, told)
    return Answer(view, location=f"/api/v1/reratings/{number}")


async def show_rerating(call: Call) -> Answer:
    """One, with what it has changed by now."""
    return Answer(await rerating_text(call, call.row.id))


async def list_reratings(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _RERATINGS)
    return Answer(Page[ReratingView](items=rerating_views(call, rows), next=following))


async def list_corrections(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _CORRECTIONS)
    return Answer(Page[CorrectionView](items=await correction_views(call, rows), next=following))


_P = Permission
ENDPOINTS = [
    Endpoint(
        "rerating.preview", "POST", "/reratings/preview", _P.CDRS_CHANGE, preview_rerating,
        "Look at what a re-rating would change", Wanted, answer=PreviewView, reads=True, own_transaction=True,
    ),
    Endpoint(
        "rerating.start", "POST", "/reratings", _P.CDRS_CHANGE, start_rerating, "Rate calls again", NewRerating,
        answer=ReratingText, status=201, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "rerating.list", "GET", "/reratings", _P.CDRS_READ, list_reratings, "List re-ratings", query=ReratingQuery,
        answer=Page[ReratingView],
    ),
    Endpoint(
        "rerating.show", "GET", "/reratings/{rerating_id}", _P.CDRS_READ, show_rerating, "Show a re-rating",
        answer=ReratingText,
    ),
    Endpoint(
        "correction.list", "GET", "/corrections", _P.CDRS_READ, list_corrections, "List corrections of calls",
        query=CorrectionQuery, answer=Page[CorrectionView],
    ),
]  # fmt: skip
