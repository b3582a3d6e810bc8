"""Replies: what comes back, and what an answer is worth. Shell only, as `calls_in`."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from kemi import carriers, devices_in, ends, farewell, guards, named, notes, places, sip
from kemi.answer import LEG, Callee, Denied, Grant, answered
from kemi.clock import now
from kemi.refusal import REPEATING_MS, UNAVAILABLE
from kemi.rooms import Rooms
from kemi.running import advance, answers_from_side, asked_by, call_of_invite, comes_from_side, find, is_past
from kemi.settlement import End, delivered, given_up, turned_down
from kemi.sip import Received, Response, Seen
from kemi.store.calls import RunningCall
from kemi.store.specials import MESSAGE
from kemi.turned_away import hang_up, hang_up_unknown

GONE = Denied("gone", 487, "Request Terminated")
"""The answer to a 2xx that comes when the call has ended: CANCEL, a timer or a restart was first."""
LATE = Denied("late", *UNAVAILABLE)
ELSEWHERE = Denied("elsewhere", *UNAVAILABLE)
"""To a 2xx of somebody else than who was asked: the call goes on."""


class ReplyDropped(Exception):
    """The reply at hand must not go on."""


class ReplyTaken(Exception):
    """The reply at hand was for us, and goes no further."""


SAID = "$hdr(Contact)", "$hdr(Record-Route)"
"""Of every reply that may say where its sender is."""
_EARLY = sip.question(*SAID, "$si", *map("$dlg_var({})".format, (notes.NAT, notes.SENT, notes.RING, notes.EARLY)))
"""Of a provisional reply and its dialog."""
_ANSWER = sip.question(
    *SAID,
    *map("$dlg_var({})".format, (notes.NAT, notes.SENT, notes.RING, notes.PAST, "call")),
    *("$dlg(state)", "$dlg(h_entry)", "$dlg(h_id)", "$si", "$sp", "$proto", "$Ri", "$Rp"),
)
"""Of a 2xx to an INVITE, its dialog, and where it came from."""


_SAME = sip.question("$rm", "$ft", "$tt", "$via0(branch)")
"""Of a reply whose headers can't be read."""
_ASKED = frozenset({"OPTIONS", "REGISTER"})
"""What gateways are asked by, beside calls."""
_STATE = sip.question("$dlg_var(call)", "$dlg(state)")
"""Of the dialog of a reply that refuses something."""


class Leg(NamedTuple):
    """Where requests to the sender of a reply go."""

    contacts: tuple[str, ...]
    route_set: tuple[str, ...]
    routes_on: int
    """As of a `Callee`."""


def reply(rooms: Rooms) -> None:
    """A reply: it belongs to a transaction of ours, or goes nowhere. Raises ReplyDropped, ReplyTaken.

    A 2xx to an INVITE is judged before tm is asked: a reply that is dropped with its transaction at hand would leave
    that at hand for the worker's next request, which would come to nothing.
    """
    heard = sip.response()
    code, method = heard.code, heard.method
    if heard.cseq == sip.NO_CSEQ or not heard.seen.is_clean:
        end_in_doubt(rooms)
        raise ReplyDropped
    if method == "BYE":
        return _farewell_answered(rooms, heard)
    if method == "INVITE" and 200 <= code < 300:
        return _answered(rooms, heard)
    if _is_unheard(rooms, heard):
        raise ReplyDropped
    if method in guards.REFRESHING and 100 < code < 200:
        return _provisional(rooms, heard)
    if method == "UPDATE" and 200 <= code < 300:
        return _updated(rooms, heard)
    if sip.check_transaction() < 0:
        raise ReplyTaken if method == "OPTIONS" and places.is_own(heard.branch) else ReplyDropped
    return ends.answer_as_asked(heard, sip.dialog_note(notes.SENT), rooms.gate.passed)


def _farewell_answered(rooms: Rooms, heard: Response) -> None:
    """A reply to a BYE, which is ours: no BYE goes on, and so no answer to one. A final one of Kamailio's own whose
    dialog's other BYE has not gone yet is dropped: it will come again. One that no transaction has sent is not sent
    again.
    """
    key = farewell.key_in(heard.branch) if heard.code >= 200 else None
    if heard.code >= 200 and key is None and rooms.has_store():  # before its transaction is looked for
        other = farewell.key_of(rooms, sip.text("$ci"), heard.from_tag, heard.to_tag)
        if farewell.is_kept(rooms, other):
            raise ReplyDropped
    if sip.check_transaction() < 0:
        if key is not None and rooms.has_store():
            farewell.forget(rooms, key)
        raise ReplyDropped


