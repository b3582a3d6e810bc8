"""Broadcasts: to whom they go is fixed once, each gets one, and nobody who wants none or stands elsewhere."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.ports import free_port
from service.app import Service, make_app
from service.commands.outbox import ensure_node
from service.database.access_tables import mails, users
from service.database.engine import open_engine, reading
from service.database.message_tables import broadcasts, suppressions
from service.messages.broadcasting import begin_due
from service.messages.sender import LEASE_MS
from service.messages.suppressing import suppress
from tests.service.mailroom import Mailroom, part
from tests.service.office import NOW_MS, Person
from tests.service.test_mails import Desk, desk, room
from tests.service.test_sellers import PNG, trade
from tests.waiting import PATIENCE_S

__all__ = ["desk", "room", "trade"]
TEXT = {"subject": "News for {{ account }}", "text": "Hello {{ name }},\n\nwe move.\n"}


async def written(desk: Desk, by: Person | None = None, account_id: int = 1, **more: Any) -> int:
    """A draft's number."""
    values: dict[str, Any] = {"account_id": account_id, "name": "news", **TEXT} | more
    made = await (by or desk.trade.office.boss).do("broadcast.make", **values)
    return int(made["broadcast"]["id"])


async def go(desk: Desk) -> None:
    """Begins what is due, sends it, and looks if it is over."""
    await begin_due(desk.trade.office.engine, "local", desk.now_ms)
    await desk.send()
    await begin_due(desk.trade.office.engine, "local", desk.now_ms)


async def states(desk: Desk, number: int) -> tuple[str, dict[str, int]]:
    """Of a broadcast and its mails."""
    shown = await desk.trade.office.boss.do("broadcast.show", broadcast_id=number)
    return shown["broadcast"]["state"], shown["mails"]


async def test_each_below_gets_one_in_its_own_sellers_name(desk: Desk, room: Mailroom) -> None:
    """The operator writes to all; a reseller's customer reads the reseller's name."""
    boss, trade = desk.trade.office.boss, desk.trade
    await trade.reseller.do("brand.edit", account_id=trade.reseller_id, company="R Ltd", sender_address="hi@r.example")
    number = await written(desk, per_minute=100_000)
    sample = await boss.do("broadcast.sample", broadcast_id=number)
    assert sample == {"recipients": 2, "sample": ["r@r.example", "c@c.example"]}
    await boss.do("broadcast.start", broadcast_id=number, at=None)
    desk.now_ms += 1
    await go(desk)
    assert sorted(room.recipients) == ["c@c.example", "r@r.example"]
    theirs = next(one for one in room.letters if one["To"] == "c@c.example")
    assert (theirs["From"], theirs["Subject"]) == ("R Ltd <hi@r.example>", "News for customer")
    assert "R Ltd" in part(theirs, "plain")
    assert await states(desk, number) == ("done", {"sent": 2})
    await go(desk)
    assert len(room.got) == 2


async def test_a_reseller_reaches_its_own_only(desk: Desk, room: Mailroom) -> None:
    """Whatever it asks for."""
    trade = desk.trade
    await trade.office.hire(trade.office.boss, trade.other_id, "o@o.example")
    await desk.empty()
    refused = await trade.reseller.ask("broadcast.make", account_id=1, name="x", **TEXT)
    assert refused.status == 422
    outside = await trade.reseller.ask(
        "broadcast.make", account_id=trade.reseller_id, name="x", audience={"below_id": trade.other_id}, **TEXT
    )
    assert outside.status == 422
    assert (await trade.customer.ask("broadcast.make", account_id=trade.customer_id, name="x", **TEXT)).status == 403
    number = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await go(desk)
    assert room.recipients == ["c@c.example"]
    listed = await trade.reseller.do("broadcast.recipients", broadcast_id=number)
    assert [one["state"] for one in listed["items"]] == ["sent"]


