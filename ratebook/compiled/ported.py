"""Lists of ported numbers in the rates environment: a version as a tariff's, found by whole numbers.

Written a part at a time, so that nobody who publishes waits long; readers see it when its header is there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ratebook.compiled.layout import HEADER_MARK, LAYOUT, VERSION_BYTES
from ratebook.compiled.write import drop_version, versions

KIND = "ported"
"""In the header: what tells these versions from tariffs."""
_HEAD = bytes((LAYOUT,))


def begin(env: Any, version: bytes) -> None:
    """Takes away what a writing that was broken off has left."""
    drop_version(env, version)


def put_part(env: Any, version: bytes, rows: Sequence[tuple[str, str]]) -> str | None:
    """Writes numbers with their routing numbers, in one transaction. A number that stands there already: nothing of the
    part is written then; None: all are new.
    """
    with env.begin(write=True) as txn:
        for number, routing in rows:
            if not txn.put(version + number.encode("ascii"), _HEAD + routing.encode("ascii"), overwrite=False):
                txn.abort()
                return number
    return None


def finish(env: Any, version: bytes, numbers: int) -> None:
    """From here on it is there."""
    with env.begin(write=True) as txn:
        txn.put(version + HEADER_MARK, json.dumps({"kind": KIND, "numbers": numbers}).encode())


def drop_others(env: Any, kept: set[bytes]) -> None:
    """Takes away every list but these."""
    for version, header in versions(env).items():
        if header.get("kind") == KIND and version[:VERSION_BYTES] not in kept:
            drop_version(env, version)
