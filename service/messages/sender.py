"""The sender: claims what is due, hands it to the mail server, notes each mail before it takes the next one.

A claim is a lease: who dies loses it, and another one goes on with the same Message-ID. Only the mail that was just
being handed over can come twice then, and receivers know it by its Message-ID. docs/messages.md tells it to operators.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.message_tables import broadcasts
from service.messages.composing import Composer, LeftOut
from service.messages.letters import Attachment, Letter, LetterFault, bytes_of
from service.messages.relay import Relay, RelayAway, Taken

AT_ONCE = 25
"""Attachments may be large."""
LEASE_MS = 300_000
SEND_MS = 150_000
"""A mail is begun only if its claim holds so much longer: more than all timeouts of handing it over."""
MAKE_S = 100
"""For what stands beside a mail: the others wait meanwhile, and what took longer than its claim would be begun again
and again before them.
"""
WAITS_S = (60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400)
"""Between two attempts; after the last one it has failed."""
AWAITED_KINDS = frozenset({"invitation", "welcome", "reset", "low_balance", "recharge_failed", "fraud_alarm"})
"""Of mails that somebody waits for, or that are worth something at once; none has a file."""
AWAITED = mails.c.template.in_(AWAITED_KINDS)
"""What a sender of its own has, so that it waits for no file of others, nor behind thousands of invoices."""
ALL = sa.true()
SECRETS = ("link", "drafted")
"""Fields that nobody needs once the mail is gone."""


class Claimed(NamedTuple):
    """A mail that is this sender's for a while."""

    row: Row[Any]
    letter: Letter | None
    fault: str
    """Why it can't be one."""
    state: str = "failed"
    """What it is then."""


class Made(NamedTuple):
    """A mail as the server takes it."""

    sender: str
    recipient: str
    content: bytes


Files = Callable[[Row[Any]], Awaitable[tuple[Attachment, ...]]]
"""Makes what stands beside a mail, when it is sent: outside of every transaction, since it may take seconds. Raises
LetterFault.
"""


