"""Whether a database doesn't answer, or what it was asked is wrong: the one passes, the other is a fault of ours."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

_SQLITE = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY}
    | {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
)
"""What it says of a file that others hold, or that can't be read or written now."""
_POSTGRESQL = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connections, conflicts of transactions, resources, locks, its operator, its system."""


def is_away(fault: BaseException) -> bool:
    """Whether the same may succeed later, unchanged."""
    if isinstance(fault, PoolExhausted):
        return True
    if not isinstance(fault, DBAPIError):
        return False
    code = getattr(fault.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE  # the rest of it says more exactly what
    state = getattr(fault.orig, "sqlstate", None) or ""
    return fault.connection_invalidated or isinstance(fault, OperationalError) or state[:2] in _POSTGRESQL


def connect_postgresql(dialect: Dialect, _record: Any, args: Any, named: Any) -> Any:
    """A connection. What asyncpg raises instead would be no fault of a database to SQLAlchemy."""
    from asyncpg import PostgresError  # noqa: PLC0415 -- who has SQLite need not have it loaded

    try:
        return dialect.connect(*args, **named)
    except (OSError, PostgresError) as fault:
        raise dialect.loaded_dbapi.OperationalError(str(fault) or type(fault).__name__) from fault
