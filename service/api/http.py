"""HTTP around `dispatch`: from aiohttp's request to ours, and back."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from service.access.keys import hash_of
from service.api import addresses
from service.api.call import Api, Asking
from service.api.dispatch import Reply, respond
from service.api.endpoint import Endpoint, Open
from service.api.problems import Problem

PREFIX = "/api/v1"
JSON = "application/json"
PROBLEM = "application/problem+json"
SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "Kambill",
}
log = structlog.get_logger("kambill.api")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


SEEN_MAX = 10_000
"""Tokens and sessions that are remembered to be somebody's; when there are more, they are found out anew."""


class Rates:
    """How often one may ask: by token or session, and by address where nobody is known yet, or nobody's token comes."""

    def __init__(self, known_per_minute: int, unknown_per_minute: int) -> None:
        self._known = RateLimitItemPerMinute(known_per_minute)
        self._unknown = RateLimitItemPerMinute(unknown_per_minute)
        self._pages = RateLimitItemPerMinute(unknown_per_minute * PAGES_EACH)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._seen: set[str] = set()
        """What was somebody's when it last came."""
        self._looked_at: Counter[str] = Counter()
        """By address: what else is being looked at now."""

    @asynccontextmanager
    async def counted(self, endpoint: Endpoint, asking: Asking) -> AsyncIterator[None]:
        """Around an answer: what was nobody's counts against its address, as long as that isn't known too.

        Raises Problem: too-many, with when to come again.
        """
        await self.check(endpoint, asking)
        if not _is_shown(endpoint, asking):
            yield
            return
        is_new = _who(asking) not in self._seen
        site = addresses.site_of(asking.address)
        self._looked_at[site] += is_new
        try:
            yield
        except Problem as problem:
            await self.note(asking, is_known=problem.kind != "signed-out")
            raise
        else:
            await self.note(asking, is_known=True)
        finally:
            self._looked_at[site] -= is_new
            self._looked_at += Counter()  # nobody's are forgotten

    async def check(self, endpoint: Endpoint, asking: Asking) -> None:
        """Raises Problem: too-many, with when to come again."""
        site = addresses.site_of(asking.address)
        if not _is_shown(endpoint, asking):
            await self._hit(self._unknown, site)
        elif _who(asking) in self._seen:
            await self._hit(self._known, _who(asking))
        else:
            left = (await self._limiter.get_window_stats(self._unknown, _TOKENS, site)).remaining
            if left <= self._looked_at[site]:
                raise await self._too_many(self._unknown, _TOKENS, site)

    async def check_page(self, address: str) -> None:
        """Of who shows no session. Raises Problem: too-many, with when to come again.

        Pages of this machine's own address aren't counted: a proxy of which we weren't told shows everybody's there.
        """
        if not addresses.is_here(address):
            await self._hit(self._pages, _PAGES, addresses.site_of(address))

    async def note(self, asking: Asking, *, is_known: bool) -> None:
        """What came of looking at a token or session."""
        if not is_known:
            self._seen.discard(_who(asking))
            await self._limiter.hit(self._unknown, _TOKENS, addresses.site_of(asking.address))
        elif _who(asking) not in self._seen:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            self._seen.add(_who(asking))
            await self._limiter.hit(self._known, _who(asking))

    async def _hit(self, item: RateLimitItem, *who: str) -> None:
        if not await self._limiter.hit(item, *who):
            raise await self._too_many(item, *who)

    async def _too_many(self, item: RateLimitItem, *who: str) -> Problem:
        stats = await self._limiter.get_window_stats(item, *who)
        seconds = max(1, int(stats.reset_time - time.time()) + 1)
        return Problem("too-many", f"at most {item.amount} a minute", headers={"Retry-After": str(seconds)})


PAGES_EACH = 10
"""Pages of the portal that somebody without a session may look at, for each request that they may make."""
_PAGES = "pages"
_TOKENS = "tokens"
"""Apart from who asks without one: signing in goes on."""


