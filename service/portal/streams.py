"""Pieces of pages that are sent again as they change (server-sent events), each asked for anew by who looks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web
from markupsafe import Markup

from service.api.problems import Problem
from service.portal.edge import HEADERS
from service.portal.screen import Handler
from service.portal.visit import Visit

PAUSE_S = 2.0
"""Between two looks."""
ROUNDS_MAX = 1_800
"""Then the browser comes again: an hour."""
OPEN_MAX = 20
"""At once, of one session: more than anybody looks at."""
OPEN: web.AppKey[Counter[str]] = web.AppKey("open", Counter)
"""By session, how many there are now."""
STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)
"""Set when the service ends."""


def stream(piece: Callable[[Visit], Awaitable[str]]) -> Handler:
    """What sends a piece of a page again and again, until it may not be seen any more, or nobody looks."""

    async def send(visit: Visit) -> web.StreamResponse:
        opened = visit.request.app[OPEN]
        if opened[visit.credential] >= OPEN_MAX:
            raise Problem("too-many", "close some of the pages that show running calls")
        opened[visit.credential] += 1
        try:
            return await go_on(visit)
        finally:
            opened[visit.credential] -= 1
            if not opened[visit.credential]:
                del opened[visit.credential]

    async def go_on(visit: Visit) -> web.StreamResponse:
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(visit.request)
        stopping = visit.request.app[STOPPING]
        for _ in range(ROUNDS_MAX):
            visit.now_ms = now_ms()  # a session that is over by now sees no more
            text, goes_on = await look(visit)
            try:
                await response.write(event(text) if text else b"")
            except ConnectionResetError:
                break
            if not goes_on or await _is_set(stopping):
                break
        return response

    async def look(visit: Visit) -> tuple[str, bool]:
        """What is sent, and whether more may follow: who may not see it any more is told so in its place."""
        try:
            async with visit.looking(again=True):
                return await piece(visit), True
        except Problem as problem:
            return _over(visit, problem) if problem.kind in {"forbidden", "signed-out"} else "", False

    return send


def _over(visit: Visit, problem: Problem) -> str:
    told = f"{visit.say(problem.title)}. {visit.told(problem).detail}".strip()
    return str(Markup('<p class="kb-empty" role="status">{}</p>').format(told))


def now_ms() -> int:
    """The wall clock, in milliseconds."""
    return time.time_ns() // 1_000_000


async def _is_set(stopping: asyncio.Event) -> bool:
    """Waits a pause; whether the service ends."""
    try:
        await asyncio.wait_for(stopping.wait(), PAUSE_S)
    except TimeoutError:
        return False
    return True


def event(text: str) -> bytes:
    """A text of several lines as one event."""
    return ("".join(f"data: {line}\n" for line in text.splitlines()) + "\n").encode()
