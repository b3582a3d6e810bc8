"""The inbox: commands on their way from the service to the store. The service writes it, the clerk reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lmdb

from kemi.store.layout import sequence_key

FOLDER = "inbox"
MAP_BYTES = 4 * 1024 * 1024 * 1024
BATCH_MAX = 100
"""Commands of one transaction: the store's writers wait for no longer."""


class InboxWriter:
    """The service's end."""

    def __init__(self, data_dir: Path) -> None:
        folder = data_dir / FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=0o2770)
        self._env = lmdb.open(str(folder), map_size=MAP_BYTES, max_readers=64, mode=0o660)

    def put(self, commands: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Writes commands under their numbers, and syncs. The same number again is the same command."""
        with self._env.begin(write=True) as txn:
            for number, body in commands:
                txn.put(sequence_key(number), json.dumps({**body, "n": number}, separators=(",", ":")).encode())

    def last(self) -> int:
        """The highest number in it; 0: empty."""
        with self._env.begin() as txn, txn.cursor() as cursor:
            return int.from_bytes(cursor.key(), "big") if cursor.last() else 0

    def delete_through(self, number: int) -> int:
        """Removes what the store has applied; returns how many."""
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            removed = 0
            while cursor.first() and int.from_bytes(cursor.key(), "big") <= number:
                cursor.delete()
                removed += 1
            return removed

    def close(self) -> None:
        """Ends it."""
        self._env.close()


class InboxReader:
    """The clerk's end: looks again each time whether the folder is there."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._env: Any = None
        self._inode = 0

    def after(self, number: int) -> list[tuple[int, dict[str, Any]]]:
        """The next commands beyond `number`, BATCH_MAX at most, in their order. None there: an empty list."""
        if not self._is_open():
            return []
        rows: list[tuple[int, dict[str, Any]]] = []
        with self._env.begin() as txn, txn.cursor() as cursor:
            found = cursor.set_range(sequence_key(number + 1))
            while found and len(rows) < BATCH_MAX:
                rows.append((int.from_bytes(cursor.key(), "big"), json.loads(cursor.value())))
                found = cursor.next()
        return rows

    def _is_open(self) -> bool:
        try:
            inode = (self._folder / "data.mdb").stat().st_ino
        except FileNotFoundError:
            inode = 0
        if self._env is not None and inode != self._inode:
            self._env.close()
            self._env = None
        if self._env is None and inode:
            try:
                self._env = lmdb.open(str(self._folder), map_size=MAP_BYTES, max_readers=64, readonly=True)
                self._env.reader_check()  # earlier clerks ended without giving their places back
            except lmdb.Error:  # half made: the next look, 100 ms later, finds it whole
                return False
            self._inode = inode
        return self._env is not None
