"""How a call begins, wherever it goes: its name and its first record."""

from __future__ import annotations

import os
from typing import NamedTuple

from kemi.caller import CallerId, Parties
from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.limits import Standing
from kemi.store.calls import RINGING, ChargeLeg, Claim, Hop, Leg, RunningCall
from kemi.store.devices import Device
from kemi.store.layout import Account
from kemi.store.origins import Origin
from kemi.store.trunks import Gateway, Trunk

RINGING_SLACK_MS = 10_000
"""How long after the last silence and the ring limit a call that nobody ended is taken as gone."""


class Beginning(NamedTuple):
    """What is known of a call once it has been priced."""

    key: bytes
    by: Origin | Gateway
    """A gateway brings in calls from outside."""
    invitation: Invitation
    caller: CallerId
    identity: str
    """As in `RunningCall`."""
    path: list[Account]
    called: str
    special: str
    """As in `RunningCall`."""
    call_max_s: int

    @property
    def leg(self) -> Leg:
        """Of the caller."""
        invitation = self.invitation
        said = invitation.from_tag, invitation.contact, invitation.route_set, invitation.cseq, invitation.socket
        return tuple.__new__(Leg, said)


class Course(NamedTuple):
    """What a call holds, and where it goes first. The fields are those of `RunningCall`."""

    parties: Parties
    legs: tuple[ChargeLeg, ...]
    claims: tuple[Claim, ...]
    until_s: int
    """Wall-clock second from which a rate of its may be another one."""
    longest_ms: int
    """How long it may be silent and ring."""
    plan: int = 0
    gateway: int = 0
    provider: ChargeLeg | None = None
    routing_number: str = ""
    number: int = 0
    owner: int = 0
    hops: tuple[Hop, ...] = ()
    ring_s: int = 0


def new_call_key(now: Now) -> bytes:
    """A name for a call that no other has, sorted by time."""
    return (now.wall_ms & 0xFFFF_FFFF_FFFF).to_bytes(6, "big") + os.urandom(10)


def call_max_of(standing: Standing, by: Origin | Gateway) -> int:
    """What a call may last by its device, or as the first one to its destination; 0: as long as any."""
    of_device = by.call_max_s if isinstance(by, Device) else 0
    return min(standing.call_max_s or of_device, of_device or standing.call_max_s)


def ringing(begun: Beginning, course: Course, now: Now) -> RunningCall:
    """The call as the store takes it in."""
    by, invitation = begun.by, begun.invitation
    is_device = isinstance(by, Device)
    return RunningCall(
        key=begun.key,
        state=RINGING,
        trunk=by.id if isinstance(by, Trunk) else 0,
        account=begun.path[0].id,
        path=tuple([account.id for account in begun.path]),
        legs=course.legs,
        plan=course.plan,
        gateway=course.gateway,
        provider=course.provider,
        attempts=((course.gateway, 0, now.wall_ms, 0, 0),),
        caller=begun.caller.number,
        caller_sent=invitation.caller,
        called_sent=invitation.called,
        called=begun.called,
        special=begun.special,
        call_id=invitation.call_id,
        from_tag=invitation.from_tag,
        from_uri=invitation.from_uri,
        to_uri=invitation.to_uri,
        sent_from=course.parties.from_uri,
        sent_to=course.parties.to_uri,
        is_private=begun.caller.is_private,
        request_uri=invitation.request_uri,
        caller_leg=begun.leg,
        callee_leg=None,
        start_boot_ms=now.boot_ms,
        start_wall_ms=now.wall_ms,
        ring_wall_ms=0,
        answer_boot_ms=0,
        answer_wall_ms=0,
        priced_until_s=course.until_s,
        grant_s=0,
        due_ms=now.boot_ms + course.longest_ms + RINGING_SLACK_MS,
        seen_boot_ms=now.boot_ms,
        h_entry=0,
        h_id=0,
        generation=0,
        cut_by="",
        device=by.id if is_device else 0,
        caller_ip=invitation.ip if is_device else "",
        call_max_s=begun.call_max_s,
        number=course.number,
        owner=course.owner,
        entrance=by.id if isinstance(by, Gateway) else 0,
        hops=course.hops,
        ring_s=course.ring_s,
        limits=course.claims,
        routing_number=course.routing_number,
        identity=begun.identity,
        attestation=begun.caller.attestation,
        attested=course.parties.attested,
        codecs=course.parties.codecs,
        joined=(*invitation.redirected.calls, begun.key) if invitation.redirected else (),
    )
