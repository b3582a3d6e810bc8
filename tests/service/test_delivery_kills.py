"""The service killed (-9) in the middle of uploads, and begun again: each file whole under its name, none missing.

KAMBILL_DELIVERY_KILLS and KAMBILL_DELIVERY_CALLS: how many; scripts/torture has more.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import zlib
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from scripts.benchmarks.ports import free_port
from service.database.delivery_tables import cdr_files
from service.database.engine import reading
from tests.service.sftp_server import FileServer, file_server
from tests.service.test_delivery import Post, post
from tests.service.test_money import house
from tests.service.test_sftp import wanted
from tests.waiting import PATIENCE_S

__all__ = ["house", "post"]
KILLS = int(os.environ.get("KAMBILL_DELIVERY_KILLS", "2"))
CALLS = int(os.environ.get("KAMBILL_DELIVERY_CALLS", "24"))
DELIVERIES = 3
SLOW_S = 0.3
"""So long the server takes for a piece of a file: there is a middle to be killed in."""


class Apart:
    """`kambill serve` in a process of its own, on the ledger of a house."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        (folder / "ratebook").mkdir(parents=True)
        told = {
            "run_dir": str(folder / "run"), "data_dir": str(folder), "ratebook": str(folder / "ratebook"),
            "database": database, "listen": {"port": free_port()}, "webhooks": {"private_addresses": True},
        }  # fmt: skip
        (folder / "kambill.yaml").write_text(yaml.safe_dump(told))

    async def start(self) -> Process:
        """It begins with its work at once."""
        environ = {**os.environ, "KAMBILL_CONFIG": str(self.folder / "kambill.yaml")}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service.cli", "serve", env=environ, stdout=subprocess.DEVNULL
        )


async def _waits(post: Post) -> bool:
    async with reading(post.house.company.engine) as conn:
        return (await conn.execute(sa.select(cdr_files).where(cdr_files.c.state != "sent"))).first() is not None


async def _let_claims_end(post: Post) -> int:
    """Two minutes go by. Returns how many files somebody was sending when he died."""
    async with post.house.company.engine.begin() as conn:
        ended = sa.update(cdr_files).where(cdr_files.c.claimed_ms > 0).values(claimed_ms=1)
        return (await conn.execute(ended)).rowcount


async def _all_sent(post: Post) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not await _waits(post):
                return
            await asyncio.sleep(0.2)


async def _kill_in_the_middle(service: Process, server: FileServer, chance: random.Random) -> None:
    server.opens.clear()
    async with asyncio.timeout(PATIENCE_S):
        await server.opens.wait()
    await asyncio.sleep(chance.uniform(0, 1.2 * SLOW_S))
    service.kill()
    await service.wait()


async def _check(post: Post, server: FileServer, deliveries: list[dict[str, Any]]) -> int:
    """Each file whole under its name, nothing else there; of each delivery each call once. Returns how many files."""
    there, expected = server.files(), {}
    for delivery in deliveries:
        query = sa.select(cdr_files).where(cdr_files.c.delivery_id == delivery["id"]).order_by(cdr_files.c.number)
        async with reading(post.house.company.engine) as conn:
            rows = (await conn.execute(query)).all()
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        expected |= {row.name: zlib.decompress(row.content) for row in rows}
        calls = [call for row in rows for call in there[row.name].decode().split()[1:]]
        assert calls == await post.everything()
    assert there == expected
    return len(there)


async def test_killed_in_the_middle_of_uploads(post: Post, tmp_path: Path, database: str) -> None:
    """Each time with files on their way; the next service goes on, and ends when it is told to."""
    chance = random.Random(7)
    async with file_server(tmp_path / "partner") as server:
        made = [
            await wanted(post, server, name=f"n{number}", period="calls", every_calls=2) for number in range(DELIVERIES)
        ]
        await post.calls(*[5] * CALLS)
        apart, interrupted = Apart(tmp_path / "apart", database), 0
        server.slow_s = SLOW_S
        for _ in range(KILLS):
            await _kill_in_the_middle(await apart.start(), server, chance)
            interrupted += await _let_claims_end(post)
        server.slow_s = 0
        last = await apart.start()
        await _all_sent(post)
        last.terminate()
        assert await last.wait() == 0
        count = await _check(post, server, made)
    print(f"\n{KILLS} kill -9 of the service, {interrupted} files on their way; {count} files of {CALLS} calls")
    assert interrupted >= KILLS / 2
    assert count == DELIVERIES * CALLS // 2