def _is_unheard(rooms: Rooms, heard: Response) -> bool:
    """Whether a reply that opens no call counts for nothing: it is not of who was asked, or too late. Before its
    transaction is looked for.
    """
    code, method = heard.code, heard.method
    if method == "INVITE":
        return (code >= 300 and _has_been_answered(rooms)) or (code > 100 and _is_forged(rooms, heard))
    if method in _ASKED:
        return not places.is_own(heard.branch) and not _is_asked(rooms)
    return method == "MESSAGE" and code >= 200 and _is_forged(rooms, heard)


def _has_been_answered(rooms: Rooms) -> bool:
    """Whether the reply at hand refuses an INVITE whose 2xx another process is just letting pass. Before its
    transaction is looked for.
    """
    call, state = sip.texts(_STATE)
    running = find(rooms, call) if call and int(state or 0) < sip.ANSWERED and rooms.has_store() else None
    return running is not None and running.is_answered


def _is_forged(rooms: Rooms, heard: Response) -> bool:
    """Whether a reply to what begins something is of somebody else than who was asked, or an 18x of who was left. tm
    looks at the branch alone, a digest of what the caller wrote: it could refuse its own MESSAGE that the gateway
    takes, forward a call at the cost of whom it calls, put a gateway out, or ring where nobody does. So does one that
    names another From-tag or CSeq than what it answers: of no INVITE in a call, nor of one that is over, it is forged.
    Before its transaction is looked for.
    """
    if not rooms.has_store():
        return False
    call_id = sip.text("$ci")
    running = asked_by(rooms, call_id, heard.from_tag, heard.cseq)
    if running is None:
        return (
            heard.method == "MESSAGE"
            or not is_past(rooms, call_id, heard.from_tag, heard.to_tag)
            or _is_meddling(rooms, heard)
        )
    past = len(running.attempts) + max(0, len(running.joined) - 1) - 1
    if 0 <= sip.branch_of(heard.branch) < past:
        return heard.code < 200  # of a gateway, or place, that was left: tm knows that its final one counts no more
    return not comes_from_side(rooms, running, "callee", sip.text("$si"), sip.proven())


def _is_meddling(rooms: Rooms, heard: Response) -> bool:
    """Whether a reply that refuses, or rings at, an INVITE in an answered call is of neither of its sides: a 481 would
    have the one that asked hang up (RFC 3261 12.2.1.2).
    """
    call, sent = sip.dialog_call(), sip.dialog_note(notes.SENT)
    running = find(rooms, call) if call is not None else None
    if running is None or not running.is_answered or notes.is_answered_by(sent, heard.from_tag, heard.cseq):
        return False
    asker = guards.side_of_tag(running, heard.from_tag)
    other = {"caller": "callee", "callee": "caller"}.get(asker or "")
    return other is not None and not answers_from_side(rooms, running, other, sip.text("$si"), sip.proven())


def _is_asked(rooms: Rooms) -> bool:
    """Whether the reply at hand, to OPTIONS or REGISTER, is of a call's dialog, or of the gateway that was asked."""
    return carriers.may_answer(rooms, sip.text("$ci"), sip.text("$si")) or sip.dialog_call() is not None


def _provisional(rooms: Rooms, heard: Response) -> None:
    """An 18x."""
    contact, route, ip, nat, sent, ring, early = sip.texts(_EARLY)
    leg = _leg(heard.seen, contact, route, nat)
    if sip.check_transaction() < 0:
        raise ReplyDropped
    if heard.method != "INVITE" or notes.is_answered_by(sent, heard.from_tag, heard.cseq):
        if not ring:
            sip.set_dialog_note(notes.RING, str(now().wall_ms))
        _ringing(heard.to_tag, leg, ip, early)
    sip.relay_media()
    ends.answer_as_asked(heard, sent, rooms.gate.passed)


def _ringing(tag: str, leg: Leg, ip: str, early: str) -> None:
    """Notes each side that rings: requests before the answer must name one. `ip`: where its 18x came from; `early`:
    what is noted.
    """
    if tag and leg.contacts and guards.is_way(leg.contacts[0], leg.route_set):
        noted = notes.with_early_side(early, tag, notes.Early(leg.contacts[0], leg.route_set, ip))
        if noted is not None:
            sip.set_dialog_note(notes.EARLY, noted)


