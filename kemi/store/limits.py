"""Counters of limits in the store, a fixed record each, and the destinations that somebody has called before.

What a call may come to is held as its money is, in the same transaction: however many calls there are at once, they
stay below the limit together. A window is an hour or a day of UTC's clock; what is held goes on into the next one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
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

_COUNTER = struct.Struct("<BBBxIIIIIqqq")
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

    @property
    def is_over(self) -> bool:
        """Whether more is used and held than may be."""
        return self.left < 0

    def at(self, wall_s: int) -> Counter:
        """In the window of a second; a clock that was set back stays in the later one."""
        window = wall_s // self.window_s if self.window_s else 0
        return self._replace(window=window, used=0) if window > self.window else self


def _pack(counter: Counter) -> bytes:
    measure, action, *rest = counter
    return _COUNTER.pack(VERSION, MEASURES.index(measure), ACTIONS.index(action), *rest)


def _unpack(raw: bytes) -> Counter:
    version, measure, action, *rest = _COUNTER.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("limit", version)
    return _new(Counter, (MEASURES[measure], ACTIONS[action], *rest))


def get(dbs: Databases, txn: Any, rule: int) -> Counter | None:
    """A rule's; None: it is gone."""
    raw = txn.get(rule.to_bytes(4, "big"), db=dbs.limit)
    return None if raw is None else _unpack(raw)


def in_change(change: Change, rule: int) -> Counter | None:
    """The same in a write transaction, which asks for it several times and reads it once."""
    found = change.counters.get(rule)
    if found is None:
        found = get(change.store, change.txn, rule)
        if found is not None:
            change.counters[rule] = found
    return found


def put(change: Change, rule: int, counter: Counter) -> None:
    """Writes one back."""
    change.counters[rule] = counter
    change.txn.put(rule.to_bytes(4, "big"), _pack(counter), db=change.store.limit)


def counters(dbs: Databases, txn: Any) -> Iterator[tuple[int, Counter]]:
    """All of them, by rule."""
    rows = [(int.from_bytes(key, "big"), bytes(raw)) for key, raw in txn.cursor(dbs.limit)]
    return ((rule, _unpack(raw)) for rule, raw in rows)


def configure(change: Change, account: int, before: Iterable[Rule], after: Iterable[Rule]) -> None:
    """Brings an account's counters to its rules: what they count and hold stays, a changed limit may alarm anew."""
    wanted = {rule.id: rule for rule in after if rule.measure != FIRST_CALL}
    for rule in before:
        if rule.id not in wanted:
            change.counters.pop(rule.id, None)
            change.txn.delete(rule.id.to_bytes(4, "big"), db=change.store.limit)
    for number, rule in wanted.items():
        found = get(change.store, change.txn, number)
        counter = found or _blank(rule.measure, account)
        alarmed = counter.alarmed if counter.limit == rule.limit else 0
        counter = counter._replace(account=account, trunk=rule.trunk, window_s=rule.window_s, alarmed=alarmed)
        put(change, number, counter._replace(action=rule.action, limit=rule.limit))


def _blank(measure: str, account: int) -> Counter:
    return Counter(measure, UNSET, account, 0, 0, 0, 0, NO_LIMIT, 0, 0)


def reset(change: Change, rule: int) -> None:
    """It counts from nothing again; what runs is held as before."""
    counter = get(change.store, change.txn, rule)
    if counter is not None:
        put(change, rule, counter._replace(used=0, alarmed=0))


def held_of(claim: Claim, legs: Sequence[ChargeLeg], grant_s: int) -> int:
    """What a call holds of a limit, by what its legs hold and its grant lasts."""
    if claim.measure == MINUTES:
        return grant_s * 1000
    if claim.measure == SPEND:
        return max(0, next((leg.held for leg in legs if leg.account == claim.account), 0))
    return 0


def carry(change: Change, call: RunningCall) -> RunningCall:
    """A call that a new store begins with, counted; its rules are configured later."""
    claims = tuple([claim._replace(held=held_of(claim, call.legs, call.grant_s)) for claim in call.limits])
    for claim in claims:
        if claim.measure in HELD:
            counter = get(change.store, change.txn, claim.rule) or _blank(claim.measure, claim.account)
            put(change, claim.rule, counter._replace(held=counter.held + claim.held))
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
