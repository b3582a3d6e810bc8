"""Counters of limits in the store, one record for all of an account, and the destinations that somebody has called
before.

What a call may come to is held as its money is, in the same transaction: however many calls there are at once, they
stay below the limit together. A window is an hour or a day of UTC's clock; what is held goes on into the next one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.calls import ChargeLeg, Claim, RunningCall
from kemi.store.change import Change
from kemi.store.environment import Databases
from kemi.store.layout import VERSION, UnknownVersion
from kemi.store.rules import ACTIONS, FIRST_CALL, HELD, MEASURES, MINUTES, SPEND, Rule

ACCOUNT, TRUNK = b"a", b"t"
"""Whose calls made a destination known."""
DIGITS = 4
"""What a destination is named by where its rate holds for every number, or nobody pays."""
UNSET = "warn"
NO_LIMIT = 2**63 - 1
_HEAD = bytes((VERSION,))

_COUNTER = struct.Struct("<IBBxxIIIIqqq")
_MEASURES = {measure: code for code, measure in enumerate(MEASURES)}
_ACTIONS = {action: code for code, action in enumerate(ACTIONS)}
_new = tuple.__new__


class Counter(NamedTuple):
    """Of one rule."""

    measure: str
    action: str
    account: int
    trunk: int
    """0: the account's calls."""
    window_s: int
    """0: it is not configured yet, or no more."""
    window: int
    """Which hour or day it counts."""
    alarmed: int
    """In which one its alarm was given last."""
    limit: int
    used: int
    """In this window, by what is settled or counted."""
    held: int
    """By running calls."""

    @property
    def left(self) -> int:
        """What a new hold may take."""
        return self.limit - self.used - self.held

    def plus(self, used: int, held: int) -> Counter:
        """With so much more used and held; no hold is below nothing."""
        measure, action, account, trunk, window_s, window, alarmed, limit, before, on_hold = self
        on_hold = max(0, on_hold + held)
        return _new(
            Counter, (measure, action, account, trunk, window_s, window, alarmed, limit, before + used, on_hold)
        )


def _pack(counters: Mapping[int, Counter]) -> bytes:
    rows = [
        _COUNTER.pack(rule, _MEASURES[measure], _ACTIONS[action], *rest)
        for rule, (measure, action, _, *rest) in counters.items()
    ]
    return _HEAD + b"".join(rows)


def _unpack(account: int, raw: bytes, wall_s: int) -> dict[int, Counter]:
    """By rule, each in the window of a second. A clock that was set back stays in the later one, unless that lies so
    far ahead that the clock was wrong: it would hold for days, or years. What is used stays used.
    """
    if raw[0] != VERSION:
        raise UnknownVersion("limit", raw[0])
    found = {}
    for rule, measure, action, trunk, window_s, window, alarmed, limit, used, held in _COUNTER.iter_unpack(raw[1:]):
        if window_s and wall_s // window_s > window:
            window, used = wall_s // window_s, 0  # noqa: PLW2901 -- the same counter, in its new window
        elif window_s and wall_s and wall_s // window_s < window - 1:
            window = wall_s // window_s  # noqa: PLW2901 -- likewise
        fields = (MEASURES[measure], ACTIONS[action], account, trunk, window_s, window, alarmed, limit, used, held)
        found[rule] = _new(Counter, fields)
    return found


def read(dbs: Databases, txn: Any, account: int, wall_s: int = 0) -> dict[int, Counter]:
    """An account's, by rule. `wall_s` 0: each in the window in which it was changed last."""
    raw = txn.get(account.to_bytes(4, "big"), db=dbs.limit)
    return {} if raw is None else _unpack(account, raw, wall_s)


def in_change(change: Change, account: int, wall_s: int) -> dict[int, Counter]:
    """An account's in a write transaction, which reads them once: what is set in here is written by `write`."""
    found = change.counters.get(account)
    if found is None:
        found = change.counters[account] = read(change.store, change.txn, account, wall_s)
    return found