def _leg(seen: Seen, contact: str, route: str, nat: str) -> Leg:
    """Where requests to the sender of the reply at hand go, which is mended if they can't, or not at once. `contact`,
    `route`: its first Contact and Record-Route; `nat`: the dialog's note of that name. Before its transaction is looked
    for.
    """
    contacts, routes = seen.uris("Contact", contact), seen.uris("Record-Route", route)
    route_set = _beyond_us(routes)
    if nat or len(contacts) != 1 or not named.reaches(contacts[0], route_set):
        devices_in.mend_reply(nat)
        named.mend_answer(seen, sip.received())
        contacts, routes = sip.uris(sip.headers("Contact")), sip.uris(sip.headers("Record-Route"))
        route_set = _beyond_us(routes)
    return tuple.__new__(Leg, (contacts, route_set, len(routes) - len(route_set)))


def passes_in_doubt(rooms: Rooms) -> bool:
    """Whether a reply that a fault hit, or that is no text, goes on: not a 2xx to an INVITE, nor what answers nothing
    of ours or is not of who was asked; the rest is harmless without what its sender says of itself.
    """
    try:
        heard = _heard_in_doubt()
    except UnicodeDecodeError:
        return False
    is_answer = heard.method == "INVITE" and 200 <= heard.code < 300
    if is_answer or _is_unheard(rooms, heard):
        return False
    if heard.method == "BYE":
        try:
            _farewell_answered(rooms, heard)
        except ReplyDropped:
            return False
    elif sip.check_transaction() < 0:
        return False
    ends.answer_in_doubt(heard.to_tag, rooms.gate.passed)
    return True


def _heard_in_doubt() -> Response:
    """What the reply at hand says in what it has from the request that it answers. Raises UnicodeDecodeError: not even
    that is text.
    """
    method, from_tag, to_tag, branch = sip.texts(_SAME)
    return Response(sip.number("$rs"), method, sip.cseq(), from_tag, to_tag, branch, sip.NOTHING_SEEN)


def end_in_doubt(rooms: Rooms) -> None:
    """The reply at hand, which is dropped, if it is a 2xx to an INVITE that is yet to be answered: its sender talks,
    and nobody hears it. Its leg is hung up, the call has failed.
    """
    if not (sip.text("$rm") == "INVITE" and 200 <= sip.number("$rs") < 300 and rooms.has_store()):
        return
    call = sip.dialog_call() or call_of_invite(rooms, sip.text("$ci"), sip.text("$ft"))
    running = find(rooms, call) if call is not None else None
    if call is None or (running is not None and running.is_answered and sip.loose_text("tt") in running.tags):
        return  # of nobody, or of a call that goes on without it
    received, is_late = sip.received(), _is_given_up(sip.text("$via0(branch)"), sip.dialog_note(notes.PAST))
    if running is not None and not is_late and comes_from_side(rooms, running, "callee", received.ip, sip.proven()):
        given_up(rooms, call, End("system", *UNAVAILABLE, int(sip.dialog_note(notes.RING) or 0)), now())
    contacts = [uri for uri in sip.uris([sip.loose_text("hdr(Contact)")]) if guards.is_target(uri)]
    hang_up(rooms, received, contacts[0] if contacts else "", _beyond_us(sip.uris(sip.headers("Record-Route"))))
    if not is_late:
        _tell_end(rooms, call, LATE)


def _beyond_us(routes: tuple[str, ...]) -> tuple[str, ...]:
    """What a request to the sender of a reply with these Record-Routes carries."""
    return guards.beyond_us(routes, named.own_at(routes))


def _updated(rooms: Rooms, heard: Response) -> None:
    """A 2xx to an UPDATE, which may move targets. Raises ReplyDropped."""
    _leg(heard.seen, sip.text("$hdr(Contact)"), sip.text("$hdr(Record-Route)"), sip.dialog_note(notes.NAT))
    if sip.check_transaction() < 0:
        raise ReplyDropped
    call = sip.dialog_call()
    running = find(rooms, call) if call is not None and rooms.has_store() else None
    side = guards.side_of_tag(running, heard.to_tag) if running is not None else None
    if running is not None and side is not None:
        if comes_from_side(rooms, running, side, sip.text("$si"), sip.proven()):
            _repeat_or_move(rooms, running, side, sip.uris(heard.seen.bodies("Contact")))
        else:
            ends.keep_target(running, side)
    sip.relay_media()
    ends.answer_as_asked(heard, sip.dialog_note(notes.SENT), rooms.gate.passed)


