"""The same place once more, for who has asked for credentials."""

from __future__ import annotations

from kemi.authorize import Target, target_of
from kemi.caller import parties_of
from kemi.clock import Now
from kemi.failover import RING_LEFT_MIN_MS
from kemi.numbers import for_gateway
from kemi.redirects import Aim, at_aim
from kemi.rooms import Rooms
from kemi.running import find
from kemi.store.specials import is_short
from kemi.store.translate import CALLED
from kemi.store.trunks import Gateway
from kemi.ways import Way
from ratebook.choice import offer


def same_place(rooms: Rooms, call: str, aim: Aim | None, now: Now) -> tuple[Target, Gateway] | None:
    """Where the call rings now, to be tried anew, and its gateway; None: it doesn't ring any longer, has no time left,
    or the gateway's settings lead there no more. `aim`: where it was sent on to; None: it wasn't.
    """
    store = rooms.store
    running = find(rooms, call)
    if running is None or running.is_answered or not running.gateway:
        return None
    with store.read() as txn:
        configuration = store.configuration(txn)
        plan = configuration.plan(txn, running.plan)
        gateway = configuration.gateway(txn, running.gateway)
        if plan is None or gateway is None:
            return None
        rules = configuration.translations(txn, gateway.provider)
    there = gateway if aim is None or aim.is_of(gateway) else at_aim(gateway, aim)
    if there is None:
        return None
    rung_ms = now.boot_ms - running.start_boot_ms
    plan = offer(plan, running.rated_number, running.path, now.wall_s).plan
    if plan.ring_timeout_s * 1000 - rung_ms < RING_LEFT_MIN_MS:
        return None
    called = for_gateway(
        running.called,
        gateway,
        rules.of_gateway(gateway.id, CALLED),
        is_short=is_short(running.special, running.called),
    )
    routing = running.routing_number if gateway.shows_routing else ""
    way = Way(there, running.provider, 0, called, rules, routing)
    target = target_of(plan, way, parties_of(way, running), rung_ms)
    return target if aim is None else target._replace(number=aim.user), gateway
