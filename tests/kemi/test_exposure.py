"""What is owed to a provider, running calls included, stays below its limit."""

from __future__ import annotations

from kemi import meter
from kemi.authorize import Admitted, Refused
from kemi.failover import fail_over
from kemi.settlement import delivered
from kemi.store import exposure
from kemi.store.carry import begin_store
from kemi.store.layout import NO_LIMIT, Exposure
from tests.kemi.test_specials import admitted
from tests.kemi.test_specials import tell as special
from tests.kemi.test_text_messages import send
from tests.kemi.world import (
    BOOT,
    CARRIER,
    CUSTOMER,
    DEAR_CARRIER,
    PRICES,
    ROOT,
    START,
    FakeDialogs,
    World,
    assert_consistent,
    terms,
)

TEN_SECONDS, STANDARD = 2_000, 20_000
"""What carrier 5 asks, at 0.012 a minute, for a first hold and for a grant of 100 seconds."""


def limit(world: World, micros: int | None, provider: int = CARRIER) -> None:
    """Sets one; None: takes it away."""
    world.account(provider, parent=ROOT, kind="provider", exposure_limit=micros)


def owed(world: World, provider: int = CARRIER) -> Exposure | None:
    """As the store has it."""
    with world.rooms.store.read() as txn:
        return exposure.of(world.rooms.store, txn, provider)


def test_a_provider_without_a_limit_holds_nothing(world: World) -> None:
    """No record, no hold on its leg."""
    world.ring()
    assert owed(world) is None
    assert world.running()[0].provider.held == 0  # type: ignore[union-attr]


def test_calls_go_elsewhere_when_the_limit_is_reached(world: World) -> None:
    """Room for two first holds: the third call takes the dear carrier; one that ends makes room again."""
    limit(world, 2 * TEN_SECONDS)
    calls = [world.ring() for _ in range(3)]
    assert sorted(call.gateway for call in world.running()) == [1, 1, 3]
    assert owed(world) == Exposure(2 * TEN_SECONDS, 2 * TEN_SECONDS)
    assert_consistent(world)
    world.hang_up(calls[0], by="callee", code=486)
    world.ring()
    assert sorted(call.gateway for call in world.running()) == [1, 1, 3]
    assert_consistent(world)


def test_one_micro_unit_too_little(world: World) -> None:
    """The bound is exact."""
    limit(world, TEN_SECONDS - 1)
    assert world.invite().target.gateway == 3  # type: ignore[union-attr]
    limit(world, TEN_SECONDS)
    assert world.invite().target.gateway == 1  # type: ignore[union-attr]


def test_the_balance_counts_and_a_payment_makes_room(world: World) -> None:
    """A minute's cost is owed; what the provider has had paid out, or pays us itself, is not."""
    limit(world, 13_000)
    call = world.talk()
    world.wait(60)
    world.hang_up(call)
    assert world.get(CARRIER).balance == 12_000
    assert owed(world) == Exposure(13_000, 0)
    assert world.invite().target.gateway == 3  # type: ignore[union-attr]
    world.credit(CARRIER, -12_000)
    assert world.invite().target.gateway == 1  # type: ignore[union-attr]
    assert_consistent(world)


def test_when_no_provider_may_be_owed_more(world: World) -> None:
    """Caused above the caller: 503, with the provider and the rule in the record."""
    limit(world, 0)
    limit(world, 0, DEAR_CARRIER)
    assert world.invite() == Refused(503, "Temporarily unavailable", "exposure", DEAR_CARRIER)
    assert world.last_cdr()["rule"] == "exposure"
    assert_consistent(world)


def test_a_running_call_holds_its_grants_and_is_not_cut(world: World) -> None:
    """The answer takes the cost of a grant, the meter that of the next one, beyond the limit too."""
    limit(world, 30_000)
    call = world.talk()
    assert owed(world) == Exposure(30_000, STANDARD)
    world.wait(95)
    meter.tick(world.rooms, FakeDialogs().seen(), world.now)
    assert owed(world) == Exposure(30_000, 2 * STANDARD)
    assert world.invite().target.gateway == 3  # type: ignore[union-attr]
    assert_consistent(world)
    world.hang_up(call)
    assert owed(world) == Exposure(30_000, 0)
    assert_consistent(world)


def test_a_fail_over_asks_anew(world: World) -> None:
    """The second gateway's provider is the same: its own hold doesn't stand in the way; a third way has no room."""
    limit(world, TEN_SECONDS)
    limit(world, 0, DEAR_CARRIER)
    call = world.ring()
    second = fail_over(world.rooms, call, 503, world.now)
    assert second is not None
    assert second.gateway == 2
    assert owed(world) == Exposure(TEN_SECONDS, TEN_SECONDS)
    assert fail_over(world.rooms, call, 503, world.now) is None
    assert world.get(CUSTOMER).held == 10_000
    assert_consistent(world)


