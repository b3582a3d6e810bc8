"""A sender in a process of its own, to be killed: `python -m tests.service.mail_worker DATABASE PORT AHEAD_MS`."""

from __future__ import annotations

import asyncio
import sys
import time

import sqlalchemy as sa

from service.config import Config, Mail
from service.database.access_tables import mails
from service.database.engine import open_engine, reading
from service.messages.broadcasting import begin_due
from service.messages.sender import Sender


async def work(database: str, port: int, ahead_ms: int) -> None:
    """Until nothing waits."""
    mail = Mail(
        host="127.0.0.1",
        port=port,
        tls="none",
        sender="no-reply@mail.example",
        rate_per_s=10_000,
        portal="https://a.example",
    )
    engine = open_engine(database)

    def clock_ms() -> int:
        return time.time_ns() // 1_000_000 + ahead_ms

    sender = Sender(engine, Config(mail=mail), clock_ms)
    waiting = sa.select(mails.c.id).where(mails.c.state == "waiting").limit(1)
    is_some = True
    while is_some:
        await begin_due(engine, "local", clock_ms())
        if not await sender.send_due():
            await asyncio.sleep(0.01)
        async with reading(engine) as conn:
            is_some = (await conn.execute(waiting)).first() is not None
    await sender.close()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
