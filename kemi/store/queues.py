"""Events: what transactions leave for the journal, and what they mean.

An event's record is `marshal` of (version, kind, boot_ms, wall_ms, payload). `answered` names its call only: its
record stands in the store until `settled` carries it.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any, NamedTuple

from kemi.clock import Now
from kemi.store.calls import MARSHAL_VERSION, Attempt, ChargeLeg, RunningCall, unpack_call
from kemi.store.layout import VERSION, UnknownVersion
from ratebook.exchange import factor_text
from ratebook.tax import factor_of

ANSWERED = "answered"
EXTENDED = "extended"
SETTLED = "settled"
ATTEMPTED = "attempted"
REFUSED = "refused"
OPENED = "opened"
SET_ASIDE = "set_aside"
BANNED = "banned"
ALARM = "alarm"
REGISTERED = "registered"
UNREGISTERED = "unregistered"
BEAT = "beat"
ASKED = "asked"
REFERRED = "referred"


class Ending(NamedTuple):
    """How a call ended."""

    outcome: str
    """answered, failed, cancelled."""
    by: str
    sip_code: int
    sip_reason: str
    ring_wall_ms: int
    """Of the gateway, or place, at hand."""
    duration_ms: int
    rule: str = ""
    refused_by: int = 0


class Charged(NamedTuple):
    """What one leg came to."""

    billed_s: int
    micros: int
    """What the account pays beside what its packages pay."""
    fees_covered: bool = False
    takes: tuple[tuple[int, bool, int], ...] = ()
    """Of packages: as `kemi.store.calls.Hold`."""


def pack_event(kind: str, now: Now, payload: Any) -> bytes:
    """The record of an event. `payload` is of plain tuples, dicts, texts, numbers and bytes."""
    return marshal.dumps((VERSION, kind, now.boot_ms, now.wall_ms, payload), MARSHAL_VERSION)


Event = tuple[str, int, int, Any]
"""Kind, boot_ms, wall_ms and payload."""


def unpack_event(raw: bytes) -> Event:
    """The event of its record."""
    version, kind, boot_ms, wall_ms, payload = marshal.loads(raw)  # noqa: S302 -- our own processes wrote it
    if version != VERSION:
        raise UnknownVersion("event", version)
    return kind, boot_ms, wall_ms, payload


def event_to_json(raw: bytes) -> dict[str, Any]:
    """What an event says, in words."""
    kind, boot_ms, wall_ms, payload = unpack_event(raw)
    return {"e": kind, "boot_ms": boot_ms, "wall_ms": wall_ms, **meaning_of(kind, payload, wall_ms)}


def meaning_of(kind: str, payload: Any, wall_ms: int) -> dict[str, Any]:
    """What an event's payload says, in words."""
    return _BODIES[kind](payload, wall_ms)


def ended_call(raw: bytes) -> RunningCall | None:
    """The answered call that an event settled; None: the event is another one."""
    kind, _, _, payload = unpack_event(raw)
    if kind != SETTLED:
        return None
    call = unpack_call(payload[1])
    return call if call.is_answered and call.callee_leg is not None else None


def _answered(payload: bytes, _wall_ms: int) -> dict[str, Any]:
    return {"call": payload.hex()}


def _extended(payload: tuple[bytes, int, tuple[int, ...], tuple[Any, ...]], _wall_ms: int) -> dict[str, Any]:
    key, grant_s, held, packages = payload
    said = {"call": key.hex(), "grant_s": grant_s, "held": list(held)}
    return said | {"packages": list(packages)} if packages else said


def _settled(payload: tuple[bytes, bytes, tuple[Any, ...], tuple[Any, ...], Any], wall_ms: int) -> dict[str, Any]:
    _, raw, ending, charges, cost = payload
    call = unpack_call(raw)
    provider = None if call.provider is None or cost is None else _cost(call.provider, Charged(*cost))
    rows = [
        _charge(leg, Charged(*charged)) | {"held": leg.held} for leg, charged in zip(call.legs, charges, strict=True)
    ]
    return {"cdr": _cdr(call, Ending(*ending), wall_ms) | {"charges": rows, "cost": provider}}