async def test_who_has_moved_to_another_seller_meanwhile_is_left_out(desk: Desk, room: Mailroom) -> None:
    """What its old seller writes would come in the new one's name."""
    trade = desk.trade
    number = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await begin_due(trade.office.engine, "local", desk.now_ms)
    await trade.office.boss.do("account.move", account_id=trade.customer_id, parent_id=trade.other_id)
    await go(desk)
    assert (room.got, await states(desk, number)) == ([], ("done", {"left_out": 1}))


async def test_a_suspended_seller_writes_to_nobody(desk: Desk, room: Mailroom) -> None:
    """Its broadcast is paused in the middle and says why; it goes on by hand, when the seller is back."""
    trade, boss = desk.trade, desk.trade.office.boss
    await trade.office.hire(boss, trade.customer_id, "second@c.example")
    await desk.empty()
    number = await written(desk, trade.reseller, trade.reseller_id, per_minute=1)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await go(desk)
    assert len(room.got) == 1
    await boss.do("account.suspend", account_id=trade.reseller_id, reason="Not paid")
    desk.now_ms += 60_000
    await go(desk)
    assert (len(room.got), await states(desk, number)) == (1, ("paused", {"sent": 1, "waiting": 1}))
    shown = (await boss.do("broadcast.show", broadcast_id=number))["broadcast"]
    assert shown["paused_why"] == "suspended"
    audit = await boss.do("audit.list", query={"noun": "broadcast", "action": "broadcast.pause"})
    assert [one["actor"] for one in audit["items"]] == ["broadcasts"]
    refused = await boss.ask("broadcast.resume", broadcast_id=number)
    assert (refused.status, "suspended" in refused["detail"]) == (409, True)
    await boss.do("account.resume", account_id=trade.reseller_id, reason="Paid")
    await go(desk)
    assert len(room.got) == 1  # nobody has said yet that it is still wanted
    await trade.reseller.do("broadcast.resume", broadcast_id=number)
    desk.now_ms += 60_000
    await go(desk)
    assert (len(room.got), await states(desk, number)) == (2, ("done", {"sent": 2}))


async def test_a_broadcast_of_who_is_suspended_above_does_not_begin(desk: Desk, room: Mailroom) -> None:
    """It is paused when it is due; once it may be sent, it is begun by whoever still wants it."""
    trade, boss = desk.trade, desk.trade.office.boss
    below_id = await trade.office.account(boss, trade.reseller_id, "below", "reseller")
    last_id = await trade.office.account(boss, below_id, "last", "customer")
    await trade.office.hire(boss, last_id, "last@c.example")
    await desk.empty()
    number = await written(desk, boss, below_id)
    await boss.do("broadcast.start", broadcast_id=number, at="2031-01-01T00:00:00Z")
    await boss.do("account.suspend", account_id=trade.reseller_id, reason="Not paid")
    desk.now_ms = 1_924_992_000_000  # then
    await go(desk)
    assert (room.got, await states(desk, number)) == ([], ("paused", {}))
    await boss.do("account.resume", account_id=trade.reseller_id, reason="Paid")
    await boss.do("broadcast.resume", broadcast_id=number)
    await go(desk)
    assert (room.recipients, await states(desk, number)) == (["last@c.example"], ("done", {"sent": 1}))


@pytest.mark.parametrize(
    ("audience", "found"),
    [
        ({"kind": "customer"}, ["c@c.example"]),
        ({"kind": "provider"}, []),
        ({"language": "en"}, ["r@r.example", "c@c.example"]),
        ({"language": "de"}, []),
        ({"balance_below": "0.01"}, ["r@r.example", "c@c.example"]),
        ({"balance_above": "0"}, []),
        ({"country": "DE"}, []),
        ({"state": "suspended"}, []),
        ({"state": "active", "kind": "reseller"}, ["r@r.example"]),
    ],
)
async def test_filters(desk: Desk, audience: dict[str, str], found: list[str]) -> None:
    """Each alone, and two of them."""
    number = await written(desk, audience=audience)
    sample = await desk.trade.office.boss.do("broadcast.sample", broadcast_id=number)
    assert (sample["sample"], sample["recipients"]) == (found, len(found))


