"""Money that an operation of the ledger (a refund, a transfer) has set aside: held like a call's, until it is taken.

What is set aside is an account's own money, of a fee also its credit, and never what calls hold. Works inside a
transaction of the caller.
"""

from __future__ import annotations

from kemi.clock import Now
from kemi.store import queues
from kemi.store.change import Change
from kemi.store.layout import KNOWN, pack_aside, unpack_aside


def key_of(operation: int) -> bytes:
    """The key of an operation."""
    return operation.to_bytes(8, "big")


def set_aside(change: Change, operation: int, account_id: int, micros: int, now: Now, *, credit: bool = False) -> None:
    """Holds the amount if the account has it free, its credit counted or not; the event says whether, and what was
    free before.
    """
    account = change.account(account_id)
    free = account.available if credit else account.balance - account.held
    done = bool(account.flags & KNOWN) and micros <= free
    if done:
        change.put_account(account._replace(held=account.held + micros))
        change.txn.put(key_of(operation), pack_aside(account_id, micros), db=change.store.aside)
    change.event(queues.SET_ASIDE, now, {"operation": operation, "account": account_id, "done": done, "free": free})


def take(change: Change, operation: int) -> None:
    """What was set aside leaves the account's balance. Of an operation that has nothing aside: nothing."""
    _release(change, operation, taken=True)


def let_go(change: Change, operation: int) -> None:
    """What was set aside is the account's again."""
    _release(change, operation, taken=False)


def _release(change: Change, operation: int, *, taken: bool) -> None:
    raw = change.txn.pop(key_of(operation), db=change.store.aside)
    if raw is None:
        return
    aside = unpack_aside(raw)
    account = change.account(aside.account)
    balance = account.balance - (aside.micros if taken else 0)
    change.put_account(account._replace(held=account.held - aside.micros, balance=balance))
