"""Over which gateways a call goes: what is kept from call to call is what each call by itself would have found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.quote import Look, NoExchange, offer_of
from kemi.store.calls import ChargeLeg
from kemi.store.change import Change
from kemi.store.health import failed
from kemi.ways import find_ways
from ratebook.bands import terms_at
from ratebook.compiled.layout import encode_terms
from ratebook.exchange import exchanged_up
from ratebook.model import Band, Border, Rate, Terms, Timetable, Window
from ratebook.price import charge
from tests.kemi.world import CARRIER, DEAR_CARRIER, ROOT, START, UPPER, World, terms

START_S = START.wall_ms // 1000
PROVIDERS = {CARRIER: "EUR", DEAR_CARRIER: "USD", 30: "EUR", 31: "EUR"}
"""With their currencies; gateway 1 is the first one's, and so on."""
NUMBERS = ("33123", "4412", "4415551", "49301", "5")
MOMENTS = (0, 1, 60, 3_600, 7_200, 90_000)
"""Seconds from the start."""
EXPECTED_S = 180

prices = st.sampled_from(("0.01", "0.012", "0.02", "0.05"))
dates = st.sampled_from((None, START_S - 10, START_S + 60, START_S + 3_600))


@st.composite
def rates(draw: st.DrawFn, currency: str) -> list[Rate]:
    """Of a tariff: some blocked, some dated, some dearer at an hour of the day."""
    found = []
    for prefix in draw(st.sets(st.sampled_from(("", "4", "44", "4415", "49", "33")))):
        own: Terms = terms(draw(prices), currency=currency, blocked=draw(st.integers(0, 5)) == 0)
        if draw(st.booleans()):
            hours = Window(127, (), draw(st.integers(0, 23)) * 3_600, 86_400)
            other = terms(draw(prices), currency=currency)
            own = own._replace(timetable=Timetable("UTC", Border.SPLIT, ((Band("late", (hours,)), other),)))
        found.append(Rate(prefix, f"to {prefix}", draw(dates), None, own))
    return found


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """Four providers with a gateway each."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        for at, (provider, currency) in enumerate(PROVIDERS.items(), start=1):
            world.account(provider, parent=ROOT, kind="provider", currency=currency)
            world.gateway(at, provider, f"127.0.1.{at}")
        yield world
        world.close()


def one_by_one(look: Look, earned: int, no_loss: str, order: str, tried: set[int]) -> list[tuple[int, int]]:
    """Gateways and costs, by asking each tariff for its rate and pricing the expected call by it."""
    found = []
    for at, (provider, currency) in enumerate(PROVIDERS.items(), start=1):
        rate = look.rate(provider)
        if at in tried or rate is None or terms_at(rate[1].terms, look.at_s).blocked:
            continue
        cost = charge(rate[1].terms, EXPECTED_S * 1000, look.at_s).micros
        if currency != "EUR":
            factor = look.configuration.exchange(look.txn).factor(currency, "EUR", look.at_s)
            if factor is None:
                continue
            cost = exchanged_up(cost, factor)
        found.append((at, cost, 5 - at, -len(rate[1].prefix)))
    fields = {"cost": 1, "priority": 2, "prefix": 3}
    ranks = [fields[word] for word in (*order.split(), "cost", "priority")]
    found.sort(key=lambda one: [one[rank] for rank in ranks])
    if no_loss == "strict":
        found = [one for one in found if one[1] <= earned]
    elif no_loss == "warn":
        found.sort(key=lambda one: one[1] > earned)
    return [one[:2] for one in found]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_what_is_kept_is_what_each_call_would_find(shared: World, data: st.DataObject) -> None:
    """Whatever rates, dates, hours, currencies, orders; the first call as those behind it."""
    for provider, currency in PROVIDERS.items():
        shared.publish(provider, *data.draw(rates(currency)))
    course = data.draw(st.sampled_from((((-(10**9), 5 * 10**8),), ((START_S + 60, 2 * 10**9),), ())))
    shared.do("exchange", base="", rates=[["USD", "EUR", [list(one) for one in course]]] if course else [])
    order = data.draw(st.sampled_from(("cost", "priority", "prefix cost", "priority cost")))
    no_loss = data.draw(st.sampled_from(("strict", "warn", "off")))
    shared.plan(order=order, no_loss=no_loss, routes=[["", [[at, 5 - at] for at in range(1, 5)]]])
    store = shared.rooms.store
    for _ in range(12):
        number, later_s = data.draw(st.sampled_from(NUMBERS)), data.draw(st.sampled_from(MOMENTS))
        tried = data.draw(st.sets(st.integers(1, 4), max_size=2))
        with store.read() as txn, shared.rooms.rates.snapshot() as snapshot:
            configuration = store.configuration(txn)
            plan = configuration.plan(txn, 1)
            assert plan is not None
            look = Look(store, txn, configuration, snapshot, number, START_S + later_s, START.boot_ms)
            offered = offer_of(look, plan, ())
            earned = _earned(data.draw(prices))
            wanted = one_by_one(look, charge(earned, EXPECTED_S * 1000, 0).micros, no_loss, order, tried)
            try:
                ways = [*find_ways(look, offered, _leg(earned), tried, b"").each(txn)]
            except NoExchange:
                ways = []
            assert [way.gateway.id for way in ways] == [gateway for gateway, _ in wanted]
            for way in ways:
                rate = look.rate(way.gateway.provider)
                assert rate is not None
                assert way.leg is not None
                assert (way.leg.tariff, way.leg.prefix, way.leg.terms) == (rate[0], rate[1].prefix, rate[1].raw)
                assert way.until_s == rate[1].until_s


def _earned(price: str) -> Terms:
    return terms(price, 1, 1)


def _leg(earned: Terms) -> ChargeLeg:
    return ChargeLeg(UPPER, ROOT, b"", "", "", encode_terms(earned), "EUR", (1, 1), None, None, 0)


def gateways_in_turn(world: World) -> list[int]:
    """Where a new call goes, and then, as each fails."""
    call = world.ring()
    found = [world.running()[-1].gateway]
    while fail_over(world.rooms, call, 503, world.now) is not None:
        found.append(world.running()[-1].gateway)
    world.hang_up(call, "caller", 487)
    return found


def test_a_provider_that_changes_is_seen_by_the_next_call(world: World) -> None:
    """Suspended, or paid by another tariff: nothing of it is kept."""
    assert gateways_in_turn(world) == [1, 2, 3]
    world.account(DEAR_CARRIER, parent=ROOT, kind="provider", tariff=CARRIER)
    world.account(CARRIER, parent=ROOT, kind="provider", state="suspended")
    assert gateways_in_turn(world) == [3]
    world.account(CARRIER, parent=ROOT, kind="provider", tariff=DEAR_CARRIER)
    assert gateways_in_turn(world) == [3, 1, 2]


def test_a_new_price_is_seen_by_the_next_call(world: World) -> None:
    """As soon as the pointer names its version."""
    assert gateways_in_turn(world)[0] == 1
    world.tariff(DEAR_CARRIER, {"": terms("0.001")})
    assert gateways_in_turn(world) == [3, 1, 2]


def test_a_gateway_that_goes_out_is_passed_over_at_once(world: World) -> None:
    """As a first way and as a later one; back, it is the first again."""
    world.gateway(1, CARRIER, "127.0.0.11", failures_max=1)
    world.gateway(2, CARRIER, "127.0.0.12", failures_max=1)
    assert gateways_in_turn(world) == [1, 2, 3]
    for number in (1, 2):
        with Change(world.rooms.store) as change:
            gateway = change.configuration.gateway(change.txn, number)
            assert gateway is not None
            assert failed(change, gateway, 503, world.now.boot_ms, world.now.wall_ms)
        assert gateways_in_turn(world) == [*range(number + 1, 4)]
    world.wait(61)
    assert gateways_in_turn(world) == [1, 2, 3]


def test_the_first_without_room_leaves_the_call_to_the_next(world: World) -> None:
    """Looked at in the transaction that takes the call."""
    world.gateway(1, CARRIER, "127.0.0.11", channels=1)
    world.ring()
    assert isinstance(world.invite(), Admitted)
    assert sorted(call.gateway for call in world.running()) == [1, 2]


def test_a_gateways_calls_a_second(world: World) -> None:
    """One: the next call of the same second goes to another gateway, and a second later it has its turn again."""
    world.gateway(1, CARRIER, "127.0.0.11", cps=1)
    for _ in range(2):
        assert isinstance(world.invite(), Admitted)
    assert sorted(call.gateway for call in world.running()) == [1, 2]
    world.wait(1)
    assert isinstance(world.invite(), Admitted)
    assert sorted(call.gateway for call in world.running()) == [1, 1, 2]


def test_what_is_kept_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of ever other rates take no more memory, and go where they should."""
    monkeypatch.setattr("kemi.rankings.KEPT_MAX", 4)
    world.tariff(DEAR_CARRIER, {str(at): terms(f"0.0{at}") for at in range(1, 10)} | {"": terms("0.018")})
    store = world.rooms.store
    for at in range(1, 10):
        call = world.ring(f"+{at}1234")
        assert world.running()[0].gateway == (3 if at == 1 else 1)
        world.hang_up(call, "caller", 487)
        with store.read() as txn:
            assert len(store.configuration(txn).worked_out) <= 4


