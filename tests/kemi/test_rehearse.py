"""What would happen to a call: the answer that the call path then gives, whatever the company looks like."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kemi.authorize import Admitted, Target
from kemi.failover import fail_over
from kemi.refusal import Refused
from kemi.rehearse import Asked, Rehearsal, Unknown, rehearse, stage
from kemi.running import find
from ratebook.groups import Group
from ratebook.model import Interval
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, EURO, LOWER, ROOT, UPPER, World, terms

CALLER = "+441632960000"


def told(world: World, called: str = "+33123", kind: str = "trunk", number: int = 1) -> Rehearsal:
    """What would happen to a call of the customer's trunk."""
    with stage(world.rooms.store, world.data_dir, world.rooms.rates) as rooms:
        return rehearse(rooms, Asked(kind, number, called, CALLER), world.now)


def left(rehearsal: Rehearsal) -> dict[int, str]:
    """Why gateways are left out."""
    return {one.gateway: one.why for one in rehearsal.trace.left}


def everything(world: World) -> list[tuple[bytes, list[tuple[bytes, bytes]]]]:
    """Every record of the store."""
    store = world.rooms.store
    with store.read() as txn:
        databases = {name: getattr(store, name.decode()) for name in (b"account", b"peer", b"call", b"due", b"invite")}
        databases |= {b"event": store.event, b"exposure": store.exposure, b"meta": store.meta}
        return [(name, [(bytes(k), bytes(v)) for k, v in txn.cursor(db)]) for name, db in databases.items()]


def test_a_call_that_would_go_through(world: World) -> None:
    """The gateways in their order, with what each level pays, holds and keeps; nothing of it is written."""
    before = everything(world)
    found = told(world)
    assert isinstance(found.decision, Admitted)
    assert [attempt.target.gateway for attempt in found.attempts] == [1, 2, 3]
    assert [attempt.cost and attempt.cost.account for attempt in found.attempts] == [CARRIER, CARRIER, DEAR_CARRIER]
    assert [(one.leg.account, one.leg.held, one.expected_micros, one.kept_micros) for one in found.levels] == [
        (CUSTOMER, 10_000, 180_000, 90_000),
        (LOWER, 5_000, 90_000, 18_000),
        (UPPER, 4_000, 72_000, None),
    ]
    weighing = found.trace.weighings[0]
    assert [(one.gateway_id, one.cost_micros) for one in weighing.candidates] == [(1, 36_000), (2, 36_000), (3, 54_000)]
    assert weighing.earned_micros == 72_000
    assert (found.found_as, found.reading.number, found.caller.number) == (1, "33123", "441632960000")
    assert (found.longest_s, set(found.lasts_s.values())) == (14_400, {14_400})
    assert [account.id for account in found.path] == [CUSTOMER, LOWER, UPPER, ROOT]
    assert everything(world) == before


def test_the_poorest_level_says_how_long_it_lasts(world: World) -> None:
    """The lower reseller has ten minutes, of which every call's first seconds are paid already."""
    world.balance(LOWER, 300_000)
    assert told(world).lasts_s == {CUSTOMER: 14_400, LOWER: 600, UPPER: 14_400}


@pytest.mark.parametrize("networks", [[], ["203.0.113.0/24"]])
def test_a_trunk_that_is_known_by_its_certificate(world: World, networks: list[str]) -> None:
    """It shows it, from its network or from anywhere; the certificate of another trunk leads there instead."""
    world.trunk(1, CUSTOMER, networks=networks, certificate="dns:pbx.example")
    found = told(world)
    assert (found.found_as, found.source and found.source.transport) == (1, "tls")
    assert isinstance(found.decision, Admitted)
    world.trunk(2, CUSTOMER, networks=[], certificate="dns:pbx.example", tech_prefix="+33")
    assert (told(world).found_as, told(world).decision) == (2, None)


def test_a_package_pays_a_part_of_it(world: World) -> None:
    """Nothing is held beside it; and the customer's hour of it lasts, whatever its money does."""
    world.package(1, CUSTOMER, 3600)
    world.balance(CUSTOMER, 0)
    found = told(world)
    assert (found.levels[0].leg.held, found.lasts_s[CUSTOMER]) == (0, 3600)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda world: world.gateway(1, CARRIER, "127.0.0.11", state="inactive"), "inactive"),
        (lambda world: world.do("gateway_gone", id=1), "gone"),
        (lambda world: world.gateway(1, CARRIER, "127.0.0.11", tariff=77), "rate"),
        (lambda world: world.gateway(1, CARRIER, "127.0.0.11", strip=5), "number"),
        (lambda world: world.account(CARRIER, parent=ROOT, kind="provider", state="suspended"), "provider"),
        (lambda world: world.account(CARRIER, parent=ROOT, kind="provider", exposure_limit=1), "exposure"),
        (lambda world: world.account(CARRIER, parent=ROOT, kind="provider", currency="USD"), "exchange EUR/USD"),
        (lambda world: world.tariff(CARRIER, {"": terms("0.03")}), "loss"),
        (lambda world: world.tariff(CARRIER, {"": terms("0.01", blocked=True)}), "blocked"),
        (lambda world: world.plan(rules=[["exclude", [1], [], [], ["mobile"]]]), "excluded"),
        (lambda world: world.plan(rules=[["only", [3], ["33"], [4]]]), "pinned"),
        (lambda world: world.plan(routes=[["", [[1, 1]]], ["33", [[3, 1]]]]), "longer"),
    ],
)
def test_why_a_gateway_is_left_out(world: World, change: Any, why: str) -> None:
    """The dear carrier is tried; the other's gateway says why it isn't."""
    world.groups(Group("mobile", ("331",)))
    change(world)
    found = told(world)
    assert isinstance(found.decision, Admitted)
    assert (found.attempts[-1].target.gateway, left(found)[1]) == (3, why)


