"""What follows when every branch has failed: another place, or the code to who asked. Shell only."""

from __future__ import annotations

from kemi import carriers, devices_in, farewell, notes, sip
from kemi.authorize import Target
from kemi.clock import now
from kemi.contacts import alternatives
from kemi.failover import fail_over
from kemi.forwards import FOLLOWED, Forwarded, forward, take_back
from kemi.prober import note_result
from kemi.redirects import Others, follow
from kemi.refusal import REPEATING_MS, UNAVAILABLE
from kemi.rooms import Rooms
from kemi.running import comes_from_side, find
from kemi.sending import send_message, send_out
from kemi.settlement import End, ended, turned_down

NEVER_PASSED = frozenset({401, 407, *range(300, 400)})
"""Codes of a gateway that mean nothing to the caller: challenges and redirections are not followed."""


def failure(rooms: Rooms) -> None:
    """The gateway failed: the next one, or its code to the caller."""
    call = sip.dialog_call()
    if call is None or not rooms.has_store():
        return
    ring_ms = int(sip.dialog_note(notes.RING) or 0)
    if sip.is_cancelled():
        sip.set_timers(0, REPEATING_MS)
        ended(rooms, call, End("caller", 487, "Request Terminated", ring_ms), now())
        return
    code = sip.failure_code()
    onward = None
    if _is_of_who_was_asked(rooms, call):
        _note_failure(rooms, call, code, ring_ms)
        onward = _onward(rooms, call, code, ring_ms)
    while onward is not None:
        call = onward.call
        sip.set_dialog_note(notes.RING, "")
        sip.set_dialog_note(notes.CODECS, "")
        sip.set_dialog_note(notes.PAST, str(int(sip.dialog_note(notes.PAST) or 0) + 1))
        if send_out(rooms, call, onward.target):
            return
        onward = _taken_back(rooms, call, UNAVAILABLE[0], 0)
    code, reason = _for_caller(code, sip.failure_reason())
    sip.set_timers(0, REPEATING_MS)
    before = turned_down(rooms, call, End("callee", code, reason, ring_ms), now())
    if before is not None:
        # In this very moment, in another process: its 2xx may be on its way to the caller all the same.
        if before.is_answered:
            farewell.keep_both(rooms, before, now())
        sip.transaction_reply(code, reason)
    sip.end_media()


def _is_of_who_was_asked(rooms: Rooms, call: str) -> bool:
    """Whether nobody has answered, or who was asked: tm may have taken another's reply, in the name of a call that is
    its own (`kemi.calls_on`). That leads nowhere.
    """
    source, running = sip.failure_source(), find(rooms, call)
    return not source or running is None or comes_from_side(rooms, running, "callee", source)


def _onward(rooms: Rooms, call: str, code: int, ring_ms: int) -> Forwarded | None:
    """As what the dialog goes on, and where; None: it has nowhere left to go."""
    forwarded = _forwarded(rooms, call, code, ring_ms)
    if forwarded is not None:
        return forwarded
    target = carriers.prove(rooms, call, code) or _redirected(rooms, call, code, ring_ms)
    if target is None:
        sip.set_dialog_note(notes.AIM, "")
        sip.set_dialog_note(notes.OTHERS, "")
        target = fail_over(rooms, call, code, now(), ring_ms, sip.offer)
    return _taken_back(rooms, call, code, ring_ms) if target is None else Forwarded(call, target)


def _taken_back(rooms: Rooms, call: str, code: int, ring_ms: int) -> Forwarded | None:
    """The call that was forwarded, at its number's next place; None: this one was not made by forwarding, or there is
    none.
    """
    end = End("callee", *_for_caller(code, sip.failure_reason()), ring_ms)
    found = take_back(rooms, call, code, end, now())
    if found is not None:
        sip.follow_call(found.call)
    return found


def _forwarded(rooms: Rooms, call: str, code: int, ring_ms: int) -> Forwarded | None:
    """The call as which the dialog goes on, since who rang has forwarded it; None: nobody has, or it may not."""
    if code not in FOLLOWED:
        return None
    uris = alternatives(sip.failure_headers("Contact"))
    found = forward(rooms, call, code, uris, ring_ms, sip.is_own_uri, sip.offer, now())
    if found is not None:
        sip.set_dialog_note(notes.AIM, "")
        sip.follow_call(found.call)
        devices_in.note_nat(notes.CALLEE, is_device=False)
    return found


def _redirected(rooms: Rooms, call: str, code: int, ring_ms: int) -> Target | None:
    """Where the gateway has sent the call, or one before had sent it too, if that is its carrier's and it may; None:
    nowhere.
    """
    past = tuple(sip.dialog_note(notes.REDIRECTED).split())
    others = Others.from_note(sip.dialog_note(notes.OTHERS))
    uris = alternatives(sip.failure_headers("Contact")) if code in FOLLOWED else ()
    found = follow(rooms, call, code, uris, past, ring_ms, sip.offer, now()) if uris else None
    if found is None and others is not None:
        found = follow(rooms, call, code, others, past, ring_ms, sip.offer, now())
    if found is None:
        return None
    sip.set_dialog_note(notes.REDIRECTED, " ".join([*past, found.aim.place]))
    sip.set_dialog_note(notes.OTHERS, found.others.to_note())
    sip.set_dialog_note(notes.AIM, found.aim.to_note())
    return found.target


def message_failed(rooms: Rooms) -> None:
    """The gateway did not take a MESSAGE: the next one, or its code to the sender."""
    call = sip.kept_call()
    if call is None or not rooms.has_store():
        return
    code = sip.failure_code()
    target = fail_over(rooms, call, code, now())
    sip.give_branch_up()
    if target is not None and send_message(rooms, call, target):
        return
    code, reason = _for_caller(code, sip.failure_reason())
    if ended(rooms, call, End("callee", code, reason, 0), now()):
        sip.transaction_reply(code, reason)


def _note_failure(rooms: Rooms, call: str, code: int, ring_ms: int) -> None:
    """Counts the gateway's failure, or its answer. One that let the call ring until the limit has not failed."""
    running = find(rooms, call)
    if running is not None and not running.is_answered and not (ring_ms and code == 408):
        carriers.tell(note_result(rooms, running.gateway, code, now()))


def _for_caller(code: int, reason: str) -> tuple[int, str]:
    """The carrier's code and reason, unless they mean nothing to a caller."""
    if code in NEVER_PASSED or not reason.isprintable():
        return UNAVAILABLE
    return code, reason or "Failed"