async def test_one_click_ends_them(desk: Desk, room: Mailroom) -> None:
    """As RFC 8058 has it; a look at the page changes nothing, and a wrong key is nobody's."""
    trade, engine = desk.trade, desk.trade.office.engine
    number = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await go(desk)
    letter = room.letters[0]
    link = str(letter["List-Unsubscribe"]).strip("<>")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (link.startswith("https://portal.example/unsubscribe/"), link in part(letter, "plain")) == (True, True)
    path = link.removeprefix("https://portal.example")
    async with TestClient(TestServer(make_app(Service(desk.config, engine)))) as client:
        for language, word in (("en", "Unsubscribe"), ("de-AT", "Abbestellen")):
            asked = await client.get(path, headers={"Accept-Language": language})
            assert (asked.status, f">{word}</button>" in await asked.text()) == (200, True)
        assert (await client.post(path[:-1] + ("0" if path[-1] != "0" else "1"))).status == 404
        async with reading(engine) as conn:
            assert (await conn.execute(sa.select(suppressions))).all() == []
        for _ in range(2):
            assert (await client.post(path, data={"List-Unsubscribe": "One-Click"})).status == 200
    async with reading(engine) as conn:
        (row,) = (await conn.execute(sa.select(suppressions))).all()
    assert (row.account_id, row.address, row.reason) == (trade.reseller_id, "c@c.example", "unsubscribed")
    again = await written(desk, trade.reseller, trade.reseller_id)
    assert (await trade.reseller.do("broadcast.sample", broadcast_id=again))["recipients"] == 0


@pytest.mark.parametrize("is_own", [True, False])
async def test_the_page_that_ends_them_looks_like_the_mail(desk: Desk, room: Mailroom, is_own: bool) -> None:
    """Name, logo and colours of its seller; of who stands above it the colours only. No script."""
    trade = desk.trade
    by, number = (trade.reseller, trade.reseller_id) if is_own else (trade.office.boss, 1)
    await by.do("brand.edit", account_id=number, company="R & Ltd", primary_colour="#123456")
    await by.do("brand.set-logo", account_id=number, type="image/png", data=base64.b64encode(PNG).decode())
    sent = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=sent, at=None)
    await go(desk)
    path = str(room.letters[0]["List-Unsubscribe"]).strip("<>").removeprefix("https://portal.example")
    async with TestClient(TestServer(make_app(Service(desk.config, trade.office.engine)))) as client:
        for asked in (await client.get(path), await client.post(path)):
            text = await asked.text()
            assert "script-src 'self'; style-src 'self'" in asked.headers["Content-Security-Policy"]
            assert ("<script" in text, "style=" in text, "R &amp; Ltd" in text) == (False, False, is_own)
            assert (f'src="{path}/logo?' in text) is is_own
            for sheet in re.findall(r'rel="stylesheet" href="([^"]+)"', text):
                assert (await client.get(sheet)).status == 200
        assert "--kb-bar:#123456" in await (await client.get(f"{path}/brand.css")).text()
        logo = await client.get(f"{path}/logo")
        assert (logo.status, await logo.read() == PNG) == ((200, True) if is_own else (404, False))
        wrong = path[:-1] + ("0" if path[-1] != "0" else "1")
        assert {(await client.get(f"{wrong}/{one}")).status for one in ("brand.css", "logo")} == {404}


async def test_two_services_begin_it_once(desk: Desk, room: Mailroom, database: str) -> None:
    """Of two nodes, whose locks don't keep them apart: the one that comes second waits, and finds it begun."""
    trade, other = desk.trade, open_engine(database)
    number = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    async with other.begin() as conn:
        await ensure_node(conn, "second")
    try:
        async with trade.office.engine.begin() as conn:
            await conn.execute(sa.select(broadcasts).with_for_update())
            both = [asyncio.create_task(begin_due(one, node, desk.now_ms))
                    for one, node in ((trade.office.engine, "local"), (other, "second"))]  # fmt: skip
            await asyncio.wait(both, timeout=1)  # they have come as far as they can
        assert sorted(await asyncio.gather(*both)) == [0, 1]
    finally:
        await other.dispose()
    await go(desk)
    assert Counter(room.recipients) == {"c@c.example": 1}


