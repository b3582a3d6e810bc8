"""The records of calls that were refused, and so never held anything."""

from __future__ import annotations

from typing import Any

from kemi import limits
from kemi.beginning import new_call_key
from kemi.caller import caller_of
from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.numbers import normalise
from kemi.refusal import Refused
from kemi.rooms import Rooms
from kemi.store import queues
from kemi.store.change import Change
from kemi.store.configuration import Configuration
from kemi.store.origins import Origin, device_of, trunk_of
from kemi.store.translate import CALLED


def record_refusal(
    rooms: Rooms, trunk: Origin, invitation: Invitation, refused: Refused, kind: str, now: Now, limit: int = 0
) -> None:
    """Leaves the record of a refused call, if there is room for it. `limit`: the number of the one that refused it."""
    with Change(rooms.store) as change:
        if refused.rule == "store" or change.is_nearly_full():
            return
        begun = begun_by(trunk) | numbers_of(change.configuration, change.txn, trunk, invitation) | {"kind": kind}
        change.event(queues.REFUSED, now, refusal_record(begun, invitation, refused, now))
        if limit:
            limits.refused(change, refused.account, limit, now)


def begun_by(origin: Origin) -> dict[str, int]:
    """Where a call began, as its record says it."""
    device = device_of(origin)
    ids = {"trunk": trunk_of(origin), "device": device.id if device else 0, "account": origin.account}
    return ids | {"number": 0, "owner": 0, "entrance": 0, "to_device": 0}


def numbers_of(configuration: Configuration, txn: Any, origin: Origin, invitation: Invitation) -> dict[str, str]:
    """Who calls whom, as the record of a refused call says it."""
    translations = configuration.translations(txn, origin.account)
    called = normalise(origin, invitation.called, translations.of_trunk(trunk_of(origin), CALLED))
    return {"caller": caller_of(origin, invitation, translations).number, "called": called or ""}


def refusal_record(begun: dict[str, Any], invitation: Invitation, refused: Refused, now: Now) -> dict[str, Any]:
    """The record of a call that never held anything. `begun`: what kind it is, whose, from and to which number."""
    return {
        **begun,
        "call": new_call_key(now).hex(),
        "outcome": "refused",
        "sip_code": refused.code,
        "sip_reason": refused.reason,
        "ended_by": "system",
        "refused_by": refused.account,
        "rule": refused.rule,
        "path": [begun["account"]],
        "caller_sent": invitation.caller,
        "private": invitation.is_private,
        "forwarded": invitation.redirected is not None,
        "called_sent": invitation.called,
        "routing_number": "",
        "identity": "",
        "attested": "",
        "destination": "",
        "call_id": invitation.call_id,
        "from_tag": invitation.from_tag,
        "to_tag": "",
        "start_ms": now.wall_ms,
        "ring_ms": 0,
        "answer_ms": 0,
        "duration_ms": 0,
        "gateway": 0,
        "attempts": [],
        "charges": [],
        "cost": None,
    }
