"""Packages in the store: what is left of each grant of seconds or money, and what running calls hold of it.

A grant is what a package gives for one period. Works inside a transaction of the caller.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.change import Change
from kemi.store.environment import Databases
from kemi.store.layout import VERSION, UnknownVersion

MONEY = 1
"""It gives micro-units of the account's currency; without it seconds."""
FEES = 2
"""Calls that may take seconds of it pay neither connect fee nor minimum charge."""
KNOWN = 4
"""Its command has arrived. Without it the record only counts what calls hold that were carried over."""
GONE = 8
"""It is forgotten with the last call that holds something of it."""


class Stock(NamedTuple):
    """One grant."""

    account: int
    id: int
    flags: int
    product: int
    priority: int
    """The lower one is used first; of equal ones that which ends first. Money comes behind all seconds."""
    from_s: int
    until_s: int
    """Wall-clock seconds in which calls may take of it; the end is exclusive."""
    left: int
    """What was granted less what ended calls have taken. A correction may bring it below what is held."""
    held: int
    """By running calls."""

    @property
    def is_money(self) -> bool:
        """Whether it gives money, and not seconds."""
        return bool(self.flags & MONEY)

    @property
    def covers_fees(self) -> bool:
        """Whether connect fee and minimum charge are in it."""
        return bool(self.flags & FEES)

    def free(self, at_s: int) -> int:
        """What a new hold may take at a moment."""
        if self.flags & (KNOWN | GONE) != KNOWN or not self.from_s <= at_s < self.until_s:
            return 0
        return max(0, self.left - self.held)


_STOCK = struct.Struct("<BBxxIiqqqq")
_ID = struct.Struct(">IQ")
_new = tuple.__new__


def key_of(account_id: int, grant_id: int) -> bytes:
    """The key of a grant: those of an account stand together."""
    return _ID.pack(account_id, grant_id)


def _unpack(key: bytes, raw: bytes) -> Stock:
    version, *fields = _STOCK.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("package", version)
    return _new(Stock, (*_ID.unpack(key), *fields))


def _put(dbs: Databases, txn: Any, stock: Stock) -> None:
    txn.put(key_of(stock.account, stock.id), _STOCK.pack(VERSION, *stock[2:]), db=dbs.package)


def stock_of(dbs: Databases, txn: Any, account_id: int, grant_id: int) -> Stock:
    """One grant, if need be one that is known by its id only."""
    key = key_of(account_id, grant_id)
    raw = txn.get(key, db=dbs.package)
    return Stock(account_id, grant_id, 0, 0, 0, 0, 0, 0, 0) if raw is None else _unpack(key, raw)


def stocks_of(dbs: Databases, txn: Any, account_id: int) -> list[Stock]:
    """The grants of an account, in the order in which they are used."""
    first = key_of(account_id, 0)
    keys = []
    with txn.cursor(db=dbs.package) as cursor:
        there = cursor.set_range(first)
        while there and cursor.key()[:4] == first[:4]:
            keys.append(bytes(cursor.key()))
            there = cursor.next()
    found = [_unpack(key, txn.get(key, db=dbs.package)) for key in keys]  # what a rehearsal wrote no cursor sees
    return sorted(found, key=_order)


def _order(stock: Stock) -> tuple[bool, int, int, int]:
    return stock.is_money, stock.priority, stock.until_s, stock.id


def all_stocks(dbs: Databases, txn: Any) -> dict[int, Stock]:
    """Every grant that the store knows, by id."""
    rows = [_unpack(bytes(key), raw) for key, raw in txn.cursor(dbs.package)]
    return {stock.id: stock for stock in rows}


def move(change: Change, account_id: int, grant_id: int, held: int, left: int) -> None:
    """Adds to what is held of a grant and to what is left of it."""
    before = stock_of(change.store, change.txn, account_id, grant_id)
    after = before._replace(held=before.held + held, left=before.left + left)
    if after.flags & GONE and not after.held:
        change.txn.delete(key_of(account_id, grant_id), db=change.store.package)
    else:
        _put(change.store, change.txn, after)


def configure(change: Change, command: dict[str, Any]) -> None:
    """A grant begins, or is what it now is; `amount` is added to what is left of it."""
    before = stock_of(change.store, change.txn, command["account"], command["id"])
    flags = KNOWN | (MONEY if command["money"] else 0) | (FEES if command["fees"] else 0)
    after = before._replace(
        flags=flags,
        product=command["product"],
        priority=command["priority"],
        from_s=command["from_s"],
        until_s=command["until_s"],
        left=before.left + command["amount"],
    )
    _put(change.store, change.txn, after)
    _mark(change, command["account"], has_some=True)


def forget(change: Change, account_id: int, grant_id: int) -> None:
    """A grant is over; what running calls hold of it stays theirs."""
    before = stock_of(change.store, change.txn, account_id, grant_id)
    if before.held:
        _put(change.store, change.txn, before._replace(flags=before.flags | GONE))
        return
    change.txn.delete(key_of(account_id, grant_id), db=change.store.package)
    _mark(change, account_id, has_some=bool(stocks_of(change.store, change.txn, account_id)))


def _mark(change: Change, account_id: int, *, has_some: bool) -> None:
    """An account that has none costs a call no look."""
    account = change.account(account_id)
    flags = account.flags | layout.PACKAGED if has_some else account.flags & ~layout.PACKAGED
    if flags != account.flags:
        change.put_account(account._replace(flags=flags))
