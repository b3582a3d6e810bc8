"""From where the two sides of a running call may speak."""

from __future__ import annotations

from typing import Any

from kemi.joined import first_of
from kemi.nat import address_of
from kemi.store.calls import RunningCall
from kemi.store.configuration import Configuration
from kemi.store.devices import device_by_id
from kemi.store.environment import HotStore
from kemi.store.locations import stored_locations
from kemi.store.networks import Network, lies_in, parse_network
from kemi.store.numbers import TO_DEVICE, TO_TRUNK
from kemi.store.origins import Origin
from kemi.store.trunks import trunk_by_id

TLS = "tls:"
"""What the sockets begin with by which certificates come."""


def networks_of_side(
    store: HotStore, txn: Any, running: RunningCall, side: str, known: Configuration | None = None
) -> tuple[Network, ...]:
    """The networks of the trunk or gateway that the side is, or the addresses of the device."""
    if side == "caller":
        running = first_of(store, txn, running)
        if running.device:
            return _addresses(store, txn, running.device, running.caller_ip)
        return (
            _of_gateway(known or store.configuration(txn), txn, running.entrance)
            if running.entrance
            else _of_trunk(store, txn, running.trunk)
        )
    if not running.hops:
        return _of_gateway(known or store.configuration(txn), txn, running.gateway)
    hop = running.hops[0]
    if hop.kind == TO_TRUNK:  # called, it counts no call: it may be gone while this one runs
        return (*_of_trunk(store, txn, hop.id), parse_network(hop.ip))
    return _addresses(store, txn, hop.id if hop.kind == TO_DEVICE else 0, hop.ip)


def may_speak(store: HotStore, txn: Any, running: RunningCall, side: str, ip: str, proven: tuple[str, ...]) -> bool:
    """Whether a message of this address is the side's. Who called by a certificate speaks by it, from any address that
    its trunk may have. `proven`: whom the sender's certificate names.
    """
    if side == "caller" and running.joined:
        running = first_of(store, txn, running)
    if side == "caller" and running.trunk:
        trunk = trunk_by_id(store.config, txn, running.trunk)
        if trunk is None:
            return False
        if trunk.certificate:
            return trunk.certificate in proven and (not trunk.networks or lies_in(ip, trunk.networks))
        return lies_in(ip, trunk.networks)
    return lies_in(ip, networks_of_side(store, txn, running, side))


def may_hang_up(store: HotStore, txn: Any, running: RunningCall, side: str, ip: str, proven: tuple[str, ...]) -> bool:
    """Whether a BYE of this address is the side's, though what it is of has other addresses by now, or is gone: it
    comes from where requests to it go. Else nobody could end the call, which is paid for. `proven`: as of `may_speak`;
    where a trunk asks for a certificate, one must be shown, if another one than it asks for by now. Not of a call that
    began without TLS, and so without any.
    """
    if side == "caller":
        running = first_of(store, txn, running)
        trunk = trunk_by_id(store.config, txn, running.trunk) if running.trunk else None
        if trunk is not None and trunk.certificate and not proven and running.caller_leg.socket.startswith(TLS):
            return False
    leg = running.caller_leg if side == "caller" else running.callee_leg
    return leg is not None and address_of((leg.route_set or (leg.contact,))[0]) == ip


def party_of(store: HotStore, txn: Any, running: RunningCall, side: str) -> Origin | None:
    """The trunk or device of ours that a side is; None: it is a gateway, somebody's URI, or gone."""
    if side == "caller":
        running = first_of(store, txn, running)
        trunk, device = running.trunk, running.device
    else:
        hop = running.hops[0] if running.hops else None
        trunk = hop.id if hop is not None and hop.kind == TO_TRUNK else 0
        device = hop.id if hop is not None and hop.kind == TO_DEVICE else 0
    return device_by_id(store.config, txn, device) if device else trunk_by_id(store.config, txn, trunk)


def is_device(store: HotStore, running: RunningCall, side: str) -> bool:
    """Whether a side is a device: it may stand behind a NAT."""
    if running.joined and side == "caller":
        with store.read() as txn:
            running = first_of(store, txn, running)
    return bool(running.device) if side == "caller" else bool(running.hops) and running.hops[0].kind == TO_DEVICE


def _of_trunk(store: HotStore, txn: Any, number: int) -> tuple[Network, ...]:
    trunk = trunk_by_id(store.config, txn, number)
    return trunk.networks if trunk else ()


def _of_gateway(configuration: Configuration, txn: Any, number: int) -> tuple[Network, ...]:
    gateway = configuration.gateway(txn, number)
    return gateway.networks if gateway else ()


def _addresses(store: HotStore, txn: Any, device: int, ip: str) -> tuple[Network, ...]:
    """The address of the leg, and where the device is registered now: telephones move."""
    ips = [one.ip for one in stored_locations(store, txn, device)] if device else []
    return tuple([parse_network(one) for one in (ip, *ips)])
