"""Requests: what comes in, in upstream order. Shell only: reads by `sip`, asks guards and decisions, answers."""

from __future__ import annotations

from kemi import ends, guards, notes, sip
from kemi.authorize import Admitted, Target, authorise
from kemi.caller import user_of, wants_privacy
from kemi.clock import now
from kemi.failover import fail_over
from kemi.identify import Source, identify
from kemi.in_dialog import in_dialog
from kemi.invitation import Invitation
from kemi.messages import address
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
    elif method == "MESSAGE":
        _message(rooms, trunk, source, called)
    else:
        sip.reply(*guards.NOT_ALLOWED)


def _invite(rooms: Rooms, trunk: Trunk, source: Received, called: str) -> None:
    contacts = sip.uris(sip.headers("Contact"))
    if len(contacts) != 1 or not guards.is_target(contacts[0]):
        sip.reply(*guards.BAD_REQUEST)
        return
    admitted = _decide(rooms, trunk, _read_invitation(source, called, contacts[0]), is_message=False)
    if admitted is not None:
        _admit(rooms, admitted)


def _message(rooms: Rooms, trunk: Trunk, source: Received, called: str) -> None:
    """A MESSAGE (RFC 3428): paid for once the gateway has taken it. It makes no dialog, so that it needs no Contact."""
    sender = address(source.ip, source.port, source.transport)
    admitted = _decide(rooms, trunk, _read_invitation(source, called, sender), is_message=True)
    if admitted is None:
        return
    ends.forget_claims()
    sip.keep_call(admitted.call)
    if not send_message(rooms, admitted.call, admitted.target):
        ended(rooms, admitted.call, End("system", *UNAVAILABLE, 0), now())
        sip.transaction_reply(*UNAVAILABLE)


def _decide(rooms: Rooms, trunk: Trunk, invitation: Invitation | None, *, is_message: bool) -> Admitted | None:
    """What is held and may go out; None: it was answered, or is a retransmission."""
    refusal = _refusal(invitation)
    if invitation is None or refusal is not None:
        sip.reply(*(refusal or guards.BAD_REQUEST))
        return None
    if not sip.new_transaction():
        return None
    decision = authorise(rooms, trunk, invitation, now(), is_message=is_message)
    if isinstance(decision, Admitted):
        return decision
    if isinstance(decision, Refused):
        if decision.rule == "store":
            sip.say_seldom(FULL)
        if decision.rule.startswith("exchange "):
            sip.say_seldom(NO_EXCHANGE.format(decision.rule.removeprefix("exchange "), decision.account))
        sip.transaction_reply(decision.code, decision.reason)
    elif not decision.retransmission:
        sip.transaction_reply(482, "Loop Detected")
    return None


def _refusal(invitation: Invitation | None) -> guards.Answer | None:
    """What a request gets that should not begin anything; None: it may."""
    if invitation is None:
        return guards.BAD_REQUEST
    if sip.has_header("Route") or any(sip.has_header(name) for name in guards.TAKEOVERS):
        return guards.FORBIDDEN  # preloaded routes lead past the plan
    return guards.check_extensions(sip.text("$hdr(Require)"))


def _read_invitation(source: Received, called: str, contact: str) -> Invitation | None:
    """What the INVITE says; None: something is missing, too long or not printable."""
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
        contact=contact,
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
        _address(target)
        sip.arm_failure_route("ksr_failure")
        parties = rooms.outgoing = target.parties
        sip.set_dialog_note(notes.SENT, Sent(sip.text("$ft"), parties.from_uri, parties.to_uri).to_note())
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now())
    return False


def send_message(rooms: Rooms, call: str, target: Target | None) -> bool:
    """The same of a MESSAGE."""
    while target is not None:
        _address(target)
        sip.arm_failure_route("ksr_message_failed")
        sip.arm_reply_route("ksr_message_answered")
        rooms.outgoing = target.parties._replace(contact="")
        if sip.relay():
            return True
        target = fail_over(rooms, call, 503, now())
    return False


def _address(target: Target) -> None:
    """Where the request goes, and how long it may take."""
    sip.send_to(target.number, target.host, target.port, target.transport)
    sip.set_timers(target.ring_ms, target.try_timeout_ms)
    sip.arm_branch_route("ksr_branch")


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