async def test_who_changes_their_mind_after_the_beginning_gets_none(desk: Desk, room: Mailroom) -> None:
    """Essential mail still comes."""
    trade, engine = desk.trade, desk.trade.office.engine
    number = await written(desk, trade.reseller, trade.reseller_id)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await begin_due(engine, "local", desk.now_ms)
    async with engine.begin() as conn:
        values = {"account_id": trade.reseller_id, "address": "c@c.example", "reason": "unsubscribed", "created_ms": 1}
        await conn.execute(sa.insert(suppressions).values(**values))
    await desk.put(trade.customer_id, "c@c.example")
    await go(desk)
    assert await states(desk, number) == ("done", {"left_out": 1})
    assert [one["Subject"] for one in room.letters] == ["Welcome to reseller"]


async def test_it_is_paced_paused_and_resumed(desk: Desk, room: Mailroom) -> None:
    """While it stands still nothing goes; afterwards the pace is what it was."""
    boss = desk.trade.office.boss
    number = await written(desk, per_minute=1)
    await boss.do("broadcast.start", broadcast_id=number, at="2026-09-21T15:00:00Z")
    await go(desk)
    assert (room.got, (await states(desk, number))[0]) == ([], "scheduled")
    desk.now_ms = begun = 1_790_002_800_000
    await go(desk)
    assert (len(room.got), await states(desk, number)) == (1, ("running", {"sent": 1, "waiting": 1}))
    desk.trade.office.now_ms = desk.now_ms = begun + 20_000
    await boss.do("broadcast.pause", broadcast_id=number)
    desk.trade.office.now_ms = desk.now_ms = begun + 500_000
    await go(desk)
    assert len(room.got) == 1
    await boss.do("broadcast.resume", broadcast_id=number)
    desk.now_ms += 39_999
    await go(desk)
    assert len(room.got) == 1
    desk.now_ms += 1
    await go(desk)
    assert (len(room.got), await states(desk, number)) == (2, ("done", {"sent": 2}))
    assert (await boss.ask("broadcast.cancel", broadcast_id=number)).status == 409


async def test_a_cancelled_one_sends_nothing_more(desk: Desk, room: Mailroom) -> None:
    """And can't be started again."""
    boss = desk.trade.office.boss
    number = await written(desk, per_minute=1)
    await boss.do("broadcast.start", broadcast_id=number, at=None)
    await go(desk)
    await boss.do("broadcast.cancel", broadcast_id=number)
    desk.now_ms += 600_000
    await go(desk)
    assert (len(room.got), await states(desk, number)) == (1, ("cancelled", {"sent": 1, "cancelled": 1}))
    for verb in ("start", "pause", "resume", "edit"):
        body = {"at": None} if verb == "start" else {"name": "x"} if verb == "edit" else {}
        assert (await boss.ask(f"broadcast.{verb}", broadcast_id=number, **body)).status == 409


async def test_it_is_seen_and_tried_before(desk: Desk, room: Mailroom) -> None:
    """With an account's data; by a mail to oneself."""
    boss, trade = desk.trade.office.boss, desk.trade
    number = await written(desk)
    shown = await boss.do("broadcast.preview", broadcast_id=number, account_id=trade.customer_id)
    assert (shown["subject"], "Hello c@c.example," in shown["text"]) == ("News for customer", True)
    assert (await boss.ask("broadcast.preview", broadcast_id=number, account_id=1)).status == 409
    await boss.do("broadcast.try", broadcast_id=number)
    await desk.send()
    assert (room.recipients, room.letters[0]["Subject"]) == (["boss@op.example"], "News for Operator")
    assert (await states(desk, number))[1] == {}


