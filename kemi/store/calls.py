"""The running call and its record in the store, which the journal carries too. Pure.

The record is `marshal` of plain tuples with a version first: 2 microseconds each way where 40 struct
fields and length-prefixed texts take 10. marshal's version 2 reads the same in every Python 3.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from typing import Any, NamedTuple

from kemi.store.layout import VERSION, UnknownVersion
from ratebook.price import Factor
from ratebook.tax import Tax, without_tax

RINGING = "ringing"
ANSWERED = "answered"

MARSHAL_VERSION = 2
_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__; marshal has read as many fields as it wrote


class Hold(NamedTuple):
    """What a call holds of one grant of a package."""

    grant: int
    is_money: bool
    amount: int
    """Seconds, or micro-units."""


class Holding(NamedTuple):
    """What packages pay of a leg."""

    tariff: int
    """The id of the tariff that it is priced by."""
    groups: tuple[str, ...]
    """The destination groups of the called number. Both say which packages are for the call."""
    fees: bool
    """Whether its fees are covered. What once is stays so."""
    holds: tuple[Hold, ...]
    """In the order in which they are used."""

    @classmethod
    def of(cls, fields: Any) -> Holding:
        """Of its fields in plain tuples or lists."""
        tariff, groups, fees, holds = fields
        return cls(tariff, tuple(groups), fees, tuple([_new(Hold, hold) for hold in holds]))

    def to_plain(self) -> tuple[Any, ...]:
        """In plain tuples."""
        return self.tariff, self.groups, self.fees, tuple([tuple(hold) for hold in self.holds])


class ChargeLeg(NamedTuple):
    """One level's part in a call: who pays whom by what, and what is held."""

    account: int
    seller: int
    """Whom it pays: the nearest charged account above, else the root; for the provider's leg 0."""
    tariff: bytes
    """Version of the tariff that the call started with, 8 bytes."""
    prefix: str
    destination: str
    terms: bytes
    """`ratebook` terms, encoded: priced from here even when the tariff's version is gone."""
    currency: str
    """The account's: what is held and charged."""
    factor: Factor
    """What the terms' exact price is multiplied by: the rate of exchange from their currency, and the tax. Fixed at the
    answer.
    """
    tax: Tax | None
    """The part of the factor that is tax; None: nothing is added."""
    packages: Holding | None
    """None: the account had none when the call began, or they don't pay for such a leg."""
    held: int
    """Micro-units set aside; for the provider's leg against its exposure limit, 0: it has none."""

    @property
    def exchange(self) -> Factor:
        """The factor without the tax: what its seller earns by."""
        return self.factor if self.tax is None else without_tax(self.factor, self.tax)


def has_packages(legs: Iterable[ChargeLeg]) -> bool:
    """Whether packages may pay a part of one of them."""
    for leg in legs:  # noqa: SIM110 -- a generator takes three times as long
        if leg.packages is not None:
            return True
    return False


class Leg(NamedTuple):
    """The SIP side of one party, as in-dialog requests need it."""

    tag: str
    contact: str
    """Its remote target (RFC 3261 12.1): a URI without angle brackets."""
    route_set: tuple[str, ...]
    """URIs in the order in which a request to this party carries them."""
    cseq: int
    """Of the last request that came from it; 0: none yet."""
    socket: str
    """Ours towards it, `udp:host:port`."""


class Hop(NamedTuple):
    """One place to which a call to somebody of ours may go."""

    kind: str
    """device, trunk or uri."""
    id: int
    """Of the device or trunk."""
    uri: str
    """What its INVITE carries."""
    ip: str
    port: int
    transport: str
    """Where that goes."""
    socket: str
    """Of ours, from which; empty: any."""


class Claim(NamedTuple):
    """A call's part in a limit (`kemi.store.rules`)."""

    rule: int
    measure: str
    account: int
    """Whose limit it is."""
    trunk: int
    """Whose destinations it counts; 0: the account's."""
    held: int
    """In the measure's unit, until the call is settled."""
    destination: str
    """Of what is new; empty: nothing is."""


Attempt = tuple[int, int, int, int, int]
"""The gateway's id (0: somebody of ours), its SIP code (0: not yet), and wall milliseconds of the INVITE, its first 18x
(0: none) and its final answer (0: not yet)."""


