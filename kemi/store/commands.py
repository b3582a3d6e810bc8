"""Commands of the ledger, applied to the store: one function each, in the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kemi.clock import Now
from kemi.store import (
    accounts,
    aside,
    bans,
    devices,
    exposure,
    health,
    layout,
    limits,
    locations,
    numbers,
    packages,
    portings,
)
from kemi.store.change import Change
from kemi.store.layout import CHARGED, CLOSED, KNOWN, PACKAGED, PREPAID, SUSPENDED, TAXES
from kemi.store.rules import pack_written, written_of
from kemi.store.specials import special_of
from kemi.store.translate import bound_of
from kemi.store.trunks import (
    Trunk,
    gateway_of_command,
    pack_peer,
    trunk_by_id,
    trunk_of_command,
    unpack_gateway,
    ways_of,
    with_shape,
)
from ratebook.exchange import Exchange
from ratebook.tax import Taxes

Command = dict[str, Any]


class UnknownCommand(Exception):
    """The service asks for something that this release can't do."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            f"command {command.get('n')}: unknown {command.get('do')!r}: service and call path are of different "
            "releases; upgrade both and restart Kamailio"
        )


def apply(change: Change, command: Command, now: Now) -> None:
    """Does one command and notes its number. Raises UnknownCommand, and nothing of it is done then."""
    action = _ACTIONS.get(command["do"])
    if action is None:
        raise UnknownCommand(command)
    action(change, command, now)
    note_applied(change, command["n"])


def note_applied(change: Change, number: int) -> None:
    """Notes a number as done, also that of a command which is passed over."""
    change.applied_command = number


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


def _trunk(change: Change, command: Command, _now: Now) -> None:
    trunk = trunk_of_command(command)
    _forget_ways(change, trunk.id)
    change.txn.put(layout.kind_key(b"t", trunk.id), pack_peer(trunk), db=change.store.config)
    before = shapes = change.txn.get(b"shapes", b"", db=change.store.meta)
    for shape, key in ways_of(trunk):
        change.txn.put(key, trunk.id.to_bytes(4, "big"), db=change.store.network)
        shapes = with_shape(shapes, shape)
    if shapes != before:
        change.txn.put(b"shapes", shapes, db=change.store.meta)
        change.reconfigured()


def _forget_ways(change: Change, number: int) -> Trunk | None:
    """Nobody arrives by a trunk any longer; the trunk as it was."""
    before = trunk_by_id(change.store.config, change.txn, number)
    for _, key in ways_of(before) if before is not None else ():
        if int.from_bytes(change.txn.get(key, b"", db=change.store.network), "big") == number:
            change.txn.delete(key, db=change.store.network)
    return before


def _trunk_gone(change: Change, command: Command, _now: Now) -> None:
    before = _forget_ways(change, command["id"])
    if before is not None:
        _gone(change, b"t", before.id, pack_peer(before._replace(state="closed")))


def _gone(change: Change, kind: bytes, number: int, closed: bytes) -> None:
    """The record stays, `closed`, while calls run: what they may send, a BYE above all, is known by its networks."""
    key = layout.kind_key(kind, number)
    if accounts.usage_of(change.store, change.txn, kind, number).channels:
        change.txn.put(key, closed, db=change.store.config)
    else:
        change.txn.delete(key, db=change.store.config)


def _gateway(change: Change, command: Command, _now: Now) -> None:
    gateway = gateway_of_command(command)
    health.forget(change, gateway.id)
    change.txn.put(layout.kind_key(b"g", gateway.id), pack_peer(gateway), db=change.store.config)
    change.reconfigured()


def _gateway_gone(change: Change, command: Command, _now: Now) -> None:
    raw = change.txn.get(layout.kind_key(b"g", command["id"]), db=change.store.config)
    if raw is not None:
        _gone(change, b"g", command["id"], pack_peer(unpack_gateway(raw)._replace(is_active=False)))
        health.forget(change, command["id"])
        change.reconfigured()


def _device(change: Change, command: Command, _now: Now) -> None:
    device = devices.device_of_command(command)
    change.txn.put(layout.kind_key(b"d", device.id), devices.pack_device(device), db=change.store.config)
    change.txn.put(devices.name_key(device.username), device.id.to_bytes(4, "big"), db=change.store.config)
    if device.state != "active":
        locations.forget_device(change.store, change.txn, device.id)


