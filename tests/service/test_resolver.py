"""Asking about ported numbers: by DNS and HTTP on loopback, and the way from a call's miss to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from service.calls.collector import Collector
from service.commands.settings import send_settings
from service.config import Config, ConfigFault, Portability, parse_config
from service.database.engine import reading
from service.database.tables import cdrs
from service.edge.enum import Refused, domain_of
from service.edge.resolver import Answered, Enum, Http, Resolver
from tests.service.test_portings import Ported

NUMBER, STAYED, UNKNOWN = "447700900001", "447700900002", "447700900003"
LATE_MS = 10_000
"""The most that one may wait for an answer."""
Change = Callable[[dns.message.Message], dns.message.Message]


class Names(asyncio.DatagramProtocol):
    """A DNS server: records by name; `changed` spoils each answer."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.changed: Change = lambda answer: answer
        self.silent = False
        self.asked = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """It listens."""
        self.transport = transport

    def say(self, number: str, record: str) -> None:
        """What is said of a number."""
        self.records[f"{domain_of(number, 'e164.example')}."] = record

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A question."""
        self.asked += 1
        if self.silent:
            return
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        name = question.question[0].name.to_text()
        if name in self.records:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "NAPTR", *filter(None, [self.records[name]])))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(self.changed(answer).to_wire(), addr)


def record(uri: str) -> str:
    """A NAPTR record's text."""
    return f'10 100 "u" "E2U+pstn:tel" "!^.*$!{uri}!" .'


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    """A DNS server that knows two numbers."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    server.say(NUMBER, record(f"tel:+{NUMBER};npdi;rn=+4488"))
    server.say(STAYED, record(f"tel:+{STAYED};npdi"))
    yield server
    transport.close()


def by_dns(names: Names, **more: Any) -> Portability:
    """The settings that ask it. Nobody waits for one that is silent; of another one even a late answer is told."""
    port, timeout_ms = names.transport.get_extra_info("sockname")[1], 300 if names.silent else LATE_MS
    values = {"source": "enum", "domain": "e164.example", "servers": ["127.0.0.1"], "port": port}
    values["timeout_ms"] = timeout_ms
    return Portability(**values | more)


async def test_answers_by_dns(names: Names) -> None:
    """Moved, looked up and not moved, unknown: each with how long it holds."""
    source = Enum(by_dns(names, ttl_max_s=30, ttl_none_s=7))
    assert await source.ask(NUMBER) == Answered(NUMBER, "4488", 30)
    assert await source.ask(STAYED) == Answered(STAYED, "", 30)
    assert await source.ask(UNKNOWN) == Answered(UNKNOWN, "", 7)


async def test_an_answer_over_another_name_holds_no_longer_than_that_name_leads_there(names: Names) -> None:
    """A CNAME of two seconds, and records of an hour where it leads."""
    name, there = f"{domain_of(NUMBER, 'e164.example')}.", "elsewhere.example."

    def over(answer: dns.message.Message) -> dns.message.Message:
        records = [(name, 2, "IN", "CNAME", there), (there, 3600, "IN", "NAPTR", record(f"tel:+{NUMBER};rn=+4488"))]
        answer.answer = [dns.rrset.from_text(*one) for one in records]
        return answer

    names.changed = over
    assert await Enum(by_dns(names)).ask(NUMBER) == Answered(NUMBER, "4488", 2)


async def test_an_answer_about_another_number_is_not_believed(names: Names) -> None:
    """Nor one whose question is another, or that another question's id has: the time-out comes then."""
    names.say(UNKNOWN, record(f"tel:+{NUMBER};npdi;rn=+4488"))
    source = Enum(by_dns(names))
    with pytest.raises(Refused, match="was asked about"):
        await source.ask(UNKNOWN)

    def other_id(answer: dns.message.Message) -> dns.message.Message:
        answer.id ^= 1
        return answer

    names.changed, source = other_id, Enum(by_dns(names, timeout_ms=300))
    with pytest.raises(Exception, match=r"timed out|lifetime expired"):
        await source.ask(NUMBER)

    def other_name(answer: dns.message.Message) -> dns.message.Message:
        answer.question = dns.message.make_query("x.example", "NAPTR").question
        return answer

    names.changed = other_name
    with pytest.raises(Exception, match=r"expired|question|timed out"):
        await source.ask(NUMBER)


