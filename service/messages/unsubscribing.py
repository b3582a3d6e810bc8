"""The door by which people end broadcasts: one click (RFC 8058), or a page that asks first."""

from __future__ import annotations

import html
import time
from collections.abc import Callable

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from service.accounts.rules import ROOT_ID
from service.commands.outbox import writing
from service.database.engine import reading
from service.messages.suppressing import mail_of, suppress
from service.portal import edge
from service.portal.wording import Say, language_asked, say_in

_SCREEN = '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
PATH = "/unsubscribe/{token:[0-9]{1,18}-[0-9a-f]{32}}"


def routes(engine: AsyncEngine, node: str) -> list[web.RouteDef]:
    """The page asks first: programs that look at links change nothing."""

    async def ask(request: web.Request) -> web.StreamResponse:
        async with reading(engine) as conn:
            row = await mail_of(conn, request.match_info["token"])
        if row is None:
            raise web.HTTPNotFound
        return _page(request, row.recipient, lambda say: _FORM.format(html.escape(say("Unsubscribe"))))

    async def act(request: web.Request) -> web.StreamResponse:
        async with writing(engine, node) as conn:
            row = await mail_of(conn, request.match_info["token"])
            if row is None:
                raise web.HTTPNotFound
            await suppress(conn, row.parent_id or ROOT_ID, row.recipient, "unsubscribed", time.time_ns() // 1_000_000)
        return _page(request, row.recipient, lambda say: f"<p>{html.escape(say('You get no more such mails.'))}</p>")

    return [web.get(PATH, ask, allow_head=False), web.post(PATH, act)]


_FORM = '<form method="post"><button>{}</button></form>'


def _page(request: web.Request, address: str, content: Callable[[Say], str]) -> web.StreamResponse:
    """In a language that the reader's browser asks for: who reads it isn't signed in."""
    language = language_asked(request.headers.get("Accept-Language", ""))
    say = say_in(language)
    title = html.escape(say("Unsubscribe"))
    head = (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>{_SCREEN}</head>'
    )
    text = f"{head}<body><main><h1>{title}</h1><p>{html.escape(address)}</p>{content(say)}</main></body></html>\n"
    return edge.finish(web.Response(text=text, content_type="text/html"))
