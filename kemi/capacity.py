"""What a new call takes: channels, calls a second and funds of its origin, its path and its gateway.

All or nothing: whatever raises Refusal ends the transaction that it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kemi import quote
from kemi.clock import Now
from kemi.quote import Chain
from kemi.refusal import Refusal
from kemi.store import accounts, exposure
from kemi.store.calls import ChargeLeg
from kemi.store.change import Change
from kemi.store.layout import Account
from kemi.store.origins import Origin, kind_of
from kemi.store.specials import MESSAGE
from kemi.ways import Way

CONFIGURED = Account._fields.index("balance")
"""The fields of an account before this one are configuration."""


_new = tuple.__new__


def path_now(change: Change, seen: list[Account], txn_id: int) -> list[Account] | None:
    """The accounts of a path as they are in this transaction; None: one has another configuration than it had in the
    transaction `txn_id`, in which it was `seen`. Raises BrokenPath.
    """
    if change.txn.id() == txn_id + 1:
        return seen  # nothing was written since
    path = accounts.path_of(change.store, change.txn, seen[0].id)
    same = [account[:CONFIGURED] for account in path] == [account[:CONFIGURED] for account in seen]
    return path if same else None


def take_origin(change: Change, trunk: Origin, now: Now, *, is_limited: bool = True) -> None:
    """One more call of a trunk or device, within its limits if they count. Raises Refusal."""
    kind = kind_of(trunk)
    key = kind + trunk.id.to_bytes(4, "big")
    limits = (trunk.channels_max, trunk.cps_max) if is_limited else (0, 0)
    usage = accounts.with_one_more(change.store, change.txn, key, *limits, now.boot_ms)
    if usage is None:
        raise Refusal("trunk_limit" if kind == b"t" else "device_limit", trunk.account, trunk.account)
    change.txn.put(key, usage, db=change.store.peer)


class Taken(NamedTuple):
    """What became of a look for a gateway."""

    way: Way | None
    """The gateway, counted on it; None: there is no room for one more call."""
    exposed: int
    """The last provider to whom as much is owed as may be; 0: none."""


def take_gateway(change: Change, ways: Iterable[Way], special: str, now: Now) -> Taken:
    """The first gateway with room for one more call, whose provider may be owed its cost. `special`: as in the call."""
    exposed = 0
    store, txn = change.store, change.txn
    for way in ways:
        gateway = way.gateway
        key = b"g" + gateway.id.to_bytes(4, "big")
        usage = accounts.with_one_more(store, txn, key, gateway.channels_max, gateway.cps_max, now.boot_ms)
        if usage is None:
            _leave(change, gateway.id, "channels")
            continue
        owed = None if way.leg is None else exposure.of(store, txn, gateway.provider)
        if way.leg is not None and owed is not None:
            held = max(exposure.HELD_MIN, _first_cost(change, way.leg, special, now))
            if not exposure.has_room(change, gateway.provider, owed, held):
                exposed = gateway.provider
                _leave(change, gateway.id, "exposure")
                continue
            exposure.move(change, gateway.provider, held)
            way = way._replace(leg=way.leg._replace(held=held))  # noqa: PLW2901 -- the same way, with its hold
        txn.put(key, usage, db=store.peer)
        return _new(Taken, (way, exposed))
    return Taken(None, exposed)


def _leave(change: Change, gateway_id: int, why: str) -> None:
    """Tells who asks why a gateway isn't taken."""
    if change.store.trace is not None:
        change.store.trace.leave(gateway_id, why)


def _first_cost(change: Change, leg: ChargeLeg, special: str, now: Now) -> int:
    """What the provider asks for a MESSAGE, or for the time that a hold before the answer pays."""
    if special == MESSAGE:
        return quote.message_micros(leg.terms, now.wall_s, leg.factor) or 0
    settings = change.configuration.settings(change.txn)
    return quote.first_hold_micros(leg.terms, settings.first_hold_s, now.wall_s, leg.factor)


def take_path(change: Change, path: list[Account], chain: Chain, now: Now, *, is_limited: bool = True) -> None:
    """Channels, calls a second and funds of the whole path, all or nothing. Raises Refusal.

    `is_limited` False: the call is counted, and never refused.
    """
    caller = path[0].id
    holds = {}
    for leg in chain.legs if is_limited else ():
        holds[leg.account] = leg.held
    taken = []
    for account in path:
        number, _, _, _, balance, credit_limit, held, channels_max, channels, cps_max, rate_clock_us, _ = account
        clock_us: int | None = rate_clock_us
        if is_limited:
            if channels_max and channels >= channels_max:
                raise Refusal("channels", number, caller)
            if cps_max:
                clock_us = accounts.next_rate_clock_us(rate_clock_us, cps_max, now.boot_ms)
            if clock_us is None:
                raise Refusal("cps", number, caller)
        hold = holds.get(number)
        if hold is not None and max(hold, 0) > balance + credit_limit - held:
            raise Refusal("funds", number, caller)
        taken.append((account, 1, hold or 0, clock_us or 0))
    accounts.put_moved(change.store, change.txn, taken)
