"""The edge of the pages: headers for all, other sites' requests refused, every fault a page that says what to do."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, quote, urlsplit

import structlog
from aiohttp import web

from service.api.problems import Problem
from service.portal.screen import Shown
from service.portal.visit import Visit

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "Kambill",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WHOSE = "_whose"
"""The field of each form that says so."""
NO_WAY_BACK = frozenset({"/", "/sign-out", "/log-in-as/end", "/filters"})
"""Pages that nobody looks for after signing in."""
log = structlog.get_logger("kambill.portal")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def comes_from_here(request: web.Request) -> bool:
    """Whether one of our own pages sends this form: by Sec-Fetch-Site, else by Origin. Neither: it doesn't."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is not None and _parts(origin).netloc == request.host


def _parts(url: str) -> SplitResult:
    """Of what a header says; of what is no address: of none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def check_origin(request: web.Request) -> None:
    """Raises Problem for what another site would have done in the visitor's name."""
    if request.method not in SAFE and not comes_from_here(request):
        raise Problem("forbidden", "this form was not sent by a page of this portal: open the page here, and repeat it")


def check_whose(visit: Visit) -> None:
    """Raises Problem: who opened this form has signed in as somebody else since, in another tab."""
    if visit.form.get(WHOSE, visit.whose) != visit.whose:
        raise Problem(
            "conflict", "this form was opened as somebody else: open it again as who you are now, and repeat it"
        )


def finish(response: web.StreamResponse) -> web.StreamResponse:
    """With the headers that every page has; a stream that has begun has them already."""
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


@contextmanager
def unbroken(request: web.Request) -> Iterator[None]:
    """Around what is sent piece by piece: where it fails the connection is reset, so that nobody takes the beginning
    for all of it (by HTTP/1.0 an ordinary end says so), and no page of a fault stands at its end.
    """
    is_whole = False
    try:
        yield
        is_whole = True
    finally:
        if not is_whole and request.transport is not None:
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            request.transport.abort()


_AT_ONCE = struct.pack("ii", 1, 0)
"""A socket that is closed forgets what it has, and resets its connection."""


def sign_in_instead(request: web.Request) -> web.Response:
    """Where whoever isn't signed in goes, to come back afterwards: to the empty form, if one was sent."""
    if request.headers.get("HX-Request") == "true":  # a piece of a page: all of it goes to the door
        page = _parts(request.headers.get("HX-Current-URL", ""))
        return web.Response(headers={"HX-Redirect": _door_of(page.path, page._replace(scheme="", netloc="").geturl())})
    return web.Response(status=303, headers={"Location": _door_of(request.path, request.path_qs)})


def _door_of(path: str, page: str) -> str:
    back = page if path not in NO_WAY_BACK else ""
    return "/sign-in" + (f"?next={quote(back, safe='', errors='replace')}" if back else "")


def fault_page(visit: Visit, problem: Problem) -> Shown:
    """What a page says that can't be shown."""
    title = visit.say(problem.title)
    wait = problem.headers.get("Retry-After", "")
    return Shown("fault.html", title, {"problem": visit.told(problem)}, problem.status, retry_after=wait)


def problem_of(fault: Exception, request: web.Request) -> Problem:
    """Of anything that ends a request. What nobody expected goes to the log, not to the visitor."""
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, web.HTTPException):
        kinds = {404: "not-found", 405: "method", 413: "too-large"}
        return Problem(kinds.get(fault.status, "bad-header"))
    log.exception("portal", path=request.path, method=request.method, kind=type(fault).__name__)
    return Problem("fault", "it is in the log; nothing was changed")
