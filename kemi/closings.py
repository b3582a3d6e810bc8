"""Dialogs that Kamailio ends of its own accord: its BYEs, and calls that nothing else has settled. Shell only."""

from __future__ import annotations

from kemi import ends, farewell, messages, notes, sip
from kemi.clock import now
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms
from kemi.running import find
from kemi.settlement import End, ended
from kemi.store.calls import RunningCall

TIMER_SLACK_MS = 2_000
"""Dialog timers run in whole seconds."""


def own_request(rooms: Rooms) -> None:
    """A BYE of Kamailio's own. Its dialog module knows only the first targets: it goes to the present one.

    A call that nobody has settled by now is ended by its timer. The dialog's own event is not enough: Kamailio 5.6
    leaves it out when the answer to the BYE is quicker than the timer process.
    """
    call_id, from_tag, to_tag, *noted = sip.texts(ends.OWN)
    call = sip.dialog_call()
    try:
        if call is not None and call != rooms.hanging_up and rooms.has_store():
            sip.end_media()
            _await_second_bye(rooms, call, farewell.key_of(rooms, call_id, from_tag, to_tag), to_tag)
            _timer_ended(rooms, call)
    finally:  # it goes whatever becomes of that, and is to arrive
        ends.readdress_own(from_tag, to_tag, *noted)


def _await_second_bye(rooms: Rooms, call: str, key: bytes, tag: str) -> None:
    """The BYE at hand goes to the side with this tag: the other side's must follow, or it is the one that was awaited.
    `key`: of the second one.
    """
    if farewell.forget(rooms, key):
        return
    running = find(rooms, call)
    destination, bye = "", ""
    if running is not None and running.is_answered:  # else settled by whoever has hung up, a moment ago
        leg = messages.side_of(running, next((one for one in running.tags if one != tag), ""))
        if leg is not None:
            destination, bye = leg.next_hop, messages.request(leg, "BYE", farewell.branch_of(key))
    farewell.keep(rooms, key, destination, bye, first_ms=farewell.LATE_MS, now=now())


def dialog_ended(rooms: Rooms) -> None:
    """The end of a dialog that nobody may have settled: its timer. Whoever sends its BYEs settles it before
    (`own_request`), so that none has gone of one that runs yet.
    """
    call = sip.dialog_call()
    before = None if call is None else _timer_ended(rooms, call)
    if before is not None:
        farewell.keep_both(rooms, before, now())


def dialog_failed(rooms: Rooms) -> None:
    """A failure that no route saw."""
    call = sip.dialog_call() if rooms.has_store() else None
    if call is not None:
        ended(rooms, call, End("system", *UNAVAILABLE, int(sip.dialog_note(notes.RING) or 0)), now())


ENDINGS = {"dialog:end": dialog_ended, "dialog:failed": dialog_failed}
"""Events of Kamailio's dialogs that may be the end of a call. They read nothing that a peer wrote."""


def _timer_ended(rooms: Rooms, call: str) -> RunningCall | None:
    """The dialog's timer ran out: with the grant, or before it, since the 200 was never acknowledged. None: the call
    was settled before.
    """
    running = find(rooms, call) if rooms.has_store() else None
    if running is None or not running.is_answered:
        return None
    moment = now()
    by = "grant" if running.grant_end_boot_ms - moment.boot_ms < TIMER_SLACK_MS else "system"
    return running if ended(rooms, call, End(by, 200, "OK", running.ring_wall_ms), moment) else None
