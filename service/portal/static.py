"""Files of the pages: ours, and the libraries as they are published. Each is read once and served under its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

FOLDER = Path(__file__).with_name("static")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class File(NamedTuple):
    """A file that is served."""

    content: bytes
    kind: str
    url: str
    """With its hash, so that a browser keeps it until it changes."""


PATH = "/static/"


def files() -> dict[str, File]:
    """By name."""
    found = {}
    for path in sorted([*FOLDER.glob("*.*"), *FOLDER.glob("vendor/*.*")]):
        if path.suffix in KINDS:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[path.name] = File(content, KINDS[path.suffix], f"{PATH}{digest}/{path.name}")
    return found


def routes(known: dict[str, File]) -> list[web.RouteDef]:
    """One for each: no other path is looked at."""
    return [web.get(file.url, _served(file)) for file in known.values()]


def _served(file: File) -> Handler:
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}

    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=file.content, content_type=file.kind, charset="utf-8", headers=headers)

    return serve
