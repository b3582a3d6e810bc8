"""Running calls as messages ask for them."""

from __future__ import annotations

from kemi.grants import extend
from kemi.identify import Source, identify
from kemi.running import advance, comes_from_side, find, speaker
from kemi.settlement import End, ended
from kemi.store.calls import unpack_call
from kemi.store.trunks import trunk_by_id
from tests.kemi.world import World


def test_requests_in_the_call_raise_cseq_and_move_the_target(world: World) -> None:
    """A re-INVITE from a new address; an older one changes nothing."""
    call = world.talk()
    advance(world.rooms, call, "callee", 5, "sip:new@127.0.0.11")
    advance(world.rooms, call, "callee", 4, "sip:old@127.0.0.11")
    advance(world.rooms, call, "caller", 2, None)
    running = find(world.rooms, call)
    assert running is not None
    assert running.callee_leg is not None
    assert (running.callee_leg.cseq, running.callee_leg.contact) == (5, "sip:new@127.0.0.11")
    assert (running.caller_leg.cseq, running.caller_leg.contact) == (2, "sip:caller@127.0.0.2:5060")


def test_who_speaks_is_known_by_tags_and_address(world: World) -> None:
    """The caller from the trunk's networks, the callee from the gateway's; neither from the other's."""
    call = world.talk()
    callee = speaker(world.rooms, call, "to", "from", "127.0.0.11")
    caller = speaker(world.rooms, call, "from", "to", "127.0.0.2")
    assert caller is not None
    assert callee is not None
    assert (caller.side, callee.side) == ("caller", "callee")
    assert (unpack_call(caller.record), caller.running) == (callee.running, find(world.rooms, call))
    assert speaker(world.rooms, call, "from", "to", "127.0.0.11") is None
    assert speaker(world.rooms, call, "to", "from", "127.0.0.2") is None
    assert speaker(world.rooms, call, "to", "other", "127.0.0.11") is None
    assert comes_from_side(world.rooms, callee.running, "callee", "127.0.0.11")
    assert not comes_from_side(world.rooms, callee.running, "caller", "127.0.0.11")


def test_nothing_is_found_of_a_call_that_ended(world: World) -> None:
    """Not even its request's CSeq."""
    call = world.talk()
    world.hang_up(call)
    assert find(world.rooms, call) is None
    assert speaker(world.rooms, call, "from", "to", "127.0.0.2") is None
    advance(world.rooms, call, "caller", 9, None)
    assert extend(world.rooms, bytes.fromhex(call), world.now) is None
    assert not ended(world.rooms, call, End("caller", 200, "OK", 0), world.now)


def test_a_running_call_outlives_its_trunk_and_its_gateway(world: World) -> None:
    """Removed while it runs: both sides can still end it, and nobody begins another one that way."""
    call = world.talk()
    world.do("trunk_gone", id=1)
    world.do("gateway_gone", id=1)
    assert speaker(world.rooms, call, "from", "to", "127.0.0.2") is not None
    assert speaker(world.rooms, call, "to", "from", "127.0.0.11") is not None
    assert identify(world.rooms, Source("127.0.0.2", 5060, "udp"), "+33123") is None
    assert world.hang_up(call)
    world.do("trunk_gone", id=1)
    with world.rooms.store.read() as txn:
        assert trunk_by_id(world.rooms.store.config, txn, 1) is None


def test_a_gateway_that_is_gone_takes_no_calls(world: World) -> None:
    """Whether calls run over it or not: the next one goes over the next gateway."""
    call = world.talk()
    world.do("gateway_gone", id=1)
    second = find(world.rooms, world.ring(call_id="second"))
    assert second is not None
    assert second.gateway == 2
    assert world.hang_up(call)
    world.do("gateway_gone", id=2)
    third = find(world.rooms, world.ring(call_id="third"))
    assert third is not None
    assert third.gateway == 3
