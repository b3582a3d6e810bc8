"""Fixed binary records of the hot store, and the limits on it. Pure: bytes in, values out.

Every value begins with a version byte. A record of an unknown version raises `UnknownVersion`: a store
of another release is never guessed at.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, NamedTuple

VERSION = 2
"""Of every record here. Raised when a layout changes."""

SUSPENDED = 1
CLOSED = 2
CHARGED = 4
"""Part of the chain: the account pays for calls. The root and commission-based resellers do not."""
PREPAID = 8
PACKAGED = 32
"""Some package is granted to it, and calls ask for what is left. Kept by the grants' own commands."""
TAXES = 64
"""It sells to prepaid accounts at prices to which taxes are added. Kept by the command of taxes."""
KNOWN = 16
"""Its configuration has arrived. Without it the account only counts the holds of calls carried over."""

STATE = SUSPENDED | CLOSED | KNOWN
"""Flags that together say whether it is active: KNOWN alone."""

BYTES_PER_CALL = 4096
BYTES_PER_EVENT = 2560
BYTES_PER_INVITE = 256
"""What one entry may take of the store at most, index entries included: the size guard's prices."""

DEVICES_PERCENT = 10
"""What locations may take of the store."""

KNOWN_PERCENT = 5
BYTES_PER_KNOWN = 128
"""What known destinations may take of the store, and what one of them takes at most."""

GUARD_PERCENT = 70
"""New calls are refused beyond this part of the store; the rest is kept for ending calls."""

INVITE_MEMORY_MS = 64_000
"""How long a repeated INVITE is recognised: twice RFC 3261's 64*T1."""


class UnknownVersion(Exception):
    """A record was written by another release of Kambill."""

    def __init__(self, what: str, version: int) -> None:
        super().__init__(
            f"the hot store holds a record ({what}) of version {version}, this release reads {VERSION}: "
            "stop Kamailio, remove the hot store's folder and start again; it is rebuilt from ledger and journal"
        )


class Unreadable(Exception):
    """A record of the configuration that is there, and can't be read: something is missing of it, or is no such thing.
    `what` it is of.
    """

    def __init__(self, what: str, fault: Exception) -> None:
        super().__init__(f"the record of {what} can't be read ({fault!r}): write it again")


NOT_READ = (LookupError, TypeError, ValueError, AttributeError, EOFError)
"""What reading a record comes to that is none, or lacks something."""


def _check(what: str, version: int) -> None:
    if version != VERSION:
        raise UnknownVersion(what, version)


class Account(NamedTuple):
    """What the call path knows of one account. Amounts in micro-units of its currency."""

    id: int
    flags: int
    parent: int
    """0: the root, or not yet known."""
    tariff: int
    """The id of what it pays by; 0: none."""
    balance: int
    credit_limit: int
    held: int
    channels_max: int
    """0: any number."""
    channels: int
    cps_max: int
    """0: any number."""
    rate_clock_us: int
    """When the allowance of calls a second is whole again, boot time in microseconds."""
    currency: bytes

    @property
    def available(self) -> int:
        """What a new hold may take."""
        return self.balance + self.credit_limit - self.held

    @property
    def is_active(self) -> bool:
        """Known, neither suspended nor closed."""
        return self.flags & STATE == KNOWN

    @property
    def is_charged(self) -> bool:
        """Part of the chain."""
        return bool(self.flags & CHARGED)


_ACCOUNT = struct.Struct("<BBxxIIqqqIIIq3s")
_new = tuple.__new__  # a third of the time of a NamedTuple's own __new__


def pack_account(account: Account) -> bytes:
    """The record of `account`, without its id (the key)."""
    return _ACCOUNT.pack(VERSION, *account[1:])


pack_fields: Callable[..., bytes] = partial(_ACCOUNT.pack, VERSION)
"""The record of an account's fields behind its id, in their order."""
account_fields: Callable[[bytes], tuple[Any, ...]] = _ACCOUNT.unpack
"""The version of an account's record, which is to be looked at, and its fields behind its id."""


def unpack_account(account_id: int, raw: bytes) -> Account:
    """The account of a record."""
    version, *fields = _ACCOUNT.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("account", version)
    return _new(Account, (account_id, *fields))