def _answered(rooms: Rooms, heard: Response) -> None:
    """A 2xx to an INVITE: of one in a call, or of the one that is to be answered. Raises ReplyDropped."""
    contact, route, nat, sent, ring, past, call, state, h_entry, h_id, *place = sip.texts(_ANSWER)
    leg = _leg(heard.seen, contact, route, nat)
    if not rooms.has_store():
        raise ReplyDropped
    answer = Answer(
        heard,
        leg,
        sip.received_at(*place),
        ring,
        past,
        (int(h_entry or 0), int(h_id or 0)) if call else None,
        sent,
    )
    if call and int(state or 0) < sip.ANSWERED:
        if not notes.is_answered_by(sent, heard.from_tag, heard.cseq):
            _turn_away(rooms, answer, GONE)
        is_relayed = _is_relayed_first(rooms, call, answer)
        _pick_up(rooms, call, answer)
    else:
        is_relayed = False
        _again(rooms, call, answer)
    if not is_relayed:
        sip.relay_media()
    ends.answer_as_asked(heard, sent, rooms.gate.passed)


def _is_relayed_first(rooms: Rooms, call: str, answer: Answer) -> bool:
    """Whether rtpengine was asked before the call is answered: were it silent behind that, tm's timer could refuse
    meanwhile what is charged. Not for somebody else's answer, which must move no media.
    """
    if not sip.has_media() or _is_given_up(answer.heard.branch, answer.past):
        return False
    running = find(rooms, call)
    if running is None or not comes_from_side(rooms, running, "callee", answer.received.ip, sip.proven()):
        return False
    sip.relay_media(offers=bool(sip.dialog_note(notes.LATE)))
    return True


def _again(rooms: Rooms, dialog_call: str, answer: Answer) -> None:
    """A 2xx of a dialog that has had one, or of none."""
    heard, tag = answer.heard, answer.heard.to_tag
    call = dialog_call or call_of_invite(rooms, sip.text("$ci"), heard.from_tag)
    if call is None:
        contacts, route_set, _ = answer.leg
        hang_up_unknown(rooms, heard, answer.received, contacts[0] if contacts else "", route_set)
        raise ReplyDropped  # it would be free
    running = find(rooms, call)
    side = guards.side_of_tag(running, tag) if running is not None and running.is_answered else None
    if running is None or side is None:
        return _pick_up(rooms, call, answer)
    if side == "callee" and heard.cseq < notes.invite_cseq(answer.sent):
        _turn_away(rooms, answer, GONE)
    has_transaction = sip.check_transaction() >= 0
    if has_transaction and not _is_of_its_invites(answer, side):
        _turn_away(rooms, answer, GONE)
    is_its_own = comes_from_side(rooms, running, side, answer.received.ip, sip.proven())
    if is_its_own:
        _repeat_or_move(rooms, running, side, answer.leg.contacts)
    else:
        ends.keep_target(running, side)
    if not has_transaction:
        if not is_its_own:
            raise ReplyDropped  # repeated when its transaction is gone, by somebody who knows the tags
        ends.answer_alone(running, side)
    return None


def _is_of_its_invites(answer: Answer, side: str) -> bool:
    """Whether the 2xx at hand answers an INVITE of the call whose tags it has: the first one, or one in the call.
    Another call may have them too, the other way round, and nobody would pay for it.
    """
    _, _, asked_tag = sip.asked()
    if asked_tag:
        return True
    return side == "callee" and notes.is_answered_by(answer.sent, answer.heard.from_tag, answer.heard.cseq)


def _repeat_or_move(rooms: Rooms, running: RunningCall, side: str, contacts: tuple[str, ...]) -> None:
    """A 2xx of a side of an answered call: the same again, or one that moves targets (RFC 3261 12.2.1.2)."""
    leg = running.caller_leg if side == "caller" else running.callee_leg
    is_fit = len(contacts) == 1 and guards.is_target(contacts[0])
    is_fit = leg is not None and is_fit and guards.is_way(contacts[0], leg.route_set)
    if leg is not None and not is_fit:
        ends.keep_target(running, side)
    elif leg is not None and contacts[0] != leg.contact:
        _move(rooms, running, notes.Move(side, leg.cseq, contacts[0]))
    asked = notes.Move.from_note(sip.dialog_note(notes.MOVE))
    if asked is not None and asked.side != side and asked.cseq == sip.cseq():
        _move(rooms, running, asked)


