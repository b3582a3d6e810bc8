"""Transfers: whom of ours a REFER may send where (RFC 3515), and who may take a call over (RFC 3891).

A proxy makes no leg of its own for either. A REFER goes to a trunk or device of ours, whose INVITE then comes in here
and is identified, held and charged as any other one; it names a number at us, in our words. What a gateway is told to
call would be a leg that nobody pays, so that none ever gets one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from kemi.clock import Now
from kemi.destination import namesake
from kemi.guards import FORBIDDEN, NOT_ALLOWED, Answer
from kemi.invitation import CALL_ID_MAX, TAG_MAX, is_within_limit
from kemi.numbers import normalise
from kemi.onward import hops_of_device
from kemi.rooms import Rooms
from kemi.running import with_tags
from kemi.sides import party_of
from kemi.store import accounts
from kemi.store.calls import Hop, RunningCall
from kemi.store.devices import Device
from kemi.store.environment import HotStore
from kemi.store.origins import Origin, device_of, trunk_of
from kemi.store.translate import CALLED

OFF, OWN, ANYONE = "off", "account", "anyone"
"""What a trunk or device has to do with transfers: nothing; inside its account; with everybody who may."""
NOT_HERE = Answer(403, "Refer-To must name a number here")

_URI = re.compile(
    r"sips?:([^@;?\s]{1,64})@([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(;[^?<>\s]*)?(?:\?([^<>\s]*))?"
)
_TEL = re.compile(r"tel:([^;?\s]{1,64})(?:;\S*)?")
_REPLACES = re.compile(r"([^;,\s]+)((?:\s*;\s*[^;,\s]+)+)")


class Replaces(NamedTuple):
    """The dialog that an INVITE is to take over, as whoever gets it knows it."""

    call_id: str
    to_tag: str
    """Of who gets the INVITE."""
    from_tag: str

    def __str__(self) -> str:
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"


class Aim(NamedTuple):
    """Where a Refer-To leads."""

    user: str
    host: str
    """`host:port`, or the host alone; empty: a telephone number without one (RFC 3966)."""
    replaces: Replaces | None


def parse_aim(uri: str) -> Aim | None:
    """The aim of a Refer-To's URI, or of a Contact's of a redirection; None: it is none that can be called here, so one
    with another method, or with another header than Replaces.
    """
    tel = _TEL.fullmatch(uri)
    if tel is not None:
        return Aim(re.sub(r"[-.()]", "", tel[1]), "", None)
    match = _URI.fullmatch(uri)
    if match is None or "method=" in (match[4] or "").lower():
        return None
    user, host, port, _, headers = match.groups()
    replaces = None
    if headers:
        name, _, value = headers.partition("=")
        replaces = parse_replaces(unquote(value)) if name.lower() == "replaces" and "&" not in headers else None
        if replaces is None:
            return None
    return Aim(unquote(user), f"{host}:{port}" if port else host, replaces)


def parse_replaces(body: str) -> Replaces | None:
    """A Replaces header (RFC 3891 6.1); None: it is none."""
    match = _REPLACES.fullmatch(body.strip())
    if match is None:
        return None
    pairs = [part.strip().partition("=") for part in match[2].split(";") if part.strip()]
    values = {name.strip().lower(): value.strip() for name, _, value in pairs}
    found = Replaces(match[1], values.get("to-tag", ""), values.get("from-tag", ""))
    is_whole = all(map(is_within_limit, found, (CALL_ID_MAX, TAG_MAX, TAG_MAX)))
    is_known = len(values) == len(pairs) and values.keys() <= {"to-tag", "from-tag"}
    return found if is_whole and is_known else None


def referred(
    rooms: Rooms, running: RunningCall, side: str, uris: tuple[str, ...], is_own: Callable[[str], bool]
) -> str | Answer:
    """The Refer-To that the other side of a call gets, or why it gets none. `is_own`: whether a URI is our socket's."""
    store = rooms.store
    with store.read() as txn:
        sender = party_of(store, txn, running, side)
        if sender is None or sender.transfers == OFF:
            return NOT_ALLOWED
        other = party_of(store, txn, running, "callee" if side == "caller" else "caller")
        if other is None or not _may_reach(sender, other):
            return FORBIDDEN
        aim = parse_aim(uris[0]) if len(uris) == 1 else None
        places = places_of(store, txn)
        if aim is None or not is_here(aim, places, is_own):
            return NOT_HERE
        user = _user_for(store, txn, sender, other, aim.user)
    if user is None:
        return NOT_HERE
    leg = running.callee_leg if side == "caller" else running.caller_leg
    assert leg is not None, "an answered call has a callee"
    host = aim.host if places.has(aim.host) else _host_of(leg.socket)
    headers = f"?Replaces={quote(str(aim.replaces), safe='')}" if aim.replaces else ""
    return f"sip:{user}@{host}{headers}"


