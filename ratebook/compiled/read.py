"""Looking up rates, inside Kamailio's workers: the longest prefix that is in effect, in one or two cursor moves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import lmdb

from ratebook.compiled.groups import name_in
from ratebook.compiled.layout import (
    ALWAYS_BYTES,
    BODY_MARK,
    FOR_EVER,
    HEADER_MARK,
    LAYOUT,
    VERSION_BYTES,
    UnknownLayout,
    decode_terms,
    number_at,
    split_body,
)
from ratebook.model import Terms

MAP_BYTES = 16 * 1024**3
"""Address space, not memory: 16 GiB hold some hundred million rates."""
MAX_READERS = 512
NOTHING = b"\0"
"""Behind a number: no key is that, and the last one before it is the number's or comes before it."""
BODIES_MAX = 16_384
"""Kept decoded by each process."""

_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__

__all__ = ["Body", "Found", "Match", "RatesReader", "RatesSnapshot", "decode_terms"]


class Body(NamedTuple):
    """What a rate says, wherever it holds."""

    destination: str
    terms: Terms
    raw: bytes
    """The terms, encoded: a running call keeps them and is priced by them even when the version is gone."""


class Found(NamedTuple):
    """The rate of a number."""

    prefix: str
    body: Body
    until_s: int
    """Wall-clock second from which another rate may hold for the number; exclusive."""

    @property
    def destination(self) -> str:
        """Its name; may be empty."""
        return self.body.destination

    @property
    def terms(self) -> Terms:
        """With the timetable, if there is one."""
        return self.body.terms

    @property
    def raw(self) -> bytes:
        """The terms, encoded."""
        return self.body.raw


Match = tuple[int, bytes, int]
"""Of a number in a version: how many of its digits the rate's prefix has, which body it names (`RatesSnapshot.body`),
and `Found.until_s`.
"""


class RatesSnapshot:
    """Look-ups in one read transaction: `with reader.snapshot() as rates`."""

    def __init__(self, reader: RatesReader) -> None:
        self._reader = reader
        self._bodies = reader.bodies
        self._txn: Any = None
        self._cursor: Any = None
        self._whole: set[bytes] = set()

    def __enter__(self) -> RatesSnapshot:
        self._txn = self._reader.env.begin()
        self._cursor = self._txn.cursor()
        reader, txn_id = self._reader, self._txn.id()
        if reader.seen_in != txn_id:
            reader.seen_in, reader.whole = txn_id, set()
        self._whole = reader.whole
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
        match = self._match(version, number.encode("ascii"), at_s)
        if match is None:
            return None
        length, told, until_s = match
        return _new(Found, (number[:length], self.body(version, told), until_s))

    def matches(self, versions: Iterable[bytes | None], number: str, at_s: int) -> list[Match | None]:
        """As `find`, of several versions at once (of None nothing), without what the rates say: `body` tells it."""
        digits = number.encode("ascii")
        cursor, whole = self._cursor, self._whole
        found: list[Match | None] = []
        for version in versions:
            if version in whole:  # as `_match`, whose first step nearly always is its last
                key = version + digits
                cursor.set_range(key + NOTHING)
                cursor.prev()
                before, told = cursor.item()
                if before and len(told) == ALWAYS_BYTES and key.startswith(before):
                    found.append((len(before) - VERSION_BYTES, told, FOR_EVER))
                    continue
            found.append(None if version is None else self._match(version, digits, at_s))
        return found

    def _match(self, version: bytes, digits: bytes, at_s: int) -> Match | None:
        if version not in self._whole and not self.has(version):
            return None
        key = version + digits
        cursor = self._cursor
        until_s = FOR_EVER
        while True:
            cursor.set_range(key + NOTHING)  # the version is whole: its header lies behind every number
            cursor.prev()
            before, told = cursor.item()
            if not key.startswith(before) or not before:
                if before[:VERSION_BYTES] != version:
                    return None
                key = _common(key, before)
                continue
            if len(told) != ALWAYS_BYTES:  # it has dates
                told, changes_s = number_at(told, at_s)
                until_s = min(until_s, changes_s)
            if told is not None:
                return len(before) - VERSION_BYTES, told, until_s
            if len(before) == VERSION_BYTES:
                return None
            key = before[:-1]

    def body(self, version: bytes, told: bytes) -> Body:
        """What a matched rate says. Kept decoded: it never changes."""
        return self._bodies.get(version + told) or self._body(version, told)

    def groups_of(self, version: bytes, number: str) -> tuple[str, ...] | None:
        """The names of the destination groups that have a number: one at most today. None: the version isn't there.

        Raises UnicodeEncodeError for a number that is not ASCII.
        """
        if not self.has(version):
            return None
        key = version + number.encode("ascii")
        cursor = self._cursor
        while True:
            cursor.set_range(key + NOTHING)  # as in `find`
            cursor.prev()
            before, told = cursor.item()
            if before and key.startswith(before):
                name = name_in(told)
                return (name,) if name else ()
            if before[:VERSION_BYTES] != version:
                return ()
            key = _common(key, before)

    def routing_of(self, version: bytes, number: str) -> str | None:
        """To which routing number or prefix a number has moved, by a list of ported ones. Empty: it has not; None: the
        list isn't there. Raises UnicodeEncodeError for a number that is not ASCII.
        """
        if version not in self._whole and not self.has(version):
            return None
        told = self._txn.get(version + number.encode("ascii"))
        return "" if told is None else str(told[1:], "ascii")

    def _body(self, version: bytes, told: bytes) -> Body:
        if told[0] != LAYOUT:
            raise UnknownLayout(told[0])
        destination, raw = split_body(self._txn.get(version + BODY_MARK + told[1:]))
        body = Body(destination, decode_terms(raw), raw)
        if len(self._bodies) >= BODIES_MAX:
            self._bodies.clear()
        self._bodies[version + told] = body
        return body

    def has(self, version: bytes) -> bool:
        """Whether the version is there, whole: one that is being written or dropped is absent."""
        if version in self._whole:
            return True
        if self._txn.get(version + HEADER_MARK) is None:
            return False
        self._whole.add(version)
        return True


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
        self.env = env
        self.bodies: dict[bytes, Body] = {}
        """By version and number: what a version says never changes."""
        self.whole: set[bytes] = set()
        """The versions that were found whole so far, in the state of the environment that transaction `seen_in` saw."""
        self.seen_in = -1

    @classmethod
    def open(cls, folder: Path) -> RatesReader:
        """Opens the environment in `folder`. Raises lmdb.Error when there is none."""
        env = lmdb.open(
            str(folder), map_size=MAP_BYTES, max_readers=MAX_READERS, readonly=True, readahead=False, create=False
        )
        return cls(env)

    def snapshot(self) -> RatesSnapshot:
        """One read transaction; short, as every reader of LMDB."""
        return RatesSnapshot(self)

    def close(self) -> None:
        """Gives the reader slots back."""
        self.env.close()
