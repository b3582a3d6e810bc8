"""Looking up rates, inside Kamailio's workers: the longest prefix that is in effect, in one or two cursor moves."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import lmdb

from ratebook.compiled.layout import HEADER_MARK, VERSION_BYTES, Entry, decode_entries, decode_terms
from ratebook.model import Terms

MAP_BYTES = 16 * 1024**3
"""Address space, not memory: 16 GiB hold some hundred million rates."""
MAX_READERS = 512

__all__ = ["Found", "RatesReader", "RatesSnapshot", "decode_terms"]


class Found(NamedTuple):
    """The rate of a number."""

    prefix: str
    destination: str
    terms: Terms
    raw: bytes
    """The terms, encoded: a running call keeps them and is priced by them even when the version is gone."""


class RatesSnapshot:
    """Look-ups in one read transaction: `with reader.snapshot() as rates`."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._txn: Any = None
        self._cursor: Any = None

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

        A prefix whose rates are all of another time is passed over for a shorter one. None: no rate at all.
        """
        key = version + number.encode("ascii")
        cursor = self._cursor
        while True:
            before = _last_at_or_before(cursor, key)
            if before is None or before[:VERSION_BYTES] != version:
                return None
            if key.startswith(before):
                entry = _in_effect(cursor.value(), at_s)
                if entry is not None:
                    return Found(before[VERSION_BYTES:].decode(), entry.destination, entry.terms, entry.raw)
                if len(before) == VERSION_BYTES:
                    return None
                key = before[:-1]
            else:
                key = _common(key, before)

    def has(self, version: bytes) -> bool:
        """Whether the version is there, whole."""
        return self._txn.get(version + HEADER_MARK) is not None


def _last_at_or_before(cursor: Any, key: bytes) -> bytes | None:
    """The largest key that is not above `key`; None: there is none."""
    if cursor.set_range(key):
        if cursor.key() == key:
            return key
        if not cursor.prev():
            return None
    elif not cursor.last():
        return None
    found: bytes = cursor.key()
    return found


def _common(one: bytes, other: bytes) -> bytes:
    """What both begin with. Shorter than `one`: `other` is below it and no prefix of it."""
    length = VERSION_BYTES
    end = min(len(one), len(other))
    while length < end and one[length] == other[length]:
        length += 1
    return one[:length]


def _in_effect(value: bytes, at_s: int) -> Entry | None:
    for entry in decode_entries(value):
        if entry.effective_s <= at_s < entry.until_s:
            return entry
    return None


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