def _move(rooms: Rooms, running: RunningCall, move: notes.Move) -> None:
    """In the store, for what comes after a restart, and in the dialog, for the BYEs that Kamailio sends."""
    leg = running.caller_leg if move.side == "caller" else running.callee_leg
    if leg is not None and leg.contact != move.contact:
        advance(rooms, running.hex, move.side, move.cseq, move.contact)
        sip.set_dialog_note(notes.MOVED, notes.with_moved(sip.dialog_note(notes.MOVED), leg.tag, move.contact))


class Answer(NamedTuple):
    """A 2xx to an INVITE, as it came."""

    heard: Response
    leg: Leg
    received: Received
    ring: str
    past: str
    """The dialog's notes of these names."""
    dialog: tuple[int, int] | None
    """Kamailio's hash entry and id of its dialog; None: it has none."""
    sent: str
    """The dialog's note of that name."""


def _pick_up(rooms: Rooms, call: str, answer: Answer) -> None:
    """The answer: it passes with a grant and a timer, or not at all. Raises ReplyDropped."""
    (contacts, route_set, routes_on), received, tag = answer.leg, answer.received, answer.heard.to_tag
    moment = now()
    decision: Grant | Denied
    if _is_given_up(answer.heard.branch, answer.past):
        decision = LATE
    elif answer.dialog is None or tag == answer.heard.from_tag or not guards.is_leg(tag, contacts, route_set):
        decision = LEG if _may_refuse(rooms, call, received.ip) else ELSEWHERE
    else:
        callee = Callee(tag, contacts[0], route_set, received.socket, received, *answer.dialog, routes_on)
        decision = answered(rooms, call, callee, int(answer.ring or 0), moment)
        if isinstance(decision, Grant):
            rooms.gate.proved(received.ip, moment)  # the place of a number is no trunk's: who is busy there is no flood
    if (
        isinstance(decision, Grant)
        and decision.timeout_s is not None
        and not sip.set_dialog_timeout(decision.timeout_s)
    ):
        decision = Denied("timer", *UNAVAILABLE)
        turned_down(rooms, call, End("system", *UNAVAILABLE, 0), moment)
    if decision is LEG:
        given_up(rooms, call, End("system", *UNAVAILABLE, 0), moment)
    if isinstance(decision, Denied):
        hang_up(rooms, received, contacts[0] if contacts else "", route_set)
        _tell_end(rooms, call, GONE if decision.rule in {GONE.rule, LATE.rule} else decision)
        raise ReplyDropped


def _may_refuse(rooms: Rooms, call: str, ip: str) -> bool:
    """Whether a 2xx to an INVITE that opens no call ends it: it is of who was asked, or the call is over. A MESSAGE,
    which has no such answer, would have cost its sender nothing.
    """
    running = find(rooms, call)
    if running is None:
        return True
    return running.special != MESSAGE and comes_from_side(rooms, running, "callee", ip, sip.proven())


def _turn_away(rooms: Rooms, answer: Answer, denied: Denied) -> NoReturn:
    """Hangs up the leg of a 2xx that opens no call, and ends its INVITE. Raises ReplyDropped."""
    contacts, route_set, _ = answer.leg
    hang_up(rooms, answer.received, contacts[0] if contacts else "", route_set)
    _tell_caller(denied)
    raise ReplyDropped


def _is_given_up(branch: str, past: str) -> bool:
    """Whether the reply at hand is of a gateway that the call has left. `past`: the dialog's note of that name."""
    return sip.branch_of(branch) < int(past or 0)


def _tell_end(rooms: Rooms, call: str, denied: Denied) -> None:
    """The end of the call that the 2xx at hand should have answered, to its caller and to rtpengine, if it is over."""
    if find(rooms, call) is None:
        sip.end_media()
        _tell_caller(denied)


def _tell_caller(denied: Denied) -> None:
    """The final answer to the INVITE, whose other branches end with it."""
    if sip.check_transaction() >= 0:
        sip.set_timers(0, REPEATING_MS)
        sip.transaction_reply(denied.code, denied.reason)


def message_answered(rooms: Rooms) -> None:
    """A reply to a MESSAGE: a 2xx is paid for before it goes on; one of a gateway that was left does not."""
    call = sip.kept_call()
    if call is None or not (rooms.has_store() and 200 <= sip.number("$rs") < 300):
        return
    if sip.branch_of(sip.text("$via0(branch)")) >= sip.branches_given_up():
        delivered(rooms, call, now())
