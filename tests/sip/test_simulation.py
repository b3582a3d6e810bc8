"""A call is tried out, and then made through a real Kamailio: what was told is what happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from kemi.authorize import Admitted
from kemi.clock import now
from kemi.refusal import Refused
from kemi.rehearse import Asked, Rehearsal, rehearse, stage
from kemi.store.environment import open_reader
from tests.kemi.world import CUSTOMER, LOWER, UPPER
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
