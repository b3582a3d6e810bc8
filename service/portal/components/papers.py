"""Papers of things: HTML is shown under the policy that stands in it, the rest is saved."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from service.billing.paper.html import POLICY
from service.portal.visit import Visit

PLAIN = (("Document", "html"), ("PDF", "pdf"))


def paper(endpoint: str) -> Callable[[Visit], Awaitable[web.Response]]:
    """Sends what an endpoint makes, in the path's `form`."""

    async def send(visit: Visit) -> web.Response:
        query, path = {"form": visit.parameter("form")}, visit.path_of(endpoint)
        found: Any = (await visit.look_at(endpoint, path, query)).body
        is_page = found.type == "text/html"
        headers = (
            {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'"}
            if is_page
            else {"Content-Disposition": attached(found.name)}
        )
        charset = "utf-8" if is_page else None
        data = base64.b64decode(found.data)
        return web.Response(body=data, content_type=found.type, charset=charset, headers=headers)

    return send


def attached(name: str) -> str:
    """A header that saves a file; whatever could end its name early is left out."""
    plain = "".join(char for char in name if char.isascii() and (char.isalnum() or char in "-_."))
    return f'attachment; filename="{plain}"'