def _is_shown(endpoint: Endpoint, asking: Asking) -> bool:
    return endpoint.permission is not Open.PUBLIC and bool(asking.credential)


def _who(asking: Asking) -> str:
    return hash_of(asking.credential)[:32]


def routes(api: Api, endpoints: Iterable[Endpoint]) -> list[web.RouteDef]:
    """One for each endpoint, below /api/v1."""
    rates = Rates(api.config.api.requests_per_minute, api.config.api.unknown_per_minute)
    return [web.route(one.method, _pattern(one.path), _handler(api, one, rates)) for one in endpoints]


def _pattern(path: str) -> str:
    """What names a thing is a number, so that /accounts/import is no account."""
    return PREFIX + re.sub(r"{(\w+_id)}", r"{\1:[0-9]+}", path)


def _handler(api: Api, endpoint: Endpoint, rates: Rates) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        asking = await _asking(api, request, endpoint)
        async with rates.counted(endpoint, asking):
            return _response(await respond(api, endpoint, asking, time.time_ns() // 1_000_000))

    return handle


def address_of(request: web.Request, proxies: Collection[str]) -> str:
    """Whom it comes from."""
    return addresses.address_of(request.remote or "", request.headers.getall(addresses.HEADER, ()), proxies)


def agent_of(request: web.Request) -> str:
    """Which program it says it is: what is no UTF-8 in it, no ledger takes."""
    return request.headers.get("User-Agent", "").encode(errors="replace").decode()


async def _asking(api: Api, request: web.Request, endpoint: Endpoint) -> Asking:
    headers = request.headers
    kind, _, credential = headers.get("Authorization", "").partition(" ")
    body = b""
    if request.body_exists:
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Problem("not-a-json-request", "send it without Content-Encoding")
        if request.content_length is not None and request.content_length > endpoint.body_bytes_max:
            raise Problem("too-large", f"at most {endpoint.body_bytes_max} bytes")
        body = await _body(request, endpoint.body_bytes_max)
    if body and endpoint.body is not None and request.content_type != JSON:
        raise Problem("not-a-json-request")
    return Asking(
        parameters=dict(request.match_info),
        query=tuple(request.query.items()),
        body=body,
        credential=credential.strip() if kind.lower() == "bearer" else "",
        address=address_of(request, api.config.listen.proxies),
        agent=agent_of(request),
        key=headers.get("Idempotency-Key", ""),
        if_match=headers.get("If-Match", ""),
        signature=headers.get("Stripe-Signature", ""),
    )


async def _body(request: web.Request, bytes_max: int) -> bytes:
    parts, total = [], 0
    async for part in request.content.iter_chunked(1 << 16):
        total += len(part)
        if total > bytes_max:
            raise Problem("too-large", f"at most {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


def _response(reply: Reply) -> web.Response:
    if not reply.body:
        return web.Response(status=reply.status, headers=reply.headers)
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body, content_type=JSON)


def problem_response(problem: Problem) -> web.Response:
    """As RFC 9457 wants it."""
    body = json.dumps(problem.to_json(), ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(status=problem.status, body=body, content_type=PROBLEM, headers=problem.headers)


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The edge: every answer below /api has its headers, every fault is a problem."""
    if not request.path.startswith("/api"):
        return await handler(request)
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem_response(problem)
    except web.HTTPException as fault:
        response = _aiohttp_fault(fault)
    except Exception as fault:
        log.exception("api", path=request.path, method=request.method, kind=type(fault).__name__)
        response = problem_response(Problem("fault", "it is in the log; nothing was changed"))
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    return response


def _aiohttp_fault(fault: web.HTTPException) -> web.StreamResponse:
    kinds = {404: "not-found", 405: "method", 413: "too-large"}
    if fault.status not in kinds:
        return fault if fault.status < 400 else problem_response(Problem("bad-header", fault.reason))
    allowed = {"Allow": fault.headers["Allow"]} if "Allow" in fault.headers else {}
    return problem_response(Problem(kinds[fault.status], headers=allowed))
