"""The next gateway, after one has failed. Cost, no-loss and capacity are judged anew; the customers' holds stay.

What the provider of the one that failed gets for that is paid in the same transaction, and leaves a record of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from kemi import quote
from kemi.authorize import Target, target_of
from kemi.beginning import new_call_key
from kemi.caller import Parties, parties_again, parties_of
from kemi.capacity import take_gateway
from kemi.clock import Now
from kemi.invitation import no_offer
from kemi.onward import NEXT_CODES
from kemi.receive import RING_ALL_S
from kemi.receive import target_of as hop_target
from kemi.refusal import Refusal
from kemi.rooms import Rooms
from kemi.running import find
from kemi.settlement import attempt_fee, with_code
from kemi.store import accounts, exposure, queues
from kemi.store.calls import Attempt, ChargeLeg, RunningCall
from kemi.store.change import Change
from kemi.ways import Way, Ways, find_ways
from ratebook.routing import Plan

REDIRECTIONS = range(300, 400)
"""Codes that lead elsewhere. Nobody is followed to where no plan and no price is known: the gateway has failed. What
may be followed is `kemi.redirects`' affair."""
RING_LEFT_MIN_MS = 1_000
"""Another gateway is not worth less ringing than this."""


def fail_over(
    rooms: Rooms, call: str, sip_code: int, now: Now, ring_ms: int = 0, offer: Callable[[], str] = no_offer
) -> Target | None:
    """The next gateway after one failed with `sip_code`; None: there is none, the code goes to the caller. `ring_ms`:
    when it rang; 0: it didn't. `offer`: as of an invitation.
    """
    store = rooms.store
    running = find(rooms, call)
    if running is None or running.is_answered:
        return None
    if running.hops:
        with Change(rooms.store) as change:
            present = change.call(running.key)
            return None if present is None else next_hop(change, present, sip_code, now, ring_ms)
    with store.read() as txn, rooms.rates.snapshot() as rates:
        configuration = store.configuration(txn)
        plan = configuration.plan(txn, running.plan)
        rung_ms = now.boot_ms - running.start_boot_ms
        if plan is None:
            return None
        number = running.rated_number
        look = quote.Look(store, txn, configuration, rates, number, now.wall_s, now.boot_ms, running.called, offer)
        tried = {attempt[0] for attempt in running.attempts}
        top = running.legs[-1] if running.legs else None
        try:
            offered = quote.offer_of(look, plan, running.path)
            if not may_try_again(offered.plan, running, sip_code, rung_ms):
                return None
            ways = find_ways(look, offered, top, tried, running.key, running.special)
        except (quote.NoExchange, Refusal):
            return None
    taken = change_gateway(rooms, running.key, ways, sip_code, now, ring_ms)
    return None if taken is None else target_of(offered.plan, *taken, rung_ms)


def next_hop(change: Change, call: RunningCall, sip_code: int, now: Now, ring_ms: int) -> Target | None:
    """Of a call to somebody of ours: the next one of its list, after one was busy or away. None: there is none, and
    nothing is changed.
    """
    rung_ms = now.boot_ms - call.start_boot_ms
    left_ms = RING_ALL_S * 1000 - rung_ms
    if call.is_answered or sip_code not in NEXT_CODES or len(call.hops) < 2 or left_ms < RING_LEFT_MIN_MS:
        return None
    attempts = (*with_code(call, sip_code, ring_ms, now), (0, 0, now.wall_ms, 0, 0))
    change.put_call(call._replace(hops=call.hops[1:], attempts=attempts))
    return hop_target(call.hops[1], parties_again(call), call.ring_s, rung_ms)


def may_try_again(plan: Plan, running: RunningCall, sip_code: int, rung_ms: int) -> bool:
    """Whether the code and what is left of attempts and ringing time allow another gateway."""
    left_ms = plan.ring_timeout_s * 1000 - rung_ms
    fails_over = sip_code in plan.failover_codes or sip_code in REDIRECTIONS
    return fails_over and len(running.attempts) < plan.attempts_max and left_ms >= RING_LEFT_MIN_MS


def change_gateway(
    rooms: Rooms, key: bytes, ways: Ways | Way, sip_code: int, now: Now, ring_ms: int
) -> tuple[Way, Parties] | None:
    """The call goes on by the first of these ways that has room, and what that is told; None: none has, or it is over.

    One way, of the gateway at hand: its carrier has sent the call on inside its own network.
    """
    with Change(rooms.store) as change:
        running = change.call(key)
        if running is None or running.is_answered:
            return None
        past = with_code(running, sip_code, ring_ms, now)
        way = _taken(change, running, ways, past[-1], now)
        if way is None:
            return None
        attempts = (*past, (way.gateway.id, 0, now.wall_ms, 0, 0))
        until_s = min(running.priced_until_s, way.until_s)
        parties = parties_of(way, running)
        after = running._replace(
            gateway=way.gateway.id,
            provider=way.leg,
            attempts=attempts,
            priced_until_s=until_s,
            sent_from=parties.from_uri,
            sent_to=parties.to_uri,
            attested=parties.attested,
            codecs=parties.codecs,
        )
        change.put_call(after)
        return way, parties


def _taken(change: Change, running: RunningCall, ways: Ways | Way, left: Attempt, now: Now) -> Way | None:
    """The first way with room, counted on it in place of the gateway at hand, which is paid for what it `left`; None:
    there is none, all is as it was. One way, and a redirection: its carrier goes on with the same attempt.
    """
    before = running.provider
    goes_on = isinstance(ways, Way) and left[1] in REDIRECTIONS
    fee = 0 if before is None or goes_on else attempt_fee(running, before, left)
    if isinstance(ways, Way) and ways.gateway.id == running.gateway:
        if before is not None and fee:
            _owe(change, before.account, 0, fee)
            _record(change, running, left, before, fee, now)
        return ways._replace(leg=before)
    if before is not None:
        _owe(change, before.account, -before.held, fee)
    each = (ways,) if isinstance(ways, Way) else ways.each(change.txn)
    way, _ = take_gateway(change, each, running.special, now)
    if way is None:
        if before is not None:
            _owe(change, before.account, before.held, -fee)
        return None
    accounts.release_channels(change.store, change.txn, ((b"g", running.gateway),))
    if before is not None and fee:
        _record(change, running, left, before, fee, now)
    return way


def _record(change: Change, running: RunningCall, left: Attempt, leg: ChargeLeg, fee: int, now: Now) -> None:
    change.event(queues.ATTEMPTED, now, queues.attempt_record(running, new_call_key(now), left, leg, fee))


def _owe(change: Change, provider: int, held: int, micros: int) -> None:
    """Moves what is held against a provider's limit of exposure, and what it is owed."""
    exposure.move(change, provider, held)
    if micros:
        accounts.move(change.store, change.txn, [(provider, 0, 0, micros)])
