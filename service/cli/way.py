"""The two ways to the API: in process on the ledger of this machine's configuration, or over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
import sqlalchemy as sa

from service.access.actor import Actor, local_actor
from service.access.sessions import Sessions
from service.api.call import Api, Asking
from service.api.dispatch import respond
from service.api.endpoint import Endpoint
from service.api.http import PREFIX
from service.api.nouns import NOUNS
from service.api.problems import KINDS, TYPES, FieldError, Problem
from service.cli.session import config, ledger, now_ms, user
from service.database.engine import reading
from service.faults import Fault

TOKEN = "KAMBILL_TOKEN"  # noqa: S105 -- the variable's name
WAIT_S_MAX = 60
"""As long as this we wait when we asked too often."""


class Request(NamedTuple):
    """What is asked, its values not yet text."""

    endpoint: Endpoint
    parameters: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: Any = None
    key: str = ""
    if_match: str = ""


class Way(Protocol):
    """How requests go to the API."""

    zone: str
    """In which people see times."""

    async def ask(self, request: Request) -> Any:
        """The answer's document; None: it has none. Raises Problem or Fault."""

    async def listed(self, noun: str, name: str) -> list[dict[str, Any]] | None:
        """Things of this name, where no endpoint lists them; None: they can't be listed this way either."""


class Here:
    """In process, as whoever may read the service's files."""

    def __init__(self, api: Api, actor: Actor) -> None:
        self._api, self._actor = api, actor
        self.zone = api.config.timezone

    async def ask(self, request: Request) -> Any:
        """As the service would answer."""
        asking = Asking(
            parameters=request.parameters,
            query=tuple(request.query.items()),
            body=_encoded(request),
            agent="kambill",
            key=request.key,
            if_match=request.if_match,
        )
        reply = await respond(self._api, request.endpoint, asking, now_ms(), self._actor)
        return json.loads(reply.body) if reply.body else None

    async def listed(self, noun: str, name: str) -> list[dict[str, Any]] | None:
        """From the noun's own table."""
        table = NOUNS[noun].table if noun in NOUNS else None
        if table is None or "name" not in table.c:
            return None
        async with reading(self._api.engine) as conn:
            rows = await conn.execute(sa.select(table.c.id, table.c.name).where(table.c.name == name))
            return [dict(row._mapping) for row in rows]


def _encoded(request: Request) -> bytes:
    return b"" if request.endpoint.body is None else json.dumps(request.body).encode()


class There:
    """Over HTTP, as whoever the token belongs to."""

    zone = "UTC"

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session, self._base = session, base

    async def ask(self, request: Request) -> Any:
        """Waits when it asked too often; a read is then asked again."""
        while True:
            status, headers, text = await self._send(request)
            if status != 429 or request.endpoint.writes:
                break
            await asyncio.sleep(min(WAIT_S_MAX, int(headers.get("Retry-After", "1"))))
        if status < 300:
            return json.loads(text) if text else None
        raise _problem(self._base, status, text)

    async def listed(self, noun: str, name: str) -> list[dict[str, Any]] | None:  # noqa: ARG002 -- the other way's
        """Only the API's own lists are there."""
        return None

    async def _send(self, request: Request) -> tuple[int, Mapping[str, str], str]:
        path = request.endpoint.path
        for name, value in request.parameters.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        headers = {"Idempotency-Key": request.key, "If-Match": request.if_match}
        if request.endpoint.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                request.endpoint.method,
                f"{self._base}{path}",
                params=request.query,
                data=_encoded(request) or None,
                headers={name: value for name, value in headers.items() if value},
            ) as response:
                return response.status, response.headers, await response.text()
        except (aiohttp.ClientError, TimeoutError) as fault:
            raise Fault(
                f"{self._base}: no answer: {fault or 'too slow'}: is the address right, and the service up?"
            ) from fault


def _problem(base: str, status: int, text: str) -> Exception:
    """What the API said, as it would have been raised in process."""
    try:
        told = json.loads(text)
        kind = told["type"].removeprefix(TYPES)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Fault(f"{base} answered {status}, and not as this API does: is the address right?")
    errors = [FieldError(one["in"], one["pointer"], one["detail"]) for one in told.get("errors", [])]
    return Problem(kind if kind in KINDS else "fault", told.get("detail", ""), errors)


@asynccontextmanager
async def way(url: str) -> AsyncIterator[Way]:
    """The API at an address; empty: on this machine. Raises Fault."""
    if not url:
        settings = config()
        async with ledger(settings) as engine:
            yield Here(Api(settings, engine, Sessions()), local_actor(user()))
        return
    token = os.environ.get(TOKEN, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=120)) as session:
        yield There(session, _base(url))


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Fault(f"{url!r} is no address of a service: write one such as https://billing.example.net")
    base = url.rstrip("/")
    return base if base.endswith(PREFIX) else base + PREFIX
