"""SQLite for SQLAlchemy, each statement in one trip to the connection's thread.

aiosqlite gives every connection a thread, and SQLAlchemy's adapter goes there four times a statement (make a cursor,
execute, fetch, close), each time a tenth of a millisecond: five times the statement itself. Here a statement is one
trip, rows and all; nothing else differs.
"""

from __future__ import annotations

import collections
import sqlite3
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
        async with self._adapt_connection._execute_mutex:
            done, rows = await connection._execute(_execute, connection._conn, operation, parameters)
        self._cursor, self._rows = done, collections.deque(rows)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        connection: Any = self._connection
        async with self._adapt_connection._execute_mutex:
            self._cursor = await connection._execute(_execute_many, connection._conn, operation, seq_of_parameters)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Module(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        return _Connection(self, super().connect(*arg, **kw)._connection)


class Dialect(SQLiteDialect_aiosqlite):
    """Registered as sqlite+kambill."""

    driver = "kambill"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        """That of aiosqlite, with our cursors."""
        return _Module(__import__("aiosqlite"), __import__("sqlite3"))


registry.register("sqlite.kambill", __name__, "Dialect")
