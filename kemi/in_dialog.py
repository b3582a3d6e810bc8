"""Requests with a To-tag: of a known call, from one of its sides, on the way that the store knows. Shell only.

Nothing here asks Kamailio's dialog module what may pass: it finds the call, and keeps up with what has passed.
"""

from __future__ import annotations

from kemi import codecs, devices_in, ends, farewell, guards, named, notes, sip, transfers
from kemi.clock import now
from kemi.guards import Answer, InDialog
from kemi.identify import is_known
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms
from kemi.running import Speaker, advance, comes_from_side, refer, speaker
from kemi.settlement import End, hung_up
from kemi.sides import is_device
from kemi.sip import Incoming, Seen
from kemi.store.calls import RunningCall
from kemi.strangers import unlisted

DOUBLE = ";r2=on"
"""Kamailio's mark of a Record-Route that has a twin."""


def in_dialog(rooms: Rooms, asked: Incoming) -> None:
    """Any request with a To-tag; what isn't a call's is answered 481, to strangers and a lone ACK not at all."""
    method, _, to_tag, source = asked
    if method != "ACK" and sip.check_transaction() == 0:
        return None  # a retransmission: its answer has been sent again
    if not rooms.has_store():
        return None  # silence: it will be sent again, and the clerk makes a new store within a second
    from_tag, call = sip.texts(_WHOSE)
    ip, proven = source.ip, sip.proven() if source.transport == "tls" else ()
    known = speaker(rooms, call, from_tag, to_tag, ip, proven, hangs_up=method == "BYE") if call else None
    if known is None and not rooms.usable():
        return None  # silence too: whose addresses these are is not known before the store is filled
    if not call and not (is_known(rooms, ip) or rooms.gate.has_proved(ip, now())):
        return unlisted(rooms, ip)
    if known is None:
        return _refuse(method, guards.UNKNOWN_DIALOG)
    if method == "BYE":
        return _bye(rooms, known, from_tag, to_tag)
    running, _, side = known
    seen = sip.seen()
    if method in guards.REFRESHING:
        _mend(rooms, running, side, seen)
    request = _read(method, from_tag, to_tag, seen)
    is_sound = request.cseq != sip.NO_CSEQ and seen.is_clean and guards.TAKING_OVER.isdisjoint(seen.names)
    answer = _judge(rooms, running, request, side) if is_sound else guards.BAD_REQUEST
    if answer is not None:
        return _refuse(method, answer)
    if method in guards.TRANSFERRING:
        return _transfer(rooms, running, request, side, seen)
    return _pass_on(rooms, running, request, side, seen)


def _bye(rooms: Rooms, known: Speaker, from_tag: str, to_tag: str) -> None:
    """Never sent on, so that neither its way nor its headers are read: settled, answered, and one of our own goes to
    the other side.
    """
    running, record, side = known
    cseq = sip.cseq()
    answer = guards.BAD_REQUEST if cseq == sip.NO_CSEQ else guards.check_bye(running, side, cseq)
    if answer is not None:
        return _refuse("BYE", answer)
    hung_up(rooms, running, record, End(side, 200, "OK", running.ring_wall_ms), now())  # else it is said again
    if not sip.new_transaction():
        return None
    sip.end_media()
    other = "callee" if side == "caller" else "caller"
    rooms.hanging_up = running.hex
    if not (sip.take_dialog(sip.text("$ci"), from_tag, to_tag) and sip.bye(other)):
        sip.set_timeout_of(1, running.h_entry, running.h_id)
        farewell.keep_to(rooms, running, [to_tag], now())
    rooms.hanging_up = ""
    sip.transaction_reply(200, "OK")
    return None


def _mend(rooms: Rooms, running: RunningCall, side: str, seen: Seen) -> None:
    """A Contact by which its sender can't be reached, or not at once."""
    leg = running.caller_leg if side == "caller" else running.callee_leg
    if is_device(rooms.store, running, side):
        devices_in.mend_contact(sip.received())
    elif leg is not None and not leg.route_set:
        named.mend_contact(seen, sip.received())


def _refuse(method: str, answer: Answer) -> None:
    sip.count("refused")
    if method != "ACK":
        sip.reply(*answer)


_WHOSE = sip.question("$ft", "$dlg_var(call)")
"""Whose a request in a dialog is, beside its To-tag."""
_WAY = sip.question("$cs", "$ru", "$hdr(Route)")
"""Of a request that is to go on."""