def test_a_limit_that_is_taken_away_while_calls_run(world: World) -> None:
    """What is held is given back, and the record goes."""
    limit(world, 30_000)
    call = world.talk()
    limit(world, None)
    assert owed(world) == Exposure(NO_LIMIT, STANDARD)
    assert isinstance(world.invite(), Admitted)
    world.hang_up(call)
    for running in world.running():
        world.hang_up(running.hex)
    assert owed(world) is None


def test_a_new_store_counts_what_goes_on(world: World) -> None:
    """A call that is carried over by the journal holds on."""
    limit(world, 30_000)
    world.talk()
    clerk = world.clerk()
    clerk.tick(world.now)
    clerk.close()
    world.rooms.close()
    for file in (world.run_dir / "hot").iterdir():
        file.unlink()
    begin_store(world.run_dir, world.data_dir, BOOT, START.wall_ms, world.now).close()
    assert world.rooms.has_store()
    assert owed(world) == Exposure(NO_LIMIT, STANDARD)


def test_special_calls_are_owed_as_they_are_paid(world: World) -> None:
    """Of a free call the provider's cost is held; of an emergency call nothing, whatever the limit."""
    limit(world, TEN_SECONDS)
    special(world, "4480011", kind="free")
    special(world, "112", id=2)
    calls = [admitted(world, called) for called in ("4480011", "112")]
    assert owed(world) == Exposure(TEN_SECONDS, TEN_SECONDS)
    assert [call.gateway for call in world.running()] == [1, 1]
    for call in calls:
        world.hang_up(call, code=487)
    assert owed(world) == Exposure(TEN_SECONDS, 0)
    assert_consistent(world)


def test_a_message_is_owed_by_its_fee(world: World) -> None:
    """Held while it is on its way, then a debt."""
    for account, price in PRICES.items():
        world.tariff(account, {"": terms(price, message_fee_nanos=10_000_000)})
    limit(world, 10_000)
    sent = send(world)
    assert isinstance(sent, Admitted)
    assert owed(world) == Exposure(10_000, 10_000)
    delivered(world.rooms, sent.call, world.now)
    assert owed(world) == Exposure(10_000, 0)
    assert world.get(CARRIER).balance == 10_000
    following = send(world)
    assert isinstance(following, Admitted)
    assert following.target.gateway == 3
    assert_consistent(world)


PARTNER = 7
"""Sells us minutes at the carrier's price, and buys some at the customer's."""


def bilateral(world: World) -> None:
    """The customer's calls to 33 go over the partner's gateway, the partner's own to 49 over the carrier's."""
    world.account(PARTNER, parent=ROOT, tariff=CUSTOMER, exposure_limit=13_000)
    world.gateway(4, PARTNER, "127.0.0.14", tariff=CARRIER)
    world.plan(routes=[["33", [[4, 4]]], ["49", [[1, 1]]]], no_loss="off")
    world.trunk(2, PARTNER, tech_prefix="99")


def test_a_partner_s_own_traffic_makes_room_for_ours(world: World) -> None:
    """What we owe it for a minute fills the limit; a minute of its own, which it owes us, empties it again."""
    bilateral(world)
    call = world.talk()
    world.wait(60)
    world.hang_up(call)
    assert world.get(PARTNER).balance == 12_000
    assert world.invite() == Refused(503, "Temporarily unavailable", "exposure", PARTNER)
    world.account(PARTNER, parent=ROOT, tariff=CUSTOMER, exposure_limit=13_000, credit_limit=60_000)
    call = world.talk("990049123")
    world.wait(60)
    world.hang_up(call)
    assert world.get(PARTNER).balance == 12_000 - 60_000
    assert isinstance(world.invite(), Admitted)
    assert_consistent(world)


def test_what_we_owe_a_partner_pays_for_its_calls(world: World) -> None:
    """Without a payment and without credit: the other direction's limit is over the same net."""
    bilateral(world)
    assert world.invite("990049123").rule == "funds"  # type: ignore[union-attr]
    world.account(PARTNER, parent=ROOT, tariff=CUSTOMER)
    for _ in range(3):
        call = world.talk()
        world.wait(100)
        world.hang_up(call)
    assert world.get(PARTNER).balance == 60_000
    assert isinstance(world.invite("990049123"), Admitted)
    assert_consistent(world)
