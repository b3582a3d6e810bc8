"""What becomes of calls: replies, failed branches, dialog events. Shell only, as `calls_in`."""

from __future__ import annotations

import secrets

from kemi import guards, messages, sip
from kemi.calls_in import send_out
from kemi.clock import now
from kemi.identify import Source
from kemi.messages import LostLeg
from kemi.progress import Callee, Denied, End, advance, answered, ended, fail_over, find
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms

NEVER_PASSED = frozenset({401, 407, *range(300, 400)})
"""Codes of a gateway that mean nothing to the caller: challenges and redirections are not followed."""


class ReplyDropped(Exception):
    """The reply at hand must not go on."""


def reply(rooms: Rooms) -> None:
    """A reply: it belongs to a transaction of ours, or goes nowhere. Raises ReplyDropped."""
    if sip.check_transaction() < 0:
        raise ReplyDropped
    code = sip.number("$rs")
    if sip.text("$rm") not in guards.REFRESHING or code <= 100:
        return
    call = sip.dialog_call()
    if call is None:
        if 200 <= code < 300:
            raise ReplyDropped  # of no call that we know: it would be free
        return
    if code < 200:
        _ringing()
    elif code < 300:
        _accepted(rooms, call)


def _ringing() -> None:
    """Notes the first 18x and each To-tag: requests before the answer must name one."""
    if not sip.dialog_note("ring"):
        sip.set_dialog_note("ring", str(now().wall_ms))
    tag = sip.text("$tt")
    contacts = sip.uris(sip.headers("Contact"))
    if tag and contacts:
        noted = guards.with_early_tag(sip.dialog_note("early"), tag, contacts[0])
        if noted is not None:
            sip.set_dialog_note("early", noted)


def _accepted(rooms: Rooms, call: str) -> None:
    """A 2xx: of the INVITE that is to be answered, or of a request in the call that moves a target."""
    contacts = sip.uris(sip.headers("Contact"))
    tag = sip.text("$tt")
    running = find(rooms, call) if rooms.has_store() else None
    if running is not None and running.is_answered and tag in {running.caller_leg.tag, _callee_tag(running)}:
        side = "caller" if tag == running.caller_leg.tag else "callee"
        leg = running.caller_leg if side == "caller" else running.callee_leg
        if leg is not None and len(contacts) == 1 and contacts[0] != leg.contact:
            advance(rooms, call, side, leg.cseq + 1, contacts[0])
        return
    if sip.text("$rm") != "INVITE":
        return
    received = sip.received()
    record_routes = sip.uris(sip.headers("Record-Route")) if sip.has_header("Record-Route") else ()
    own = next((at for at, uri in enumerate(record_routes) if sip.is_own_uri(uri)), len(record_routes))
    route_set = guards.beyond_us(record_routes, own)
    decision: Denied | object = Denied("contact", *UNAVAILABLE)
    if running is not None and len(contacts) == 1 and len(route_set) <= guards.ROUTES_MAX:
        source = Source(received.ip, received.port, received.transport)
        callee = Callee(tag, contacts[0], route_set, received.socket, source, *sip.dialog_ids())
        decision = answered(rooms, call, callee, int(sip.dialog_note("ring") or 0), now())
    if isinstance(decision, Denied):
        _refuse(rooms, call, decision, contacts[0] if contacts else "", route_set)
    timeout_s = getattr(decision, "timeout_s", None)
    if timeout_s is not None:
        sip.set_dialog_timeout(timeout_s)


def _callee_tag(running: object) -> str:
    leg = getattr(running, "callee_leg", None)
    return leg.tag if leg else ""


def _refuse(rooms: Rooms, call: str, denied: Denied, contact: str, route_set: tuple[str, ...]) -> None:
    """ACK and BYE to the leg; its 2xx goes nowhere. Raises ReplyDropped."""
    received = sip.received()
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
    if denied.rule == "contact" and rooms.has_store():
        ended(rooms, call, End("system", denied.code, denied.reason, 0), now())
    raise ReplyDropped


def failure(rooms: Rooms) -> None:
    """The gateway failed: the next one, or its code to the caller."""
    call = sip.dialog_call()
    if call is None or not rooms.has_store():
        return
    ring_ms = int(sip.dialog_note("ring") or 0)
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
        ended(rooms, call, End("grant", 200, "OK", 0), now())
    else:
        ended(rooms, call, End("system", *UNAVAILABLE, int(sip.dialog_note("ring") or 0)), now())