def test_a_rate_of_exchange_that_changes_is_seen_by_the_next_call(world: World) -> None:
    """Published long before, it holds from its second on."""
    world.account(DEAR_CARRIER, parent=ROOT, kind="provider", currency="USD")
    world.tariff(DEAR_CARRIER, {"": terms("0.018", currency="USD")})
    course = [[-(10**9), 5 * 10**8], [START_S + 60, 2 * 10**9]]
    world.do("exchange", base="", rates=[["USD", "EUR", course]])
    assert gateways_in_turn(world) == [3, 1, 2]
    world.wait(60)
    assert gateways_in_turn(world)[0] == 1


def test_numbers_of_one_price_and_other_prefixes_are_ordered_by_these(world: World) -> None:
    """The longer rate first: the same body of a tariff may stand at several prefixes."""
    one = terms("0.012")
    world.publish(CARRIER, *(Rate(prefix, "Italy", None, None, one) for prefix in ("", "391")))
    world.publish(DEAR_CARRIER, *(Rate(prefix, "Italy", None, None, one) for prefix in ("", "392")))
    world.plan(order="prefix cost")
    for called, first in (("+391234", 1), ("+392234", 3), ("+391235", 1)):
        call = world.ring(called)
        assert world.running()[0].gateway == first
        world.hang_up(call, "caller", 487)
