"""What may be owed to a provider: its balance and the costs of its running calls, up to a limit.

The cost of what a call has been granted is held in the transaction that grants it. A call that runs is never cut for
it: the next attempt goes elsewhere. A provider without a limit has no record.
"""

from __future__ import annotations

from typing import Any

from kemi.store import layout
from kemi.store.change import Change
from kemi.store.environment import Databases
from kemi.store.layout import NO_LIMIT, Exposure

HELD_MIN = 1
"""Micro-units: a call to a provider with a limit holds something, by which it is known."""


def of(dbs: Databases, txn: Any, account_id: int) -> Exposure | None:
    """An account's; None: it has no limit, and nothing is held."""
    raw = txn.get(account_id.to_bytes(4, "big"), db=dbs.exposure)
    return None if raw is None else layout.unpack_exposure(raw)


def _put(change: Change, account_id: int, exposure: Exposure) -> None:
    key = layout.account_key(account_id)
    if exposure == (NO_LIMIT, 0):
        change.txn.delete(key, db=change.store.exposure)
    else:
        change.txn.put(key, layout.pack_exposure(exposure), db=change.store.exposure)


def configure(change: Change, account_id: int, limit: int | None) -> None:
    """Sets a limit; None takes it away."""
    before = of(change.store, change.txn, account_id) or Exposure(NO_LIMIT, 0)
    after = before._replace(limit=NO_LIMIT if limit is None else limit)
    if after != before:
        _put(change, account_id, after)


def has_room(change: Change, account_id: int, exposure: Exposure, micros: int) -> bool:
    """Whether so much more may come to be owed."""
    owed = change.account(account_id).balance + exposure.held
    return exposure.limit == NO_LIMIT or owed + micros <= exposure.limit


def move(change: Change, account_id: int, micros: int) -> None:
    """Holds so much more; negative: gives it back."""
    if micros:
        before = of(change.store, change.txn, account_id) or Exposure(NO_LIMIT, 0)
        _put(change, account_id, before._replace(held=max(0, before.held + micros)))
