"""Requests: what comes in, in upstream order. Shell only: reads by `sip`, asks guards and decisions, answers."""

from __future__ import annotations

from contextlib import suppress

from kemi import devices_in, guards, notes, sip, stir, transfers
from kemi.authenticate import has_devices
from kemi.authorize import Admitted, authorise
from kemi.clock import now
from kemi.destination import Local
from kemi.identify import Source, identify
from kemi.in_dialog import in_dialog
from kemi.invitation import Invitation
from kemi.invites import Repeated
from kemi.messages import address
from kemi.reading import acceptable, read_call, read_message, sound
from kemi.receive import gateway_of, local_of, receive
from kemi.refusal import UNAVAILABLE, Refused, hole_of
from kemi.rooms import Rooms
from kemi.sending import send_message, send_out
from kemi.settlement import End, ended, given_up
from kemi.sip import Incoming, Received, Seen
from kemi.store.headers import LOCATING
from kemi.store.origins import Origin, device_of
from kemi.store.trunks import Gateway, Trunk
from kemi.strangers import unlisted

FULL = (
    "kambill: the hot store is nearly full: new calls get 503 until others have ended. Give it more memory "
    "(KAMBILL_STORE_MIB, docs/operations.md) and start with an empty folder"
)
NO_EXCHANGE = "kambill: no rate of exchange {}: calls of account {} get 503: add it to exchange.yaml and publish"
HOLE = "kambill: a hole in the configuration: {}: calls of {} get {}"
HELD_OPEN = (
    "kambill: process {} has been looking at the hot store for so long that little is left of it: new calls get 503 "
    "until that ends: look what keeps it (is it stopped?), and end it"
)
BEGINNING = frozenset({"INVITE", "MESSAGE"})
"""Methods that ask for a decision."""
RETRY_AFTER_MAX_S = 4
"""At most so soon who was refused in an overload comes again, each after another while (RFC 3261 20.33)."""
HOLE_REASON = 'Reason: Q.850;cause=38;text="Configuration incomplete"'
"""Network out of order (RFC 6432): what is missing is told to the operator, in the log and the call's record."""
LOSS = "kambill: loss: account {} would pay more than it earns: a call of {} {} (no_loss of its routing plan)"


def request(rooms: Rooms) -> None:
    """Any request."""
    asked = sip.incoming()
    if asked.method == "CANCEL":
        return _cancel(rooms)
    if asked.method == "ACK" and sip.check_transaction() == 0:
        return None  # of a negative answer: its transaction has taken it
    if asked.to_tag:
        return in_dialog(rooms, asked)
    return _initial(rooms, asked.method, asked.source, asked.called)


def refuse_unreadable(fault: Exception) -> None:
    """A request that meets a record of the configuration that can't be read: 500, and a line in the log names it."""
    sip.say_seldom(f"kambill: a hole in the configuration: {fault}")
    sip.add_to_reply(HOLE_REASON)
    sip.reply(500, "Server Internal Error")


def refuse_full(rooms: Rooms) -> None:
    """A request for which the store has no room. One in a call, or that ends it, is sent again, when there may be some:
    silence. Who is told that a BYE has failed has left all the same, and the bill would go on.
    """
    say_full(rooms)
    if not sip.text("$tt") and sip.text("$rm") != "CANCEL":
        sip.reply(*UNAVAILABLE)


def say_full(rooms: Rooms) -> None:
    """What the store lacks, and why."""
    process = rooms.store.held_by() if rooms.has_store() else 0
    sip.say_seldom(HELD_OPEN.format(process) if process else FULL)


def refuse_undecodable(rooms: Rooms) -> None:
    """Bytes that are no text: 400 to a trunk, silence to others (and to a trunk known by its tech prefix alone).

    A BYE is heard all the same where they stand in its URI, which nobody asks for: whoever sent it has left.
    """
    source = sip.received()
    if not rooms.has_store():
        return
    with suppress(UnicodeDecodeError):
        if sip.text("$rm") == "BYE" and (to_tag := sip.text("$tt")):
            in_dialog(rooms, Incoming("BYE", "", to_tag, source))
            return
    if _trunk_of(rooms, source, "") is not None:
        sip.reply(*guards.BAD_REQUEST)
    else:
        rooms.gate.strike(rooms.store, source.ip, now())


# --- outside dialogs


def _initial(rooms: Rooms, method: str, source: Received, called: str) -> None:
    """A request that begins something; from strangers, silence."""
    if not rooms.usable():
        sip.reply(*UNAVAILABLE)
        return
    trunk = _trunk_of(rooms, source, called)
    gateway = gateway_of(rooms, source.ip) if trunk is None and method == "INVITE" else None
    if gateway is not None:
        _of_gateway(rooms, gateway, source, called)
        return
    if (trunk is None or method == "REGISTER") and method in devices_in.ASKING and has_devices(rooms):
        _of_device(rooms, method, source, called)
        return
    if trunk is None:
        unlisted(rooms, source.ip)
        return
    if method == "ACK" or (method in BEGINNING and _is_shed(rooms, source, called)):
        return
    seen = sound()
    if seen is None:
        return
    if method == "OPTIONS":
        sip.reply(200, "OK")
    elif method == "INVITE":
        _invite(rooms, trunk, source, called, seen)
    elif method == "MESSAGE":
        _message(rooms, trunk, source, called, seen)
    else:
        sip.reply(*guards.NOT_ALLOWED)


