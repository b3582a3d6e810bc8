"""How calls and MESSAGEs go out: to a gateway or one of ours, to the next while one can't be reached. Shell only."""

from __future__ import annotations

from kemi import devices_in, ends, notes, sip
from kemi.authorize import Target
from kemi.clock import now
from kemi.failover import fail_over
from kemi.identify import Source
from kemi.nat import uri_of
from kemi.notes import Sent
from kemi.rooms import Rooms

CIRCLE = "kambill: a number leads to {}, which is this Kamailio itself: passed over"
_WHOSE = sip.question("$ft", "$cs")
"""By which an INVITE is told from others of its Call-ID."""


def branch(rooms: Rooms) -> None:
    """An INVITE is about to go out."""
    if rooms.outgoing is not None:
        ends.introduce(rooms.outgoing)


def send_out(rooms: Rooms, call: str, target: Target | None) -> bool:
    """Relays the INVITE to a gateway or one of ours, and to the next while it can't be sent. False: none is left."""
    while target is not None:
        if target.uri and sip.is_own_uri(uri_of("", Source(target.host, target.port, target.transport))):
            sip.say_seldom(CIRCLE.format(target.uri))
            target = fail_over(rooms, call, 482, now(), offer=sip.offer)
            continue
        _address(target, "ksr_failure")
        parties = rooms.outgoing = target.parties
        from_tag, cseq = sip.texts(_WHOSE)
        sent = tuple.__new__(Sent, (from_tag, parties.from_uri, parties.to_uri, int(cseq or 0)))
        sip.set_dialog_note(notes.SENT, sent.to_note())
        if parties.codecs:
            sip.set_dialog_note(notes.CODECS, " ".join(parties.codecs))
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now(), offer=sip.offer)
    return False


def send_message(rooms: Rooms, call: str, target: Target | None) -> bool:
    """The same of a MESSAGE."""
    while target is not None:
        _address(target, "ksr_message_failed")
        sip.arm_reply_route("ksr_message_answered")
        rooms.outgoing = target.parties._replace(contact="")
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now())
    return False


def _address(target: Target, failure_route: str) -> None:
    """Where the request goes, how long it may take, and what is called when it fails."""
    if target.uri:
        sip.send_through(target.uri, target.host, target.port, target.transport, target.socket)
        devices_in.note_nat(notes.CALLEE, is_device=bool(target.socket))
    else:
        sip.send_to(target.number, target.host, target.port, target.transport)
    sip.arm("ksr_branch", failure_route, target.ring_ms, target.try_timeout_ms)