def placeholder(account_id: int) -> Account:
    """An account that is known by its id only, until its configuration arrives."""
    return Account(account_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b"XXX")


BLANK_ACCOUNT = pack_account(placeholder(0))
"""The record of a placeholder."""


class Usage(NamedTuple):
    """What a trunk or gateway has in use."""

    channels: int
    rate_clock_us: int


_USAGE = struct.Struct("<BxxxIq")


pack_usage: Callable[[int, int], bytes] = partial(_USAGE.pack, VERSION)
"""The record of a `Usage`'s fields."""
BLANK_USAGE = pack_usage(0, 0)
"""The record of nothing in use."""


def unpack_usage(raw: bytes | None) -> Usage:
    """The usage of a record; nothing in use if there is none."""
    version, *fields = _USAGE.unpack(raw or BLANK_USAGE)
    if version != VERSION:
        raise UnknownVersion("usage", version)
    return _new(Usage, fields)


class State(NamedTuple):
    """The store's counters: one record, rewritten by each transaction that changes one."""

    sequence: int = 0
    """Of the last event; 0: none yet."""
    applied_command: int = 0
    running: int = 0
    events: int = 0
    """Not yet copied to the journal."""
    invites: int = 0


_STATE = struct.Struct("<BxxxxxxxqqIII")


pack_state: Callable[..., bytes] = partial(_STATE.pack, VERSION)
"""The record of a `State`'s fields."""


def unpack_state(raw: bytes) -> State:
    """The counters of a record."""
    version, *fields = _STATE.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("state", version)
    return _new(State, fields)


class Invite(NamedTuple):
    """One INVITE that was seen: a repetition is told by it."""

    cseq: int
    branch: bytes
    """8-byte hash of the topmost Via's branch."""
    call: bytes
    """The call key it led to."""
    until_ms: int
    """Boot time at which it is forgotten."""


def invite_key(call_id: str, from_tag: str) -> bytes:
    """The key of an INVITE among those that are remembered."""
    return blake2b(f"{call_id}\0{from_tag}".encode(), digest_size=16).digest()


_INVITE = struct.Struct("<BxxxI8s16sq")


pack_invite: Callable[[int, bytes, bytes, int], bytes] = partial(_INVITE.pack, VERSION)
"""The record of an `Invite`'s fields."""


def unpack_invite(raw: bytes) -> Invite:
    """The INVITE of a record."""
    fields = _INVITE.unpack(raw)
    _check("invite", fields[0])
    return Invite(*fields[1:])


class Aside(NamedTuple):
    """What an operation of the ledger has set aside."""

    account: int
    micros: int


_ASIDE = struct.Struct("<BxxxIq")


def pack_aside(account_id: int, micros: int) -> bytes:
    """The record of an `Aside`."""
    return _ASIDE.pack(VERSION, account_id, micros)


def unpack_aside(raw: bytes) -> Aside:
    """What is aside by a record."""
    fields = _ASIDE.unpack(raw)
    _check("aside", fields[0])
    return Aside(*fields[1:])


NO_LIMIT = -1
"""Of an `Exposure`: what is held is only to be given back."""


class Exposure(NamedTuple):
    """Of a provider, in micro-units of its currency."""

    limit: int
    """What may be owed to it, or NO_LIMIT."""
    held: int
    """By running calls."""


_EXPOSURE = struct.Struct("<Bxxxxxxxqq")


def pack_exposure(exposure: Exposure) -> bytes:
    """The record of an `Exposure`."""
    return _EXPOSURE.pack(VERSION, *exposure)


def unpack_exposure(raw: bytes) -> Exposure:
    """The exposure of a record."""
    version, *fields = _EXPOSURE.unpack(raw)
    _check("exposure", version)
    return Exposure(*fields)


