"""A call that a trunk or device of ours forwards by a redirection (3xx): another call, made and paid by who forwards.

What the first caller holds stays as it is. Without the setting, or beyond what a dialog may be forwarded, nobody
follows. Where the call that was made fails, the one that was forwarded goes on to the next place of its number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kemi.authorize import Admitted, Target, authorise
from kemi.beginning import RINGING_SLACK_MS
from kemi.clock import Now
from kemi.destination import Local
from kemi.failover import next_hop
from kemi.invitation import USER_MAX, Invitation, Redirected, is_within_limit
from kemi.joined import is_last, part
from kemi.numbers import normalise
from kemi.receive import longest_ms, receive
from kemi.rooms import Rooms
from kemi.running import find
from kemi.settlement import End, settle_alone
from kemi.sides import party_of
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change
from kemi.store.layout import invite_key
from kemi.store.origins import Origin, trunk_of
from kemi.store.translate import CALLED
from kemi.transfers import is_here, parse_aim, places_of

FOLLOWED = frozenset({300, 301, 302})
"""RFC 3261 21.3: what names other places for the same call."""
FORWARDS_MAX = 3
"""Of one dialog."""


class Forwarded(NamedTuple):
    """The dialog goes on as this call."""

    call: str
    target: Target


def forward(
    rooms: Rooms,
    call: str,
    code: int,
    uris: tuple[str, ...],
    ring_ms: int,
    is_own: Callable[[str], bool],
    offer: Callable[[], str],
    now: Now,
) -> Forwarded | None:
    """The call that who rings makes by forwarding this one; None: it makes none, or may not, as records of its say.

    `uris`: of the redirection's Contacts, the best first: the first one whose call is taken. `ring_ms`: when it rang,
    0: it didn't; `is_own`: whether a URI is of our sockets.
    """
    running = find(rooms, call)
    if code not in FOLLOWED or running is None or running.is_answered or not running.hops:
        return None
    redirected = Redirected(running.joined or (running.key,), code, ring_ms)
    refused: set[str] = set()
    for uri in uris:
        found = _asked(rooms, running, uri, is_own, refused)
        if found is None:
            continue
        party, user, called = found
        invitation = _invitation(running, user, redirected, offer)
        decision = authorise(rooms, party, invitation, now)
        if isinstance(decision, Local):
            decision = receive(rooms, party, invitation, decision, now)
        if isinstance(decision, Admitted):
            return Forwarded(decision.call, decision.target)
        refused.add(called)
    return None


def _asked(
    rooms: Rooms, running: RunningCall, uri: str, is_own: Callable[[str], bool], refused: set[str]
) -> tuple[Origin, str, str] | None:
    """Who forwards, whom it names, and who that is; None: it may not, or names nobody here, or somebody who was called
    already, or whose call was `refused`.
    """
    aim = parse_aim(uri)
    store = rooms.store
    with store.read() as txn:
        party = party_of(store, txn, running, "callee")
        if party is None or not party.forwards or party.state != "active" or len(running.joined) > FORWARDS_MAX:
            return None
        is_fit = aim is not None and aim.replaces is None and is_within_limit(aim.user, USER_MAX)
        if aim is None or not is_fit or not is_here(aim, places_of(store, txn), is_own):
            return None
        rules = store.configuration(txn).translations(txn, party.account).of_trunk(trunk_of(party), CALLED)
        called = normalise(party, aim.user, rules) or aim.user
        records = [txn.get(key, db=store.call) for key in running.joined]
    before = [running, *[unpack_call(raw) for raw in records if raw is not None]]
    return None if called in refused.union(one.called for one in before) else (party, aim.user, called)


def take_back(rooms: Rooms, call: str, code: int, end: End, now: Now) -> Forwarded | None:
    """The call that goes on when one that was made by forwarding it has failed with `code`: at its number's next place.
    What was made of it has ended then. None: there is none, and nothing is changed.
    """
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        chain = [change.call(key) for key in running.joined] if running is not None and is_last(running) else []
        known = [one for one in chain if one is not None]
        for at in reversed(range(len(known) - 1)):
            target = next_hop(change, known[at], code, now, end.ring_ms)
            if target is not None:
                break
        else:
            return None
        for one in known[at + 1 :]:
            settle_alone(change, one, end, now, now.boot_ms)
        back = known[at]
        due_ms = now.boot_ms + longest_ms(len(back.hops) - 1, back.ring_s) + RINGING_SLACK_MS
        part(change, [one.key for one in known[: at + 1]], invite_key(back.call_id, back.from_tag), due_ms)
    return Forwarded(back.hex, target)


def _invitation(running: RunningCall, user: str, redirected: Redirected, offer: Callable[[], str]) -> Invitation:
    """The INVITE that who forwards would send: the same dialog, from the same caller, to somebody else."""
    leg = running.caller_leg
    return Invitation(
        call_id=running.call_id,
        from_tag=running.from_tag,
        cseq=leg.cseq,
        branch="",
        caller=f"+{running.caller}" if running.caller else running.caller_sent,
        called=user,
        from_uri=running.from_uri,
        to_uri=running.to_uri,
        request_uri=running.request_uri,
        contact=leg.contact,
        route_set=leg.route_set,
        socket=leg.socket,
        ip=running.caller_ip,
        is_private=running.is_private,
        offer=offer,
        redirected=redirected,
    )
