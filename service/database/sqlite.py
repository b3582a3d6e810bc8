"""SQLite for SQLAlchemy: fewer trips to the connection's thread, and writers in the order in which they came.

aiosqlite gives every connection a thread, and SQLAlchemy's adapter goes there four times a statement (make a cursor,
execute, fetch, close), each time a tenth of a millisecond and, while others run, up to Python's switch interval: many
times the statement itself. Here a statement is one trip, rows and all; and a SELECT, which waits for no lock and no
disk's sync, is done where it is asked for: one that takes longer than a moment is interrupted and done again in the
thread, so that nobody waits for it.

SQLite has one writer at a time, and whoever finds it at work sleeps for longer and longer: of eight at once the last
one waits for seconds. Here the writers of a process queue up, and only those of others (the command line) sleep.
"""

from __future__ import annotations

import asyncio
import collections
import sqlite3
import time
import weakref
from typing import Any, NamedTuple

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)

DRIVER = "sqlite+kambill"


class _Done(NamedTuple):
    """What is left of a cursor once it is closed."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1


def _execute(connection: sqlite3.Connection, statement: str, parameters: Any) -> tuple[_Done, list[Any]]:
    cursor = connection.execute(statement, parameters or ())
    rows = cursor.fetchall() if cursor.description else []
    done = _Done(cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return done, rows


def _execute_many(connection: sqlite3.Connection, statement: str, parameters: Any) -> _Done:
    cursor = connection.executemany(statement, parameters)
    done = _Done(cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return done


WRITE = "BEGIN IMMEDIATE"
"""What begins a transaction that writes (`service.database.engine`)."""
MOMENT_S = 0.002
"""How long a reader's statement may keep the event loop."""
STEPS = 5_000
"""Of SQLite's machine between two looks at the clock: a tenth of a millisecond or so."""


def _execute_here(connection: sqlite3.Connection, statement: str, parameters: Any) -> tuple[_Done, list[Any]] | None:
    """None: it takes longer than a moment."""
    until = time.perf_counter() + MOMENT_S
    connection.set_progress_handler(lambda: time.perf_counter() > until, STEPS)
    try:
        return _execute(connection, statement, parameters)
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        connection.set_progress_handler(None, 0)


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that is only what came back."""

    __slots__ = ()

    def _make_new_cursor(self, _connection: Any) -> Any:
        return _Done()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _async_soft_close(self) -> None:
        """It is closed already."""

    def close(self) -> None:
        """Forgets the rows."""
        self._rows.clear()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        connection: Any = self._connection
        adapted: Any = self._adapt_connection
        if operation == WRITE:
            await adapted.queue_up()
        found: Any = None
        async with adapted._execute_mutex:
            if operation.startswith(("SELECT", "BEGIN")) and operation != WRITE:
                found = _execute_here(connection._conn, operation, parameters)
            try:
                found = found or await connection._execute(_execute, connection._conn, operation, parameters)
            except BaseException as fault:
                if operation == WRITE:
                    adapted.leave()
                if isinstance(fault, asyncio.CancelledError) and adapted.turn is None:
                    connection._conn.interrupt()  # nobody waits for what a reader's thread still does
                raise
        self._cursor, self._rows = found[0], collections.deque(found[1])

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        connection: Any = self._connection
        async with self._adapt_connection._execute_mutex:
            self._cursor = await connection._execute(_execute_many, connection._conn, operation, seq_of_parameters)


_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = weakref.WeakKeyDictionary()
"""Of writers, by event loop and file."""


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ("file", "turn")
    _cursor_cls = _Cursor
    file: str
    turn: asyncio.Lock | None
    """Held while this connection writes."""

    async def queue_up(self) -> None:
        """Waits for the writers that came before."""
        queue = _queues.setdefault(asyncio.get_running_loop(), {}).setdefault(self.file, asyncio.Lock())
        await queue.acquire()
        self.turn = queue

    def leave(self) -> None:
        """The next writer's turn, if this was one."""
        turn, self.turn = self.turn, None
        if turn is not None:
            turn.release()

    def rollback(self) -> None:
        """A reader has nothing to undo: that is done where it is asked for."""
        if self.turn is None:
            self._connection._conn.rollback()
            return
        try:
            super().rollback()
        finally:
            self.leave()

    def commit(self) -> None:
        """A writer's waits for the disk, in the thread."""
        if self.turn is None:
            self._connection._conn.commit()
            return
        super().commit()
        self.leave()

    def close(self) -> None:
        """Whatever it was doing."""
        self.leave()
        super().close()

    def terminate(self) -> None:
        """The same, of one whose task was cancelled: those that queue up behind it would wait for ever."""
        try:
            super().terminate()
        finally:
            self.leave()


class _Module(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        connection = _Connection(self, super().connect(*arg, **{**kw, "check_same_thread": False})._connection)
        connection.file, connection.turn = str(arg[0]), None
        return connection


class Dialect(SQLiteDialect_aiosqlite):
    """Registered as sqlite+kambill."""

    driver = "kambill"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        """That of aiosqlite, with our cursors."""
        return _Module(__import__("aiosqlite"), __import__("sqlite3"))


registry.register("sqlite.kambill", __name__, "Dialect")