def _trunk_of(rooms: Rooms, source: Received, called: str) -> Trunk | None:
    """Whose the request at hand is. Who has shown a certificate is held back like a listed source from here on."""
    proven = sip.proven() if source.transport == "tls" else ()
    trunk = identify(rooms, source, called, proven)
    if trunk is not None and trunk.certificate:
        rooms.gate.proved(source.ip, now())
    return trunk


_WHICH = sip.question("$via0(branch)", "$ci")
"""What a request has in common with its repetitions."""


def _may_be_for_help(rooms: Rooms, called: str) -> bool:
    with rooms.store.read() as txn:
        return rooms.store.configuration(txn).specials(txn).may_be_emergency(called)


def _is_shed(rooms: Rooms, source: Received, called: str) -> bool:
    """Whether the request at hand, which would begin something, comes in an overload: it has got 503 then, without a
    decision, a transaction or a record. One that goes on already is no new one, and its repetition finds its answer.
    """
    overload = rooms.overload
    is_full = overload.is_full(source.socket, rooms.gate.shed_percent)
    if not (is_full or overload.remembers()):
        return False
    which, moment = " ".join(sip.texts(_WHICH)), now()
    if not (is_full or overload.has_refused(which, moment)) or _may_be_for_help(rooms, called):
        return False
    if sip.check_transaction() == 0:
        return True
    overload.refuse(which, moment)
    sip.count("shed")
    sip.add_to_reply(f"Retry-After: {1 + moment.boot_ms % RETRY_AFTER_MAX_S}")
    sip.reply(*UNAVAILABLE)
    return True


def _of_gateway(rooms: Rooms, gateway: Gateway, source: Received, called: str) -> None:
    """An INVITE from outside, for a number of ours."""
    if _is_shed(rooms, source, called):
        return
    seen = sound()
    invitation = None if seen is None else acceptable(read_call(source, called, seen), seen)
    if seen is None or invitation is None or not sip.new_transaction():
        return
    local = local_of(rooms, called)
    if local is None:
        sip.transaction_reply(404, "Not Found")
        return
    invitation = _shown(rooms, gateway, invitation)
    admitted = _answer(rooms, receive(rooms, gateway, invitation, local, now()))
    if admitted is not None:
        _admit(rooms, admitted, seen, is_device=False)


def _of_device(rooms: Rooms, method: str, source: Received, called: str) -> None:
    """A request that may come from anywhere, if it proves who it is from."""
    if rooms.gate.is_scanner(sip.text("$ua")):
        unlisted(rooms, source.ip)
        return
    if method == "INVITE" and _is_shed(rooms, source, called):
        return
    seen = sound()
    if seen is None:
        return
    if method == "INVITE":
        _invite_of_device(rooms, source, called, seen)
    elif refusal := guards.check_extensions(seen.joined("Require")):
        sip.reply(*refusal)
    else:
        devices_in.take_register(rooms, source)


def _invite_of_device(rooms: Rooms, source: Received, called: str, seen: Seen) -> None:
    presented = devices_in.credentials(rooms, "INVITE", source)
    if presented is None:
        return
    devices_in.mend_contact(source)
    invitation = acceptable(read_call(source, called, seen), seen, by_device=True)
    if invitation is None or not sip.new_transaction():
        return
    device = devices_in.proved(rooms, presented, "INVITE", source)
    replaces = sip.headers("Replaces") if device is not None else []
    if device is not None and replaces:
        place = transfers.taken_over(rooms, device, replaces[0], now()) if len(replaces) == 1 else None
        if place is None:
            sip.reply(*guards.FORBIDDEN)
            return
        invitation = invitation._replace(place=place)
    if device is not None:
        _begin(rooms, device, invitation, seen)


def _invite(rooms: Rooms, trunk: Trunk, source: Received, called: str, seen: Seen) -> None:
    if rooms.gate.tired and _is_tired(rooms, source):
        return
    invitation = acceptable(read_call(source, called, seen), seen)
    if invitation is not None and sip.new_transaction():
        _begin(rooms, trunk, invitation if trunk.identity == "off" else _shown(rooms, trunk, invitation), seen)


def _shown(rooms: Rooms, sender: Trunk | Gateway, invitation: Invitation) -> Invitation:
    """With what its Identity header says, where somebody wants to know."""
    if sender.identity == "off" or not rooms.can_sign:
        return invitation
    return invitation._replace(shown=stir.shown())


