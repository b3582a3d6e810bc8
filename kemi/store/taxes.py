"""All that the store knows of taxes that are added to prices: for who compares it with the ledger."""

from __future__ import annotations

from typing import Any

from kemi.store import layout
from kemi.store.environment import Databases
from ratebook.tax import Taxes


def all_taxes(dbs: Databases, txn: Any) -> dict[tuple[int, bool], Taxes]:
    """By account, and whether it is its own or for whoever pays it."""
    found = {}
    for own in (False, True):
        kind = layout.taxes_key(0, own=own)[:1]
        with txn.cursor(dbs.config) as cursor:
            for key, raw in cursor.iternext() if cursor.set_range(kind) else ():
                if key[:1] != kind:
                    break
                found[int.from_bytes(key[1:], "big"), own] = Taxes.from_record(layout.unpack_json(raw))
    return found
