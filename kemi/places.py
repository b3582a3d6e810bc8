"""Where devices are, as time goes by: places that run out, and ways through NATs that are kept open.

An OPTIONS goes to each place every 25 seconds: the telephone's answer is what keeps its NAT open. Nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kemi.clock import Now
from kemi.identify import Source
from kemi.messages import address
from kemi.nat import uri_of
from kemi.register import PING_EACH_MS
from kemi.rooms import Rooms
from kemi.store import layout, locations
from kemi.store.change import Change
from kemi.store.locations import Location

BRANCH = "z9hG4bKplace"
"""What the branches of these OPTIONS begin with."""

SendBy = Callable[[str, str, str], None]
"""Sends a message: our socket, destination URI and text."""


def forget(change: Change, key: bytes, now: Now) -> None:
    """Takes a place out whose time is over; one that was registered again meanwhile stays."""
    location = locations.location_by_key(change.store, change.txn, key)
    if location is not None and location.until_boot_ms <= now.boot_ms:
        change.txn.delete(key, db=change.store.location)


def visit(rooms: Rooms, entries: Sequence[tuple[int, bytes]], send_by: SendBy, now: Now) -> None:
    """Says OPTIONS to the places that are due, and notes when the next ones are. `entries`: boot time and key."""
    if not entries:
        return
    wanted = []
    with Change(rooms.store) as change:
        for due_ms, key in entries:
            change.txn.delete(layout.due_key(due_ms, b"k", key), db=change.store.due)
            location = locations.location_by_key(change.store, change.txn, key)
            if location is None or location.ping_boot_ms != due_ms:
                continue
            later = location._replace(ping_boot_ms=now.boot_ms + PING_EACH_MS)
            change.txn.put(key, locations.pack_location(later), db=change.store.location)
            change.txn.put(layout.due_key(later.ping_boot_ms, b"k", key), b"", db=change.store.due)
            wanted.append(later)
    for location in wanted:
        place = address(location.ip, location.port, location.transport)
        send_by(location.socket, place, options(location))


def is_own(branch: str) -> bool:
    """Whether a Via's branch is of one of these OPTIONS."""
    return branch.startswith(BRANCH)


def options(location: Location) -> str:
    """The OPTIONS to a place. The time of its next one makes it another one each time."""
    transport, _, sent_by = location.socket.partition(":")
    mark = f"{location.key.hex()}{location.ping_boot_ms}"
    host, _, port = sent_by.rpartition(":")
    ours = uri_of("", Source(host.strip("[]"), int(port), transport))
    lines = [
        f"OPTIONS {location.contact} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {sent_by};branch={BRANCH}{mark}",
        f"From: <{ours}>;tag={mark}",
        f"To: <{location.contact}>",
        f"Call-ID: {mark}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines)
