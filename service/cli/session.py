"""What every command needs: the configuration, the ledger, the clock, and who asks."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from service.config import Config, load_config

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


def config() -> Config:
    """The configuration of this process's environment. Raises ConfigFault."""
    return load_config(os.environ)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def user() -> str:
    """Who sits at the shell."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def actor() -> str:
    """Who gives this command, for the books."""
    return f"cli:{user()}"


def run(work: Coroutine[object, object, T]) -> T:
    """Runs a command's work to its end."""
    return asyncio.run(work)


@asynccontextmanager
async def ledger(settings: Config) -> AsyncIterator[AsyncEngine]:
    """The ledger of a configuration. Raises DatabaseFault, also if the database goes away meanwhile."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from service.database.engine import open_engine, unreachable  # noqa: PLC0415
    from service.start import open_ledger  # noqa: PLC0415

    try:
        async with open_ledger(settings, now_ms()) as engine:
            yield engine
    except (DBAPIError, OSError) as fault:
        raise unreachable(open_engine(settings.database_url), fault) from fault