async def test_a_reseller_tries_its_own_in_its_own_name(desk: Desk, room: Mailroom) -> None:
    """As its customers will read it: not in its seller's name, which its other mails have."""
    trade = desk.trade
    await trade.reseller.do("brand.edit", account_id=trade.reseller_id, company="R Ltd")
    number = await written(desk, trade.reseller, trade.reseller_id)
    await desk.empty()
    await trade.reseller.do("broadcast.try", broadcast_id=number)
    await desk.send()
    (letter,) = room.letters
    assert (letter["To"], "R Ltd" in str(letter["From"])) == ("r@r.example", True)
    assert not re.search("Operator|Kambill", letter.as_string())


async def test_texts_hold_known_placeholders_only(desk: Desk) -> None:
    """Those of every mail."""
    wrong = {"subject": "{{ link }}", "text": "{{ nam }}"}
    got = await desk.trade.office.boss.ask("broadcast.make", account_id=1, name="x", **wrong)
    assert [one["pointer"] for one in got["errors"]] == ["/subject", "/text"]
    assert "did you mean name?" in got["errors"][1]["detail"]


async def test_a_bounce_is_noted_and_ends_broadcasts(desk: Desk) -> None:
    """With the other server's words; only of what was sent."""
    trade, boss = desk.trade, desk.trade.office.boss
    number = await desk.put(trade.customer_id, "c@c.example")
    words = {"words": "550 5.1.1 no such user", "permanent": True}
    assert (await boss.ask("mail.note-bounce", mail_id=number, **words)).status == 409
    await desk.send()
    got = await boss.do("mail.note-bounce", mail_id=number, **words)
    assert (got["state"], got["fault"]) == ("bounced", "550 5.1.1 no such user")
    again = await written(desk, trade.reseller, trade.reseller_id)
    assert (await trade.reseller.do("broadcast.sample", broadcast_id=again))["recipients"] == 0


async def _unsubscribe(engine: AsyncEngine, seller_id: int, address: str) -> None:
    async with engine.begin() as conn:
        await suppress(conn, seller_id, address, "unsubscribed", NOW_MS)


async def _people(engine: AsyncEngine, account_id: int, count: int, domain: str = "many.example") -> None:
    rows = [
        {"account_id": account_id, "email": f"p{one}@{domain}", "name": f"p{one}", "state": "active",
         "recovery_hashes": [], "created_ms": NOW_MS}
        for one in range(count)
    ]  # fmt: skip
    async with engine.begin() as conn:
        for first in range(0, count, 1000):
            await conn.execute(sa.insert(users), rows[first : first + 1000])


