"""The sender: a task that takes what is due, sends it, and notes what came of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, NamedTuple

import aiohttp
import sqlalchemy as sa
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.webhook_tables import deliveries, webhooks
from service.version import release
from service.webhooks.places import is_public, url_problem
from service.webhooks.signing import signed

AT_ONCE = 20
CLAIM_MS = 120_000
"""How long a delivery is its sender's; then, whoever died, another one takes it."""
WAITS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Between two attempts, as Standard Webhooks recommends; after the last one it has failed."""
FAULT_CHARACTERS_MAX = 300


class Refused(OSError):
    """This address is not asked."""


class Guarded(AbstractResolver):
    """Names become addresses here and nowhere else, so that what was looked at is what is connected to."""

    def __init__(self, inner: AbstractResolver, *, private: bool) -> None:
        self._inner = inner
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Public addresses only. Raises Refused."""
        found = await self._inner.resolve(host, port, family)
        kept = [one for one in found if self._private or is_public(one["host"])]
        if not kept:
            raise Refused(f"{host} leads into no public network")
        return kept

    async def close(self) -> None:
        """Nothing is kept."""
        await self._inner.close()


class Outcome(NamedTuple):
    """What came of an attempt."""

    status: int
    """0: no answer."""
    fault: str
    """Empty: it was taken."""


class Sender:
    """Of one service. Closed at the end."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine = engine
        self._private = config.webhooks.private_addresses
        self.resolver = Guarded(ThreadedResolver(), private=self._private)
        self._timeout = aiohttp.ClientTimeout(total=config.webhooks.timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send_due(self, now_ms: int) -> int:
        """One round; returns how many were tried."""
        rows = await self._claim(now_ms)
        outcomes = await asyncio.gather(*(self._send(row, now_ms) for row in rows))
        if rows:
            async with self._engine.begin() as conn:
                for row, outcome in zip(rows, outcomes, strict=True):
                    await conn.execute(_noted(row, outcome, now_ms))
        return len(rows)

    async def _claim(self, now_ms: int) -> list[Row[Any]]:
        """What is due becomes this sender's, so that two of them never send the same."""
        due = (deliveries.c.state == "waiting") & (deliveries.c.next_ms <= now_ms) & (deliveries.c.claimed_ms < now_ms)
        chosen = sa.select(deliveries.c.id).where(due).order_by(deliveries.c.next_ms).limit(AT_ONCE)
        async with self._engine.connect() as conn:
            if (await conn.execute(chosen.limit(1))).first() is None:
                return []
        async with self._engine.begin() as conn:
            ids = list((await conn.execute(chosen.with_for_update(skip_locked=True))).scalars())
            claim = sa.update(deliveries).where(deliveries.c.id.in_(ids) & due)
            claimed = await conn.execute(claim.values(claimed_ms=now_ms + CLAIM_MS).returning(deliveries.c.id))
            mine = list(claimed.scalars())
            query = sa.select(deliveries, webhooks.c.url, webhooks.c.secret, webhooks.c.state.label("hook_state"))
            query = query.join(webhooks, webhooks.c.id == deliveries.c.webhook_id).where(deliveries.c.id.in_(mine))
            return list(await conn.execute(query))

    async def _send(self, row: Row[Any], now_ms: int) -> Outcome:
        if row.hook_state != "active":
            return Outcome(0, "the webhook is suspended")
        problem = url_problem(row.url, private=self._private)
        if problem is not None:
            return Outcome(0, problem)
        headers = signed(row.secret, f"msg_{row.id}", now_ms // 1000, row.body)
        headers |= {"Content-Type": "application/json", "User-Agent": f"Kambill/{release()}"}
        try:
            request = self._client().post(row.url, data=row.body.encode(), headers=headers, allow_redirects=False)
            async with request as response:
                taken = 200 <= response.status < 300
                return Outcome(response.status, "" if taken else f"answered {response.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            return Outcome(0, _told(fault))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=self.resolver, use_dns_cache=False, limit=AT_ONCE)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()


def _told(fault: BaseException) -> str:
    text = str(fault) or type(fault).__name__
    return f"{type(fault).__name__}: {text}"[:FAULT_CHARACTERS_MAX]


def _noted(row: Row[Any], outcome: Outcome, now_ms: int) -> sa.Update:
    attempts = row.attempts + 1
    values: dict[str, Any] = {"attempts": attempts, "status": outcome.status, "fault": outcome.fault, "claimed_ms": 0}
    if not outcome.fault:
        values |= {"state": "sent", "done_ms": now_ms}
    elif attempts > len(WAITS_S):
        values |= {"state": "failed", "done_ms": now_ms}
    else:
        values["next_ms"] = now_ms + WAITS_S[attempts - 1] * 1000
    return sa.update(deliveries).where(deliveries.c.id == row.id).values(**values)
