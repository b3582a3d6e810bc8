"""Running calls as messages ask for them."""

from __future__ import annotations

from kemi.grants import extend
from kemi.running import advance, comes_from_side, find, speaker
from kemi.settlement import End, ended
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
    assert (caller[1], callee[1]) == ("caller", "callee")
    assert speaker(world.rooms, call, "from", "to", "127.0.0.11") is None
    assert speaker(world.rooms, call, "to", "from", "127.0.0.2") is None
    assert speaker(world.rooms, call, "to", "other", "127.0.0.11") is None
    assert comes_from_side(world.rooms, callee[0], "callee", "127.0.0.11")
    assert not comes_from_side(world.rooms, callee[0], "caller", "127.0.0.11")


def test_nothing_is_found_of_a_call_that_ended(world: World) -> None:
    """Not even its request's CSeq."""
    call = world.talk()
    world.hang_up(call)
    assert find(world.rooms, call) is None
    assert speaker(world.rooms, call, "from", "to", "127.0.0.2") is None
    advance(world.rooms, call, "caller", 9, None)
    assert extend(world.rooms, bytes.fromhex(call), world.now) is None
    assert not ended(world.rooms, call, End("caller", 200, "OK", 0), world.now)
