"""Accounts in the store: their path, their money and their limits. Works inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kemi.store import layout
from kemi.store.environment import Databases
from kemi.store.layout import VERSION, Account, UnknownVersion, Usage

ROOT_ID = 1
"""The operator."""
DEPTH_MAX = 64
"""Levels of the tree below the root. A longer path is a circle."""

SECOND_US = 1_000_000

_new = tuple.__new__


class BrokenPath(Exception):
    """The accounts of a path don't reach the root."""

    def __init__(self, account_id: int, why: str) -> None:
        self.account = account_id
        super().__init__(f"account {account_id}: {why}: `kambill doctor` compares the store with the ledger")


def get(dbs: Databases, txn: Any, account_id: int) -> Account | None:
    """One account; None: unknown here."""
    raw = txn.get(account_id.to_bytes(4, "big"), db=dbs.account)
    return None if raw is None else layout.unpack_account(account_id, raw)


def put(dbs: Databases, txn: Any, account: Account) -> None:
    """Writes an account."""
    txn.put(layout.account_key(account.id), layout.pack_account(account), db=dbs.account)


def path_of(dbs: Databases, txn: Any, account_id: int) -> list[Account]:
    """The account and all its ancestors, upwards, the root last. Raises BrokenPath."""
    path: list[Account] = []
    while account_id:
        raw = txn.get(account_id.to_bytes(4, "big"), db=dbs.account)
        if raw is None:
            raise BrokenPath(account_id, "is not in the store")
        version, *fields = layout.account_fields(raw)
        if version != VERSION:
            raise UnknownVersion("account", version)
        account = _new(Account, (account_id, *fields))
        path.append(account)
        if len(path) > DEPTH_MAX + 1:
            raise BrokenPath(account_id, f"has more than {DEPTH_MAX} ancestors")
        account_id = account.parent
    return path


def several(dbs: Databases, txn: Any, account_ids: Iterable[int]) -> dict[int, Account]:
    """Accounts by id, if need be as one is that is known by its id only."""
    found = {}
    for account_id in account_ids:
        raw = txn.get(account_id.to_bytes(4, "big"), layout.BLANK_ACCOUNT, db=dbs.account)
        version, *fields = layout.account_fields(raw)
        if version != VERSION:
            raise UnknownVersion("account", version)
        found[account_id] = _new(Account, (account_id, *fields))
    return found


def put_moved(dbs: Databases, txn: Any, moved: Iterable[tuple[Account, int, int, int]]) -> None:
    """Writes accounts, as they stand in this transaction, each with so many channels and held micro-units more, and
    with its call-rate clock.
    """
    for account, channels, micros, clock in moved:
        number, flags, parent, tariff, balance, limit, held, most, in_use, cps_max, _, currency = account
        held, in_use = held + micros, in_use + channels
        raw = layout.pack_fields(flags, parent, tariff, balance, limit, held, most, in_use, cps_max, clock, currency)
        txn.put(number.to_bytes(4, "big"), raw, db=dbs.account)


def move(dbs: Databases, txn: Any, moves: Iterable[tuple[int, int, int, int]]) -> None:
    """Adds to what accounts have in use, on hold and in balance; each move begins with the account's id."""
    for account_id, channels, micros, came in moves:
        key = account_id.to_bytes(4, "big")
        raw = txn.get(key, layout.BLANK_ACCOUNT, db=dbs.account)
        version, flags, parent, tariff, balance, limit, held, most, in_use, cps_max, clock, currency = (
            layout.account_fields(raw)
        )
        if version != VERSION:
            raise UnknownVersion("account", version)
        balance, held, in_use = balance + came, held + micros, max(0, in_use + channels)
        raw = layout.pack_fields(flags, parent, tariff, balance, limit, held, most, in_use, cps_max, clock, currency)
        txn.put(key, raw, db=dbs.account)


def next_rate_clock_us(clock_us: int, cps_max: int, boot_ms: int) -> int | None:
    """The call-rate clock after one more call; None: it comes too soon.

    The generic cell rate algorithm with a burst of one second's calls: never more than `cps_max` in any
    burst, and the allowance grows back evenly. `cps_max` 0: always, and the clock stays.
    """
    if not cps_max:
        return clock_us
    boot_us = boot_ms * 1000
    step_us = SECOND_US // cps_max
    start_us = max(clock_us, boot_us)
    if start_us - boot_us > SECOND_US - step_us:
        return None
    return start_us + step_us


def usage_of(dbs: Databases, txn: Any, kind: bytes, number: int) -> Usage:
    """Channels and call-rate clock of a trunk (`t`) or gateway (`g`)."""
    return layout.unpack_usage(txn.get(kind + number.to_bytes(4, "big"), db=dbs.peer))


def put_usage(dbs: Databases, txn: Any, kind: bytes, number: int, channels: int, rate_clock_us: int) -> None:
    """Writes them back."""
    txn.put(kind + number.to_bytes(4, "big"), layout.pack_usage(channels, rate_clock_us), db=dbs.peer)


def with_one_more(dbs: Databases, txn: Any, key: bytes, channels_max: int, cps_max: int, boot_ms: int) -> bytes | None:
    """The record, in `peer`, of a trunk, device, gateway or number with one call more; None: its channels and calls a
    second leave no room for it. 0: any number.
    """
    channels, clock_us = layout.unpack_usage(txn.get(key, db=dbs.peer))
    if channels_max and channels >= channels_max:
        return None
    after_us = next_rate_clock_us(clock_us, cps_max, boot_ms) if cps_max else clock_us
    return None if after_us is None else layout.pack_usage(channels + 1, after_us)


def release_channels(dbs: Databases, txn: Any, of: Iterable[tuple[bytes, int]]) -> None:
    """One call less on each of these. A number of 0: none."""
    for kind, number in of:
        if number:
            key = kind + number.to_bytes(4, "big")
            channels, rate_clock_us = layout.unpack_usage(txn.get(key, db=dbs.peer))
            txn.put(key, layout.pack_usage(max(0, channels - 1), rate_clock_us), db=dbs.peer)
