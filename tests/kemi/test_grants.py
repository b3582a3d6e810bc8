"""How long a call may go on, and that every second of it is held."""

from __future__ import annotations

from kemi.answer import Grant
from kemi.grants import extend
from tests.kemi.world import CUSTOMER, EURO, ROOT, UPPER, World, assert_consistent


def test_short_money_is_granted_in_first_holds(world: World) -> None:
    """The upper reseller has money for 25 seconds at 0.024 a minute: 10 at once, the rest while the call goes on."""
    world.balance(UPPER, 10_000)
    call = world.ring()
    assert world.pick_up(call) == Grant(10)
    grants = []
    for _ in range(3):
        extension = extend(world.rooms, bytes.fromhex(call), world.now)
        assert extension is not None
        grants.append(extension.after.grant_s)
    assert grants == [20, 25, 25]
    assert world.get(UPPER).available == 0


def test_an_early_answer_does_not_starve_a_call_that_rings(world: World) -> None:
    """Money for three first holds, and the first call answered before the others are there."""
    world.balance(CUSTOMER, 30_000)
    world.talk()
    world.ring()
    world.ring()
    assert world.get(CUSTOMER).available == 0


def test_a_grant_ends_with_a_paid_increment(world: World) -> None:
    """60/60: money for one and a half minutes gives one."""
    world.balance(CUSTOMER, 90_000)
    assert world.pick_up(world.ring("+4930")) == Grant(60)


def test_extension_holds_the_next_hundred_seconds(world: World) -> None:
    """Hold and grant grow together."""
    call = world.talk()
    world.wait(90)
    extension = extend(world.rooms, bytes.fromhex(call), world.now)
    assert extension is not None
    assert extension.grew
    assert extension.after.grant_s == 200
    assert world.get(CUSTOMER).held == 200_000
    assert world.events("extended")[-1]["held"] == [200_000, 100_000, 80_000]
    assert_consistent(world)


def test_extension_stops_where_the_money_ends_and_a_top_up_moves_it(world: World) -> None:
    """25 seconds of money; then a thousand euros more."""
    world.balance(CUSTOMER, 25_000)
    key = bytes.fromhex(world.talk())
    for _ in range(3):
        extend(world.rooms, key, world.now)
    short = world.running()[0]
    world.credit(CUSTOMER, 1000 * EURO)
    topped = extend(world.rooms, key, world.now)
    assert topped is not None
    assert (short.grant_s, topped.after.grant_s) == (25, 125)
    assert_consistent(world)


def test_a_suspended_account_gets_no_longer_grant(world: World) -> None:
    """Anybody on the path."""
    key = bytes.fromhex(world.talk())
    world.account(ROOT, state="suspended")
    extension = extend(world.rooms, key, world.now)
    assert extension is not None
    assert not extension.grew


def test_a_call_has_a_longest_length(world: World) -> None:
    """`max_call_s` of the settings."""
    world.do("settings", max_call_s=120)
    key = bytes.fromhex(world.talk())
    extension = extend(world.rooms, key, world.now)
    assert extension is not None
    assert extension.after.grant_s == 120
