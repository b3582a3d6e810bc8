"""What becomes of calls: replies, failed branches, dialog events. Shell only, as `calls_in`."""

from __future__ import annotations

import secrets

from kemi import guards, messages, notes, sip
from kemi.calls_in import send_out
from kemi.clock import now
from kemi.identify import Source
from kemi.messages import LostLeg
from kemi.progress import Callee, Denied, End, Grant, advance, answered, ended, fail_over, find
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms
from kemi.sip import Received
from kemi.store.calls import RunningCall

GONE = Denied("gone", 487, "Request Terminated")
"""The answer to a 2xx that comes when the call has ended: CANCEL, a timer or a restart was first."""
NEVER_PASSED = frozenset({401, 407, *range(300, 400)})
"""Codes of a gateway that mean nothing to the caller: challenges and redirections are not followed."""


TIMER_SLACK_MS = 2_000
"""Dialog timers run in whole seconds."""


class ReplyDropped(Exception):
    """The reply at hand must not go on."""


def reply(rooms: Rooms) -> None:
    """A reply: it belongs to a transaction of ours, or goes nowhere. Raises ReplyDropped."""
    if sip.check_transaction() < 0:
        raise ReplyDropped
    code, method = sip.number("$rs"), sip.text("$rm")
    if method not in guards.REFRESHING or code <= 100:
        return
    call = sip.dialog_call()
    if call is None:
        if 200 <= code < 300:
            raise ReplyDropped  # of no call that we know: it would be free
        return
    if code < 200:
        _ringing()
    elif code < 300:
        _accepted(rooms, call, method)


def _ringing() -> None:
    """Notes the first 18x and each side that rings: requests before the answer must name one."""
    if not sip.dialog_note(notes.RING):
        sip.set_dialog_note(notes.RING, str(now().wall_ms))
    tag = sip.text("$tt")
    contacts = sip.uris(sip.headers("Contact"))
    if tag and contacts:
        noted = notes.with_early_side(sip.dialog_note(notes.EARLY), tag, notes.Early(contacts[0], _route_set()))
        if noted is not None:
            sip.set_dialog_note(notes.EARLY, noted)


def _route_set() -> tuple[str, ...]:
    """What a request to the sender of the reply at hand carries."""
    record_routes = sip.uris(sip.headers("Record-Route"))
    own = next((at for at, uri in enumerate(record_routes) if sip.is_own_uri(uri)), len(record_routes))
    return guards.beyond_us(record_routes, own)


def _accepted(rooms: Rooms, call: str, method: str) -> None:
    """A 2xx: of a request in the call, or of the INVITE that is to be answered."""
    tag = sip.text("$tt")
    contacts = sip.uris(sip.headers("Contact"))
    running = find(rooms, call) if rooms.has_store() else None
    side = guards.side_of_tag(running, tag) if running is not None and running.is_answered else None
    if running is not None and side is not None:
        _repeat_or_move(rooms, running, side, contacts)
    elif method == "INVITE":
        _pick_up(rooms, running, tag, contacts)


def _repeat_or_move(rooms: Rooms, running: RunningCall, side: str, contacts: tuple[str, ...]) -> None:
    """A 2xx of a side of an answered call: the same again, or one that moves targets (RFC 3261 12.2.1.2)."""
    leg = running.caller_leg if side == "caller" else running.callee_leg
    if leg is not None and len(contacts) == 1 and contacts[0] != leg.contact and notes.is_word(contacts[0]):
        _move(rooms, running, notes.Move(side, leg.cseq, contacts[0]))
    asked = notes.Move.from_note(sip.dialog_note(notes.MOVE))
    if asked is not None and asked.side != side and asked.cseq == sip.number("$cs"):
        _move(rooms, running, asked)


def _move(rooms: Rooms, running: RunningCall, move: notes.Move) -> None:
    """In the store, for what comes after a restart, and in the dialog, for the BYEs that Kamailio sends."""
    leg = running.caller_leg if move.side == "caller" else running.callee_leg
    if leg is not None and leg.contact != move.contact:
        advance(rooms, running.hex, move.side, move.cseq, move.contact)
        sip.set_dialog_note(notes.MOVED, notes.with_moved(sip.dialog_note(notes.MOVED), leg.tag, move.contact))


