"""The explorer: Swagger UI as it is published, shipped with the program, so that it works without the Internet.

Strict: nothing is loaded from elsewhere, no script stands in the page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).with_name("explorer_files")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png"}


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes() -> list[web.RouteDef]:
    """The page, and each of its files: no other path is looked at."""
    files = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in KINDS}
    pages = {"": files["index.html"], **files}
    return [
        web.get("/api/v1/explorer", _to_the_page),
        *(web.get(f"/api/v1/explorer/{name}", _served(path)) for name, path in pages.items()),
    ]


async def _to_the_page(_request: web.Request) -> web.StreamResponse:
    """With the slash that its links stand behind."""
    return web.Response(status=308, headers={"Location": "/api/v1/explorer/"})


def _served(path: Path) -> Handler:
    content, kind = path.read_bytes(), KINDS[path.suffix]
    charset = None if kind == "image/png" else "utf-8"
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "max-age=3600"}

    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=kind, charset=charset, headers=headers)

    return serve
