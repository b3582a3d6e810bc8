"""Commands about whom calls come from and go to: trunks, gateways, devices, numbers."""

from __future__ import annotations

from kemi.clock import Now
from kemi.store import (
    accounts,
    devices,
    health,
    layout,
    locations,
    numbers,
)
from kemi.store.change import Change
from kemi.store.commands.command import Actions, Command
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


ACTIONS: Actions = {
    "trunk": _trunk,
    "trunk_gone": _trunk_gone,
    "device": _device,
    "device_gone": _device_gone,
    "number": _number,
    "number_gone": _number_gone,
    "gateway": _gateway,
    "gateway_gone": _gateway_gone,
}
