"""The API of what gateways do: whether they are in use, and how well they carry calls. From the hot store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import Field

from kemi import clock
from kemi.store import health, quality
from kemi.store.environment import Snapshot, StoreAbsent, snapshot_of
from ratebook.quality import Figures
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Page, page_of
from service.api.problems import Problem
from service.api.values import Asked, Moment, Told
from service.peers.gateways_api import LISTING, GatewayQuery

T = TypeVar("T")
Window = Annotated[int, Field(ge=15, le=240, description="Minutes back")]


class FiguresView(Told):
    """Of the attempts of a window."""

    attempts: int
    answered: int
    asr_percent: Annotated[int, Field(description="Answered of all attempts")]
    acd_s: Annotated[int, Field(description="Seconds of an answered call on the average")]
    pdd_ms: Annotated[int, Field(description="Milliseconds until it rings on the average")]
    false_answers: Annotated[int, Field(description="Answered within a second, without ringing")]
    short_calls: Annotated[int, Field(description="Answered calls below six seconds")]


class LiveView(Told):
    """A gateway as it is now."""

    gateway_id: int
    name: str
    account_id: Annotated[int, Field(description="The provider's")]
    state: Annotated[str, Field(description="in use, out, or suspended")]
    failures: Annotated[int, Field(description="In a row, until now")]
    last_code: Annotated[int | None, Field(description="Of the last failure; 408: silence; null: none of late")]
    out_since: Moment
    calls: Annotated[int, Field(description="Running now")]
    registered: Annotated[bool | None, Field(description="null: we don't register there")]
    register_code: Annotated[int | None, Field(description="What the last REGISTER came to")]
    figures: FiguresView


class PrefixView(Told):
    """A gateway's figures for the numbers that the operator sells by a prefix."""

    prefix: str
    figures: FiguresView


class QualityView(Told):
    """A gateway's figures."""

    whole: FiguresView
    prefixes: Annotated[list[PrefixView], Field(description="Those with calls, the most first")]


class LiveQuery(GatewayQuery):
    """Which gateways, and how far back."""

    window: Window = 60


class QualityQuery(Asked):
    """How far back."""

    window: Window = 60


async def _look(call: Call, what: Callable[[Snapshot], T]) -> T:
    """Something of one snapshot of the store. Raises Problem: unavailable."""

    def look() -> T | None:
        try:
            with snapshot_of(call.api.config.run_dir) as snapshot:
                return what(snapshot)
        except StoreAbsent:
            return None

    found = await asyncio.to_thread(look)
    if found is None:
        raise Problem("unavailable", "the call path isn't there: Kamailio makes its store when it starts")
    return found


def _figures(figures: Figures) -> FiguresView:
    return FiguresView(
        attempts=figures.attempts,
        answered=figures.answered,
        asr_percent=figures.asr_percent,
        acd_s=figures.acd_s,
        pdd_ms=figures.pdd_ms,
        false_answers=figures.false_answers,
        short_calls=figures.short_calls,
    )


async def list_live(call: Call) -> Answer:
    """A page of them. Of a provider's figures: those of its gateways."""
    query: LiveQuery = call.query
    rows, following = await page_of(call, LISTING)
    moment = clock.now()
    since_s = moment.wall_s - query.window * 60

    def look(snapshot: Snapshot) -> list[LiveView]:
        return [_live(snapshot, row, since_s, moment.boot_ms) for row in rows]

    return Answer(Page[LiveView](items=await _look(call, look), next=following))


def _live(snapshot: Snapshot, row: Any, since_s: int, boot_ms: int) -> LiveView:
    found = snapshot.read(health.read, row.id)
    registration = snapshot.read(health.registration, row.id)
    is_out = found is not None and found.out_until_ms > boot_ms
    return LiveView(
        gateway_id=row.id,
        name=row.name,
        account_id=row.account_id,
        state=row.state if row.state != "active" else "out" if is_out else "in use",
        failures=0 if found is None else found.failures,
        last_code=None if found is None else found.code,
        out_since=found.since_wall_ms if found is not None and is_out else 0,
        calls=snapshot.usage(b"g", row.id).channels,
        registered=registration is not None and registration.until_ms > boot_ms if row.register_s else None,
        register_code=None if registration is None else registration.code,
        figures=_figures(snapshot.read(quality.read, row.id, quality.WHOLE, since_s)),
    )


async def show_quality(call: Call) -> Answer:
    """By prefix."""
    query: QualityQuery = call.query
    since_s = clock.now().wall_s - query.window * 60

    def look(snapshot: Snapshot) -> QualityView:
        whole = snapshot.read(quality.read, call.row.id, quality.WHOLE, since_s)
        found = snapshot.read(quality.by_prefix, call.row.id, since_s)
        most = sorted(found.items(), key=lambda item: (-item[1].attempts, item[0]))
        prefixes = [PrefixView(prefix=prefix, figures=_figures(figures)) for prefix, figures in most]
        return QualityView(whole=_figures(whole), prefixes=prefixes)

    return Answer(await _look(call, look))


_P = Permission
ENDPOINTS = [
    Endpoint(
        "gateway.live", "GET", "/live-gateways", _P.GATEWAYS_READ, list_live, "List gateways as they are now",
        query=LiveQuery, answer=Page[LiveView],
    ),
    Endpoint(
        "gateway.quality", "GET", "/gateways/{gateway_id}/quality", _P.GATEWAYS_READ, show_quality,
        "Show how well a gateway carries calls", query=QualityQuery, answer=QualityView,
    ),
]  # fmt: skip
