"""A run that ends at a statement: in this process by an exception, in one of its own by a real SIGKILL.

`python -m tests.service.dying URL FOLDER STATEMENT NOW_MS ACCOUNTS_AT_ONCE` bills until then.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.actor import local_actor
from service.access.sessions import Sessions
from service.api.call import Api, Asking, Call
from service.billing.run import Scope, run
from service.config import Config, Payments
from service.database.engine import open_engine
from service.ledger.by import By
from service.payments import bank_api
from service.payments.recharger import Recharger

KILLED = -signal.SIGKILL


class Killed(Exception):
    """A process that is no more."""


@contextmanager
def watched(engine: AsyncEngine, see: Callable[[bool], None]) -> Iterator[None]:
    """Calls `see` before each statement, and before each commit with True: the same on both engines, one of which
    is told to begin by a statement.
    """

    def statement(_conn: Any, _cursor: Any, text: str, *_: Any) -> None:
        if not text.startswith("BEGIN"):
            see(False)

    def commit(_: Any) -> None:
        see(True)

    event.listen(engine.sync_engine, "before_cursor_execute", statement)
    event.listen(engine.sync_engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", statement)
        event.remove(engine.sync_engine, "commit", commit)


def ending_at(number: int, strike: Callable[[], None]) -> Callable[[bool], None]:
    """The n-th statement from now, commits counted too, is not done any more."""
    before = iter(range(number - 1))

    def see(_is_commit: bool) -> None:
        if next(before, None) is None:
            strike()

    return see


def raise_killed() -> None:
    """The transaction is rolled back by this process itself."""
    raise Killed


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _bill(url: str, folder: Path, statement: int, now_ms: int, at_once: int) -> None:
    engine = open_engine(url)
    config = Config(run_dir=folder / "run", data_dir=folder, ratebook=folder / "ratebook")
    with watched(engine, ending_at(statement, _kill)):
        await run(engine, config, By("test"), now_ms, Scope(at_once=at_once))


async def kill_apart(url: str, folder: Path, statement: int, now_ms: int, at_once: int) -> int:
    """Bills in a process of its own; returns what that process ended with."""
    command = (sys.executable, "-m", "tests.service.dying", url, str(folder), *map(str, (statement, now_ms, at_once)))
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


BANK, RECHARGE = "bank", "recharge"


async def kill_work(what: str, url: str, folder: Path, statement: str, *given: str) -> int:
    """Takes a bank's file, or asks for recharges, in a process of its own; returns what that ended with."""
    command = (sys.executable, "-m", "tests.service.dying", what, url, str(folder), statement, *given)
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


async def _take_file(engine: AsyncEngine, config: Config, raw: str, seller: str, how: str, now_ms: str) -> None:
    """A line in a transaction, so that every border between two lies inside the file."""
    bank_api.AT_ONCE = 1
    asked = json.dumps({"account_id": int(seller), "format": "csv", "file": raw, **json.loads(how)})
    body = bank_api.NewFile.model_validate_json(asked)
    api = Api(config, engine, Sessions())
    async with engine.connect() as conn:
        call = Call(api, local_actor("test"), conn, int(now_ms), Asking({}), body, None)
        await bank_api.take_file(call)


async def _recharge(engine: AsyncEngine, config: Config, stripe: str, now_ms: str) -> None:
    await Recharger(engine, config.model_copy(update={"payments": Payments(stripe=stripe)})).work(int(now_ms))


_WORK = {BANK: _take_file, RECHARGE: _recharge}


async def _work(what: str, url: str, folder: str, statement: str, *given: str) -> None:
    engine = open_engine(url)
    place = Path(folder)
    config = Config(run_dir=place / "run", data_dir=place, ratebook=place / "ratebook")
    with watched(engine, ending_at(int(statement), _kill)):
        await _WORK[what](engine, config, *given)


if __name__ == "__main__":
    if sys.argv[1] in _WORK:
        asyncio.run(_work(*sys.argv[1:]))
    else:
        asyncio.run(_bill(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])))
