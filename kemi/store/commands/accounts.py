"""Commands about an account: its state, money, packages and precautions."""

from __future__ import annotations

from kemi.clock import Now
from kemi.store import (
    aside,
    exposure,
    layout,
    limits,
    packages,
)
from kemi.store.change import Change
from kemi.store.commands.command import Actions, Command
from kemi.store.layout import CHARGED, CLOSED, KNOWN, PACKAGED, PREPAID, SUSPENDED, TAXES
from kemi.store.rules import pack_written, written_of

_STATES = {"active": 0, "suspended": SUSPENDED, "closed": CLOSED}


def _account(change: Change, command: Command, now: Now) -> None:
    flags = KNOWN | _STATES[command["state"]]
    flags |= CHARGED if command["charged"] else 0
    flags |= PREPAID if command["prepaid"] else 0
    before = change.account(command["id"])
    if not command["charged"] or before.flags & (KNOWN | CHARGED) == KNOWN:
        change.reconfigured()  # it may provide: what its gateways cost is kept as worked out
    flags |= before.flags & (PACKAGED | TAXES)
    if command["state"] != "active" and command["cut"] and (before.channels or before.held):
        change.txn.put(layout.due_key(now.boot_ms, b"s", layout.account_key(before.id)), b"", db=change.store.due)
    change.put_account(
        before._replace(
            flags=flags,
            parent=command["parent"],
            tariff=command["tariff"],
            credit_limit=command["credit_limit"],
            channels_max=command["channels"],
            cps_max=command["cps"],
            currency=command["currency"].encode("ascii"),
        )
    )
    exposure.configure(change, before.id, command.get("exposure_limit"))


def _credit(change: Change, command: Command, _now: Now) -> None:
    account = change.account(command["account"])
    change.put_account(account._replace(balance=account.balance + command["micros"]))


def _set_aside(change: Change, command: Command, now: Now) -> None:
    credit = command.get("credit", False)
    aside.set_aside(change, command["operation"], command["account"], command["micros"], now, credit=credit)


def _take(change: Change, command: Command, _now: Now) -> None:
    aside.take(change, command["operation"])


def _let_go(change: Change, command: Command, _now: Now) -> None:
    aside.let_go(change, command["operation"])


def _package(change: Change, command: Command, _now: Now) -> None:
    packages.configure(change, command)


def _package_gone(change: Change, command: Command, _now: Now) -> None:
    packages.forget(change, command["account"], command["id"])


def _precautions(change: Change, command: Command, _now: Now) -> None:
    """The whole of what an account has, its counters with it; one that has nothing left has no record."""
    account, after = command["account"], written_of(command)  # a fault is one of this command, not of a call
    key = layout.precautions_key(account)
    limits.configure(change, account, after.rules)
    if any(after):
        change.txn.put(key, pack_written(after), db=change.store.config)
        change.reconfigured()
    elif change.txn.delete(key, db=change.store.config):
        change.reconfigured()


def _limit_reset(change: Change, command: Command, _now: Now) -> None:
    limits.reset(change, command["account"], command["rule"])


def _met(change: Change, command: Command, _now: Now) -> None:
    """Destinations that the ledger knows an account or trunk to have called."""
    kind = limits.TRUNK if command["trunk"] else limits.ACCOUNT
    for destination in command["destinations"]:
        limits.meet(change, kind, command["trunk"] or command["account"], destination, answered=True)


ACTIONS: Actions = {
    "account": _account,
    "credit": _credit,
    "set_aside": _set_aside,
    "take": _take,
    "let_go": _let_go,
    "package": _package,
    "package_gone": _package_gone,
    "precautions": _precautions,
    "limit_reset": _limit_reset,
    "met": _met,
}
