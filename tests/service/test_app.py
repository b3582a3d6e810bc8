"""The running service: its port, its health, its tasks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from kemi import clock
from kemi.clock import Now
from kemi.store import layout, queues
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.environment import HotStore, open_reader
from scripts.benchmarks.ports import free_port
from service.app import running
from service.config import Config, Listen
from service.faults import Fault
from tests.service.company import NOW_MS, write_ratebook
from tests.waiting import PATIENCE_S


def _config(folder: Path, database: str) -> Config:
    return Config(
        run_dir=folder / "run",
        data_dir=folder / "data",
        ratebook=folder / "ratebook",
        database=database,
        listen=Listen(port=free_port()),
    )


async def _eventually(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await what():  # noqa: ASYNC110 -- a file that another task writes
            await asyncio.sleep(0.05)


async def _get(config: Config, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{config.listen.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_it_answers_and_says_that_there_is_no_store(tmp_path: Path, database: str) -> None:
    """Alive, but not ready; metrics are there."""
    config = _config(tmp_path, database)
    async with running(config):
        assert (await _get(config, "/healthz"))[0] == 200
        status, text = await _get(config, "/readyz")
        assert (status, "Kamailio" in text) == (503, True)
        assert "kambill_running_calls 0.0" in (await _get(config, "/metrics"))[1]
        assert {"kambill_bans 0.0", "kambill_shed 0.0"} <= set((await _get(config, "/metrics"))[1].splitlines())


async def test_a_store_is_seen_and_the_ratebook_is_published(tmp_path: Path, database: str) -> None:
    """The watcher finds the ratebook by itself."""
    config = _config(tmp_path, database)
    write_ratebook(config.ratebook)
    begin_store(config.run_dir, config.data_dir, "b", 1, Now(1, NOW_MS)).close()
    async with running(config):

        async def published() -> bool:
            return (config.data_dir / "rates" / "data.mdb").exists()

        await _eventually(published)
        assert "kambill_store_ready 0.0" in (await _get(config, "/metrics"))[1]
    reader = open_reader(config.run_dir)
    with reader.snapshot() as snapshot:
        assert not snapshot.ready
    reader.close()


async def test_a_journal_that_stands_still_is_no_readiness(tmp_path: Path, database: str) -> None:
    """As long as the clerk brings its heartbeat, nothing is said; ten seconds after its last one, or after the first
    event that it can't bring, something is.
    """
    config = _config(tmp_path, database)

    async def unheard() -> str | None:
        told: dict[str, str] = json.loads((await _get(config, "/readyz"))[1])["faults"]
        return told.get("journal")

    async with running(config):
        now = clock.now()  # a busy machine may have taken those ten seconds for the service's start
        begin_store(config.run_dir, config.data_dir, "b", 1, now).close()
        assert await unheard() is None
        store = HotStore(config.run_dir)
        with Change(store) as change:
            change.event(queues.BEAT, now._replace(boot_ms=now.boot_ms - 30_000), {"running": 0})
            change.txn.put(b"journalled", layout.sequence_key(1), db=store.meta)
            change.event(queues.BEAT, now, {"running": 0})
        store.close()
        assert "has the journal's disk room" in (await unheard() or "")


async def test_a_port_in_use_is_told(tmp_path: Path, database: str) -> None:
    """What has it, and what to do."""
    config = _config(tmp_path, database)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", config.listen.port))
        taken.listen()
        with pytest.raises(Fault, match=r"change `listen` in kambill.yaml"):
            async with running(config):
                pass
