"""Who is let in: floods, scanners and the stubborn are banned for a time; who is listed never is."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.clock import Now
from kemi.counters import PLACES, Counters
from kemi.gate import Gate
from kemi.store import bans
from kemi.store.bans import Ban, site_of
from kemi.store.change import Change
from kemi.store.layout import Settings
from tests.kemi.world import CUSTOMER, World

STRANGER, OTHER_STRANGER, TRUNK, GATEWAY = "198.51.100.7", "198.51.100.8", "127.0.0.2", "127.0.0.11"
LIMITS = Settings()


def at(second: float) -> Now:
    """A moment."""
    return Now(int(second * 1000) + 1_000_000, int(second * 1000) + 1_700_000_000_000)


def sent(gate: Gate, world: World, ip: str, count: int, now: Now) -> int:
    """How many of so many messages at once are let in."""
    return sum(gate.admits(world.rooms.store, ip, now) for _ in range(count))


def banned(world: World) -> list[Ban]:
    """All bans in the store."""
    with world.rooms.store.read() as txn:
        return bans.all_of(world.rooms.store, txn)


@pytest.fixture
def gate() -> Gate:
    """Of a process."""
    return Gate(Counters())


def test_a_flood_is_banned_and_let_in_again(world: World, gate: Gate) -> None:
    """What is beyond the limit of a second makes a ban; it ends."""
    assert sent(gate, world, STRANGER, 500, at(0)) == LIMITS.flood_per_s
    assert [(ban.network, ban.why) for ban in banned(world)] == [(STRANGER, "flood")]
    assert sent(gate, world, STRANGER, 3, at(LIMITS.ban_s - 1)) == 0
    assert sent(gate, world, STRANGER, 3, at(LIMITS.ban_s + 2)) == 3


def test_below_the_limit_nobody_is_banned(world: World, gate: Gate) -> None:
    """The same number, over some seconds."""
    assert sum(sent(gate, world, STRANGER, LIMITS.flood_per_s, at(second)) for second in range(5)) == 500
    assert banned(world) == []


@pytest.mark.parametrize("ip", [TRUNK, GATEWAY])
def test_who_is_listed_is_only_held_back(world: World, gate: Gate, ip: str) -> None:
    """Thirty times as much, and no ban ever."""
    assert sent(gate, world, ip, 5_000, at(0)) == LIMITS.flood_listed_per_s
    assert sent(gate, world, ip, 10, at(1)) == 10
    for _ in range(500):
        gate.strike(world.rooms.store, ip, at(1))
        gate.stranger(world.rooms.store, ip, "friendly-scanner", at(1))
    assert banned(world) == []


def test_a_scanner_is_banned_at_once(world: World, gate: Gate) -> None:
    """By its own word; another agent isn't."""
    gate.stranger(world.rooms.store, STRANGER, "A telephone", at(0))
    assert gate.admits(world.rooms.store, STRANGER, at(0))
    gate.stranger(world.rooms.store, STRANGER, "Friendly-Scanner", at(0))
    assert not gate.admits(world.rooms.store, STRANGER, at(0))
    assert [ban.why for ban in banned(world)] == ["scanner"]


def test_who_goes_on_is_banned(world: World, gate: Gate) -> None:
    """More strikes in a minute than are borne; spread over minutes they are."""
    for minute in range(3):
        for _ in range(LIMITS.strikes_per_minute):
            gate.strike(world.rooms.store, STRANGER, at(60 * minute))
    assert banned(world) == []
    gate.strike(world.rooms.store, STRANGER, at(125))
    assert [ban.why for ban in banned(world)] == ["strikes"]


def test_an_operators_ban_hits_the_listed_too_and_is_lifted(world: World, gate: Gate) -> None:
    """A network, within a second."""
    assert gate.admits(world.rooms.store, TRUNK, at(0))
    world.do("ban", network="127.0.0.0/30", why="operator", until_ms=0)
    assert not gate.admits(world.rooms.store, TRUNK, at(1))
    assert gate.admits(world.rooms.store, "127.0.0.4", at(1))
    world.do("lift", network="127.0.0.0/30")
    assert gate.admits(world.rooms.store, TRUNK, at(2))


def test_whoever_is_listed_later_is_let_in(world: World, gate: Gate) -> None:
    """An automatic ban of before holds no longer."""
    sent(gate, world, STRANGER, 200, at(0))
    assert not gate.admits(world.rooms.store, STRANGER, at(0))
    world.trunk(9, CUSTOMER, networks=[f"{STRANGER}/32"])
    assert gate.admits(world.rooms.store, STRANGER, at(1))


def test_an_ipv6_sender_is_its_site(world: World, gate: Gate) -> None:
    """Another address of the same /64 is banned with it, the next /64 is not."""
    gate.stranger(world.rooms.store, "2001:db8::1", "sipvicious", at(0))
    assert not gate.admits(world.rooms.store, "2001:db8::ffff", at(0))
    assert gate.admits(world.rooms.store, "2001:db8:0:1::1", at(0))
    assert site_of("2001:db8::1") == "2001:db8::/64"


SITE = [f"2001:db8:0:0:0:0:{number:x}:1" for number in range(500)]
"""Addresses of one /64, as Kamailio writes them."""