class Settings(NamedTuple):
    """What the operator may set for every call. Sent by the service; these are the values without it."""

    first_hold_s: int = 10
    """What a hold pays before the answer, at least, in whole increments."""
    grant_s: int = 100
    """The standard length of a grant."""
    extend_before_s: int = 10
    """How long before its grant's end a call is looked at."""
    max_call_s: int = 14_400
    """No grant goes beyond; 4 hours."""
    reap_after_s: int = 5
    """After a grant's end, the call is taken as gone when no dialog ends it."""
    ack_wait_s: int = 32
    """An answered call that nobody acknowledges ends then, and is billed until then. 64*T1 of RFC 3261."""
    flood_per_s: int = 100
    """Messages a second from a source that is no trunk's or gateway's: whoever sends more is banned."""
    flood_listed_per_s: int = 3_000
    """From a trunk's or gateway's address: what is beyond gets no answer, nobody is banned."""
    refusals_per_s: int = 500
    """INVITEs of a trunk's address that are refused in a second: those that follow get 503 without a decision."""
    strikes_per_minute: int = 60
    """Messages a minute of a source that is neither: beyond, it is banned."""
    ban_s: int = 900
    """How long."""
    digest: str = "MD5"
    """How devices prove their passwords: MD5 or SHA-256, one for all."""
    register_min_s: int = 60
    """A shorter registration is refused with 423."""
    register_max_s: int = 3_600
    """A longer one becomes this."""
    on_net_free: bool = False
    """Calls to numbers of this installation cost their caller nothing; else they have the price of their number."""
    realm: str = "kambill"
    """Of the digest."""
    asks_ported: bool = False
    """Whether the service can ask somebody about ported numbers."""
    pass_headers: tuple[str, ...] = ()
    """Headers of customers' and carriers' messages that go on beside those that must (`kemi.store.headers`)."""
    shed_queue_percent: int = 50
    """How full the queue of a socket may be before new calls get 503 (`kemi.overload`); 0: they never do."""


def pack_json(value: dict[str, Any]) -> bytes:
    """A version byte and compact JSON: records that change rarely and have lists in them."""
    return bytes((VERSION,)) + json.dumps(value, separators=(",", ":")).encode()


@lru_cache(maxsize=8192)
def unpack_json(raw: bytes) -> dict[str, Any]:
    """The value of a record. Shared between callers: never change it."""
    _check("config", raw[0])
    value: dict[str, Any] = json.loads(raw[1:])
    return value


def account_key(account_id: int) -> bytes:
    """The key of an account."""
    return account_id.to_bytes(4, "big")


def kind_key(kind: bytes, number: int) -> bytes:
    """The key of a trunk, device, gateway, plan or tariff in `config` and `peer`."""
    return kind + number.to_bytes(4, "big")


EXCHANGE_KEY = kind_key(b"x", 0)
"""Of the rates of exchange in `config`: there is one table of them."""

GROUPS_KEY = kind_key(b"G", 0)
"""Of the pointer to the destination groups' version in `config`; absent: there are none."""

RANGES_KEY = kind_key(b"h", 0)
"""Of the high-risk ranges in `config`: there is one table of them."""


def precautions_key(account_id: int) -> bytes:
    """The key of what an account has set against fraud, in `config`."""
    return kind_key(b"f", account_id)


PORTINGS_KEY = kind_key(b"o", 0)
"""Of the lists of ported numbers in `config`: there is one table of them."""


def taxes_key(account_id: int, *, own: bool) -> bytes:
    """The key of what is added to prices in `config`: of an account itself, or as a seller's for whoever has none."""
    return kind_key(b"A" if own else b"T", account_id)


def rule_key(account_id: int, rule_id: int) -> bytes:
    """The key of a translation rule in `config`: those of an account stand together."""
    return b"m" + account_id.to_bytes(4, "big") + rule_id.to_bytes(8, "big")


def due_key(boot_ms: int, kind: bytes, what: bytes) -> bytes:
    """Sorted by time. `kind`: `c` a call key, `i` a key of `invite`, `a` the key of a call that awaits its ACK,
    `s` the key of an account whose calls are to be cut, `b` the key of a BYE that is sent (again), `n` a key of
    `nonce`, `f` a key of `failure`, `l` a key of `location` that may be over, `k` one whose way is kept open,
    `p` a key of `ported`.
    """
    return boot_ms.to_bytes(8, "big") + kind + what


def sequence_key(sequence: int) -> bytes:
    """The key of an event or a command."""
    return sequence.to_bytes(8, "big")
