"""Accounts in the store: their path, their money and their limits. Works inside a transaction of the caller."""

from __future__ import annotations

from typing import Any

from kemi.store import layout
from kemi.store.environment import Databases
from kemi.store.layout import Account, Usage

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
    raw = txn.get(layout.account_key(account_id), db=dbs.account)
    return None if raw is None else layout.unpack_account(account_id, raw)


def get_or_placeholder(dbs: Databases, txn: Any, account_id: int) -> Account:
    """One account, if need be one that is known by its id only."""
    return get(dbs, txn, account_id) or layout.placeholder(account_id)


def put(dbs: Databases, txn: Any, account: Account) -> None:
    """Writes an account."""
    txn.put(layout.account_key(account.id), layout.pack_account(account), db=dbs.account)


def path_of(dbs: Databases, txn: Any, account_id: int) -> list[Account]:
    """The account and all its ancestors, upwards, the root last. Raises BrokenPath."""
    path: list[Account] = []
    while account_id:
        account = get(dbs, txn, account_id)
        if account is None:
            raise BrokenPath(account_id, "is not in the store")
        path.append(account)
        if len(path) > DEPTH_MAX:
            raise BrokenPath(account_id, f"has more than {DEPTH_MAX} ancestors")
        account_id = account.parent
    return path


def put_moved(
    dbs: Databases,
    txn: Any,
    account: Account,
    *,
    channels: int = 0,
    held: int = 0,
    balance: int = 0,
    rate_clock_us: int | None = None,
) -> None:
    """Writes an account with so many channels and micro-units more; packed at once, without another value between."""
    moved = (
        *account[1:4],
        account.balance + balance,
        account.credit_limit,
        account.held + held,
        account.channels_max,
        max(0, account.channels + channels),
        account.cps_max,
        account.rate_clock_us if rate_clock_us is None else rate_clock_us,
        account.currency,
    )
    txn.put(layout.account_key(account.id), layout.pack_fields(moved), db=dbs.account)


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
    return layout.unpack_usage(txn.get(layout.kind_key(kind, number), db=dbs.peer))


def put_usage(dbs: Databases, txn: Any, kind: bytes, number: int, usage: Usage) -> None:
    """Writes it back."""
    txn.put(layout.kind_key(kind, number), layout.pack_usage(usage), db=dbs.peer)


def release_channel(dbs: Databases, txn: Any, kind: bytes, number: int) -> None:
    """One call less on a trunk or gateway. `number` 0: none."""
    if number:
        usage = usage_of(dbs, txn, kind, number)
        put_usage(dbs, txn, kind, number, usage._replace(channels=max(0, usage.channels - 1)))