def _read(method: str, from_tag: str, to_tag: str, seen: Seen) -> InDialog:
    cseq, request_uri, route = sip.texts(_WAY)
    routes = seen.uris("Route", route)
    own = _own_routes(routes)
    return InDialog(
        method=method,
        from_tag=from_tag,
        to_tag=to_tag,
        cseq=sip.cseq_in(cseq),
        request_uri=request_uri,
        comes_by_us=own > 0,
        routes=routes[own:],
        max_forwards=0 if method == "ACK" else sip.hops_left(),
        require=seen.joined("Require") if "require" in seen.names else "",
        contacts=sip.uris(seen.bodies("Contact")) if method in guards.REFRESHING else (),
    )


def _own_routes(routes: tuple[str, ...]) -> int:
    """How many Routes at the top are ours: two where the call crosses from one socket to another, as the first says."""
    if not routes or not sip.is_own_uri(routes[0]):
        return 0
    crosses = DOUBLE in routes[0] and len(routes) > 1 and sip.is_own_uri(routes[1])
    return 2 if crosses else 1


def _judge(rooms: Rooms, running: RunningCall, request: InDialog, side: str) -> Answer | None:
    if running.is_answered and request.method in guards.TRANSFERRING:
        return guards.check_in_dialog(running, request, side, guards.TRANSFERRING)
    if running.is_answered:
        return guards.check_in_dialog(running, request, side)
    early = notes.early_sides(sip.dialog_note(notes.EARLY))
    rings = early.get(request.to_tag)
    if rings is not None and not comes_from_side(rooms, running, "callee", rings.ip):
        return guards.UNKNOWN_DIALOG  # its 18x was nobody's who was asked: the caller would name any place
    return guards.check_ringing(running, request, early)


def _transfer(rooms: Rooms, running: RunningCall, request: InDialog, side: str, seen: Seen) -> None:
    """A REFER to somebody of ours, to a number of ours, and NOTIFYs of what became of it: the way back."""
    if request.method == "NOTIFY":
        is_of_refer = sip.text("$hdr(Event)").partition(";")[0].strip().lower() == "refer"
        if not is_of_refer or sip.dialog_note(notes.REFERRED) not in {"caller", "callee"} - {side}:
            return _refuse(request.method, guards.NOT_ALLOWED)
        return _pass_on(rooms, running, request, side, seen)
    found = transfers.referred(rooms, running, side, sip.uris(sip.headers("Refer-To")), sip.is_own_uri)
    if isinstance(found, Answer):
        return _refuse(request.method, found)
    sip.set_dialog_note(notes.REFERRED, side)
    refer(rooms, running.hex, side, now())
    return _pass_on(rooms, running, request, side, seen, refer_to=found)


def _pass_dialog(request: InDialog) -> None:
    """A PRACK that crosses the 200, or of a re-INVITE's 18x: Kamailio's dialog module takes it for a fault of its own,
    and says so in the log, each time. It isn't told, and its next request gets the CSeq that it would miss.
    """
    if sip.take_dialog(sip.text("$ci"), request.from_tag, request.to_tag):
        noted = sip.dialog_note(notes.PRACKED)
        sip.set_dialog_note(notes.PRACKED, notes.with_prack(noted, request.from_tag, request.cseq))


def _pass_on(
    rooms: Rooms, running: RunningCall, request: InDialog, side: str, seen: Seen, *, refer_to: str = ""
) -> None:
    """To the other side, by our Route and its stored route set. `refer_to`: where that is sent; empty: nowhere."""
    if not sip.has_hops_left():
        return _refuse(request.method, guards.TOO_MANY_HOPS)
    offers = side == "caller" and request.method in guards.REFRESHING
    wanted = sip.dialog_note(notes.CODECS).split() if offers else []
    if wanted and not codecs.fits(wanted, sip.offer()):
        return _refuse(request.method, guards.NOT_ACCEPTABLE)
    if request.method == "PRACK" and running.is_answered:
        _pass_dialog(request)
    if not sip.loose_route():
        return _refuse(request.method, guards.FORBIDDEN)
    if request.method != "ACK":
        advance(rooms, running.hex, side, request.cseq, None)
        if request.contacts:
            sip.set_dialog_note(notes.MOVE, notes.Move(side, request.cseq, request.contacts[0]).to_note())
    sip.keep_headers(seen, rooms.gate.passed)
    ends.readdress(running, request, side, seen)
    if refer_to:
        sip.add_header("Refer-To", f"<{refer_to}>")
    relayed = sip.relay_media() if request.method in guards.MEDIA else ""
    if wanted:
        ends.limit_codecs(wanted, relayed)
    if not sip.relay():
        _refuse(request.method, Answer(*UNAVAILABLE))
    return None
