"""A page, declared: where it stands, which endpoint says who may see it, and what shows it and takes its form."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

    from service.portal.visit import Visit


class Crumb(NamedTuple):
    """A step of the way to a page."""

    text: str
    link: str


class Shown(NamedTuple):
    """A page that is to be printed."""

    template: str
    title: str
    """As it is printed, in the visitor's language already."""
    values: Mapping[str, Any]
    status: int = 200
    trail: tuple[Crumb, ...] = ()
    retry_after: str = ""
    """When it may be asked for again, in seconds; empty: that isn't told."""


class Gone(NamedTuple):
    """Go on there (303)."""

    to: str
    flash: str = ""
    """What the next page says first."""
    session: str | None = None
    """A session to carry from here on; empty: none any more; None: as before."""
    home: str | None = None
    """The own session while one acts as somebody else; empty: none any more; None: as before."""
    theme: str = ""
    """How this browser is to show pages from here on; empty: as before."""


Handler = Callable[["Visit"], Awaitable["Shown | Gone | web.StreamResponse"]]


class Screen(NamedTuple):
    """A page."""

    path: str
    endpoint: str
    """Whose permission is needed to see it. What the page asks and does checks its own, whatever stands here."""
    show: Handler
    act: Handler | None = None
    """Takes the form that was sent; None: there is none."""
    body_bytes_max: int = 1 << 20
    streams: bool = False
    """It sends for long, and opens its looks itself."""

    @property
    def pattern(self) -> str:
        """For aiohttp: what names a thing is a number."""
        return re.sub(r"{(\w+_id)}", r"{\1:[0-9]+}", self.path)


def local_path(text: str) -> str:
    """A path of this portal to go on to; anything else is the front page. Keeps no one from being led elsewhere."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\", "/static/", "/api/"))
    return text if is_local and text.isprintable() and "\\" not in text else "/"


def filled(path: str, values: Mapping[str, Any]) -> str:
    """A path with its names filled in."""
    return re.sub(r"{(\w+)}", lambda found: str(values[found.group(1)]), path)
