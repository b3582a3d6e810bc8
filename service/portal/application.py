"""The portal's routes: from aiohttp's request to a page's function, and back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from service.api.call import Api, forbidden
from service.api.http import Rates
from service.api.problems import ONLY_OF_PAID, Problem, only_of_seller
from service.portal import cookies, edge, static
from service.portal.cookies import HOME, SESSION
from service.portal.doors import Doors
from service.portal.printer import PRINTER, Printer
from service.portal.screen import Gone, Screen, Shown
from service.portal.screens import SCREENS
from service.portal.streams import OPEN, STOPPING
from service.portal.visit import BY_NAME, ONESELF, Fields, Portal, Visit

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PORTAL: web.AppKey[Portal] = web.AppKey("portal", Portal)


def add_portal(app: web.Application, api: Api) -> None:
    """All pages, and the files that they load."""
    files = static.files()
    rates = Rates(api.config.api.requests_per_minute, api.config.api.unknown_per_minute)
    app[PORTAL] = Portal(api, rates, files, Doors(SCREENS))
    app[PRINTER] = Printer(files)
    app[STOPPING] = asyncio.Event()
    app[OPEN] = Counter()
    app.on_shutdown.append(_stop)
    app.add_routes(static.routes(files))
    app.add_routes([web.get("/brand.css", _colours), web.get("/brand/logo", _logo)])
    for screen in SCREENS:
        app.router.add_get(screen.pattern, _handler(screen), allow_head=False)
        if screen.act is not None:
            app.router.add_post(screen.pattern, _handler(screen))


_ENDED = "Your session has ended: sign in again."
_LOST = "Your session has ended, and nothing was done: sign in again, and repeat it."
_YOURSELF = "The time of being logged in as somebody else is over: you are yourself again."


async def _stop(app: web.Application) -> None:
    """Streams end, so that the service can."""
    app[STOPPING].set()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _handler(screen: Screen) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        visit = Visit(request.app[PORTAL], request, _now_ms())
        try:
            return _response(visit, await _outcome(visit, screen))
        except Problem as problem:
            if problem.kind == "signed-out" and screen.path != "/sign-in":
                return _signed_out(visit)
            return _response(visit, edge.fault_page(visit, problem))

    return handle


async def _outcome(visit: Visit, screen: Screen) -> Shown | Gone | web.StreamResponse:
    edge.check_origin(visit.request)
    is_sent = visit.request.method == "POST"
    async with visit.looking():
        _check(visit, screen)
        if not is_sent and not screen.streams:
            return await screen.show(visit)
    if not is_sent or screen.act is None:
        return await screen.show(visit)
    visit.form = await _form(visit.request, screen.body_bytes_max)
    edge.check_whose(visit)
    return await screen.act(visit)


async def _form(request: web.Request, bytes_max: int) -> Fields:
    """What was sent; files too, where a page's form has some. Raises Problem: no browser sends such a thing."""
    try:
        return await request.clone(client_max_size=bytes_max).post()  # type: ignore[return-value]
    except (ValueError, LookupError, BadHttpMessage) as fault:  # parts without end, no characters, unknown ones
        raise Problem("bad-header", "this form can't be read: open the page here, and repeat it") from fault


def _check(visit: Visit, screen: Screen) -> None:
    """Raises Problem: nobody is signed in, or they may not."""
    if visit.can(screen.endpoint):
        return
    if visit.actor is None:
        raise Problem("signed-out")
    if visit.is_acting and screen.endpoint in ONESELF:
        raise Problem("forbidden", "only who is signed in as themselves can do this")
    endpoint = BY_NAME[screen.endpoint]
    if visit.earns and endpoint.for_paid:
        raise Problem("forbidden", ONLY_OF_PAID)
    raise only_of_seller() if visit.earns and endpoint.of_seller else forbidden([str(endpoint.permission)])


