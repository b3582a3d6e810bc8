"""The door by which people end broadcasts: one click (RFC 8058), or a page that asks first."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.accounts.rules import ROOT_ID
from service.commands.outbox import writing
from service.config import Config
from service.database.engine import reading
from service.messages.sellers import seller_named
from service.messages.suppressing import mail_of, suppress
from service.portal import edge, static
from service.portal.branding import Look
from service.portal.wording import Say, language_asked, say_in
from service.sellers.brand import brand_of

PATH = "/unsubscribe/{token:[0-9]{1,18}-[0-9a-f]{32}}"
COLOURS, LOGO = "brand.css", "logo"
"""Below the page: of the seller that the mail came from, whoever's host name it is opened at."""
Content = Callable[[Say], str]


def routes(engine: AsyncEngine, config: Config) -> list[web.RouteDef]:
    """The page asks first: programs that look at links change nothing."""

    async def ask(request: web.Request) -> web.StreamResponse:
        async with reading(engine) as conn:
            row = await _mail(conn, request)
            look = await _look(conn, config, row)
        return _page(request, look, row.recipient, _question)

    async def act(request: web.Request) -> web.StreamResponse:
        async with writing(engine, config.node) as conn:
            row = await _mail(conn, request)
            await suppress(conn, row.parent_id or ROOT_ID, row.recipient, "unsubscribed", time.time_ns() // 1_000_000)
            look = await _look(conn, config, row)
        return _page(request, look, row.recipient, _done)

    async def colours(request: web.Request) -> web.StreamResponse:
        async with reading(engine) as conn:
            look = await _look(conn, config, await _mail(conn, request))
        return edge.finish(web.Response(text=look.style, content_type="text/css", headers=_KEPT))

    async def logo(request: web.Request) -> web.StreamResponse:
        async with reading(engine) as conn:
            look = await _look(conn, config, await _mail(conn, request))
        if look.logo is None:
            raise web.HTTPNotFound
        return edge.finish(web.Response(body=look.logo, content_type=look.logo_type, headers=_KEPT))

    return [
        web.get(PATH, ask, allow_head=False),
        web.post(PATH, act),
        web.get(f"{PATH}/{COLOURS}", colours, allow_head=False),
        web.get(f"{PATH}/{LOGO}", logo, allow_head=False),
    ]


def _question(say: Say) -> str:
    return f'<form method="post"><button class="btn btn-primary">{html.escape(say("Unsubscribe"))}</button></form>'


def _done(say: Say) -> str:
    return f"<p>{html.escape(say('You get no more such mails.'))}</p>"


_KEPT = {"Cache-Control": "private, max-age=3600"}


async def _mail(conn: AsyncConnection, request: web.Request) -> Row[Any]:
    """That the link stands in. Raises HTTPNotFound."""
    row = await mail_of(conn, request.match_info["token"])
    if row is None:
        raise web.HTTPNotFound
    return row


async def _look(conn: AsyncConnection, config: Config, mail: Row[Any]) -> Look:
    """As the mail's: the colours may be inherited; name and logo of whoever stands above the seller aren't shown."""
    seller = await seller_named(conn, config, mail.fields.get("seller_id") or mail.parent_id or ROOT_ID)
    brand = await brand_of(conn, seller.path)
    if brand is None:
        return Look(seller.sender.company)
    look = Look(seller.sender.company, brand.primary_colour, brand.accent_colour)
    return look if brand.account_id != seller.id else look._replace(logo=brand.logo, logo_type=brand.logo_type)


def _page(request: web.Request, look: Look, address: str, content: Content) -> web.StreamResponse:
    """In a language that the reader's browser asks for: who reads it isn't signed in. Without scripts."""
    language = language_asked(request.headers.get("Accept-Language", ""))
    say = say_in(language)
    title, company = html.escape(say("Unsubscribe")), html.escape(look.company)
    here = f"/unsubscribe/{request.match_info['token']}"
    logo = f'<img src="{here}/{LOGO}?v={look.digest}" alt="">' if look.logo else ""
    brand = f'<span class="kb-brand">{logo}<span class="text-truncate">{company}</span></span>'
    text = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title} · {company}</title>\n{_LINKS}"
        f'<link rel="stylesheet" href="{here}/{COLOURS}?v={look.digest}">\n</head>\n<body>\n'
        f'<header class="kb-bar">{brand}</header>\n<main class="kb-main"><section class="kb-form"><h1>{title}</h1>\n'
        f"<p>{html.escape(address)}</p>\n"
        f"{content(say)}</section></main>\n</body>\n</html>\n"
    )
    return edge.finish(web.Response(text=text, content_type="text/html"))


def _links() -> str:
    """What the page loads beside colours: no script."""
    found = static.files()
    sheets = (f'<link rel="stylesheet" href="{found[name].url}">\n' for name in ("bootstrap.min.css", "portal.css"))
    return "".join((f'<link rel="icon" href="{found["icon.svg"].url}">\n', *sheets))


_LINKS = _links()
