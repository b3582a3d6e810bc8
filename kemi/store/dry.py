"""The store as a decision sees it that is only tried out. What it writes is read by what follows in the same trial, and
is forgotten with it: nothing of it reaches the store.
"""

from __future__ import annotations

from typing import Any

from kemi.store.environment import Databases, HotStore
from kemi.store.trace import Trace


class DryTransaction:
    """A read transaction that takes writes. A cursor sees what stood there before."""

    def __init__(self, txn: Any, written: dict[tuple[Any, bytes], bytes | None]) -> None:
        self._txn = txn
        self._written = written
        """None: deleted."""

    def __enter__(self) -> DryTransaction:
        return self

    def __exit__(self, *_: object) -> None:
        """The trial goes on."""

    def get(self, key: bytes, default: Any = None, db: Any = None) -> Any:
        """As a transaction's."""
        if (db, key) not in self._written:
            return self._txn.get(key, default, db=db)
        value = self._written[db, key]
        return default if value is None else value

    def put(self, key: bytes, value: bytes, *, db: Any) -> bool:
        """As a writer's."""
        self._written[db, key] = bytes(value)
        return True

    def delete(self, key: bytes, *, db: Any) -> bool:
        """As a writer's."""
        was_there = self.get(key, db=db) is not None
        self._written[db, key] = None
        return was_there

    def cursor(self, db: Any) -> Any:
        """Of what stood there before."""
        return self._txn.cursor(db)

    def stat(self, db: Any) -> Any:
        """Of what stood there before."""
        return self._txn.stat(db)

    def id(self) -> int:
        """As of the transaction that reads."""
        return int(self._txn.id())

    def commit(self) -> None:
        """Nothing reaches the store."""

    def abort(self) -> None:
        """What was written before in the trial stays."""


class DryStore(HotStore):
    """One trial: one moment of a store that is open, and what would be written to it."""

    def __init__(self, of: Databases) -> None:
        Databases.__init__(self, of.env)
        self.measure()
        self.trace = Trace()
        self._txn = of.env.begin()
        written: dict[tuple[Any, bytes], bytes | None] = {}
        self.read = self.write = lambda: DryTransaction(self._txn, written)

    def is_current(self) -> bool:
        """For as long as a trial takes."""
        return True

    def close(self) -> None:
        """Ends the trial; the store that it is of stays open."""
        self._txn.abort()
