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
from kemi.store.layout import Account, Usage
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
    usage = accounts.usage_of(change.store, change.txn, kind, trunk.id)
    clock_us = room_for_one(usage, trunk.channels_max, trunk.cps_max, now) if is_limited else usage.rate_clock_us
    if clock_us is None:
        raise Refusal("trunk_limit" if kind == b"t" else "device_limit", trunk.account, trunk.account)
    accounts.put_usage(change.store, change.txn, kind, trunk.id, usage.channels + 1, clock_us)


class Taken(NamedTuple):
    """What became of a look for a gateway."""

    way: Way | None
    """The gateway, counted on it; None: there is no room for one more call."""
    exposed: int
    """The last provider to whom as much is owed as may be; 0: none."""


def take_gateway(change: Change, ways: Iterable[Way], special: str, now: Now) -> Taken:
    """The first gateway with room for one more call, whose provider may be owed its cost. `special`: as in the call."""
    exposed = 0
    for way in ways:
        gateway = way.gateway
        usage = accounts.usage_of(change.store, change.txn, b"g", gateway.id)
        clock_us = room_for_one(usage, gateway.channels_max, gateway.cps_max, now)
        if clock_us is None:
            _leave(change, gateway.id, "channels")
            continue
        owed = None if way.leg is None else exposure.of(change.store, change.txn, gateway.provider)
        if way.leg is not None and owed is not None:
            held = max(exposure.HELD_MIN, _first_cost(change, way.leg, special, now))
            if not exposure.has_room(change, gateway.provider, owed, held):
                exposed = gateway.provider
                _leave(change, gateway.id, "exposure")
                continue
            exposure.move(change, gateway.provider, held)
            way = way._replace(leg=way.leg._replace(held=held))  # noqa: PLW2901 -- the same way, with its hold
        accounts.put_usage(change.store, change.txn, b"g", gateway.id, usage.channels + 1, clock_us)
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


def room_for_one(usage: Usage, channels_max: int, cps_max: int, now: Now) -> int | None:
    """The call-rate clock with one more call; None: there is no room for it."""
    if channels_max and usage.channels >= channels_max:
        return None
    if not cps_max:
        return usage.rate_clock_us
    return accounts.next_rate_clock_us(usage.rate_clock_us, cps_max, now.boot_ms)


def take_path(change: Change, path: list[Account], chain: Chain, now: Now, *, is_limited: bool = True) -> None:
    """Channels, calls a second and funds of the whole path, all or nothing. Raises Refusal.

    `is_limited` False: the call is counted, and never refused.
    """
    caller = path[0].id
    holds = {leg.account: leg.held for leg in chain.legs}
    for account in path:
        if not is_limited:
            accounts.put_taken(change.store, change.txn, account, 0, account.rate_clock_us)
            continue
        if account.channels_max and account.channels >= account.channels_max:
            raise Refusal("channels", account.id, caller)
        clock_us: int | None = account.rate_clock_us
        if account.cps_max:
            clock_us = accounts.next_rate_clock_us(account.rate_clock_us, account.cps_max, now.boot_ms)
        if clock_us is None:
            raise Refusal("cps", account.id, caller)
        hold = holds.get(account.id)
        if hold is not None and max(hold, 0) > account.available:
            raise Refusal("funds", account.id, caller)
        accounts.put_taken(change.store, change.txn, account, hold or 0, clock_us)
