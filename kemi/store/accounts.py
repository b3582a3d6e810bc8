"""Accounts in the store: their path, their money and their limits. Works inside a transaction of the caller."""

from __future__ import annotations

from typing import Any

from kemi.store import layout
from kemi.store.environment import Databases
from kemi.store.layout import Account, Usage

ROOT_ID = 1
"""The operator."""
DEPTH_MAX = 64
"""Levels of the tree. A longer path is a circle."""

SECOND_US = 1_000_000


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
        account = layout.unpack_account(account_id, raw)
        path.append(account)
        if len(path) > DEPTH_MAX:
            raise BrokenPath(account_id, f"has more than {DEPTH_MAX} ancestors")
        account_id = account.parent
    return path


def put_taken(dbs: Databases, txn: Any, account: Account, held: int, rate_clock_us: int) -> None:
    """Writes an account with one channel and so many held micro-units more."""
    number, flags, parent, tariff, balance, limit, before, channels_max, channels, cps_max, _, currency = account
    raw = layout.pack_fields(
        flags,
        parent,
        tariff,
        balance,
        limit,
        before + held,
        channels_max,
        channels + 1,
        cps_max,
        rate_clock_us,
        currency,
    )
    txn.put(number.to_bytes(4, "big"), raw, db=dbs.account)


def move(dbs: Databases, txn: Any, account_id: int, channels: int, held: int, balance: int) -> None:
    """Adds to what an account has in use, on hold and in balance."""
    raw = txn.get(account_id.to_bytes(4, "big"), db=dbs.account)
    account = layout.placeholder(account_id) if raw is None else layout.unpack_account(account_id, raw)
    put_moved(dbs, txn, account, channels, held, balance)


def put_moved(dbs: Databases, txn: Any, account: Account, channels: int, held: int, balance: int) -> None:
    """Writes an account, as it stands in this transaction, with what is added."""
    number, flags, parent, tariff, before, limit, on_hold, channels_max, in_use, cps_max, clock, currency = account
    in_use = max(0, in_use + channels)
    raw = layout.pack_fields(
        flags, parent, tariff, before + balance, limit, on_hold + held, channels_max, in_use, cps_max, clock, currency
    )
    txn.put(number.to_bytes(4, "big"), raw, db=dbs.account)


def takes_channel(channels: int, channels_max: int) -> bool:
    """Whether one more call fits. `channels_max` 0: always."""
    return not channels_max or channels < channels_max


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


def release_channel(dbs: Databases, txn: Any, kind: bytes, number: int) -> None:
    """One call less on a trunk or gateway. `number` 0: none."""
    if number:
        key = kind + number.to_bytes(4, "big")
        channels, rate_clock_us = layout.unpack_usage(txn.get(key, db=dbs.peer))
        txn.put(key, layout.pack_usage(max(0, channels - 1), rate_clock_us), db=dbs.peer)
