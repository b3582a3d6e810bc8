"""Requests: what comes in, in upstream order. Shell only: reads by `sip`, asks guards and decisions, answers."""

from __future__ import annotations

from kemi import guards, sip
from kemi.authorize import Admitted, Invitation, Repeated, Target, authorise
from kemi.clock import now
from kemi.guards import InDialog
from kemi.identify import Source, identify
from kemi.progress import End, advance, ended, fail_over, find, networks_of
from kemi.refusal import UNAVAILABLE, Refused
from kemi.rooms import Rooms
from kemi.sip import Received
from kemi.store.calls import RunningCall
from kemi.store.trunks import Trunk

UNTRUSTED_HEADERS = ("P-Asserted-Identity", "P-Preferred-Identity", "Identity", "Diversion", "History-Info")
"""What a customer's INVITE may not say about who calls; who is trusted is a later matter."""


def request(rooms: Rooms) -> None:
    """Any request."""
    method = sip.text("$rm")
    if method == "CANCEL":
        return _cancel(rooms)
    if method == "ACK" and sip.check_transaction() == 0:
        return None  # of a negative answer: its transaction has taken it
    if sip.has_to_tag():
        return _in_dialog(rooms, method)
    return _initial(rooms, method)


# --- outside dialogs


def _initial(rooms: Rooms, method: str) -> None:
    """A request that begins something; from strangers, silence."""
    source = sip.received()
    called = sip.text("$rU")
    if not rooms.usable():
        sip.reply(*UNAVAILABLE)
        return
    trunk = identify(rooms, Source(source.ip, source.port, source.transport), called)
    if trunk is None or method == "ACK":
        return
    if not sip.is_sane():
        return
    if not sip.has_hops_left():
        sip.reply(*guards.TOO_MANY_HOPS)
    elif method == "OPTIONS":
        sip.reply(200, "OK")
    elif method == "INVITE":
        _invite(rooms, trunk, source, called)
    else:
        sip.reply(*guards.NOT_ALLOWED)


def _invite(rooms: Rooms, trunk: Trunk, source: Received, called: str) -> None:
    invitation = _read_invitation(source, called)
    if invitation is None:
        sip.reply(*guards.BAD_REQUEST)
        return
    if sip.has_header("Route"):
        sip.reply(*guards.FORBIDDEN)  # preloaded routes lead past the plan
        return
    bad_extension = guards.check_extensions(sip.text("$hdr(Require)"))
    if bad_extension:
        sip.reply(*bad_extension)
        return
    if not sip.new_transaction():
        return
    decision = authorise(rooms, trunk, invitation, now())
    if isinstance(decision, Refused):
        sip.transaction_reply(decision.code, decision.reason)
    elif isinstance(decision, Repeated):
        if not decision.retransmission:
            sip.transaction_reply(482, "Loop Detected")
    else:
        _admit(rooms, decision)


def _read_invitation(source: Received, called: str) -> Invitation | None:
    """What the INVITE says; None: something is missing, too long or not printable."""
    contacts = sip.uris(sip.headers("Contact"))
    cseq = sip.number("$cs")
    if len(contacts) != 1 or not 0 <= cseq < guards.CSEQ_FIRST_MAX:
        return None
    texts = {
        "call_id": sip.text("$ci"),
        "from_tag": sip.text("$ft"),
        "branch": sip.text("$via0(branch)"),
        "called": called,
        "from_uri": sip.text("$fu"),
        "to_uri": sip.text("$tu"),
        "request_uri": sip.text("$ru"),
        "contact": contacts[0],
    }
    route_set = sip.uris(sip.headers("Record-Route")) if sip.has_header("Record-Route") else ()
    if not guards.is_within_limits(guards.INVITE_LIMITS, texts) or len(route_set) > guards.ROUTES_MAX:
        return None
    return Invitation(caller=sip.text("$fU"), cseq=cseq, route_set=route_set, socket=source.socket, **texts)


def _admit(rooms: Rooms, admitted: Admitted) -> None:
    """The call is held: its dialog, and its way out."""
    call = admitted.call
    if not sip.begin_dialog(call):
        ended(rooms, call, End("system", 500, "Server Internal Error", 0), now())
        sip.transaction_reply(500, "Server Internal Error")
        return
    for name in UNTRUSTED_HEADERS:
        sip.remove_header(name)
    sip.record_route()
    if not send_out(rooms, call, admitted.target):
        ended(rooms, call, End("system", *UNAVAILABLE, 0), now())
        sip.transaction_reply(*UNAVAILABLE)


