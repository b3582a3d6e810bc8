"""Statements compiled once in a run of tests, not once in each: every test has an engine of its own.

SQLAlchemy keeps what it compiled with the engine, under the engine's dialect. The engines of a run differ in nothing
but the database's name, so that what one has compiled serves all of a kind.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache, await_only

from tests.service.wanted import ensure_made

STATEMENTS = 2_000


class _Statements(LRUCache[Any, Any]):
    """By the dialect's name in place of the dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


_SHARED = _Statements(STATEMENTS)


def create_engine(*words: Any, **more: Any) -> AsyncEngine:
    """As SQLAlchemy's, in whose place it stands. Its database is made when it first connects, if nobody has yet."""
    engine = create_async_engine(*words, **more)
    engine.sync_engine._compiled_cache = _SHARED
    if engine.dialect.name == "postgresql":
        event.listen(engine.sync_engine, "do_connect", lambda *_: await_only(ensure_made(engine.url)))
    return engine