class Sender:
    """Of one service. Closed at the end."""

    def __init__(
        self,
        engine: AsyncEngine,
        config: Config,
        clock_ms: Callable[[], int],
        *,
        of: sa.ColumnElement[bool] = ALL,
        files: Sequence[Files] = (),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """`of`: which mails are this one's."""
        self._engine = engine
        self._of = of
        self._mail = config.mail
        self._config = config
        self._relay = Relay(config.mail)
        self._clock_ms = clock_ms
        self._files = files
        self._pause = pause
        self._new_id = new_id

    @property
    def is_on(self) -> bool:
        """Whether a mail server is configured."""
        return bool(self._mail.host)

    async def send_due(self) -> int:
        """One round; returns how many were tried. Raises RelayAway: the rest is free for another round."""
        if not self.is_on or not await self._is_some_due():
            return 0
        await self._relay.open()
        claimed = await self._claim(self._clock_ms())
        for index, one in enumerate(claimed):
            made = await self._made(one)
            if self._clock_ms() + SEND_MS > one.row.claimed_ms:
                await self._free(claimed[index:])
                return index
            try:
                taken = made if isinstance(made, Taken) else await self._hand_over(made)
            except RelayAway:
                await self._free(claimed[index:])
                raise
            await self._note(one.row, taken)
            await self._pause(1 / self._mail.rate_per_s)
        return len(claimed)

    async def _is_some_due(self) -> bool:
        async with reading(self._engine) as conn:
            return (await conn.execute(self._chosen(self._clock_ms()).limit(1))).first() is not None

    def _chosen(self, now_ms: int) -> sa.Select[tuple[int]]:
        return sa.select(mails.c.id).where(_due(now_ms) & self._of).order_by(*_ORDER).limit(AT_ONCE)

    async def _claim(self, now_ms: int) -> list[Claimed]:
        """What is due becomes this sender's, with its Message-ID, before the server hears of it."""
        async with self._engine.begin() as conn:
            ids = list((await conn.execute(self._chosen(now_ms).with_for_update(skip_locked=True))).scalars())
            claim = sa.update(mails).where(mails.c.id.in_(ids) & _due(now_ms)).values(claimed_ms=now_ms + LEASE_MS)
            mine = list((await conn.execute(claim.returning(mails.c.id))).scalars())
            order = sa.select(mails).where(mails.c.id.in_(mine)).order_by(*_ORDER)
            rows = (await conn.execute(order)).all()
            composer = Composer(conn, self._config)
            await composer.load(rows)
            for row in rows:
                if not row.message_id:
                    number = f"<{self._new_id()}@{(await composer.seller(row)).domain}>"
                    await conn.execute(sa.update(mails).where(mails.c.id == row.id).values(message_id=number))
            return [await _claimed(composer, row) for row in (await conn.execute(order)).all()]

    async def _made(self, one: Claimed) -> Made | Taken:
        """As it is sent, files and all: that may take so long that the claim is over. Taken: it can't be sent."""
        if one.letter is None:
            return Taken(one.fault, is_final=True, state=one.state)
        try:
            async with asyncio.timeout(MAKE_S):
                files = [file for make in self._files for file in await make(one.row)]
            letter = one.letter._replace(attachments=(*one.letter.attachments, *files))
            return Made(letter.sender.address, letter.recipient, bytes_of(letter))
        except LetterFault as fault:
            return Taken(str(fault), is_final=True)
        except TimeoutError:
            return Taken(f"what stands beside it took longer than {MAKE_S} s to make: ask for less")

    async def _hand_over(self, made: Made) -> Taken:
        await self._relay.open()
        return await self._relay.send(self._mail.bounces or made.sender, made.recipient, made.content)

    async def _note(self, row: Row[Any], taken: Taken) -> None:
        """Unless it is another one's meanwhile."""
        mine = (mails.c.id == row.id) & (mails.c.claimed_ms == row.claimed_ms)
        async with self._engine.begin() as conn:
            await conn.execute(sa.update(mails).where(mine).values(**noted(row, taken, self._clock_ms())))

    async def _free(self, rest: list[Claimed]) -> None:
        """Gives back what was not handed over."""
        mine = mails.c.id.in_([one.row.id for one in rest]) & (mails.c.claimed_ms == rest[0].row.claimed_ms)
        async with self._engine.begin() as conn:
            await conn.execute(sa.update(mails).where(mine).values(claimed_ms=0))

    async def close(self) -> None:
        """Ends its connection."""
        await self._relay.close()


async def _claimed(composer: Composer, row: Row[Any]) -> Claimed:
    try:
        return Claimed(row, await composer.letter(row), "")
    except LetterFault as fault:
        return Claimed(row, None, str(fault), "left_out" if isinstance(fault, LeftOut) else "failed")


_ORDER = (mails.c.broadcast_id.is_not(None), mails.c.notice_id.is_not(None), mails.c.next_ms, mails.c.id)
"""Whoever forgot a password does not wait behind notices to thousands, nor those behind a broadcast."""


def _due(now_ms: int) -> sa.ColumnElement[bool]:
    running = sa.select(broadcasts.c.id).where(broadcasts.c.state == "running")
    is_due = (mails.c.state == "waiting") & (mails.c.next_ms <= now_ms) & (mails.c.claimed_ms < now_ms)
    return is_due & (mails.c.broadcast_id.is_(None) | mails.c.broadcast_id.in_(running))


def noted(row: Row[Any], taken: Taken, now_ms: int) -> dict[str, Any]:
    """What an attempt changes of a mail: sent, failed for good, or to be tried again."""
    attempts = row.attempts + 1
    values: dict[str, Any] = {"attempts": attempts, "fault": taken.fault, "claimed_ms": 0}
    if taken.fault and not taken.is_final and attempts <= len(WAITS_S):
        return values | {"next_ms": now_ms + WAITS_S[attempts - 1] * 1000}
    kept = {name: value for name, value in row.fields.items() if name not in SECRETS}
    return values | {"state": taken.state if taken.fault else "sent", "done_ms": now_ms, "fields": kept}