def _is_tired(rooms: Rooms, source: Received) -> bool:
    """Whether so much was refused to this source in this second that nothing is decided for it any more."""
    if not rooms.gate.is_tired(source.ip, now()):
        return False
    sip.count("shut_out")
    sip.reply(*UNAVAILABLE)
    return True


def _begin(rooms: Rooms, origin: Origin, invitation: Invitation, seen: Seen) -> None:
    """A call, inside its transaction: over a gateway, or to somebody of ours."""
    decision = authorise(rooms, origin, invitation, now())
    if isinstance(decision, Local):
        decision = receive(rooms, origin, invitation, decision, now())
    device = device_of(origin)
    admitted = _answer(rooms, decision, f"trunk {origin.id}" if device is None else f"device {origin.id}")
    if admitted is not None:
        _admit(rooms, admitted, seen, is_device=device is not None)


def _message(rooms: Rooms, trunk: Trunk, source: Received, called: str, seen: Seen) -> None:
    """A MESSAGE (RFC 3428): paid for once the gateway has taken it. It makes no dialog, so that it needs no Contact."""
    if _is_tired(rooms, source):
        return
    sender = address(source.ip, source.port, source.transport)
    invitation = acceptable(read_message(source, called, sender, seen), seen)
    if invitation is None or not sip.new_transaction():
        return
    decision = authorise(rooms, trunk, invitation, now(), is_message=True)
    admitted = None if isinstance(decision, Local) else _answer(rooms, decision, f"trunk {trunk.id}")
    if admitted is None:
        return
    sip.keep_headers(seen, rooms.gate.passed)
    sip.keep_call(admitted.call)
    if not send_message(rooms, admitted.call, admitted.target):
        ended(rooms, admitted.call, End("system", *UNAVAILABLE, 0), now())
        sip.transaction_reply(*UNAVAILABLE)


def _answer(rooms: Rooms, decision: Admitted | Refused | Repeated, by: str = "") -> Admitted | None:
    """What is held and may go out; None: it was answered, or is a retransmission. `by`: whose it is, for the log."""
    if isinstance(decision, Admitted):
        if decision.loser:
            sip.say_seldom(LOSS.format(decision.loser, by, "goes on"))
        return decision
    if isinstance(decision, Refused):
        rooms.gate.refused(sip.text("$si"), now())
        if decision.rule == "store":
            say_full(rooms)
        elif decision.rule.startswith("exchange "):
            sip.say_seldom(NO_EXCHANGE.format(decision.rule.removeprefix("exchange "), decision.account))
            sip.add_to_reply(HOLE_REASON)
        elif decision.rule == "loss":
            sip.say_seldom(LOSS.format(decision.account, by, "is refused"))
        elif hole := hole_of(decision):
            sip.say_seldom(HOLE.format(hole, by or "a gateway", decision.code))
            sip.add_to_reply(HOLE_REASON)
        sip.transaction_reply(decision.code, decision.reason)
    elif not decision.retransmission:
        sip.transaction_reply(482, "Loop Detected")
    return None


def _admit(rooms: Rooms, admitted: Admitted, seen: Seen, *, is_device: bool) -> None:
    """The call is held: its dialog, and its way out. `is_device`: a device has begun it."""
    call = admitted.call
    if not sip.begin_dialog(call):
        ended(rooms, call, End("system", 500, "Server Internal Error", 0), now())
        sip.transaction_reply(500, "Server Internal Error")
        return
    passed = rooms.gate.passed
    sip.keep_headers(seen, passed | LOCATING if admitted.is_emergency else passed)
    if is_device:
        devices_in.note_nat(notes.CALLER, is_device=True)
    sip.record_route()
    if sip.keep_media():
        sip.set_dialog_note(notes.LATE, "1")
    if not send_out(rooms, call, admitted.target):
        sip.end_media()
        ended(rooms, call, End("system", *UNAVAILABLE, 0), now())
        sip.transaction_reply(*UNAVAILABLE)


def _cancel(rooms: Rooms) -> None:
    """Ends a ringing call, if it comes from where the INVITE came from; an answered one goes on (RFC 3261 9.2)."""
    if sip.check_transaction() <= 0 or not rooms.has_store():
        return
    if not _is_from_the_trunk(rooms, sip.received(), sip.text("$T_inv($si)")):
        return
    call = sip.dialog_call()
    end = End("caller", 487, "Request Terminated", int(sip.dialog_note(notes.RING) or 0))
    if call is None or given_up(rooms, call, end, now()):
        sip.end_media()
        sip.relay()
    else:
        sip.reply(200, "OK")


def _is_from_the_trunk(rooms: Rooms, source: Received, invite_ip: str) -> bool:
    """Whether a source is the INVITE's, or another address of its trunk."""
    if source.ip == invite_ip:
        return True
    called = sip.text("$rU")
    sender = _trunk_of(rooms, source, called)
    owner = identify(rooms, Source(invite_ip, source.port, source.transport), called)
    return sender is not None and owner is not None and sender.id == owner.id