def _device_gone(change: Change, command: Command, _now: Now) -> None:
    """As of a trunk, the record stays while calls run, though nobody can sign in by it."""
    device = devices.device_by_id(change.store.config, change.txn, command["id"])
    if device is None:
        return
    change.txn.delete(devices.name_key(device.username), db=change.store.config)
    locations.forget_device(change.store, change.txn, device.id)
    _gone(change, b"d", device.id, devices.pack_device(device._replace(state="closed")))


def _number(change: Change, command: Command, _now: Now) -> None:
    number = numbers.number_of_command(command)
    store, txn = change.store, change.txn
    txn.put(layout.kind_key(b"n", number.id), numbers.pack_number(number), db=store.config)
    txn.put(numbers.digits_key(number.digits), number.id.to_bytes(4, "big"), db=store.config)
    if txn.get(b"numbers", db=store.meta) is None:
        txn.put(b"numbers", b"1", db=store.meta)
        change.reconfigured()


def _number_gone(change: Change, command: Command, _now: Now) -> None:
    """Its running calls go on."""
    number = numbers.number_by_id(change.store.config, change.txn, command["id"])
    if number is not None:
        change.txn.delete(layout.kind_key(b"n", number.id), db=change.store.config)
        change.txn.delete(numbers.digits_key(number.digits), db=change.store.config)


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


def _configure(change: Change, key: bytes, command: Command) -> None:
    """Keeps a command's fields as the record; what only the way here needed is left out."""
    body = {name: value for name, value in command.items() if name not in {"n", "epoch", "do"}}
    change.txn.put(key, layout.pack_json(body), db=change.store.config)
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


def _ranges(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.RANGES_KEY, command)


def _limit_reset(change: Change, command: Command, _now: Now) -> None:
    limits.reset(change, command["account"], command["rule"])


def _met(change: Change, command: Command, _now: Now) -> None:
    """Destinations that the ledger knows an account or trunk to have called."""
    kind = limits.TRUNK if command["trunk"] else limits.ACCOUNT
    for destination in command["destinations"]:
        limits.meet(change, kind, command["trunk"] or command["account"], destination, answered=True)


def _settings(change: Change, command: Command, _now: Now) -> None:
    known = layout.Settings._fields
    body = {name: value for name, value in command.items() if name in known}
    change.txn.put(b"settings", layout.pack_json(body), db=change.store.meta)
    change.reconfigured()


def _cut(change: Change, command: Command, now: Now) -> None:
    call = change.call(bytes.fromhex(command["call"]))
    if call is not None:
        change.move_call(call._replace(cut_by=command.get("by") or "operator", due_ms=now.boot_ms), call.due_ms)


def _ban(change: Change, command: Command, _now: Now) -> None:
    bans.impose(change, bans.Ban(command["network"], command["why"], command["until_ms"]))


def _lift(change: Change, command: Command, _now: Now) -> None:
    bans.lift(change, command["network"])


def _ported(change: Change, command: Command, now: Now) -> None:
    portings.learn(change, command["number"], command["routing"], command["ttl_s"], now)


def _portings(change: Change, command: Command, _now: Now) -> None:
    _configure(change, layout.PORTINGS_KEY, command)


def _ready(change: Change, _command: Command, _now: Now) -> None:
    change.txn.put(b"ready", b"1", db=change.store.meta)


_ACTIONS: dict[str, Callable[[Change, Command, Now], None]] = {
    "account": _account,
    "credit": _credit,
    "set_aside": _set_aside,
    "take": _take,
    "let_go": _let_go,
    "trunk": _trunk,
    "trunk_gone": _trunk_gone,
    "device": _device,
    "device_gone": _device_gone,
    "number": _number,
    "number_gone": _number_gone,
    "gateway": _gateway,
    "gateway_gone": _gateway_gone,
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
    "package": _package,
    "package_gone": _package_gone,
    "precautions": _precautions,
    "ranges": _ranges,
    "limit_reset": _limit_reset,
    "met": _met,
    "settings": _settings,
    "cut": _cut,
    "ban": _ban,
    "lift": _lift,
    "ported": _ported,
    "portings": _portings,
    "ready": _ready,
}
