"""A list of calls as a file, sent part by part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from service.billing.views import AnnexView
from service.portal.components.papers import attached
from service.portal.edge import HEADERS, unbroken
from service.portal.visit import Visit


def sending(endpoint: str, parameter: str) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    """Of the thing that a parameter of the path names; each part is a look of its own."""

    async def send(visit: Visit) -> web.StreamResponse:
        which: dict[str, Any] = {parameter: visit.parameter(parameter)}

        async def part(after: int) -> AnnexView:
            async with visit.looking():
                return await visit.ask(endpoint, AnnexView, {"after": str(after)}, **which)

        found = await part(0)
        told = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": attached(found.name)}
        response = web.StreamResponse(headers={**HEADERS, **told})
        with unbroken(visit.request):
            await response.prepare(visit.request)
            await response.write(found.content.encode())
            while found.next is not None:
                found = await part(found.next)
                await response.write(found.content.encode())
            await response.write_eof()
        return response

    return send
