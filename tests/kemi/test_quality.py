"""Figures of gateways: counted by the clerk from what was settled, asked for by plans that order by quality."""

from __future__ import annotations

import pytest

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.settlement import delivered
from kemi.store import quality
from kemi.store.change import Change
from ratebook.quality import Figures
from tests.kemi.test_text_messages import send
from tests.kemi.world import CUSTOMER, PRICES, World, terms


def figures(world: World, gateway: int, prefix: str = quality.WHOLE, window_s: int = 3600) -> Figures:
    """Of the last hour, if nothing else is said."""
    store = world.rooms.store
    with store.read() as txn:
        return quality.read(store, txn, gateway, prefix, world.now.wall_s - window_s)


def count(world: World) -> None:
    """The clerk's rounds: one copies what happened, one a second later writes what it counted."""
    clerk = world.clerk()
    clerk.tick(world.now)
    world.wait(1)
    clerk.tick(world.now)
    clerk.close()


def carry(world: World, gateway: int, attempts: int, answered: int) -> None:
    """As if a gateway had carried so many calls of a minute to numbers of the tariff's empty prefix."""
    found = Figures(attempts, answered, answered * 60_000, answered, answered * 2_000)
    with Change(world.rooms.store) as change:
        quality.add(change, {(gateway, ""): found, (gateway, quality.WHOLE): found}, world.now.wall_s)


def test_many_prefixes_in_a_second_are_written_bit_by_bit(world: World) -> None:
    """The workers wait for twenty of them at most; nothing is lost, and nothing written twice."""
    store, counter = world.rooms.store, quality.Counter()
    counter._tally = {(1, f"44{at}"): Figures(attempts=at + 1) for at in range(45)}
    with store.read() as txn:
        before = txn.id()
    counter.write(store, world.now.wall_s)
    counter.write(store, world.now.wall_s)
    with store.read() as txn:
        assert txn.id() == before + 3
    assert [figures(world, 1, f"44{at}").attempts for at in range(45)] == [*range(1, 46)]


def test_a_call_that_failed_over_counts_at_both_gateways(world: World) -> None:
    """The first without an answer; the second with length, delay, and as a short one that was not announced."""
    call = world.ring()
    world.wait(0.5)
    fail_over(world.rooms, call, 503, world.now)
    world.wait(0.4)
    world.pick_up(call)
    world.wait(5)
    world.hang_up(call)
    count(world)
    assert figures(world, 1) == Figures(attempts=1)
    assert figures(world, 2) == Figures(1, 1, 5_000, 1, 400, 1, 1)
    assert figures(world, 2, "") == figures(world, 2)
    assert figures(world, 2, "49") == Figures()
    assert figures(world, 3) == Figures()


def test_a_gateway_that_rang_and_failed_counts_its_delay(world: World) -> None:
    """The next one's delay is its own."""
    call = world.ring()
    world.wait(2)
    fail_over(world.rooms, call, 503, world.now, ring_ms=world.now.wall_ms - 700)
    world.wait(3)
    world.pick_up(call)
    world.wait(60)
    world.hang_up(call)
    count(world)
    assert figures(world, 1) == Figures(attempts=1, delayed=1, delay_ms=1_300)
    assert figures(world, 2) == Figures(1, 1, 60_000, 1, 3_000)


def test_a_long_call_that_took_its_time_is_neither_false_nor_short(world: World) -> None:
    """Answered after two seconds, for a minute."""
    call = world.ring()
    world.wait(2)
    world.pick_up(call)
    world.wait(60)
    world.hang_up(call)
    count(world)
    assert figures(world, 1) == Figures(1, 1, 60_000, 1, 2_000)


def test_what_is_older_than_the_window_counts_no_more(world: World) -> None:
    """In quarters of an hour; after four hours the record goes, when the clerk next looks."""
    carry(world, 1, 10, 5)
    world.wait(1800)
    carry(world, 1, 4, 4)
    assert figures(world, 1).attempts == 14
    assert figures(world, 1, window_s=900).attempts == 4
    world.wait(5 * 3600)
    assert figures(world, 1, window_s=quality.WINDOW_MAX_S).attempts == 0
    count(world)
    with world.rooms.store.read() as txn:
        assert txn.stat(world.rooms.store.quality)["entries"] == 0


def test_too_many_prefixes_leave_the_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is not filled by prefixes."""
    monkeypatch.setattr(quality, "RECORDS_MAX", 2)
    carry(world, 1, 10, 5)
    carry(world, 2, 10, 5)
    assert figures(world, 2).attempts == 10
    assert figures(world, 2, "") == Figures()


def test_a_plan_by_quality(world: World) -> None:
    """The cheap gateways answer one call in ten: the dear one comes first; with few calls nothing is known of them."""
    world.plan(order="quality cost")
    carry(world, 1, 100, 10)
    carry(world, 2, 19, 0)
    carry(world, 3, 100, 60)
    assert world.running() == []
    world.ring()
    assert world.running()[0].gateway == 2
    carry(world, 2, 1, 0)
    call = world.ring()
    (running,) = [one for one in world.running() if one.hex == call]
    assert running.gateway == 3


def test_a_plan_without_quality_does_not_ask(world: World) -> None:
    """Cost alone."""
    carry(world, 1, 100, 0)
    world.ring()
    assert world.running()[0].gateway == 1


def test_few_calls_of_a_prefix_are_judged_by_all_of_the_gateway(world: World) -> None:
    """To 49 it has carried nothing yet."""
    world.plan(order="quality cost")
    carry(world, 1, 100, 10)
    carry(world, 2, 100, 10)
    call = world.ring("+4930")
    assert [one.gateway for one in world.running() if one.hex == call] == [3]


def test_what_no_gateway_carries_and_messages_are_not_counted(world: World) -> None:
    """A call from device to device by its name; a MESSAGE that a gateway has taken."""
    for account, price in PRICES.items():
        world.tariff(account, {"": terms(price, message_fee_nanos=0)})
    for number in (7, 8):
        world.device(number, CUSTOMER)
        world.at(number)
    call = world.call_ours("d7", device=8)
    assert isinstance(call, Admitted)
    world.hang_up(call.call, code=486)
    sent = send(world)
    assert isinstance(sent, Admitted)
    delivered(world.rooms, sent.call, world.now)
    count(world)
    assert [figures(world, gateway) for gateway in range(4)] == [Figures()] * 4