@asynccontextmanager
async def http_server(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """An HTTP look-up; the URL of its numbers."""
    app = web.Application()
    app.add_routes([web.get("/numbers/{number}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/numbers/{{number}}"
    finally:
        await runner.cleanup()


async def test_answers_by_http() -> None:
    """JSON; a 404 is a number that nobody knows; what an answer leaves out is the setting's."""
    bodies: dict[str, Any] = {
        NUMBER: {"number": f"+{NUMBER}", "routing_number": "+4488", "ttl_s": 5},
        STAYED: {"number": STAYED, "routing_number": None, "more": 1},
    }

    async def answer(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        return web.json_response(bodies[number]) if number in bodies else web.Response(status=404)

    async with http_server(answer) as url:
        source = Http(Portability(source="http", url=url, timeout_ms=LATE_MS, ttl_none_s=9))
        try:
            assert await source.ask(NUMBER) == Answered(NUMBER, "4488", 5)
            assert await source.ask(STAYED) == Answered(STAYED, "", 9)
            assert await source.ask(UNKNOWN) == Answered(UNKNOWN, "", 9)
        finally:
            await source.close()


@pytest.mark.parametrize(
    "response",
    [
        {"number": STAYED, "routing_number": "4488"},
        {"routing_number": "4488"},
        {"number": NUMBER, "routing_number": "44;88"},
        {"number": NUMBER, "routing_number": "4488", "ttl_s": 0},
        ["4488"],
        {"number": NUMBER, "routing_number": "4488", "padding": "x" * 5000},
        500,
        302,
    ],
)
async def test_what_is_no_answer_by_http(response: Any) -> None:
    """Another number, none, no digits, too much of it, a fault, somewhere else."""

    async def answer(_: web.Request) -> web.Response:
        if isinstance(response, int):
            return web.Response(status=response, headers={"Location": "/numbers/1"})
        return web.json_response(response)

    async with http_server(answer) as url:
        source = Http(Portability(source="http", url=url, timeout_ms=LATE_MS))
        try:
            with pytest.raises(Refused):
                await source.ask(NUMBER)
        finally:
            await source.close()


async def test_an_answer_in_pieces_by_http() -> None:
    """All of it counts, however it arrives."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (f'{{"number": "{NUMBER}", ', '"routing_number"', ': "4488", "ttl_s": 5}'):
            await response.write(piece.encode())
            await asyncio.sleep(0.02)
        return response

    async with http_server(handle) as url:
        source = Http(Portability(source="http", url=url, timeout_ms=LATE_MS))
        try:
            assert await source.ask(NUMBER) == Answered(NUMBER, "4488", 5)
        finally:
            await source.close()


class Asking(Ported):
    """Asks a DNS server."""

    def __init__(self, engine: AsyncEngine, folder: Path, names: Names) -> None:
        super().__init__(engine, folder)
        self.config = self.config.model_copy(update={"portability": by_dns(names)})
        self.resolver = Resolver(engine, self.config)
        self.collector = Collector(engine, self.config, self.resolver.wonder)

    async def rated(self) -> list[tuple[str, str]]:
        """Called and routing numbers of the records, in order."""
        async with reading(self.engine) as conn:
            rows = await conn.execute(sa.select(cdrs.c.called, cdrs.c.routing_number).order_by(cdrs.c.id))
            return [(row.called, row.routing_number) for row in rows]


async def test_a_miss_is_asked_about_and_the_next_call_knows(engine: AsyncEngine, tmp_path: Path, names: Names) -> None:
    """Once, whatever calls there are; until the answer's time is over."""
    company = Asking(engine, tmp_path, names)
    await company.open()
    await send_settings(engine, company.config, company.now.wall_ms)
    await company.pump()
    company.number = NUMBER
    company.call(6)
    company.call(6)
    await company.pump()
    assert await company.resolver.work(company.now.wall_ms) == 1
    assert names.asked == 1
    await company.pump()
    company.call(6)
    company.wait(61)
    company.call(6)
    await company.pump()
    assert await company.rated() == [(NUMBER, ""), (NUMBER, ""), (NUMBER, "4488"), (NUMBER, "")]
    assert await company.broken() == {}
    await company.resolver.close()


async def test_silence_teaches_nothing(engine: AsyncEngine, tmp_path: Path, names: Names) -> None:
    """The call path is told of nothing; what waits is bounded."""
    names.silent = True
    company = Asking(engine, tmp_path, names)
    company.resolver.wonder([NUMBER, NUMBER, STAYED])
    assert await company.resolver.work(company.now.wall_ms) == 0
    assert await company.resolver.work(company.now.wall_ms) == 0
    company.resolver.wonder(str(447700000000 + at) for at in range(20_000))
    assert len(company.resolver._waiting) == 10_000
    await company.resolver.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("portability: {source: http}", "needs a url"),
        ("portability: {source: http, url: 'https://x.example/'}", "match"),
        ("portability: {source: enum, servers: [dns.example]}", "is no address"),
        ("portability: {source: lrn}", "'none', 'enum' or 'http'"),
        ("portability: {timeout: 1}", "unknown setting"),
    ],
)
def test_what_is_no_setting(text: str, said: str) -> None:
    """With what to write."""
    with pytest.raises(ConfigFault, match=said):
        parse_config(text, "kambill.yaml")


def test_nobody_is_asked_by_default() -> None:
    """The switch."""
    assert Config().portability.source == "none"
