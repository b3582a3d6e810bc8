"""A list of calls as a file, sent part by part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from service.billing.views import AnnexView
from service.portal.components.papers import attached
from service.portal.edge import HEADERS
from service.portal.visit import Visit


def sending(endpoint: str, parameter: str) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    """Of the thing that a parameter of the path names; each part is a look of its own."""

    async def send(visit: Visit) -> web.StreamResponse:
        which: dict[str, Any] = {parameter: visit.parameter(parameter)}
        after = 0
        response: web.StreamResponse | None = None
        while True:
            async with visit.looking():
                found = await visit.ask(endpoint, AnnexView, {"after": str(after)}, **which)
            if response is None:
                told = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": attached(found.name)}
                response = web.StreamResponse(headers={**HEADERS, **told})
                await response.prepare(visit.request)
            await response.write(found.content.encode())
            if found.next is None:
                await response.write_eof()
                return response
            after = found.next

    return send
