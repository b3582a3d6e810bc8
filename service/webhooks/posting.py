"""Posts to other people's servers: signed, without redirects, and never into the operator's own network."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from service.config import Config
from service.version import release
from service.webhooks.places import is_public, url_problem
from service.webhooks.signing import signed

AT_ONCE = 20
CLAIM_MS = 120_000
"""How long a message is its sender's; then, whoever died, another one takes it."""
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


class Message(NamedTuple):
    """What is posted."""

    url: str
    secret: str
    id: str
    """The same at each attempt: by it the receiver knows what it has."""
    body: str
    headers: dict[str, str]


class Poster:
    """Of one service. Closed at the end."""

    def __init__(self, config: Config) -> None:
        self._private = config.webhooks.private_addresses
        self._timeout = aiohttp.ClientTimeout(total=config.webhooks.timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, message: Message, now_ms: int) -> Outcome:
        """One attempt."""
        problem = url_problem(message.url, private=self._private)
        if problem is not None:
            return Outcome(0, problem)
        headers = signed(message.secret, message.id, now_ms // 1000, message.body) | message.headers
        headers["User-Agent"] = f"Kambill/{release()}"
        try:
            sent = self._client().post(message.url, data=message.body.encode(), headers=headers, allow_redirects=False)
            async with sent as response:
                taken = 200 <= response.status < 300
                return Outcome(response.status, "" if taken else f"answered {response.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            return Outcome(0, told(fault))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = Guarded(ThreadedResolver(), private=self._private)
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=AT_ONCE)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()


def told(fault: BaseException) -> str:
    """A fault as the log keeps it."""
    text = str(fault) or type(fault).__name__
    return f"{type(fault).__name__}: {text}"[:FAULT_CHARACTERS_MAX]


def noted(attempts_before: int, outcome: Outcome, now_ms: int) -> dict[str, Any]:
    """What an attempt changes of a message: sent, failed for good, or to be tried again."""
    attempts = attempts_before + 1
    values: dict[str, Any] = {"attempts": attempts, "status": outcome.status, "fault": outcome.fault, "claimed_ms": 0}
    if not outcome.fault:
        values |= {"state": "sent", "done_ms": now_ms}
    elif attempts > len(WAITS_S):
        values |= {"state": "failed", "done_ms": now_ms}
    else:
        values["next_ms"] = now_ms + WAITS_S[attempts - 1] * 1000
    return values