class RunningCall(NamedTuple):
    """One call between its INVITE and its settlement. Times: `_boot_ms` measure, `_wall_ms` show; 0: not yet."""

    key: bytes
    state: str
    trunk: int
    account: int
    path: tuple[int, ...]
    """The caller's account and all its ancestors, upwards, with the root."""
    legs: tuple[ChargeLeg, ...]
    """The chain, from the customer upwards."""
    plan: int
    gateway: int
    provider: ChargeLeg | None
    attempts: tuple[Attempt, ...]
    """Gateways tried."""
    caller: str
    """Who calls, as E.164 without `+`; empty: nobody knows."""
    caller_sent: str
    called_sent: str
    called: str
    special: str
    """emergency or free: no money of the caller's, no limit, no cut. message: no call, a MESSAGE. Empty: an ordinary
    call."""
    call_id: str
    from_tag: str
    from_uri: str
    to_uri: str
    """As the caller wrote them: so its side of the call sees them."""
    sent_from: str
    sent_to: str
    """As the gateway at hand was told: so its side of the call sees them."""
    is_private: bool
    """Whether only a trusted gateway is told who calls."""
    request_uri: str
    caller_leg: Leg
    callee_leg: Leg | None
    start_boot_ms: int
    start_wall_ms: int
    ring_wall_ms: int
    answer_boot_ms: int
    answer_wall_ms: int
    priced_until_s: int
    """Wall-clock second from which a rate of its may be another one; exclusive. 0: it has to be asked again."""
    grant_s: int
    """Seconds from the answer that the hold pays; 0 while ringing."""
    due_ms: int
    """Its place in the due index."""
    seen_boot_ms: int
    """When it was last known to be alive."""
    h_entry: int
    h_id: int
    generation: int
    """Kamailio's start in which the dialog's ids were read."""
    cut_by: str
    """Who asked that it ends now; empty: nobody."""
    device: int
    """Which began it; 0: none, it came by the trunk."""
    caller_ip: str
    """From where the device began it; empty: it came by a trunk."""
    call_max_s: int
    """What the device may talk; 0: as long as anybody."""
    number: int
    """Of ours, that was called; 0: none."""
    owner: int
    """Whose number or device was called; 0: it goes out."""
    entrance: int
    """The gateway that it came in by; 0: none, a trunk or device began it."""
    hops: tuple[Hop, ...]
    """To somebody of ours: where it goes now, then where it may go next. Empty: it goes out over a gateway."""
    ring_s: int
    """How long each hop rings."""
    limits: tuple[Claim, ...] = ()
    """What it counts for."""
    routing_number: str = ""
    """To which the called number has moved; empty: it has not."""
    identity: str = ""
    """What the Identity header of its INVITE came to (`kemi.passport.verdict_of`); empty: it was not looked at."""
    attestation: str = ""
    """What can be signed for gateways; empty: nothing."""
    attested: str = ""
    """What was signed for the gateway at hand."""
    joined: tuple[bytes, ...] = ()
    """Keys of all calls of its dialog (`kemi.joined`), in the order in which they were made; empty: it is alone."""
    codecs: tuple[str, ...] = ()
    """To which the gateway at hand has limited the caller's offers; empty: to none."""
    referred: str = ""
    """The side whose REFER went on last; empty: neither's."""

    @property
    def is_forwarded(self) -> bool:
        """Whether somebody of ours makes it for somebody else, by a redirection."""
        return bool(self.joined) and self.joined[0] != self.key

    @property
    def rated_number(self) -> str:
        """By which it is rated and routed."""
        return self.routing_number or self.called

    @property
    def hex(self) -> str:
        """The call key as people see it."""
        return self.key.hex()

    @property
    def accounts(self) -> tuple[int, ...]:
        """All that it counts on: its path, and who pays without being on it."""
        return (*self.path, *[leg.account for leg in self.legs if leg.account not in self.path])

    @property
    def tags(self) -> tuple[str, str]:
        """From-tag and To-tag of the dialog; an empty To-tag before the answer."""
        return self.from_tag, self.callee_leg.tag if self.callee_leg else ""

    @property
    def is_answered(self) -> bool:
        """Whether it is paid for by the second now."""
        return self.state == ANSWERED

    @property
    def answered_s(self) -> int:
        """The wall-clock second of the answer, by which the call is priced."""
        return self.answer_wall_ms // 1000

    @property
    def grant_end_boot_ms(self) -> int:
        """The boot time at which its money ends."""
        return self.answer_boot_ms + self.grant_s * 1000


_LEGS = RunningCall._fields.index("legs")
_PROVIDER = RunningCall._fields.index("provider")
_CALLER = RunningCall._fields.index("caller_leg")
_CALLEE = RunningCall._fields.index("callee_leg")
_HOPS = RunningCall._fields.index("hops")
_LIMITS = RunningCall._fields.index("limits")


def pack_call(call: RunningCall) -> bytes:
    """The record of a call."""
    fields: list[Any] = [VERSION, *call]
    fields[_LEGS + 1] = tuple([_plain(leg) if leg.packages else tuple(leg) for leg in call.legs])
    fields[_CALLER + 1] = tuple(call.caller_leg)
    if call.hops:
        fields[_HOPS + 1] = tuple([tuple(hop) for hop in call.hops])
    if call.limits:
        fields[_LIMITS + 1] = tuple([tuple(claim) for claim in call.limits])
    if call.provider is not None:
        fields[_PROVIDER + 1] = tuple(call.provider)
    if call.callee_leg is not None:
        fields[_CALLEE + 1] = tuple(call.callee_leg)
    return marshal.dumps(tuple(fields), MARSHAL_VERSION)


_PACKAGES = ChargeLeg._fields.index("packages")


def _plain(leg: ChargeLeg) -> tuple[Any, ...]:
    return (*leg[:_PACKAGES], leg.packages and leg.packages.to_plain(), *leg[_PACKAGES + 1 :])


def _leg(fields: tuple[Any, ...]) -> ChargeLeg:
    return _new(ChargeLeg, (*fields[:_PACKAGES], Holding.of(fields[_PACKAGES]), *fields[_PACKAGES + 1 :]))


def unpack_call(raw: bytes) -> RunningCall:
    """The call of a record."""
    version, *fields = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    if version != VERSION:
        raise UnknownVersion("call", version)
    fields[_LEGS] = tuple([_leg(leg) if leg[_PACKAGES] else _new(ChargeLeg, leg) for leg in fields[_LEGS]])
    fields[_CALLER] = _new(Leg, fields[_CALLER])
    if fields[_HOPS]:
        fields[_HOPS] = tuple([_new(Hop, hop) for hop in fields[_HOPS]])
    if fields[_LIMITS]:
        fields[_LIMITS] = tuple([_new(Claim, claim) for claim in fields[_LIMITS]])
    if fields[_PROVIDER] is not None:
        fields[_PROVIDER] = _new(ChargeLeg, fields[_PROVIDER])
    if fields[_CALLEE] is not None:
        fields[_CALLEE] = _new(Leg, fields[_CALLEE])
    return _new(RunningCall, fields)
