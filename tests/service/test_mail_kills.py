"""A sender that dies at every step of handing a mail over: each gets one, and what comes twice is one mail."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.access_tables import mails, users
from service.database.engine import reading
from service.messages.broadcasting import begin_due
from service.messages.sender import AT_ONCE, LEASE_MS
from tests.service.mailroom import Mailroom
from tests.service.office import NOW_MS
from tests.service.test_broadcasts import written
from tests.service.test_mails import Desk, desk, room
from tests.service.test_sellers import trade
from tests.waiting import PATIENCE_S

__all__ = ["desk", "room", "trade"]
STEPS = ("connected", "EHLO", "MAIL", "RCPT", "DATA", "within", "taken", "answered")
"""Of a mail on its way, in their order: before each of these is answered, or behind the answer that it is taken."""
MAY_COME_TWICE = {"taken", "answered"}
LINES_WITHIN = 5
"""Of a mail's text that came before it breaks off."""


class Post:
    """A mail server that speaks just enough, and strikes its visitor at a step of a mail."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[tuple[str, str]] = []
        """Recipient and Message-ID of what it has."""
        self.step, self.after = "", 0
        """Where it strikes, once it has so many mails."""
        self.victim: asyncio.subprocess.Process | None = None
        self.struck = asyncio.Event()

    def _is_time(self, step: str) -> bool:
        return step == self.step and len(self.got) >= self.after and not self.struck.is_set()

    def _strike(self, step: str) -> bool:
        """Whether it does."""
        if not self._is_time(step):
            return False
        assert self.victim is not None
        self.victim.kill()
        self.struck.set()
        return True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever called is dead
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._strike("connected")
        writer.write(b"220 post\r\n")
        recipient = ""
        while line := await reader.readline():
            verb = line[:4].decode().upper()
            self._strike(verb)
            if verb == "RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await self._take(recipient, reader, writer)
            else:
                writer.write(b"250 post\r\n")

    async def _take(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines: list[bytes] = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line)
            if len(lines) == LINES_WITHIN and self._strike("within"):
                raise ConnectionError  # what is on its way already doesn't make it whole
        letter = message_from_bytes(b"".join(lines), policy=default)
        self.got.append((recipient, str(letter["Message-ID"])))
        self._strike("taken")
        if self._is_time("answered") and self.victim is not None:
            os.kill(self.victim.pid, signal.SIGSTOP)  # it gets the answer, and does nothing with it any more
        writer.write(b"250 taken\r\n")
        await writer.drain()
        self._strike("answered")


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """Open."""
    post = Post()
    server = await asyncio.start_server(post.serve, "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    yield post
    server.close()


async def begun(desk: Desk, count: int) -> tuple[int, int]:
    """A broadcast to so many, on its way; and how far ahead of the clock all of it is due."""
    trade = desk.trade
    rows = [
        {"account_id": trade.customer_id, "email": f"p{one}@many.example", "name": f"p{one}", "state": "active",
         "recovery_hashes": [], "created_ms": NOW_MS}
        for one in range(count)
    ]  # fmt: skip
    async with trade.office.engine.begin() as conn:
        await conn.execute(sa.insert(users), rows)
    audience = {"kind": "customer"}
    number = await written(desk, trade.reseller, trade.reseller_id, audience=audience, per_minute=100_000)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await begin_due(trade.office.engine, "local", NOW_MS + 1)
    return number, 60_000 + max(0, NOW_MS - time.time_ns() // 1_000_000)


async def sender(database: str, post: Post, ahead_ms: int) -> asyncio.subprocess.Process:
    """In a process of its own."""
    command = [sys.executable, "-m", "tests.service.mail_worker", database, str(post.port), str(ahead_ms)]
    return await asyncio.create_subprocess_exec(*command)


async def ends(engine: AsyncEngine, post: Post, count: int, twice: int) -> None:
    """Each has one, under one Message-ID, and `twice` at most came again."""
    found = Counter(post.got)
    assert {to for to, _ in found} == {*(f"p{one}@many.example" for one in range(count)), "c@c.example"}
    assert len(found) == count + 1
    assert count + 1 <= sum(found.values()) <= count + 1 + twice
    async with reading(engine) as conn:
        tally = await conn.execute(sa.select(mails.c.state, sa.func.count()).group_by(mails.c.state))
        assert [tuple(row) for row in tally] == [("sent", count + 1)]


@pytest.mark.parametrize(("step", "is_paused"), [*((step, False) for step in STEPS), ("MAIL", True), ("taken", True)])
async def test_each_gets_one_wherever_the_sender_dies(
    desk: Desk, room: Mailroom, post: Post, database: str, step: str, is_paused: bool
) -> None:
    """At no step but behind the last letter comes a mail twice; a broadcast that is paused then goes on just so."""
    number, ahead_ms = await begun(desk, 3)
    post.step, post.after = step, 0 if step in {"connected", "EHLO"} else 1
    post.victim = await sender(database, post, ahead_ms)
    async with asyncio.timeout(PATIENCE_S):
        await post.struck.wait()
        assert await post.victim.wait() == -signal.SIGKILL
    if is_paused:
        await desk.trade.reseller.do("broadcast.pause", broadcast_id=number)
        await desk.trade.reseller.do("broadcast.resume", broadcast_id=number)
    async with asyncio.timeout(PATIENCE_S):
        assert await (await sender(database, post, ahead_ms + LEASE_MS + 1)).wait() == 0
    await ends(desk.trade.office.engine, post, 3, twice=step in MAY_COME_TWICE)


async def test_two_senders_of_which_one_dies(desk: Desk, room: Mailroom, post: Post, database: str) -> None:
    """The other one goes on with what isn't claimed; what was, comes when the claim is over."""
    count, engine = 60, desk.trade.office.engine
    _, ahead_ms = await begun(desk, count)
    post.step, post.after = "taken", 20
    post.victim, other = [await sender(database, post, ahead_ms) for _ in range(2)]
    waiting = sa.select(sa.func.count()).select_from(mails).where(mails.c.state == "waiting")
    async with asyncio.timeout(2 * PATIENCE_S):
        await post.struck.wait()
        left = count
        while left > AT_ONCE:  # what the dead one had claimed
            await asyncio.sleep(0.1)
            async with reading(engine) as conn:
                left = (await conn.execute(waiting)).scalar_one()
        if other.returncode is None:
            other.kill()
        await other.wait()
        assert await (await sender(database, post, ahead_ms + LEASE_MS + 1)).wait() == 0
    await ends(engine, post, count, twice=2)
