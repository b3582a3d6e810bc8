"""A call is tried out, and then made through a real Kamailio: what was told is what happens."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest

from kemi.authorize import Admitted
from kemi.clock import now
from kemi.refusal import Refused
from kemi.rehearse import Asked, Rehearsal, rehearse, stage
from kemi.store.environment import open_reader
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, EURO, LOWER, UPPER, terms
from tests.sip.agents import Agent, Call
from tests.sip.calls import hang_up
from tests.sip.proxy import Proxy


@pytest.fixture(autouse=True)
def _as_before(proxy: Proxy) -> Iterator[None]:
    """What was changed is put back."""
    yield
    proxy.send(proxy.account_body(LOWER, parent=UPPER), proxy.plan_body())


def told(proxy: Proxy, called: str = "0033123") -> Rehearsal:
    """What would happen to a call of trunk 1 now."""
    reader = open_reader(proxy.run_dir)
    try:
        with stage(reader, proxy.data_dir) as rooms:
            return rehearse(rooms, Asked("trunk", 1, called, "1"), now())
    finally:
        reader.close()


def test_failover_order_and_price(proxy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """Three gateways in their order, each with its own times; the holds and the price are those that were told."""
    gateways = {number: agent(f"127.0.0.1{number}", 5060) for number in (1, 2, 3)}
    found = told(proxy)
    assert isinstance(found.decision, Admitted)
    order = [attempt.target for attempt in found.attempts]
    assert len(order) == 3
    call = Call(caller, "0033123")
    call.invite()
    for target in order[:-1]:
        invite = gateways[target.gateway].expect("INVITE", Call_ID=call.call_id)
        assert f"sip:{target.number}@{target.host}" in invite.first_line
        gateways[target.gateway].reply(invite, 180, "Ringing", tag=f"r{target.gateway}")
        time.sleep(0.1)
        gateways[target.gateway].reply(invite, 503, "Overloaded", tag=f"r{target.gateway}")
    last = gateways[order[-1].gateway]
    invite = last.expect("INVITE", Call_ID=call.call_id)
    (running,) = [one for one in proxy.running() if one.call_id == call.call_id]
    assert [(leg.account, leg.held) for leg in running.legs] == [
        (one.leg.account, one.leg.held) for one in found.levels
    ]
    last.reply(invite, 200, "OK", tag="last")
    call.take(caller.expect(200, Call_ID=call.call_id, CSeq="INVITE"))
    call.ack()
    last.expect("ACK", Call_ID=call.call_id)
    hang_up(call, last)
    cdr = proxy.cdr(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[target.gateway, 503] for target in order[:-1]] + [
        [order[-1].gateway, 200]
    ]
    first, second, third = cdr["attempts"]
    assert first[2] <= first[3] < first[4] <= second[2] <= second[3] < second[4] <= third[2] <= third[4]
    assert (third[3], cdr["ring_ms"], third[4]) == (0, first[3], cdr["answer_ms"])
    assert [row["terms"] for row in cdr["charges"]] == [one.leg.terms.hex() for one in found.levels]
    cost = found.attempts[-1].cost
    assert cost is not None
    assert (cdr["cost"]["account"], cdr["cost"]["terms"]) == (cost.account, cost.terms.hex())


def test_refusals(proxy: Proxy, caller: Agent) -> None:
    """Of the caller's own number, a reseller above, and a plan without a way: told, then made."""
    proxy.send(proxy.plan_body(routes=[["33", []], ["", [[1, 1]]]]))
    for called, body in (
        ("letters", {}),
        ("0033123", {}),
        ("0044123", proxy.account_body(LOWER, parent=UPPER, state="suspended")),
    ):
        if body:
            proxy.send(body)
        found = told(proxy, called)
        assert isinstance(found.decision, Refused)
        call = Call(caller, called)
        call.invite()
        answer = caller.expect(found.decision.code, Call_ID=call.call_id, CSeq="INVITE")
        call.to_tag = answer.tag("To")
        call.ack()
        assert answer.first_line == f"SIP/2.0 {found.decision.code} {found.decision.reason}"
        cdr = proxy.cdr(call.call_id)
        assert (cdr["rule"], cdr["refused_by"]) == (found.decision.rule, found.decision.account)


