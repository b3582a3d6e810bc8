"""Requests of devices: who they are, and where they can be reached. Shell only, as `calls_in`."""

from __future__ import annotations

import os

from kemi import authenticate, guards, notes, sip
from kemi.authenticate import Busy, Challenge, Locked, Presented
from kemi.clock import now
from kemi.contacts import parse_contacts, parse_expires
from kemi.digest import HEADER_MAX
from kemi.guards import Answer
from kemi.identify import Source
from kemi.nat import reachable
from kemi.refusal import UNAVAILABLE
from kemi.register import TOO_BRIEF, Registration, register
from kemi.rooms import Rooms
from kemi.sip import Received
from kemi.store.devices import Device
from kemi.store.locations import Location

ASKING = {
    "REGISTER": (401, "Unauthorized", "WWW-Authenticate", "Authorization"),
    "INVITE": (407, "Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
}
"""By method: the challenge's code, reason and header, and the header of who answers it."""
HEADERS_MAX = 4


def credentials(rooms: Rooms, method: str, source: Received) -> Presented | None:
    """Step one, of nothing that stays: None: it is answered, with a challenge or a refusal."""
    headers = [body for body in sip.headers(ASKING[method][3])[:HEADERS_MAX] if len(body) <= HEADER_MAX]
    found = authenticate.look(rooms, headers, source.ip, now())
    if isinstance(found, Locked):
        sip.count("locked")
        rooms.gate.strike(rooms.store, source.ip, now())
        sip.reply(*guards.FORBIDDEN)
    elif isinstance(found, Challenge):
        _ask(rooms, method, source, stale=False)
    elif found.credentials.uri != sip.text("$ru"):
        sip.reply(*guards.BAD_REQUEST)  # RFC 7616 3.4.6: they are for another request
    else:
        return found
    return None


def proved(rooms: Rooms, presented: Presented, method: str, source: Received) -> Device | None:
    """Step two, inside the request's transaction: who it is. None: it is answered."""
    found = authenticate.prove(rooms, presented, method, now())
    if isinstance(found, Busy):
        sip.reply(*UNAVAILABLE)
    elif isinstance(found, Challenge):
        sip.count("unproved")
        _ask(rooms, method, source, stale=found.stale)
    else:
        rooms.gate.proved(source.ip, now())
        return found
    return None


def _ask(rooms: Rooms, method: str, source: Received, *, stale: bool) -> None:
    code, reason, header, _ = ASKING[method]
    body = authenticate.challenge(rooms, source.ip, os.urandom(8), now(), stale=stale)
    sip.add_to_reply(f"{header}: {body}")
    sip.reply(code, reason)


def mend_contact(source: Received) -> None:
    """Makes the Contact of the message at hand one that can be reached. Before its transaction, or in a reply route."""
    contacts = sip.uris(sip.headers("Contact"))
    if len(contacts) == 1:
        mended = reachable(contacts[0], source)
        if mended != contacts[0]:
            sip.rewrite({"Contact": f"<{mended}>"})


def note_nat(side: str, *, is_device: bool) -> None:
    """Notes in the dialog whether a side is a device: what it says of its address counts for nothing."""
    noted = set(sip.dialog_note(notes.NAT).split())
    after = noted | {side} if is_device else noted - {side}
    if after != noted:
        sip.set_dialog_note(notes.NAT, " ".join(sorted(after)))


def mend_reply(noted: str) -> None:
    """The same of a reply in the dialog at hand. `noted`: which sides are devices."""
    if noted and (notes.CALLEE if sip.is_from_callee() else notes.CALLER) in noted.split():
        mend_contact(sip.received())


def take_register(rooms: Rooms, source: Received) -> None:
    """A REGISTER, from wherever it comes."""
    presented = credentials(rooms, "REGISTER", source)
    if presented is None:
        return
    asked = _read(source)
    if asked is None:
        sip.reply(*guards.BAD_REQUEST)
        return
    if not sip.new_transaction():
        return
    device = proved(rooms, presented, "REGISTER", source)
    if device is not None:
        _answer(rooms, register(rooms, device, asked, now()))


def _read(source: Received) -> Registration | None:
    """What the REGISTER says; None: something is missing, too long or no value."""
    binding = parse_contacts(sip.headers("Contact"))
    expires = sip.headers("Expires")
    expires_s = parse_expires(expires[0]) if expires else None
    user, call_id, cseq = sip.text("$tU"), sip.text("$ci"), sip.cseq()
    if binding is None or (expires and expires_s is None) or not guards.is_first(call_id, cseq):
        return None
    place = Source(source.ip, source.port, source.transport)
    return Registration(user, call_id, cseq, binding, expires_s, sip.text("$ua"), place, source.socket)


def _answer(rooms: Rooms, registered: list[Location] | Answer) -> None:
    if isinstance(registered, Answer):
        if registered == TOO_BRIEF:
            sip.add_to_reply(f"Min-Expires: {_min_expires_s(rooms)}")
        sip.reply(*registered)
        return
    moment = now()
    for one in registered:
        left_s = max(0, one.until_boot_ms - moment.boot_ms) // 1000
        sip.add_to_reply(f"Contact: <{one.contact}>;q={one.q / 1000:g};expires={left_s}")
    sip.reply(200, "OK")


def _min_expires_s(rooms: Rooms) -> int:
    store = rooms.store
    with store.read() as txn:
        return store.configuration(txn).settings(txn).register_min_s
