"""A published version back to rates, whole or only where it differs from another. Runs in the service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ratebook.compiled.layout import (
    ALWAYS_BYTES,
    BODY_MARK,
    HEADER_MARK,
    NUMBER_BYTES,
    VERSION_BYTES,
    decode_terms,
    entries_in,
    split_body,
)
from ratebook.model import Rate

Row = tuple[bytes, bytes]
"""Key without its version, and value."""


def version_rows(env: Any, version: bytes) -> list[Row] | None:
    """The rows of a version without its header; None: it isn't there, whole."""
    with env.begin() as txn:
        if txn.get(version + HEADER_MARK) is None:
            return None
        with txn.cursor() as cursor:
            return list(_rows(cursor, version))


def _rows(cursor: Any, version: bytes) -> Iterator[Row]:
    found = cursor.set_range(version)
    while found:
        key, value = cursor.item()
        if key[:VERSION_BYTES] != version or key[VERSION_BYTES:] == HEADER_MARK:
            return
        yield key[VERSION_BYTES:], value
        found = cursor.next()


def rates_of(rows: Iterable[Row]) -> list[Rate]:
    """The rates of a version's rows, by prefix."""
    prefixes, bodies = _split(rows)
    return [rate for key, value in prefixes for rate in _rates(key, value, bodies)]


def changed_rates(before: Iterable[Row], after: Iterable[Row]) -> tuple[list[Rate], list[Rate]]:
    """The rates of both versions, of those prefixes alone that they differ in."""
    old, old_bodies = _split(before)
    new, new_bodies = _split(after)
    was, now = dict(old), dict(new)
    changed = [
        key for key in was.keys() | now.keys() if _told(was.get(key), old_bodies) != _told(now.get(key), new_bodies)
    ]
    return (
        [rate for key in sorted(changed) if key in was for rate in _rates(key, was[key], old_bodies)],
        [rate for key in sorted(changed) if key in now for rate in _rates(key, now[key], new_bodies)],
    )


def _split(rows: Iterable[Row]) -> tuple[list[Row], list[bytes]]:
    """Prefixes, and bodies by their numbers."""
    prefixes, bodies = [], []
    for key, value in rows:
        if key.startswith(BODY_MARK):
            bodies.append(value)
        else:
            prefixes.append((key, value))
    return prefixes, bodies


def _told(value: bytes | None, bodies: list[bytes]) -> object:
    """What a prefix's value says, whatever its bodies' numbers are."""
    if value is None:
        return None
    if len(value) == ALWAYS_BYTES:
        return bodies[int.from_bytes(value[-NUMBER_BYTES:], "big")]
    return [(effective_s, until_s, bodies[number]) for effective_s, until_s, number in entries_in(value)]


def _rates(key: bytes, value: bytes, bodies: list[bytes]) -> Iterator[Rate]:
    for effective_s, until_s, number in entries_in(value):
        destination, raw = split_body(bodies[number])
        yield Rate(key.decode("ascii"), destination, effective_s, until_s, decode_terms(raw))
