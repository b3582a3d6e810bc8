"""The API of rates of exchange: what was published when. They are edited in the ratebook, and the operator's alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Row

from ratebook.exchange import ALWAYS_S, Exchange
from ratebook.money import format_nanos
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, page_of
from service.api.values import Moment, Told
from service.database.tables import exchange_versions


class RateView(Told):
    """What one currency is worth in another."""

    from_currency: str
    to_currency: str
    rate: Annotated[str, Field(description="One unit of the first in the second", examples=["1.0845"])]
    effective_at: Annotated[Moment, Field(description="From when; null: always")]


class ExchangeView(Told):
    """Rates of exchange that were published together."""

    id: int
    published_at: Moment
    published_by: str
    note: str
    base: Annotated[str, Field(description="Over which currencies without a pair are exchanged; empty: over none")]
    rates: Annotated[list[RateView], Field(description="What held when they were published, and what was to come")]


class ExchangeQuery(Paging):
    """Which ones."""

    sort: Literal["", "id", "-id"] = ""


_LISTING = Listing("exchange", {"-id": exchange_versions.c.id}, {})


async def list_exchange(call: Call) -> Answer:
    """A page of them, the latest first: it is the one in force. Nobody below the operator sees any."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[ExchangeView](items=[_view(row) for row in rows], next=following))


def _view(row: Row[Any]) -> ExchangeView:
    found = Exchange.from_record(row.record)
    rates = [
        RateView(
            from_currency=have,
            to_currency=want,
            rate=format_nanos(nanos),
            effective_at=None if from_s == ALWAYS_S else from_s * 1000,
        )
        for (have, want), course in sorted(found.courses.items())
        for from_s, nanos in course
    ]
    return ExchangeView(
        id=row.id,
        published_at=row.published_ms,
        published_by=row.published_by,
        note=row.note,
        base=found.base,
        rates=rates,
    )


ENDPOINTS = [
    Endpoint(
        "exchange.history", "GET", "/exchange", Permission.TARIFFS_READ, list_exchange,
        "List rates of exchange as they were published", query=ExchangeQuery, answer=Page[ExchangeView],
    ),
]  # fmt: skip