async def test_each_gets_one_though_it_is_killed_twice(desk: Desk, room: Mailroom, database: str) -> None:
    """A mail that was being handed over when the process died comes again under its Message-ID: at most one a death.

    Nobody outside of the sender's subtree gets one, nor who has unsubscribed, before or after it began; all of them
    carry the reseller's name and nobody else's. With KAMBILL_TEST_RECIPIENTS=10000 it takes minutes.
    """
    count = int(os.environ.get("KAMBILL_TEST_RECIPIENTS", "300"))
    trade, boss, engine = desk.trade, desk.trade.office.boss, desk.trade.office.engine
    await boss.do("brand.edit", account_id=1, company="Operator Inc", sender_address="op@op.example")
    brand = {"company": "R Ltd", "sender_address": "hi@r.example", "host": "tel.r.example"}
    await trade.reseller.do("brand.edit", account_id=trade.reseller_id, **brand)
    foreign = await trade.office.account(boss, trade.other_id, "foreign", "customer")
    await _people(engine, foreign, 5, "foreign.example")
    await _people(engine, trade.customer_id, count)
    await _people(engine, trade.customer_id, 2, "unwilling.example")
    await _unsubscribe(engine, trade.reseller_id, "p0@unwilling.example")
    audience = {"kind": "customer"}
    number = await written(desk, trade.reseller, trade.reseller_id, audience=audience, per_minute=100_000)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await begin_due(engine, "local", NOW_MS + 1)
    await _unsubscribe(engine, trade.reseller_id, "p1@unwilling.example")
    minute = (count + 3) * 60_000 // 100_000
    for death in range(3):
        ahead_ms = minute + death * (LEASE_MS + 1) + max(0, NOW_MS - time.time_ns() // 1_000_000)
        command = [sys.executable, "-m", "tests.service.mail_worker", database, str(room.port), str(ahead_ms)]
        room.most = (death + 1) * count // 3 if death < 2 else None
        process = await asyncio.create_subprocess_exec(*command)
        if room.most is not None:
            async with asyncio.timeout(2 * PATIENCE_S):
                while len(room.got) <= room.most:  # noqa: ASYNC110 -- another process sends
                    await asyncio.sleep(0.01)
            process.kill()
        assert await process.wait() == (-9 if death < 2 else 0)
    found = Counter((one["To"], one["Message-ID"]) for one in room.letters)
    assert {to for to, _ in found} == {*(f"p{one}@many.example" for one in range(count)), "c@c.example"}
    assert len(found) == count + 1
    assert sum(found.values()) <= count + 1 + 2
    async with reading(engine) as conn:
        tally = await conn.execute(sa.select(mails.c.state, sa.func.count()).group_by(mails.c.state))
        assert sorted(tuple(row) for row in tally) == [("left_out", 1), ("sent", count + 1)]
    for envelope in room.got:
        raw = bytes(envelope.content or b"")
        assert b"R Ltd <hi@r.example>" in raw
        assert not any(word in raw for word in (b"Operator", b"op.example", b"mail.example", b"Kambill"))


class Server:
    """A mail server that is killed and comes again at its address, and what it got in all its lives."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.file = folder / "taken"
        self.file.touch()

    @property
    def taken(self) -> list[list[str]]:
        """Message-ID, recipient, From."""
        return [line.split("\t") for line in self.file.read_text().splitlines()]

    async def start(self, most: int) -> asyncio.subprocess.Process:
        """Answers from here on, until it has taken so many."""
        command = [sys.executable, "-m", "tests.service.mail_server", str(self.port), str(self.file), str(most)]
        process = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return process


async def test_each_gets_one_though_the_mail_server_is_killed_twice(desk: Desk, tmp_path: Path, database: str) -> None:
    """No mail is lost by it, nor an attempt of those that it hadn't; one that it took and didn't say so comes again."""
    count = int(os.environ.get("KAMBILL_TEST_RECIPIENTS", "300"))
    trade, server = desk.trade, Server(tmp_path)
    await _people(trade.office.engine, trade.customer_id, count)
    audience = {"kind": "customer"}
    number = await written(desk, trade.reseller, trade.reseller_id, audience=audience, per_minute=100_000)
    await trade.reseller.do("broadcast.start", broadcast_id=number, at=None)
    await begin_due(trade.office.engine, "local", NOW_MS + 1)
    ahead_ms = (count + 3) * 60_000 // 100_000 + max(0, NOW_MS - time.time_ns() // 1_000_000)
    for death in range(3):
        most = (death + 1) * count // 3 - len(server.taken) if death < 2 else 2 * count
        running = await server.start(most)
        command = [sys.executable, "-m", "tests.service.mail_worker", database, str(server.port)]
        sender = await asyncio.create_subprocess_exec(
            *command, str(ahead_ms + death * (LEASE_MS + 1)), stderr=asyncio.subprocess.DEVNULL
        )
        # The service tries again; here the next one does.
        assert await sender.wait() == (1 if death < 2 else 0)
        if death == 2:
            running.kill()
        assert await running.wait() == -9
    found = Counter((recipient, message_id) for message_id, recipient, _ in server.taken)
    assert {to for to, _ in found} == {*(f"p{one}@many.example" for one in range(count)), "c@c.example"}
    assert len(found) == count + 1
    assert sum(found.values()) <= count + 1 + 2
    async with reading(trade.office.engine) as conn:
        tally = await conn.execute(sa.select(mails.c.state, sa.func.count()).group_by(mails.c.state))
        assert [tuple(row) for row in tally] == [("sent", count + 1)]
        tried = await conn.execute(sa.select(sa.func.count()).where(mails.c.attempts > 1))
        assert tried.scalar_one() <= 2