def write(change: Change, accounts: Iterable[int]) -> None:
    """Writes what was set in these accounts' counters."""
    for account in accounts:
        change.txn.put(account.to_bytes(4, "big"), _pack(change.counters[account]), db=change.store.limit)


def counters(dbs: Databases, txn: Any) -> Iterator[tuple[int, Counter]]:
    """All of them, by rule."""
    rows = [(int.from_bytes(key, "big"), bytes(raw)) for key, raw in txn.cursor(dbs.limit)]
    return (one for account, raw in rows for one in _unpack(account, raw, 0).items())


def configure(change: Change, account: int, rules: Iterable[Rule]) -> None:
    """Brings an account's counters to its rules: what they count and hold stays, a changed limit may alarm anew."""
    before = read(change.store, change.txn, account)
    after = {}
    for rule in rules:
        if rule.measure != FIRST_CALL:
            counter = before.get(rule.id) or _blank(rule.measure, account)
            alarmed = counter.alarmed if counter.limit == rule.limit else 0
            counter = counter._replace(trunk=rule.trunk, window_s=rule.window_s, alarmed=alarmed)
            after[rule.id] = counter._replace(action=rule.action, limit=rule.limit)
    _replace(change, account, after)


def _replace(change: Change, account: int, after: dict[int, Counter]) -> None:
    change.counters[account] = after
    if after:
        write(change, (account,))
    else:
        change.txn.delete(account.to_bytes(4, "big"), db=change.store.limit)


def _blank(measure: str, account: int) -> Counter:
    return Counter(measure, UNSET, account, 0, 0, 0, 0, NO_LIMIT, 0, 0)


def reset(change: Change, account: int, rule: int) -> None:
    """It counts from nothing again; what runs is held as before."""
    found = read(change.store, change.txn, account)
    if rule in found:
        _replace(change, account, found | {rule: found[rule]._replace(used=0, alarmed=0)})


def held_of(claim: Claim, legs: Sequence[ChargeLeg], grant_s: int) -> int:
    """What a call holds of a limit, by what its legs hold and its grant lasts."""
    if claim.measure == MINUTES:
        return grant_s * 1000
    if claim.measure == SPEND:
        for leg in legs:
            if leg.account == claim.account:
                return max(0, leg.held)
    return 0


def carry(change: Change, call: RunningCall) -> RunningCall:
    """A call that a new store begins with, counted; its rules are configured later."""
    claims = tuple([claim._replace(held=held_of(claim, call.legs, call.grant_s)) for claim in call.limits])
    for claim in claims:
        if claim.measure in HELD:
            found = read(change.store, change.txn, claim.account)
            counter = found.get(claim.rule) or _blank(claim.measure, claim.account)
            _replace(change, claim.account, found | {claim.rule: counter.plus(0, claim.held)})
    return call._replace(limits=claims)


# --- known destinations


def destination_of(prefix: str, number: str) -> str:
    """What a number's destination is named by: the prefix of the account's rate; where that holds for every number, the
    first digits.
    """
    return prefix or number[:DIGITS]


def _key(kind: bytes, number: int, destination: str) -> bytes:
    return layout.kind_key(kind, number) + destination.encode("ascii")


def is_met(dbs: Databases, txn: Any, kind: bytes, number: int, destination: str, *, answered: bool) -> bool:
    """Whether an account or trunk has called a destination before; `answered`: and talked."""
    raw = txn.get(_key(kind, number, destination), db=dbs.known)
    return raw is not None and (raw[1] == 1 or not answered)


def meet(change: Change, kind: bytes, number: int, destination: str, *, answered: bool) -> None:
    """From now on it has. In a store that has no room for more, what is new stays so."""
    store, key = change.store, _key(kind, number, destination)
    raw = change.txn.get(key, db=store.known)
    if raw is not None and raw[1] >= answered:
        return
    if raw is None and change.txn.stat(store.known)["entries"] >= store.known_max:
        return
    change.txn.put(key, bytes((VERSION, answered)), db=store.known)
