"""Writing a tariff's version: rows in slices, the header last. Runs in the service, never in Kamailio."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

from ratebook.collector import without_collector
from ratebook.compiled.groups import CompiledGroups
from ratebook.compiled.layout import BODY_MARK, HEADER_MARK, NUMBER_BYTES, VERSION_BYTES, Encoder
from ratebook.compiled.read import MAP_BYTES, MAX_READERS
from ratebook.model import Rate, Tariff

SLICE_ROWS = 500

_PREFIX = itemgetter(0)


class CompiledTariff(NamedTuple):
    """A tariff ready to be written."""

    version: bytes
    """The first 8 bytes of its digest: what a call and a pointer name it by."""
    digest: str
    """SHA-256 of its content, in hex."""
    header: dict[str, Any]
    rows: list[tuple[bytes, bytes]]
    """Keys without the version, and values; sorted."""


def compile_tariff(tariff: Tariff) -> CompiledTariff:
    """The rows of a tariff. Equal content has an equal version, whatever the tariff's name and order of rates."""
    with without_collector():
        return _compile(tariff)


def _compile(tariff: Tariff) -> CompiledTariff:
    rows = list(_rows(sorted(tariff.rates, key=_PREFIX)))
    digest = hashlib.sha256(tariff.currency.encode("ascii"))
    update = digest.update
    for prefix, value in rows:
        update(b"%d %s %d " % (len(prefix), prefix, len(value)) + value)
    header = {
        "digest": digest.hexdigest(),
        "name": tariff.name,
        "currency": tariff.currency,
        "timezone": tariff.timezone,
        "rates": len(tariff.rates),
        "prefixes": sum(not key.startswith(BODY_MARK) for key, _ in rows),
    }
    return CompiledTariff(digest.digest()[:VERSION_BYTES], digest.hexdigest(), header, rows)


def _rows(rates: list[Rate]) -> Iterator[tuple[bytes, bytes]]:
    """Of rates sorted by prefix."""
    encoder = Encoder()
    entries = encoder.entries
    together: list[Rate] = []
    for rate in rates:
        if together and together[0][0] != rate[0]:
            yield together[0][0].encode("ascii"), entries(together)
            together = [rate]
        else:
            together.append(rate)
    if together:
        yield together[0][0].encode("ascii"), entries(together)
    for number, body in enumerate(encoder.bodies):
        yield BODY_MARK + number.to_bytes(NUMBER_BYTES, "big"), body


def open_for_writing(folder: Path) -> Any:
    """The environment, made if need be. One process writes: the service."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o2770)
    return lmdb.open(str(folder), map_size=MAP_BYTES, max_readers=MAX_READERS, readahead=False, mode=0o660)


def write_version(
    env: Any, compiled: CompiledTariff | CompiledGroups, slice_rows: int = SLICE_ROWS, pause_s: float = 0
) -> bool:
    """Writes a version; False: it was there already. Readers see it whole or not at all: the header comes last.

    Between two slices it pauses, so that it takes no core from the calls.
    """
    version = compiled.version
    with env.begin() as txn:
        if txn.get(version + HEADER_MARK) is not None:
            return False
    rows = iter(compiled.rows)
    while rows_now := list(islice(rows, slice_rows)):
        with env.begin(write=True) as txn:
            for prefix, value in rows_now:
                txn.put(version + prefix, value)
        if pause_s:
            time.sleep(pause_s)
    with env.begin(write=True) as txn:
        txn.put(version + HEADER_MARK, json.dumps(compiled.header, separators=(",", ":")).encode())
    return True


def versions(env: Any) -> dict[bytes, dict[str, Any]]:
    """The headers of all whole versions."""
    found: dict[bytes, dict[str, Any]] = {}
    with env.begin() as txn, txn.cursor() as cursor:
        at = cursor.first()
        while at:
            version = cursor.key()[:VERSION_BYTES]
            header = txn.get(version + HEADER_MARK)
            if header is not None:
                found[version] = json.loads(header)
            at = cursor.set_range(version + HEADER_MARK + b"\0")
    return found


def drop_version(env: Any, version: bytes, slice_rows: int = SLICE_ROWS) -> None:
    """Removes a version, its header first, in slices."""
    with env.begin(write=True) as txn:
        txn.delete(version + HEADER_MARK)
    while True:
        with env.begin(write=True) as txn, txn.cursor() as cursor:
            keys = list(islice(_keys(cursor, version), slice_rows))
            for key in keys:
                txn.delete(key)
        if len(keys) < slice_rows:
            return


def _keys(cursor: Any, version: bytes) -> Iterator[bytes]:
    found = cursor.set_range(version)
    while found and cursor.key()[:VERSION_BYTES] == version:
        yield cursor.key()
        found = cursor.next()