def test_who_is_full(world: World) -> None:
    """A gateway with one channel, which a call has."""
    world.gateway(1, CARRIER, "127.0.0.11", channels=1)
    world.ring()
    found = told(world)
    assert (left(found)[1], found.attempts[0].target.gateway) == ("channels", 2)


def test_refused_where_no_level_can_be_priced_any_more(world: World) -> None:
    """What the levels below would pay is told."""
    world.tariff(UPPER, {"49": terms("0.01")})
    found = told(world)
    assert found.decision == Refused(503, "Temporarily unavailable", "rate", UPPER)
    assert [one.leg.account for one in found.levels] == [CUSTOMER, LOWER]
    assert found.attempts == ()


def test_another_trunk_than_the_one_that_is_asked_for(world: World) -> None:
    """Its tech prefix is missing: the INVITE comes to the trunk without one."""
    world.trunk(2, CUSTOMER, tech_prefix="99")
    assert (told(world, number=2).found_as, told(world, number=2).decision) == (1, None)
    found = told(world, "99+33123", number=2)
    assert (found.found_as, found.reading.plain, found.reading.number) == (2, "+33123", "33123")
    assert isinstance(found.decision, Admitted)


def test_a_trunk_that_is_not_there(world: World) -> None:
    """Nor a device."""
    with pytest.raises(Unknown):
        told(world, number=9)
    with pytest.raises(Unknown):
        told(world, kind="device", number=1)


def test_the_rule_that_applied(world: World) -> None:
    """Among those of the trunk."""
    rule = {"account": CUSTOMER, "trunk": 0, "gateway": 0, "subject": "called", "length_min": 1, "length_max": 32}
    rule |= {"pattern": "", "replacement": "", "strip": 1}
    world.do("translation", id=5, position=1, prefix="7", prepend="+33", **rule)
    world.do("translation", id=6, position=2, prefix="", prepend="+1", **rule)
    found = told(world, "7123")
    assert found.reading.rule is not None
    assert (found.reading.rule.id, found.reading.written, found.reading.number) == (5, "+33123", "33123")


def test_a_number_of_ours(world: World) -> None:
    """Its places in their order; who has it pays too."""
    world.account(9, parent=ROOT, tariff=CUSTOMER)
    world.credit(9, EURO)
    world.device(7, 9)
    world.at(7)
    places = [{"kind": "device", "id": 7}, {"kind": "uri", "uri": "sip:box@192.0.2.9"}]
    world.number(1, 9, *places, tariff=LOWER)
    found = told(world, "+44201")
    assert found.local is not None
    assert [one.leg.account for one in found.levels] == [CUSTOMER, LOWER, UPPER, 9]
    assert [attempt.target.uri for attempt in found.attempts] == ["sip:d@10.0.0.1", "sip:box@192.0.2.9"]


def test_a_store_that_is_not_filled_yet(world: World) -> None:
    """503, as everybody gets."""
    with world.rooms.store.write() as txn:
        txn.delete(b"ready", db=world.rooms.store.meta)
    assert told(world).decision == Refused(503, "Temporarily unavailable", "ready", 0)


def test_without_any_rates(world: World) -> None:
    """Refused, and nothing else is told."""
    world.rooms.close()
    shutil.rmtree(world.data_dir / "rates")
    assert world.rooms.has_store()
    with stage(world.rooms.store, world.data_dir) as rooms:
        found = rehearse(rooms, Asked("trunk", 1, "+33123", CALLER), world.now)
    assert (found.decision, found.levels) == (Refused(503, "Temporarily unavailable", "rates", 0), ())
    assert world.rooms.has_store()


# --- the same as the call path


def shown(target: Target) -> Target:
    """Without the caller's remote target, of which a rehearsal knows nothing."""
    return target._replace(parties=target.parties._replace(contact=""))


PRICES = st.sampled_from(("0.01", "0.02", "0.024", "0.03", "0.06", "0.07"))
STATES = st.sampled_from(("active", "active", "active", "suspended"))
LIMITS = st.sampled_from((0, 0, 0, 1, 2))
NUMBERS = ("+33123", "+4930", "0033445", "0201", "112", "+44201", "nobody", "d7", "99")
LEVELS = ((CUSTOMER, LOWER), (LOWER, UPPER), (UPPER, ROOT))


