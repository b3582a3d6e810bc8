"""Transactions of several nodes that wait for each other: PostgreSQL ends one of them, which is then done anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
TIMES_MAX = 5
"""Each waits a second before the database looks: whoever asks hasn't given up by then."""
_DEADLOCK = "40P01"


async def until_alone(do: Callable[[], Awaitable[T]]) -> T:
    """What is one transaction and nothing beside it: of one that was ended nothing is left."""
    for _ in range(TIMES_MAX - 1):
        try:
            return await do()
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) != _DEADLOCK:
                raise
    return await do()
