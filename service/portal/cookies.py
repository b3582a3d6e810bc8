"""What a browser keeps for the portal. No script can read it, and no other site's request carries it."""

from __future__ import annotations

from urllib.parse import quote, unquote

from aiohttp import web

from service.access.sessions import SESSION_MS

SESSION = "kambill_session"
HOME = "kambill_home"
"""The own session, while one acts as somebody else."""
FLASH = "kambill_flash"
THEME = "kambill_theme"
THEMES = ("auto", "light", "dark")
FLASH_S = 60
YEAR_S = 365 * 24 * 3_600
TEXT_MAX = 600


def is_encrypted(request: web.Request) -> bool:
    """Whether the browser speaks TLS, to us or to the proxy before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"


def keep(request: web.Request, response: web.StreamResponse, name: str, value: str, *, lasts_s: int) -> None:
    """Sets a cookie, or takes it away where the value is empty."""
    if not value:
        response.del_cookie(name, path="/", httponly=True, samesite="Lax", secure=is_encrypted(request))
        return
    response.set_cookie(
        name, value, max_age=lasts_s, path="/", httponly=True, samesite="Lax", secure=is_encrypted(request)
    )


def keep_session(request: web.Request, response: web.StreamResponse, name: str, credential: str) -> None:
    """For as long as a session can last; the ledger ends it earlier."""
    keep(request, response, name, credential, lasts_s=SESSION_MS // 1000)


def keep_flash(request: web.Request, response: web.StreamResponse, text: str) -> None:
    """What the next page says first."""
    keep(request, response, FLASH, quote(text[:TEXT_MAX]), lasts_s=FLASH_S)


def flash_of(request: web.Request) -> str:
    """What is to be said first; empty: nothing."""
    return unquote(request.cookies.get(FLASH, ""))[:TEXT_MAX]


def theme_of(request: web.Request) -> str:
    """auto, light or dark."""
    wanted = request.cookies.get(THEME, "")
    return wanted if wanted in THEMES else THEMES[0]