@st.composite
def prices(draw: Any) -> Any:
    """A tariff of one or two prefixes."""
    rate = st.builds(
        lambda rate, first, blocked: terms(rate, first, first, blocked=blocked),
        PRICES, st.sampled_from((1, 60)), st.sampled_from((False, False, False, True)),
    )  # fmt: skip
    return {prefix: draw(rate) for prefix in draw(st.sampled_from((("",), ("", "49"), ("33", "49"), ("",))))}


def furnish(world: World, data: st.DataObject) -> None:
    """Makes the company another one."""
    for account, parent in LEVELS:
        fields = {"state": data.draw(STATES), "channels": data.draw(LIMITS), "cps": data.draw(LIMITS)}
        fields["charged"] = data.draw(st.sampled_from((True, True, True, False)))
        world.account(account, parent=parent, **fields)
        world.balance(account, data.draw(st.sampled_from((1000 * EURO, 60_000, 9_999, 0))))
    for number, account in enumerate(data.draw(st.sets(st.sampled_from((CUSTOMER, LOWER)))), start=1):
        world.package(number, account, data.draw(st.sampled_from((5, 3600))))
    for account in data.draw(st.sets(st.sampled_from((CUSTOMER, LOWER, UPPER, CARRIER, DEAR_CARRIER)))):
        world.tariff(account, data.draw(prices()))
    for account in data.draw(st.sets(st.sampled_from((CUSTOMER, LOWER)))):
        measure = data.draw(st.sampled_from(("calls", "minutes", "spend", "destinations")))
        action = data.draw(st.sampled_from(("block", "warn", "suspend")))
        world.precautions(account, {"measure": measure, "limit": data.draw(st.integers(1, 2)), "action": action})
    world.groups(Group("mobile", ("331",)))
    world.account(CARRIER, parent=ROOT, kind="provider", exposure_limit=data.draw(st.sampled_from((None, 2_500, 0))))
    for number, provider in ((1, CARRIER), (2, CARRIER), (3, DEAR_CARRIER)):
        fields = {"channels": data.draw(LIMITS), "strip": data.draw(st.sampled_from((0, 0, 2, 5)))}
        fields["state"] = data.draw(st.sampled_from(("active", "active", "inactive")))
        world.gateway(number, provider, f"127.0.0.1{number}", **fields)
    routes = [["", [[1, 1], [2, 2], [3, 3], [4, 4]]], ["49", [[3, 1]]], ["334", []]]
    world.plan(
        no_loss=data.draw(st.sampled_from(("strict", "warn", "off"))),
        order=data.draw(st.sampled_from(("cost", "priority", "prefix cost"))),
        match=data.draw(st.sampled_from(("longest", "longest-first", "all"))),
        attempts_max=data.draw(st.integers(1, 4)),
        rules=data.draw(st.sampled_from(([], [["exclude", [1], [], [], ["mobile"]]], [["only", [3], [], [LOWER]]]))),
        routes=data.draw(st.lists(st.sampled_from(routes), unique_by=str)),
    )
    world.trunk(1, CUSTOMER, channels=data.draw(LIMITS), state=data.draw(st.sampled_from(("active",) * 4 + ("x",))))
    world.do("special", id=1, account=ROOT, trunk=0, number="112", prefix=False, kind="emergency", plan=1)
    world.device(7, data.draw(st.sampled_from((CUSTOMER, UPPER))))
    world.at(7)
    world.number(1, LOWER, {"kind": "device", "id": 7}, channels=data.draw(LIMITS), tariff=UPPER)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_call_path_then_says_the_same(data: st.DataObject) -> None:
    """The answer, the gateways one after the other, and what is held at each level, while other calls run."""
    folder = Path(tempfile.mkdtemp(prefix="kambill-test-"))
    world = World(folder)
    try:
        furnish(world, data)
        for called in data.draw(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4)):
            device = data.draw(st.sampled_from((0, 0, 7)))
            found = told(world, called, *(("device", device) if device else ("trunk", 1)))
            answer = world.call_ours(called, device)
            if isinstance(answer, Refused):
                assert found.decision == answer
                continue
            assert isinstance(found.decision, Admitted)
            assert isinstance(answer, Admitted)
            running = find(world.rooms, answer.call)
            assert running is not None
            legs = {leg.account: leg for leg in running.legs}
            assert {one.leg.account: one.leg for one in found.levels if one.leg.account in legs} == legs
            targets = [answer.target]
            while (target := fail_over(world.rooms, answer.call, 480 if found.local else 300, world.now)) is not None:
                targets.append(target)
            assert [shown(attempt.target) for attempt in found.attempts] == [shown(target) for target in targets]
    finally:
        world.close()
        shutil.rmtree(folder)


def test_increments_of_the_first_hold(world: World) -> None:
    """60/60: a whole minute is held, at the level that has them."""
    steps = (Interval(0, terms("0.06").intervals[0].rate_nanos, 60),)
    world.tariff(CUSTOMER, {"": terms("0.06")._replace(intervals=steps)})
    assert [one.leg.held for one in told(world).levels] == [60_000, 5_000, 4_000]