def send_out(rooms: Rooms, call: str, target: Target | None) -> bool:
    """Relays the INVITE to a gateway, and to the next ones while it can't be sent. False: there is none left."""
    while target is not None:
        sip.send_to(target.number, target.host, target.port, target.transport)
        sip.set_timers(target.ring_ms, target.try_timeout_ms)
        sip.arm_failure_route("ksr_failure")
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now())
    return False


def _cancel(rooms: Rooms) -> None:
    """Goes with its INVITE, and only from where that came from. Settled when the INVITE has its answer."""
    if sip.check_transaction() <= 0 or not rooms.has_store():
        return
    source = sip.received()
    invite_ip = sip.text("$T_inv($si)")
    if source.ip != invite_ip:
        called = sip.text("$rU")
        sender = identify(rooms, Source(source.ip, source.port, source.transport), called)
        owner = identify(rooms, Source(invite_ip, source.port, source.transport), called)
        if sender is None or owner is None or sender.id != owner.id:
            return
    sip.relay()


# --- in dialogs


def _in_dialog(rooms: Rooms, method: str) -> None:
    """A request with a To-tag: of a known call, from one of its sides, or 481."""
    silent = method == "ACK"
    if not silent and sip.check_transaction() == 0:
        return  # a retransmission: its answer has been sent again
    running, call_request = _known_call(rooms, method)
    side = running and guards.side_of(running, call_request)
    if running is None or side is None:
        side = "caller" if running is not None and not running.is_answered else None
    if running is None or side is None or not _is_from(rooms, running, call_request, side):
        answer: guards.Answer | None = guards.UNKNOWN_DIALOG
    elif method == "BYE":
        answer = guards.check_bye(running, call_request, side)
    elif running.is_answered:
        answer = guards.check_in_dialog(running, call_request, side)
    else:
        answer = guards.check_ringing(running, call_request, guards.early_tags(sip.dialog_note("early")))
    if answer is not None or running is None or side is None:
        if not silent:
            sip.reply(*(answer or guards.UNKNOWN_DIALOG))
        return
    if method == "BYE":
        _bye(rooms, running, side)
    else:
        _pass_on(rooms, running, call_request, side)


def _known_call(rooms: Rooms, method: str) -> tuple[RunningCall | None, InDialog]:
    from_tag, to_tag = sip.text("$ft"), sip.text("$tt")
    call_request = InDialog(
        method=method,
        ip=sip.text("$si"),
        from_tag=from_tag,
        to_tag=to_tag,
        cseq=sip.number("$cs"),
        request_uri=sip.text("$ru"),
        routes=sip.uris(sip.headers("Route")),
        max_forwards=sip.hops_left(),
        require=sip.text("$hdr(Require)"),
        contacts=sip.uris(sip.headers("Contact")) if method in guards.REFRESHING else (),
    )
    if not rooms.has_store():
        return None, call_request
    call = sip.find_dialog(sip.text("$ci"), from_tag, to_tag)
    return (None if call is None else find(rooms, call)), call_request


def _is_from(rooms: Rooms, running: RunningCall, call_request: InDialog, side: str) -> bool:
    return guards.comes_from(call_request.ip, networks_of(rooms, running, side))


def _bye(rooms: Rooms, running: RunningCall, side: str) -> None:
    """Never sent on: settled, answered, and one of our own goes to the other side."""
    if not sip.new_transaction():
        return
    ended(rooms, running.hex, End(side, 200, "OK", running.ring_wall_ms), now())
    sip.bye("callee" if side == "caller" else "caller")
    sip.transaction_reply(200, "OK")


def _pass_on(rooms: Rooms, running: RunningCall, call_request: InDialog, side: str) -> None:
    """To the other side, by our Route and its stored route set."""
    if not sip.has_hops_left():
        if call_request.method != "ACK":
            sip.reply(*guards.TOO_MANY_HOPS)
        return
    if not sip.loose_route():
        if call_request.method != "ACK":
            sip.reply(*guards.UNKNOWN_DIALOG)
        return
    if call_request.method != "ACK":
        contact = call_request.contacts[0] if call_request.contacts else None
        advance(rooms, running.hex, side, call_request.cseq, contact)
    sip.relay()