def test_nothing_was_held(proxy: Proxy) -> None:
    """Trials leave the store as it was."""
    before = proxy.account(CUSTOMER)
    for _ in range(20):
        told(proxy)
    assert (proxy.account(CUSTOMER), proxy.running()) == (before, [])


@pytest.fixture
def shuffled(proxy: Proxy) -> Iterator[Proxy]:
    """Tariffs, gateways and the plan are put back."""
    yield proxy
    proxy.send(*proxy.usual_tariffs())
    proxy.send(*(proxy.gateway_body(one, of, f"127.0.0.1{one}") for one, of in PROVIDERS.items()))


PROVIDERS = {1: CARRIER, 2: CARRIER, 3: DEAR_CARRIER}


def shuffle(proxy: Proxy, chance: random.Random) -> str:
    """Another configuration; the number that is called."""
    bodies = []
    for account, least in ((CUSTOMER, 60), (LOWER, 46), (UPPER, 32), (CARRIER, 15), (DEAR_CARRIER, 22)):
        price, first = f"0.0{least + chance.randint(0, 20)}", chance.choice((1, 1, 6, 60))
        rates = {"": terms(price, first, chance.choice((1, first)))}
        bodies.append(proxy.tariff_body(account, rates if chance.random() < 0.95 else {"44": rates[""]}))
    for number, provider in PROVIDERS.items():
        state = chance.choice(("active",) * 5 + ("suspended",))
        more = {"state": state, "prefix": chance.choice(("", "9")), "tariff": chance.choice((0,) * 9 + (66,))}
        bodies.append(proxy.gateway_body(number, provider, f"127.0.0.1{number}") | more)
    choices = [[number, chance.randint(1, 3)] for number in chance.sample((1, 2, 3), chance.choice((1, 2, 3, 3)))]
    routes = [["", choices], *([["33", choices[:1]]] if chance.random() < 0.3 else [])]
    plan = {"order": chance.choice(("cost", "priority")), "no_loss": chance.choice(("strict", "warn", "off"))}
    bodies.append(proxy.plan_body(routes=routes, attempts_max=chance.randint(1, 4), **plan))
    for account, parent in ((CUSTOMER, LOWER), (LOWER, UPPER)):
        state = "active" if chance.random() < 0.9 else "suspended"
        bodies.append(proxy.account_body(account, parent=parent, state=state))
        micros = chance.choice((EURO, EURO, EURO, EURO, 1000)) - proxy.account(account).balance
        bodies.append({"do": "credit", "account": account, "micros": micros})
    proxy.send(*bodies)
    return chance.choice(("0033123", "0033123", "0044900", "letters"))


def test_whatever_is_configured(shuffled: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """30 configurations by their seeds: decision, order of gateways and first hold are those that were told."""
    gateways = {number: agent(f"127.0.0.1{number}", 5060) for number in PROVIDERS}
    outcomes = set()
    for seed in range(30):
        called = shuffle(shuffled, random.Random(seed))
        found = told(shuffled, called)
        call = Call(caller, called)
        call.invite()
        holds = [(one.leg.account, one.leg.held) for one in found.levels]
        for at, attempt in enumerate(found.attempts):
            target = attempt.target
            invite = gateways[target.gateway].expect("INVITE", Call_ID=call.call_id)
            assert f"sip:{target.number}@{target.host}" in invite.first_line, seed
            (running,) = [one for one in shuffled.running() if one.call_id == call.call_id]
            assert at or [(leg.account, leg.held) for leg in running.legs] == holds, seed
            gateways[target.gateway].reply(invite, 503, "Overloaded", tag=f"r{target.gateway}")
        final = caller.expect_final(call.call_id)
        call.to_tag = final.tag("To")
        call.ack()
        cdr = shuffled.cdr(call.call_id)
        assert [attempt[0] for attempt in cdr["attempts"]] == [one.target.gateway for one in found.attempts], seed
        if isinstance(found.decision, Refused):
            told_so = (found.decision.code, found.decision.rule, found.decision.account)
            assert (final.code, cdr["rule"], cdr["refused_by"]) == told_so, seed
        outcomes.add(cdr["rule"] or len(cdr["attempts"]))
    assert {1, 2, "suspended", "funds", "number", "loss"} <= outcomes, outcomes
