"""A published version page by page: the prefixes that fit a number, or whose destination is called so. In the service.

However many rates a version has: a page reads no more than SCAN_MAX of its prefixes, and says where the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ratebook.compiled.layout import (
    BODY_MARK,
    HEADER_MARK,
    NUMBER_BYTES,
    VERSION_BYTES,
    decode_terms,
    entries_in,
    split_body,
)
from ratebook.model import Rate

SCAN_MAX = 100_000
"""Prefixes that are looked through for a page: a tenth of a second."""


class Browsed(NamedTuple):
    """A page."""

    rates: list[Rate]
    """By prefix; all of a prefix are on one page."""
    next: str | None
    """The last prefix that was looked at; None: there is nothing behind it."""


def browse(env: Any, version: bytes, wanted: str, after: str | None, prefixes_max: int) -> Browsed:
    """`wanted`: digits, of a prefix or a number; or a part of a destination's name; empty: everything.

    `after`: `next` of the page before. A version that isn't there has no rates.
    """
    with env.begin() as txn:
        if txn.get(version + HEADER_MARK) is None:
            return Browsed([], None)
        bodies = _Bodies(txn, version)
        if wanted.isascii() and wanted.isdecimal():
            return _page(_of_number(txn, version, wanted, after), bodies, lambda _: True, prefixes_max)
        fits = bodies.called(wanted.casefold()) if wanted else lambda _: True
        return _page(_behind(txn, version, b"", after), bodies, fits, prefixes_max)


Row = tuple[str, bytes]


def _page(rows: Iterator[Row], bodies: _Bodies, fits: Callable[[int], bool], prefixes_max: int) -> Browsed:
    found: list[Rate] = []
    count = 0
    last = ""
    for seen, (prefix, value) in enumerate(rows):
        if count == prefixes_max or seen == SCAN_MAX:
            return Browsed(found, last)
        last = prefix
        entries = [entry for entry in entries_in(value) if fits(entry[2])]
        count += bool(entries)
        found += [bodies.rate(prefix, *entry) for entry in entries]
    return Browsed(found, None)


def _of_number(txn: Any, version: bytes, digits: str, after: str | None) -> Iterator[Row]:
    """Prefixes that the number begins with, the shortest first; then those that begin with it."""
    for size in range(len(digits)):
        prefix = digits[:size]
        value = txn.get(version + prefix.encode())
        if value is not None and (after is None or prefix > after):
            yield prefix, value
    yield from _behind(txn, version, digits.encode(), after)


def _behind(txn: Any, version: bytes, begins: bytes, after: str | None) -> Iterator[Row]:
    """All that begin so, from behind `after` on."""
    first = begins if after is None else max(begins, after.encode() + b"\0")
    with txn.cursor() as cursor:
        found = cursor.set_range(version + first)
        while found:
            key, value = cursor.item()
            prefix = key[VERSION_BYTES:]
            if (
                key[:VERSION_BYTES] != version
                or not prefix.startswith(begins)
                or prefix[:1] in {BODY_MARK, HEADER_MARK}
            ):
                return
            yield prefix.decode("ascii"), value
            found = cursor.next()


class _Bodies:
    """What rates say, which many prefixes share."""

    def __init__(self, txn: Any, version: bytes) -> None:
        self._txn = txn
        self._begin = version + BODY_MARK

    def rate(self, prefix: str, effective_s: int | None, until_s: int | None, number: int) -> Rate:
        """Of a prefix's entry."""
        body = self._txn.get(self._begin + number.to_bytes(NUMBER_BYTES, "big"))
        destination, raw = split_body(body)
        return Rate(prefix, destination, effective_s, until_s, decode_terms(raw))

    def called(self, text: str) -> Callable[[int], bool]:
        """Whether a body's destination has a text in its name; each is looked at once."""
        known: dict[int, bool] = {}

        def fits(number: int) -> bool:
            if number not in known:
                body = self._txn.get(self._begin + number.to_bytes(NUMBER_BYTES, "big"))
                known[number] = text in split_body(body)[0].casefold()
            return known[number]

        return fits
