"""Which requests may pass: limits on what a peer sends, and what belongs to a call. Pure.

A guard answers None (it may pass) or an `Answer`. Requests in a dialog are judged by what the store knows of
the call, never by what Kamailio's dialog module would let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from kemi.caller import contact_shown
from kemi.invitation import CALL_ID_MAX, CSEQ_FIRST_MAX, is_tag, is_within_limit
from kemi.nat import is_at_address, is_plain, is_readable
from kemi.notes import ROUTES_MAX, URI_MAX, Early, is_word
from kemi.store.calls import Leg, RunningCall

CSEQ_STEP_MAX = 1_000
"""How far a CSeq may jump: a peer that jumps to the end would make our BYE invalid."""
MAX_FORWARDS_MIN = 10
"""A request in a call that dies on its way to the other side would change one side only."""

_ROUTE = r"[^<>,]*<[^<>\s]+>[^<>,]*"
_ROUTES = re.compile(f"{_ROUTE}(?:,{_ROUTE})*")

EXTENSIONS = frozenset({"100rel", "timer", "outbound", "path", "precondition"})
"""What a peer may Require: option tags that a proxy has no part in, none that takes a call over (replaces, join)."""
REPLACES, JOIN = "replaces", "join"
"""Headers of an INVITE, in lower case, that would put somebody into another call (RFC 3891, RFC 3911), which nobody
would pay for. The first one is `kemi.transfers`' to judge where a device says it.
"""
TAKING_OVER = frozenset({REPLACES, JOIN})
"""In a call they are for nobody (RFC 3891 3: 400)."""

RELAYED = frozenset({"INVITE", "ACK", "UPDATE", "INFO", "PRACK"})
"""Methods that pass in an answered call. BYE is answered here and sent anew."""
MEDIA = RELAYED - {"INFO"}
"""Of these, what may carry an SDP."""
RELAYED_RINGING = frozenset({"PRACK", "UPDATE"})
"""Methods that pass before the answer, with a To-tag that came in an 18x of the call."""
TRANSFERRING = frozenset({"REFER", "NOTIFY"})
"""Methods that pass in an answered call when `kemi.transfers` lets them."""
REFRESHING = frozenset({"INVITE", "UPDATE"})
"""RFC 3261 12.2 and RFC 3311: their Contact moves the sender's remote target."""


class Answer(NamedTuple):
    """A final answer."""

    code: int
    reason: str


BAD_REQUEST = Answer(400, "Bad Request")
UNKNOWN_DIALOG = Answer(481, "Call/Transaction Does Not Exist")
FORBIDDEN = Answer(403, "Forbidden")
LOW_CSEQ = Answer(500, "CSeq out of order")
TOO_MANY_HOPS = Answer(483, "Too Many Hops")
BAD_EXTENSION = Answer(420, "Bad Extension")
NOT_ALLOWED = Answer(405, "Method Not Allowed")
NOT_ACCEPTABLE = Answer(488, "Not Acceptable Here")


def check_extensions(require: str, *, takes_over: bool = False) -> Answer | None:
    """No Require beyond the list; `takes_over`: nor beyond what takes a call over."""
    if not require:
        return None
    wanted = {tag.strip().lower() for tag in require.split(",") if tag.strip()}
    return BAD_EXTENSION if wanted - EXTENSIONS - ({"replaces"} if takes_over else set()) else None


def is_well_formed(request_line: str, date: str) -> bool:
    """Whether an INVITE is as RFC 3261 writes it where Kamailio is lenient: one blank between the parts of the request
    line and none behind, no headers in its URI (19.1.1), a Date, if there is one, in GMT (20.17).
    """
    parts = request_line.split(" ")
    return len(parts) == 3 and parts[2] == "SIP/2.0" and "?" not in parts[1] and (not date or date.endswith("GMT"))


def are_routes(bodies: list[str]) -> bool:
    """Whether Record-Route headers are lists of addresses in brackets: Kamailio makes no dialog of others."""
    return all(_ROUTES.fullmatch(body) for body in bodies)


def is_first(call_id: str, cseq: int) -> bool:
    """Whether a request that begins something can be told from others and leaves room for those that follow."""
    return is_within_limit(call_id, CALL_ID_MAX) and 0 <= cseq < CSEQ_FIRST_MAX


class InDialog(NamedTuple):
    """What a request in a dialog says."""

    method: str
    from_tag: str
    to_tag: str
    cseq: int
    request_uri: str
    comes_by_us: bool
    """Whether its first Route is ours: another one would lead the request anywhere."""
    routes: tuple[str, ...]
    """URIs of its Route headers beyond ours, top first."""
    max_forwards: int
    """0: of an ACK, which may have any: who is asked nothing can't refuse."""
    require: str
    contacts: tuple[str, ...]


