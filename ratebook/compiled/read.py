"""Looking up rates, inside Kamailio's workers: the longest prefix that is in effect, in one or two cursor moves."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import lmdb

from ratebook.compiled.layout import FOR_EVER, HEADER_MARK, VERSION_BYTES, decode_terms, entry_at
from ratebook.model import Terms

MAP_BYTES = 16 * 1024**3
"""Address space, not memory: 16 GiB hold some hundred million rates."""
MAX_READERS = 512

_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__

__all__ = ["Found", "RatesReader", "RatesSnapshot", "decode_terms"]


class Found(NamedTuple):
    """The rate of a number."""

    prefix: str
    destination: str
    terms: Terms
    raw: bytes
    """The terms, encoded: a running call keeps them and is priced by them even when the version is gone."""
    until_s: int
    """Wall-clock second from which another rate may hold for the number; exclusive."""


class RatesSnapshot:
    """Look-ups in one read transaction: `with reader.snapshot() as rates`."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._txn: Any = None
        self._cursor: Any = None
        self._whole: set[bytes] = set()

    def __enter__(self) -> RatesSnapshot:
        self._txn = self._env.begin()
        self._cursor = self._txn.cursor()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._txn.abort()

    def find(self, version: bytes, number: str, at_s: int) -> Found | None:
        """The rate of the longest prefix of `number` that has one in effect at `at_s` (wall-clock seconds).

        A prefix whose rates are all of another time is passed over for a shorter one. None: no rate at all, or the
        version isn't there. Raises UnicodeEncodeError for a number that is not ASCII.
        """
        if not self.has(version):
            return None
        key = version + number.encode("ascii")
        cursor = self._cursor
        until_s = FOR_EVER
        while (before := _last_at_or_before(cursor, key)) is not None and before[:VERSION_BYTES] == version:
            if not key.startswith(before):
                key = _common(key, before)
                continue
            destination, raw, changes_s = entry_at(cursor.value(), at_s)
            until_s = min(until_s, changes_s)
            if raw is not None:
                prefix = before[VERSION_BYTES:].decode()
                return _new(Found, (prefix, destination, decode_terms(raw), raw, until_s))
            if len(before) == VERSION_BYTES:
                return None
            key = before[:-1]
        return None

    def has(self, version: bytes) -> bool:
        """Whether the version is there, whole: one that is being written or dropped is absent."""
        if version in self._whole:
            return True
        if self._txn.get(version + HEADER_MARK) is None:
            return False
        self._whole.add(version)
        return True


def _last_at_or_before(cursor: Any, key: bytes) -> bytes | None:
    """The largest key that is not above `key`; None: there is none.

    The version is whole: its header lies behind every number, so that there is always a key to step back from.
    """
    cursor.set_range(key)
    if cursor.key() == key:
        return key
    found: bytes | None = cursor.key() if cursor.prev() else None
    return found


def _common(one: bytes, other: bytes) -> bytes:
    """What both begin with. Shorter than `one`: `other` is below it and no prefix of it."""
    length = VERSION_BYTES
    end = min(len(one), len(other))
    while length < end and one[length] == other[length]:
        length += 1
    return one[:length]


class RatesReader:
    """The rates environment, read-only. Opened in each process after its fork, once."""

    def __init__(self, env: Any) -> None:
        self._env = env

    @classmethod
    def open(cls, folder: Path) -> RatesReader:
        """Opens the environment in `folder`. Raises lmdb.Error when there is none."""
        env = lmdb.open(
            str(folder), map_size=MAP_BYTES, max_readers=MAX_READERS, readonly=True, readahead=False, create=False
        )
        return cls(env)

    def snapshot(self) -> RatesSnapshot:
        """One read transaction; short, as every reader of LMDB."""
        return RatesSnapshot(self._env)

    def close(self) -> None:
        """Gives the reader slots back."""
        self._env.close()