def test_an_ipv6_site_is_counted_as_one(world: World, gate: Gate) -> None:
    """A message from each of its addresses is a flood, as are its strikes; the next /64 is another sender."""
    assert sum(gate.admits(world.rooms.store, ip, at(0)) for ip in SITE) == LIMITS.flood_per_s
    assert [(ban.network, ban.why) for ban in banned(world)] == [("2001:db8::/64", "flood")]
    assert gate.admits(world.rooms.store, "2001:db8:0:1:0:0:0:1", at(0))
    for ip in SITE:
        gate.strike(world.rooms.store, ip.replace("2001:db8:0:0", "2001:db8:0:2"), at(1))
    assert [ban.network for ban in banned(world)] == ["2001:db8:0:2::/64", "2001:db8::/64"]


def test_an_ipv6_site_of_a_trunk_is_tired_as_one(world: World, gate: Gate) -> None:
    """Refusals to each of its addresses; and all of them together send no more than a listed source may."""
    world.trunk(9, CUSTOMER, networks=["2001:db8::/64"])
    sent = [ip for _ in range(8) for ip in SITE]
    assert sum(gate.admits(world.rooms.store, ip, at(0)) for ip in sent) == LIMITS.flood_listed_per_s
    for ip in SITE[: LIMITS.refusals_per_s]:
        gate.refused(ip, at(0))
    assert gate.is_tired("2001:db8:0:0:0:0:0:ffff", at(0))
    assert not gate.is_tired("2001:db8:0:1:0:0:0:1", at(0))


def test_invented_addresses_fill_nothing(world: World, gate: Gate) -> None:
    """A scanner with 5,000 addresses makes a few bans a second, each one event."""
    for number in range(5_000):
        gate.stranger(world.rooms.store, f"198.51.{number // 250}.{number % 250}", "sipvicious", at(0))
    assert len(banned(world)) <= 20


def test_bans_that_are_over_are_swept_away(world: World, gate: Gate) -> None:
    """Those that hold stay."""
    sent(gate, world, STRANGER, 200, at(0))
    world.do("ban", network="192.0.2.0/24", why="operator", until_ms=0)
    with Change(world.rooms.store) as change:
        bans.sweep(change, at(LIMITS.ban_s + 1))
    assert [ban.network for ban in banned(world)] == ["192.0.2.0/24"]


def test_who_is_refused_too_often_gets_no_more_decisions_in_that_second(gate: Gate) -> None:
    """Of a trunk; other addresses, and the next second, are as before."""
    for _ in range(LIMITS.refusals_per_s - 1):
        gate.refused(TRUNK, at(0))
    assert not gate.is_tired(TRUNK, at(0))
    gate.refused(TRUNK, at(0))
    assert gate.is_tired(TRUNK, at(0))
    assert not gate.is_tired(GATEWAY, at(0))
    assert not gate.is_tired(TRUNK, at(1))


def test_a_device_that_has_proved_its_password_is_not_banned(world: World, gate: Gate) -> None:
    """Its address is held back like a trunk's, for two hours."""
    gate.proved(STRANGER, at(0))
    assert sent(gate, world, STRANGER, 500, at(1)) == 500
    for _ in range(500):
        gate.strike(world.rooms.store, STRANGER, at(1))
    assert banned(world) == []
    assert gate.has_proved(STRANGER, at(7_000))
    assert not gate.has_proved(STRANGER, at(8_000))
    assert not gate.has_proved(GATEWAY, at(1))


def test_a_flood_of_invented_addresses_makes_nobody_forgotten() -> None:
    """As many as would meet each place many times over."""
    counters = Counters()
    gate = Gate(counters)
    gate.proved(STRANGER, at(0))
    for number in range(6 * PLACES):
        counters.message(f"invented {number}", 1)
    assert gate.has_proved(STRANGER, at(2))


def test_an_automatic_ban_does_not_end_the_operators(world: World, gate: Gate) -> None:
    """Who was banned by hand in the second before stays so until it is lifted; another one's is made."""
    store = world.rooms.store
    assert gate.admits(store, STRANGER, at(0))  # what this process knows of bans until the next second
    with Change(store) as change:
        bans.impose(change, Ban(STRANGER, bans.OPERATOR, 0))
        assert not bans.ban_stranger(change, Ban(STRANGER, "flood", 1), at(0))
        assert bans.ban_stranger(change, Ban(OTHER_STRANGER, "flood", 10**15), at(0))
    assert sorted(ban[:2] for ban in banned(world)) == [(STRANGER, bans.OPERATOR), (OTHER_STRANGER, "flood")]


def test_processes_count_together() -> None:
    """A fork shares the counters."""
    counters = Counters()
    for _ in range(3):
        child = os.fork()
        if not child:
            counters.message("192.0.2.1", 5)
            os._exit(0)
        os.waitpid(child, 0)
    assert counters.message("192.0.2.1", 5) == 4


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 2), st.booleans()), max_size=60))
def test_counters_count_each_source_by_itself(steps: list[tuple[str, int, bool]]) -> None:
    """Messages of a second and strikes of a minute, in any order of times that rises."""
    counters = Counters()
    messages: dict[tuple[str, int], int] = {}
    strikes: dict[tuple[str, int], int] = {}
    for source, time, strikes_too in sorted(steps, key=lambda step: step[1]):
        messages[source, time] = messages.get((source, time), 0) + 1
        assert counters.message(source, time) == messages[source, time]
        if strikes_too:
            strikes[source, time] = strikes.get((source, time), 0) + 1
            assert counters.strike(source, time) == strikes[source, time]
