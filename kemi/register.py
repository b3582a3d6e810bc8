"""The registrar: what a device's REGISTER changes, in one transaction (RFC 3261 10.3)."""

from __future__ import annotations

from typing import Any, NamedTuple

from kemi.clock import Now
from kemi.contacts import Binding, Contact
from kemi.guards import BAD_REQUEST, FORBIDDEN, Answer
from kemi.identify import Source
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms
from kemi.store import accounts, layout, locations, queues
from kemi.store.change import Change
from kemi.store.devices import Device
from kemi.store.locations import Location

AGENT_MAX = 100
"""Characters of what a device calls itself."""
PING_EACH_MS = 25_000
"""A NAT forgets UDP after 30 s of silence."""

TOO_BRIEF = Answer(423, "Interval Too Brief")
TOO_MANY = Answer(403, "Too many contacts")
OUT_OF_ORDER = Answer(500, "CSeq out of order")
INACTIVE = Answer(403, "Device inactive")


class Registration(NamedTuple):
    """What a REGISTER of a device that proved itself says."""

    user: str
    """Of the To URI: whom it registers."""
    call_id: str
    cseq: int
    binding: Binding
    expires_s: int | None
    """Of the Expires header; None: it says nothing."""
    agent: str
    source: Source
    socket: str


def register(rooms: Rooms, device: Device, asked: Registration, now: Now) -> list[Location] | Answer:
    """Where the device is registered afterwards, or why nothing was changed."""
    if asked.user != device.username:
        return FORBIDDEN
    if device.state != "active" or not _is_account_active(rooms, device.account):
        return INACTIVE
    if asked.binding.is_star and asked.expires_s != 0:
        return BAD_REQUEST
    store = rooms.store
    with Change(store) as change:
        here = locations.locations_of(store, change.txn, device.id, now.boot_ms)
        answer = _clear(change, here, asked, now) if asked.binding.is_star else _bind(change, device, here, asked, now)
        return answer or locations.locations_of(store, change.txn, device.id, now.boot_ms)


def _is_account_active(rooms: Rooms, account: int) -> bool:
    store = rooms.store
    try:
        with store.read() as txn:
            return all(one.is_active for one in accounts.path_of(store, txn, account))
    except accounts.BrokenPath:
        return False


def _clear(change: Change, here: list[Location], asked: Registration, now: Now) -> Answer | None:
    if any(_is_late(one, asked) for one in here):
        return OUT_OF_ORDER
    for one in here:
        _forget(change, one, now)
    return None


def _is_late(stored: Location, asked: Registration) -> bool:
    """Whether a request of the same sequence came before it (RFC 3261 10.3 step 7)."""
    return stored.call_id == asked.call_id and asked.cseq <= stored.cseq


def _bind(change: Change, device: Device, here: list[Location], asked: Registration, now: Now) -> Answer | None:
    """All of the contacts or none. A place that is registered anew, under another contact, takes the older one's."""
    settings = change.configuration.settings(change.txn)
    by_contact = {one.contact: one for one in here}
    terms = [(one, _expires_s(one, asked, settings)) for one in asked.binding.contacts]
    if any(0 < expires_s < settings.register_min_s for _, expires_s in terms):
        return TOO_BRIEF
    if any(_is_late(by_contact[contact.uri], asked) for contact, _ in terms if contact.uri in by_contact):
        return OUT_OF_ORDER
    after = _after(device, by_contact, terms, asked, now)
    if len(after) > max(device.contacts_max, len(here)):
        return TOO_MANY
    if _is_full(change) and not after.keys() <= by_contact.keys():
        return Answer(*UNAVAILABLE)
    _write(change, by_contact, after, now)
    return None


def _after(
    device: Device, here: dict[str, Location], terms: list[tuple[Contact, int]], asked: Registration, now: Now
) -> dict[str, Location]:
    """Where the device is when each contact is taken for its seconds; 0: it goes."""
    after = dict(here)
    for contact, expires_s in terms:
        before = after.pop(contact.uri, None)
        if expires_s:
            after = {uri: one for uri, one in after.items() if not _is_same_place(one, asked)}
            after[contact.uri] = _location(device, contact, expires_s, before, asked, now)
    return after


def _expires_s(contact: Contact, asked: Registration, settings: layout.Settings) -> int:
    own_s = contact.expires_s if contact.expires_s is not None else asked.expires_s
    return settings.register_max_s if own_s is None else min(own_s, settings.register_max_s)


def _is_same_place(one: Location, asked: Registration) -> bool:
    """A telephone that began anew gives another contact from the port that it had."""
    return (one.ip, one.port, one.transport) == asked.source and one.call_id != asked.call_id


def _location(
    device: Device, contact: Contact, expires_s: int, before: Location | None, asked: Registration, now: Now
) -> Location:
    return Location(
        device.id,
        contact.uri,
        *asked.source,
        socket=asked.socket,
        q=contact.q,
        call_id=asked.call_id,
        cseq=asked.cseq,
        agent=asked.agent[:AGENT_MAX],
        since_wall_ms=now.wall_ms if before is None else before.since_wall_ms,
        until_wall_ms=now.wall_ms + expires_s * 1000,
        until_boot_ms=now.boot_ms + expires_s * 1000,
        ping_boot_ms=now.boot_ms + PING_EACH_MS if before is None else before.ping_boot_ms,
    )


def _is_full(change: Change) -> bool:
    used = change.txn.stat(change.store.location)["entries"] * locations.BYTES_PER_LOCATION
    return bool(used >= change.store.devices_bytes)


def _write(change: Change, before: dict[str, Location], after: dict[str, Location], now: Now) -> None:
    for uri in before.keys() - after.keys():
        _forget(change, before[uri], now)
    for uri, one in after.items():
        if one is not before.get(uri):
            change.put_location(one)
            _journal(change, queues.REGISTERED, {"location": locations.to_journal(one)}, now)


def _forget(change: Change, one: Location, now: Now) -> None:
    change.txn.delete(one.key, db=change.store.location)
    _journal(change, queues.UNREGISTERED, {"device": one.device, "contact": one.contact}, now)


def _journal(change: Change, kind: str, payload: dict[str, Any], now: Now) -> None:
    """For the store that begins after a reboot; where there is no room for it, telephones register anew then."""
    if not change.is_nearly_full():
        change.event(kind, now, payload)
