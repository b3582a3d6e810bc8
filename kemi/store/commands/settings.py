"""Commands about what holds for calls: plans, rates, translations, special numbers, settings."""

from __future__ import annotations

from kemi.clock import Now
from kemi.store import (
    layout,
)
from kemi.store.change import Change
from kemi.store.commands.command import Actions, Command
from kemi.store.layout import TAXES
from kemi.store.specials import special_of
from kemi.store.translate import bound_of
from ratebook.exchange import Exchange
from ratebook.tax import Taxes


def _plan(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.kind_key(b"p", command["id"]), command)


def _tariff(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.kind_key(b"r", command["id"]), command)


def _groups(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.GROUPS_KEY, command)


def _exchange(change: Change, command: Command, _now: Now) -> None:
    exchange = Exchange.from_record(command)
    change.txn.put(layout.EXCHANGE_KEY, layout.pack_json(exchange.to_record()), db=change.store.config)
    change.reconfigured()


def _taxes(change: Change, command: Command, _now: Now) -> None:
    """Of an account itself, or of a seller, whose flag says that its customers are to be looked up."""
    number, own, courses = command["account"], command["own"], command["courses"]
    key = layout.taxes_key(number, own=own)
    if courses is None:
        change.txn.delete(key, db=change.store.config)
    else:
        record = Taxes.from_record(courses).to_record()
        change.txn.put(key, layout.pack_json(record), db=change.store.config)
    if not own:
        account = change.account(number)
        flags = account.flags & ~TAXES if courses is None else account.flags | TAXES
        change.put_account(account._replace(flags=flags))
    change.reconfigured()


def _translation(change: Change, command: Command, _now: Now) -> None:
    bound_of(command)  # a fault is one of this command, not of a call
    _configure(change, layout.rule_key(command["account"], command["id"]), command)


def _translation_gone(change: Change, command: Command, _now: Now) -> None:
    change.txn.delete(layout.rule_key(command["account"], command["id"]), db=change.store.config)
    change.reconfigured()


def _special(change: Change, command: Command, _now: Now) -> None:
    special_of(command)  # a fault is one of this command, not of a call
    _configure(change, layout.kind_key(b"s", command["id"]), command)


def _special_gone(change: Change, command: Command, _now: Now) -> None:
    change.txn.delete(layout.kind_key(b"s", command["id"]), db=change.store.config)
    change.reconfigured()


def _product(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.kind_key(b"k", command["id"]), command)


def _ranges(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.RANGES_KEY, command)


def _portings(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.PORTINGS_KEY, command)


def _settings(change: Change, command: Command, _now: Now) -> None:
    known = layout.Settings._fields
    body = {name: value for name, value in command.items() if name in known}
    change.txn.put(b"settings", layout.pack_json(body), db=change.store.meta)
    change.reconfigured()


def _configure(change: Change, key: bytes, command: Command) -> None:
    """Keeps a command's fields as the record; what only the way here needed is left out."""
    body = {name: value for name, value in command.items() if name not in {"n", "epoch", "do"}}
    change.txn.put(key, layout.pack_json(body), db=change.store.config)
    change.reconfigured()


ACTIONS: Actions = {
    "plan": _plan,
    "translation": _translation,
    "translation_gone": _translation_gone,
    "tariff": _tariff,
    "groups": _groups,
    "exchange": _exchange,
    "taxes": _taxes,
    "special": _special,
    "special_gone": _special_gone,
    "product": _product,
    "ranges": _ranges,
    "settings": _settings,
    "portings": _portings,
}