class Places(NamedTuple):
    """Where devices find us by name."""

    realm: str
    ports: frozenset[str]
    """On which Kamailio listens."""

    def has(self, host: str) -> bool:
        """Whether a host, with a port or without, is our name. On another port somebody else may listen."""
        name, _, port = host.partition(":")
        return name.lower() == self.realm.lower() and (not port or port in self.ports)


def places_of(store: HotStore, txn: Any) -> Places:
    """As the configuration and Kamailio have it now."""
    sockets = txn.get(b"sockets", b"", db=store.meta).decode().split()
    ports = frozenset([socket.rpartition(":")[2] for socket in sockets])
    return Places(store.configuration(txn).settings(txn).realm, ports)


def is_here(aim: Aim, places: Places, is_own: Callable[[str], bool]) -> bool:
    """Whether an aim is a place of ours: one of our sockets, or the name by which devices know us."""
    return not aim.host or places.has(aim.host) or is_own(f"sip:{aim.host}")


def _may_reach(sender: Origin, other: Origin) -> bool:
    """Who is sent somewhere pays for the call, so that it says who may send it."""
    if other.state != "active" or sender.state != "active" or OFF in {sender.transfers, other.transfers}:
        return False
    return sender.account == other.account or sender.transfers == other.transfers == ANYONE


def _user_for(store: Any, txn: Any, sender: Origin, other: Origin, user: str) -> str | None:
    """Whom the sender means, as the other one dials it; None: nobody here."""
    translations = store.configuration(txn).translations(txn, sender.account)
    number = normalise(sender, user, translations.of_trunk(trunk_of(sender), CALLED))
    if number is not None:
        return f"{other.tech_prefix}+{number}"
    if device_of(sender) is None or device_of(other) is None:
        return None
    return user if namesake(store, txn, accounts.path_of(store, txn, sender.account), user) is not None else None


def _host_of(socket: str) -> str:
    """One of our sockets, `udp:host:port`, as a URI has it."""
    transport, _, place = socket.partition(":")
    return place if transport == "udp" else f"{place};transport={transport}"


def taken_over(rooms: Rooms, device: Device, body: str, now: Now) -> Hop | None:
    """Where the INVITE of a device goes that is to take over a call: to the device of its account that is in it. None:
    it may not, or there is no such call.
    """
    replaces = parse_replaces(body)
    if replaces is None or device.transfers == OFF:
        return None
    store = rooms.store
    with store.read() as txn:
        running = with_tags(store, txn, replaces.call_id, {replaces.to_tag, replaces.from_tag})
        if running is None:
            return None
        is_caller = replaces.to_tag == running.caller_leg.tag
        other = party_of(store, txn, running, "caller" if is_caller else "callee")
        leg = running.caller_leg if is_caller else running.callee_leg
        if not isinstance(other, Device) or leg is None or other.account != device.account:
            return None
        if not _may_reach(device, other):
            return None
        hops = hops_of_device(store, txn, other.id, now)
    called = None if is_caller else running.hops[0]
    ip = called.ip if called else running.caller_ip
    here = [hop for hop in hops if hop == called or hop.uri == leg.contact]
    return next(iter(here or [hop for hop in hops if hop.ip == ip]), None)