def _charge(leg: ChargeLeg, charged: Charged) -> dict[str, Any]:
    return {
        "account": leg.account,
        "seller": leg.seller,
        "tariff": leg.tariff.hex(),
        "prefix": leg.prefix,
        "terms": leg.terms.hex(),
        "billed_s": charged.billed_s,
        "micros": charged.micros,
        "currency": leg.currency,
        "exchange": factor_text(leg.exchange),
        "tax": factor_text(factor_of(leg.tax)),
        "tax_set": leg.tax[0] if leg.tax else 0,
        "covered_s": sum(amount for _, is_money, amount in charged.takes if not is_money),
        "covered_micros": sum(amount for _, is_money, amount in charged.takes if is_money),
        "fees_covered": charged.fees_covered,
        "takes": [[grant, amount] for grant, _, amount in charged.takes],
    }


def _cost(leg: ChargeLeg, charged: Charged) -> dict[str, Any]:
    """What a provider gets."""
    told = _charge(leg, charged)
    for name in ("seller", "tax", "tax_set", "covered_s", "covered_micros", "fees_covered", "takes"):
        told.pop(name)
    return told


ATTEMPT = "attempt"
"""The kind of a record that no call has left, but a gateway whose provider is paid for having failed."""


def attempt_record(call: RunningCall, key: bytes, left: Attempt, leg: ChargeLeg, micros: int) -> dict[str, Any]:
    """The record of an attempt after which its call goes on. It is the operator's own, under a key of its own, so that
    it is nobody else's but its provider's; Call-ID and the moment of its INVITE say of which call it was.
    """
    gateway, sip_code, at_ms, ring_ms, end_ms = left
    root = call.path[-1]
    told = _cdr(call._replace(attempts=(left,)), Ending("failed", "callee", sip_code, "", ring_ms, 0), end_ms)
    nobody = dict.fromkeys(("trunk", "device", "number", "owner", "entrance", "to_device"), 0)
    whose = {"call": key.hex(), "kind": ATTEMPT, "account": root, "path": [root], "gateway": gateway}
    cost = _cost(leg, Charged(0, micros))
    return told | nobody | whose | {"start_ms": at_ms, "charges": [], "cost": cost}


def _cdr(call: RunningCall, ending: Ending, wall_ms: int) -> dict[str, Any]:
    return {
        "call": call.hex,
        "kind": call.special or "call",
        "outcome": ending.outcome,
        "sip_code": ending.sip_code,
        "sip_reason": ending.sip_reason,
        "ended_by": ending.by,
        "refused_by": ending.refused_by,
        "rule": ending.rule,
        "trunk": call.trunk,
        "device": call.device,
        "number": call.number,
        "owner": call.owner,
        "entrance": call.entrance,
        "to_device": call.hops[0].id if call.hops and call.hops[0].kind == "device" else 0,
        "account": call.account,
        "path": list(call.path),
        "caller": call.caller,
        "caller_sent": call.caller_sent,
        "private": call.is_private,
        "forwarded": call.is_forwarded,
        "called": call.called,
        "called_sent": call.called_sent,
        "routing_number": call.routing_number,
        "identity": call.identity,
        "attested": call.attested,
        "destination": call.legs[0].destination if call.legs else call.special,
        "call_id": call.call_id,
        "from_tag": call.from_tag,
        "to_tag": call.callee_leg.tag if call.callee_leg else "",
        "start_ms": call.start_wall_ms,
        "ring_ms": next((ring_ms for *_, ring_ms, _ in call.attempts if ring_ms), ending.ring_wall_ms),
        "answer_ms": call.answer_wall_ms,
        "end_ms": wall_ms,
        "duration_ms": ending.duration_ms,
        "gateway": call.gateway,
        "attempts": [list(attempt) for attempt in call.attempts],
    }


def _plain(payload: dict[str, Any], _wall_ms: int) -> dict[str, Any]:
    return payload


def _refused(payload: dict[str, Any], wall_ms: int) -> dict[str, Any]:
    return {"cdr": payload | {"end_ms": wall_ms}}


_BODIES: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    ANSWERED: _answered,
    EXTENDED: _extended,
    SETTLED: _settled,
    ATTEMPTED: _refused,
    REFUSED: _refused,
    OPENED: _plain,
    SET_ASIDE: _plain,
    BANNED: _plain,
    ALARM: _plain,
    REGISTERED: _plain,
    UNREGISTERED: _plain,
    BEAT: _plain,
    ASKED: _plain,
    REFERRED: _plain,
}