def side_of(running: RunningCall, from_tag: str, to_tag: str) -> str | None:
    """Which side of the call speaks, by both tags; None: neither."""
    caller, callee = running.caller_leg, running.callee_leg
    if from_tag == caller.tag and (callee is None or to_tag == callee.tag):
        return "caller"
    if callee is not None and from_tag == callee.tag and to_tag == caller.tag:
        return "callee"
    return None


def side_of_tag(running: RunningCall, tag: str) -> str | None:
    """Which side of an answered call has a tag; None: neither."""
    if running.callee_leg is not None and tag == running.callee_leg.tag:
        return "callee"
    return "caller" if tag == running.caller_leg.tag else None


def is_target(uri: str) -> bool:
    """Whether a Contact's URI can be a remote target: one that requests can be sent to by SIP."""
    return (len(uri) <= URI_MAX and is_plain(uri) is not None) or (is_word(uri) and is_readable(uri))


def is_way(contact: str, route_set: tuple[str, ...]) -> bool:
    """Whether requests go to an address first: a name (`kemi.named`) would make a worker wait for a name server."""
    first = route_set[0] if route_set else contact
    return is_plain(first) is not None or is_at_address(first)


def is_leg(tag: str, contacts: tuple[str, ...], route_set: tuple[str, ...]) -> bool:
    """Whether a 2xx names a leg that requests can be sent to, within our limits."""
    if len(contacts) != 1 or len(route_set) > ROUTES_MAX:
        return False
    return is_tag(tag) and is_target(contacts[0]) and is_way(contacts[0], route_set)


def check_cseq(cseq: int, leg: Leg) -> Answer | None:
    """Rising, and not by too much (RFC 3261 12.2.2: a lower one MUST be answered 500)."""
    highest = leg.cseq + CSEQ_STEP_MAX if leg.cseq else CSEQ_FIRST_MAX
    return None if leg.cseq < cseq <= highest else LOW_CSEQ


def check_bye(running: RunningCall, side: str, cseq: int) -> Answer | None:
    """A BYE ends the call for both sides, so that only who it is from counts: it is never sent on. What it requires is
    for the other side to judge (RFC 3261 16.3), which is not asked: refused, it would leave a call that one side has
    left, and the bill would go on.
    """
    leg = running.caller_leg if side == "caller" else running.callee_leg
    if not running.is_answered or leg is None:
        return UNKNOWN_DIALOG
    return check_cseq(cseq, leg)


def check_in_dialog(
    running: RunningCall, request: InDialog, side: str, methods: frozenset[str] = RELAYED
) -> Answer | None:
    """A request that goes on to the other side of an answered call: method, way, target, CSeq."""
    own = running.caller_leg if side == "caller" else running.callee_leg
    other = running.callee_leg if side == "caller" else running.caller_leg
    if not running.is_answered or own is None or other is None:
        return UNKNOWN_DIALOG
    if request.method not in methods:
        return NOT_ALLOWED
    if not _follows(request, contact_shown(running) if side == "callee" else other.contact, other.route_set):
        return FORBIDDEN
    if request.method == "ACK":  # has the CSeq of its INVITE, moves nothing, and nobody could refuse it
        return check_extensions(request.require) if request.require else None
    return check_cseq(request.cseq, own) or _check_way(request, own.route_set)


def _follows(request: InDialog, target: str, route_set: tuple[str, ...]) -> bool:
    """Whether it goes where the store says: to the target, by us and the route set, and by nobody else."""
    return request.request_uri == target and request.comes_by_us and request.routes == route_set


def check_ringing(running: RunningCall, request: InDialog, early: Mapping[str, Early]) -> Answer | None:
    """A request before the answer. `early`: the sides that ring, by the To-tag of their 18x."""
    side = early.get(request.to_tag)
    if side is None or request.from_tag != running.caller_leg.tag or request.method not in RELAYED_RINGING:
        return UNKNOWN_DIALOG
    if not _follows(request, side.contact, side.route_set):
        return FORBIDDEN
    return check_cseq(request.cseq, running.caller_leg) or _check_way(request, running.caller_leg.route_set)


def _check_way(request: InDialog, route_set: tuple[str, ...]) -> Answer | None:
    """It must reach the other side: hops enough, nothing required that could be refused on the way. `route_set`: of its
    sender, who must be reached in turn where it moves to.
    """
    if request.max_forwards < MAX_FORWARDS_MIN:
        return TOO_MANY_HOPS
    if request.method in REFRESHING:
        contact = request.contacts[0] if len(request.contacts) == 1 else ""
        if not (is_target(contact) and is_way(contact, route_set)):
            return BAD_REQUEST
    return check_extensions(request.require)


def beyond_us(record_routes: tuple[str, ...], own: int) -> tuple[str, ...]:
    """The route set to the callee, from the Record-Routes of its answer; `own`: the place of ours.

    Ours was put on top when the request passed; proxies behind us stand above it, the last one on top.
    """
    return tuple(reversed(record_routes[:own]))