def _response(visit: Visit, outcome: Shown | Gone | web.StreamResponse) -> web.StreamResponse:
    request = visit.request
    if isinstance(outcome, web.StreamResponse):
        return edge.finish(outcome)
    if isinstance(outcome, Gone):
        response = web.Response(status=303, headers={"Location": _place(visit, outcome)})
        for name, kept in ((SESSION, outcome.session), (HOME, outcome.home)):
            if kept is not None:
                cookies.keep_session(request, response, name, kept)
        if outcome.theme:
            cookies.keep(request, response, cookies.THEME, outcome.theme, lasts_s=cookies.YEAR_S)
        if outcome.flash:
            cookies.keep_flash(request, response, outcome.flash)
        return edge.finish(response)
    text = request.app[PRINTER].page(visit, outcome)
    told = {"Retry-After": outcome.retry_after} if outcome.retry_after else {}
    response = web.Response(text=text, status=outcome.status, content_type="text/html", headers=told)
    if request.cookies.get(cookies.FLASH):
        cookies.keep_flash(request, response, "")
    return edge.finish(response)


def _place(visit: Visit, outcome: Gone) -> str:
    """Where one goes on: whoever may do a thing but not see its page is told on the front page that it is done."""
    is_other = outcome.session is not None or visit.actor is None
    return outcome.to if is_other or visit.opens(outcome.to) else "/"


def _signed_out(visit: Visit) -> web.StreamResponse:
    """To the door; whoever acted as somebody for too long is themselves again. A form that was sent is not done."""
    request, is_lost = visit.request, visit.request.method not in edge.SAFE
    home = request.cookies.get(HOME, "")
    if not home:
        response = edge.sign_in_instead(request)
        if visit.credential:
            cookies.keep_flash(request, response, visit.say(_LOST if is_lost else _ENDED))
        return edge.finish(response)
    response = web.Response(status=303, headers={"Location": "/"})
    cookies.keep_flash(request, response, visit.say(_YOURSELF))
    cookies.keep_session(request, response, SESSION, home)
    cookies.keep_session(request, response, HOME, "")
    return edge.finish(response)


async def _colours(request: web.Request) -> web.StreamResponse:
    """The style sheet of the visitor's seller; its address changes with the colours."""
    visit = await _glanced(request)
    headers = {"Cache-Control": "private, max-age=3600"}
    return edge.finish(web.Response(text=visit.look.style, content_type="text/css", headers=headers))


async def _logo(request: web.Request) -> web.StreamResponse:
    """The picture of the visitor's seller."""
    look = (await _glanced(request)).look
    if look.logo is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "private, max-age=3600"}
    return edge.finish(web.Response(body=look.logo, content_type=look.logo_type, headers=headers))


async def _glanced(request: web.Request) -> Visit:
    visit = Visit(request.app[PORTAL], request, _now_ms())
    async with visit.looking():
        pass
    return visit


@web.middleware
async def pages_edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The last door of the pages: what nobody expected, and addresses that are no page's, become pages too."""
    if request.path.startswith(("/api", static.PATH)):
        return await handler(request)
    try:
        await Visit(request.app[PORTAL], request, _now_ms()).check_rate()
        return await handler(request)
    except web.HTTPException as fault:
        if fault.status < 400:
            raise
        return await _fault(request, fault)
    except ConnectionResetError:
        return web.Response()  # nobody is there to read it
    except Exception as fault:  # noqa: BLE001 -- the edge of a process
        return await _fault(request, fault)


async def _fault(request: web.Request, fault: Exception) -> web.StreamResponse:
    problem = edge.problem_of(fault, request)
    visit = Visit(request.app[PORTAL], request, _now_ms())
    if problem.kind == "too-many":  # which costs no look
        return _response(visit, edge.fault_page(visit, problem))
    try:
        visit = await _glanced(request)
    except Exception:  # noqa: BLE001 -- the ledger is away: the page then comes without names
        visit = Visit(request.app[PORTAL], request, _now_ms())
    return _response(visit, edge.fault_page(visit, problem))
