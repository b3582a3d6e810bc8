"""Requests: what comes in, in upstream order. Shell only: reads by `sip`, asks guards and decisions, answers."""

from __future__ import annotations

from kemi import ends, guards, notes, sip
from kemi.authorize import Admitted, Repeated, Target, authorise
from kemi.caller import user_of, wants_privacy
from kemi.clock import now
from kemi.failover import fail_over
from kemi.identify import Source, identify
from kemi.in_dialog import in_dialog
from kemi.invitation import Invitation
from kemi.notes import Sent
from kemi.refusal import UNAVAILABLE, Refused
from kemi.rooms import Rooms
from kemi.settlement import End, ended, given_up
from kemi.sip import Received
from kemi.store.trunks import Trunk

FULL = (
    "kambill: the hot store is nearly full: new calls get 503 until others have ended. Give it more memory "
    "(KAMBILL_STORE_MIB, docs/operations.md) and start with an empty folder"
)
NO_EXCHANGE = "kambill: no rate of exchange {}: calls of account {} get 503: add it to exchange.yaml and publish"


def request(rooms: Rooms) -> None:
    """Any request."""
    method = sip.text("$rm")
    if method == "CANCEL":
        return _cancel(rooms)
    if method == "ACK" and sip.check_transaction() == 0:
        return None  # of a negative answer: its transaction has taken it
    if sip.has_to_tag():
        return in_dialog(rooms, method)
    return _initial(rooms, method)


def refuse_undecodable(rooms: Rooms) -> None:
    """Bytes that are no text: 400 to a trunk, silence to others (and to a trunk known by its tech prefix alone)."""
    source = sip.received()
    if rooms.has_store() and identify(rooms, Source(source.ip, source.port, source.transport), "") is not None:
        sip.reply(*guards.BAD_REQUEST)


# --- outside dialogs


def _initial(rooms: Rooms, method: str) -> None:
    """A request that begins something; from strangers, silence."""
    source = sip.received()
    called = sip.text("$rU")
    if not rooms.usable():
        sip.reply(*UNAVAILABLE)
        return
    trunk = identify(rooms, Source(source.ip, source.port, source.transport), called)
    if trunk is None:
        sip.count("unlisted")
        return
    if method == "ACK":
        return
    if not sip.is_sane():
        return
    if not sip.is_clean():
        sip.reply(*guards.BAD_REQUEST)
    elif not sip.has_hops_left():
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
    if sip.has_header("Route") or any(sip.has_header(name) for name in guards.TAKEOVERS):
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
        if decision.rule == "store":
            sip.say_seldom(FULL)
        if decision.rule.startswith("exchange "):
            sip.say_seldom(NO_EXCHANGE.format(decision.rule.removeprefix("exchange "), decision.account))
        sip.transaction_reply(decision.code, decision.reason)
    elif isinstance(decision, Repeated):
        if not decision.retransmission:
            sip.transaction_reply(482, "Loop Detected")
    else:
        _admit(rooms, decision)


def _read_invitation(source: Received, called: str) -> Invitation | None:
    """What the INVITE says; None: something is missing, too long or not printable."""
    contacts = sip.uris(sip.headers("Contact"))
    if len(contacts) != 1 or not guards.is_target(contacts[0]):
        return None
    invitation = Invitation(
        call_id=sip.text("$ci"),
        from_tag=sip.text("$ft"),
        cseq=sip.number("$cs"),
        branch=sip.text("$via0(branch)"),
        caller=sip.text("$fU"),
        called=called,
        from_uri=sip.text("$fu"),
        to_uri=sip.text("$tu"),
        request_uri=sip.text("$ru"),
        contact=contacts[0],
        route_set=sip.uris(sip.headers("Record-Route")),
        socket=source.socket,
        asserted=_asserted(),
        is_private=wants_privacy(sip.text("$hdr(Privacy)"), sip.text("$fU"), sip.text("$fd")),
    )
    return invitation if invitation.is_within_limits() else None


def _asserted() -> str:
    """The user of the first P-Asserted-Identity; empty: there is none."""
    uris = sip.uris(sip.headers("P-Asserted-Identity"))
    return user_of(uris[0]) if uris else ""


def branch(rooms: Rooms) -> None:
    """An INVITE is about to go to a gateway."""
    if rooms.outgoing is not None:
        ends.introduce(rooms.outgoing)


def _admit(rooms: Rooms, admitted: Admitted) -> None:
    """The call is held: its dialog, and its way out."""
    call = admitted.call
    if not sip.begin_dialog(call):
        ended(rooms, call, End("system", 500, "Server Internal Error", 0), now())
        sip.transaction_reply(500, "Server Internal Error")
        return
    ends.forget_claims()
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
        sip.arm_branch_route("ksr_branch")
        parties = rooms.outgoing = target.parties
        sip.set_dialog_note(notes.SENT, Sent(sip.text("$ft"), parties.from_uri, parties.to_uri).to_note())
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now())
    return False


def _cancel(rooms: Rooms) -> None:
    """Ends a ringing call, if it comes from where the INVITE came from; an answered one goes on (RFC 3261 9.2)."""
    if sip.check_transaction() <= 0 or not rooms.has_store():
        return
    if not _is_from_the_trunk(rooms, sip.received(), sip.text("$T_inv($si)")):
        return
    call = sip.dialog_call()
    end = End("caller", 487, "Request Terminated", int(sip.dialog_note(notes.RING) or 0))
    if call is None or given_up(rooms, call, end, now()):
        sip.relay()
    else:
        sip.reply(200, "OK")


def _is_from_the_trunk(rooms: Rooms, source: Received, invite_ip: str) -> bool:
    """Whether a source is the INVITE's, or another address of its trunk."""
    if source.ip == invite_ip:
        return True
    called = sip.text("$rU")
    sender = identify(rooms, Source(source.ip, source.port, source.transport), called)
    owner = identify(rooms, Source(invite_ip, source.port, source.transport), called)
    return sender is not None and owner is not None and sender.id == owner.id
