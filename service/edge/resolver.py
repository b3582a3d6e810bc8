"""Asking about numbers that may have moved: by DNS or HTTP, beside the calls. Answers reach the call path as commands.

The journal brings the questions. What isn't answered in time is left: the next call to the number asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import aiohttp
import dns.asyncresolver
import dns.exception
import dns.resolver
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands import bodies
from service.commands.outbox import Command, enqueue_all, writing
from service.config import Config, Portability
from service.edge.enum import Naptr, Refused, domain_of, routing_in

WAITING_MAX = 10_000
"""Questions that wait: calls to invented numbers fill nothing."""
ANSWER_BYTES_MAX = 4_096
log = structlog.get_logger("kambill")


class Answered(NamedTuple):
    """What somebody says of a number."""

    number: str
    routing: str
    """Empty: it has not moved."""
    ttl_s: int


class Source(Protocol):
    """Somebody who can be asked."""

    async def ask(self, number: str) -> Answered:
        """Raises Refused, TimeoutError, or what the network raises."""

    async def close(self) -> None:
        """Gives back what is open."""


class Resolver:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine, self._config = engine, config
        self._waiting: dict[str, None] = {}
        self._source: Source | None = None

    def wonder(self, numbers: Iterable[str]) -> None:
        """Notes questions, each once."""
        for number in numbers:
            if len(self._waiting) < WAITING_MAX:
                self._waiting[number] = None

    async def work(self, now_ms: int) -> int:
        """Asks about what waits, some at a time; returns how many answers the call path was told of."""
        wanted = self._config.portability
        asked = list(self._waiting)[: wanted.at_once]
        for number in asked:
            del self._waiting[number]
        if not asked or wanted.source == "none":
            return 0
        self._source = self._source or _source_of(wanted)
        source = self._source
        found = await asyncio.gather(*(_ask(source, number) for number in asked))
        answers = [answer for answer in found if answer is not None]
        if answers:
            commands = [Command(bodies.ported_body(*answer)) for answer in answers]
            async with writing(self._engine, self._config.node) as conn:
                await enqueue_all(conn, self._config.node, commands, now_ms=now_ms)
        return len(answers)

    async def close(self) -> None:
        """Gives back what is open."""
        if self._source is not None:
            await self._source.close()


async def _ask(source: Source, number: str) -> Answered | None:
    """None: nothing that could be used; the log says why."""
    try:
        return await source.ask(number)
    except Refused as refused:
        log.warning("ported number", number=number, fault=f"the answer is not believed: {refused}")
    except (OSError, TimeoutError, aiohttp.ClientError, dns.exception.DNSException) as fault:
        log.warning("ported number", number=number, fault=f"no answer: {fault or type(fault).__name__}")
    return None


def _source_of(wanted: Portability) -> Source:
    return Enum(wanted) if wanted.source == "enum" else Http(wanted)


class Enum:
    """ENUM by DNS (RFC 6116). dnspython takes an answer for its question's only by id, name and address."""

    def __init__(self, wanted: Portability) -> None:
        self._wanted = wanted
        self._resolver = dns.asyncresolver.Resolver(configure=not wanted.servers)
        if wanted.servers:
            self._resolver.nameservers = list(wanted.servers)
            self._resolver.port = wanted.port
        self._resolver.lifetime = wanted.timeout_ms / 1000

    async def ask(self, number: str) -> Answered:
        """No such name, or no record of the kind: it has not moved."""
        wanted = self._wanted
        name = domain_of(number, wanted.domain)
        try:
            answer = await self._resolver.resolve(name, "NAPTR", search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answered(number, "", min(wanted.ttl_none_s, wanted.ttl_max_s))
        if answer.rrset is None:
            return Answered(number, "", min(wanted.ttl_none_s, wanted.ttl_max_s))
        records = [
            Naptr(one.order, one.preference, *(part.decode("utf-8", "replace") for part in parts))
            for one in answer.rrset
            for parts in [(one.flags, one.service, one.regexp)]
        ]
        ttl_s = min(answer.rrset.ttl, answer.chaining_result.minimum_ttl, wanted.ttl_max_s)
        return Answered(number, routing_in(records, number), max(1, ttl_s))

    async def close(self) -> None:
        """Nothing stays open."""


class HttpAnswer(BaseModel):
    """What an HTTP look-up says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: str
    """As it was asked about: an answer that names none, or another one, is not believed."""
    routing_number: str | None = Field(default=None, pattern=r"^\+?[0-9]{2,20}$")
    ttl_s: int | None = Field(default=None, ge=1)


class Http:
    """A look-up by GET: JSON with `number`, `routing_number` (null: it has not moved) and perhaps `ttl_s`."""

    def __init__(self, wanted: Portability) -> None:
        self._wanted = wanted
        timeout = aiohttp.ClientTimeout(total=wanted.timeout_ms / 1000)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)

    async def ask(self, number: str) -> Answered:
        """404: nobody knows the number, so that it has not moved."""
        wanted = self._wanted
        async with self._session.get(wanted.url.replace("{number}", number), allow_redirects=False) as response:
            if response.status == 404:
                return Answered(number, "", min(wanted.ttl_none_s, wanted.ttl_max_s))
            if response.status != 200:
                raise Refused(f"status {response.status}")
            raw = await _body(response.content)
        try:
            said = HttpAnswer.model_validate_json(raw)
        except ValidationError as fault:
            raise Refused(f"no such answer was expected: {fault.errors()[0]['msg']}") from None
        if said.number.removeprefix("+") != number:
            raise Refused(f"it speaks of {said.number[:40]!r}, {number} was asked about")
        routing = (said.routing_number or "").removeprefix("+")
        ttl_s = said.ttl_s or (wanted.ttl_max_s if routing else wanted.ttl_none_s)
        return Answered(number, "" if routing == number else routing, min(ttl_s, wanted.ttl_max_s))

    async def close(self) -> None:
        """Gives the connections back."""
        await self._session.close()


async def _body(content: aiohttp.StreamReader) -> bytes:
    """The whole of it, however many pieces it comes in; what is too long has no end that could be read."""
    raw = b""
    while len(raw) < ANSWER_BYTES_MAX and (piece := await content.read(ANSWER_BYTES_MAX - len(raw))):
        raw += piece
    return raw
