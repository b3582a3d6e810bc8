"""What every command does: read the configuration, open the ledger, tell faults without a traceback."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from service.config import Config, load_config
from service.faults import Fault

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


@contextmanager
def told() -> Iterator[None]:
    """Turns what is expected into lines on standard error and exit code 1."""
    try:
        yield
    except Fault as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def config() -> Config:
    """The configuration of this process's environment. Raises ConfigFault."""
    return load_config(os.environ)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def actor() -> str:
    """Who gives this command, for the books."""
    return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"


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