def own_request(rooms: Rooms) -> None:
    """A BYE of Kamailio's own. Its dialog module knows only the first targets: it goes to the present one.

    A call that nobody has settled by now is ended by its timer. The dialog's own event is not enough: Kamailio 5.6
    leaves it out when the answer to the BYE is quicker than the timer process.
    """
    call = sip.dialog_call()
    if call is not None:
        _timer_ended(rooms, call)
    moved = sip.dialog_note(notes.MOVED)
    target = notes.moved_targets(moved).get(sip.text("$tt")) if moved else None
    if target is not None:
        sip.redirect(target)


def _pick_up(rooms: Rooms, running: RunningCall | None, tag: str, contacts: tuple[str, ...]) -> None:
    """The answer: it passes with a grant, or not at all. Raises ReplyDropped."""
    route_set = _route_set()
    received = sip.received()
    if running is None:
        decision: Grant | Denied = GONE
    elif not guards.is_leg(tag, contacts, route_set):
        ended(rooms, running.hex, End("system", *UNAVAILABLE, 0), now())
        decision = Denied("contact", *UNAVAILABLE)
    else:
        source = Source(received.ip, received.port, received.transport)
        callee = Callee(tag, contacts[0], route_set, received.socket, source, *sip.dialog_ids())
        decision = answered(rooms, running.hex, callee, int(sip.dialog_note(notes.RING) or 0), now())
    if isinstance(decision, Denied):
        _hang_up(received, contacts[0] if contacts else "", route_set)
        if decision.rule != "second_answer":
            sip.answer_caller(decision.code, decision.reason)
        raise ReplyDropped
    if decision.timeout_s is not None:
        sip.set_dialog_timeout(decision.timeout_s)


def _hang_up(received: Received, contact: str, route_set: tuple[str, ...]) -> None:
    """ACK and BYE to the leg that sent the 2xx at hand."""
    leg = LostLeg(
        sip.text("$ci"),
        sip.text("$hdr(From)"),
        sip.text("$hdr(To)"),
        sip.number("$cs"),
        contact,
        route_set,
        received.ip,
        received.port,
        received.socket,
    )
    for method in ("ACK", "BYE"):
        sip.send(messages.destination(leg), messages.request(leg, method, secrets.token_hex(8)))


def failure(rooms: Rooms) -> None:
    """The gateway failed: the next one, or its code to the caller."""
    call = sip.dialog_call()
    if call is None or not rooms.has_store():
        return
    ring_ms = int(sip.dialog_note(notes.RING) or 0)
    if sip.is_cancelled():
        ended(rooms, call, End("caller", 487, "Request Terminated", ring_ms), now())
        return
    code = sip.failure_code()
    target = fail_over(rooms, call, code, now())
    if target is not None and send_out(rooms, call, target):
        return
    code, reason = _for_caller(code, sip.text("$T_reply_reason"))
    if ended(rooms, call, End("callee", code, reason, ring_ms), now()):
        sip.transaction_reply(code, reason)


def _for_caller(code: int, reason: str) -> tuple[int, str]:
    """The carrier's code and reason, unless they mean nothing to a caller."""
    if code in NEVER_PASSED or not reason.isprintable():
        return UNAVAILABLE
    return code, reason or "Failed"


def dialog_event(rooms: Rooms, event: str) -> None:
    """The end of a dialog that nobody has settled: its timer, or a failure that no route saw."""
    if event not in {"dialog:end", "dialog:failed"} or not rooms.has_store():
        return
    call = sip.dialog_call()
    if call is None:
        return
    if event == "dialog:end":
        _timer_ended(rooms, call)
    else:
        ended(rooms, call, End("system", *UNAVAILABLE, int(sip.dialog_note(notes.RING) or 0)), now())


def _timer_ended(rooms: Rooms, call: str) -> None:
    """The dialog's timer ran out: with the grant, or before it, since the 200 was never acknowledged."""
    running = find(rooms, call) if rooms.has_store() else None
    if running is None or not running.is_answered:
        return
    moment = now()
    by = "grant" if running.grant_end_boot_ms - moment.boot_ms < TIMER_SLACK_MS else "system"
    ended(rooms, call, End(by, 200, "OK", running.ring_wall_ms), moment)
