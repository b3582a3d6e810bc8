"""Routing through a real Kamailio: the real cost of a call, losses at every level, fail-over, plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ratebook.clocks import DAY_S
from ratebook.money import parse_nanos
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, EURO, LOWER, PRICES, ROOT, UPPER, terms
from tests.sip.agents import Agent, Call, Message, Nothing
from tests.sip.calls import cancel, hang_up, seconds
from tests.sip.proxy import Proxy, eventually


@pytest.fixture(autouse=True)
def _as_before(proxy: Proxy) -> Iterator[None]:
    """Tariffs, providers and the plan are put back."""
    yield
    providers = [proxy.account_body(one, parent=ROOT, kind="provider") for one in (CARRIER, DEAR_CARRIER)]
    proxy.send(*proxy.usual_tariffs(), *providers, proxy.plan_body())


@pytest.fixture
def gateways(agent: Callable[..., Agent]) -> list[Agent]:
    """All three."""
    return [agent(f"127.0.0.1{number}", 5060) for number in (1, 2, 3)]


def price(proxy: Proxy, account: int, of: Any) -> dict[str, Any]:
    """What an account pays (or a carrier asks) for every number; the command."""
    return proxy.tariff_body(account, {"": of, "49": of, "50": of})


def dial(caller: Agent, number: str = "0033123") -> Call:
    """An INVITE on its way."""
    call = Call(caller, number)
    call.invite()
    return call


def pick_up(call: Call, gateway: Agent) -> None:
    """Rings, answers, and is acknowledged."""
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag=f"t{call.from_tag}")
    gateway.reply(invite, 200, "OK", tag=f"t{call.from_tag}")
    call.take(call.agent.expect(200, Call_ID=call.call_id, CSeq="INVITE"))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)


def refuse(gateway: Agent, call: Call, code: int, reason: str) -> Message:
    """A gateway's no, acknowledged by Kamailio."""
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, code, reason, tag=f"r{call.from_tag}")
    return gateway.expect("ACK", Call_ID=call.call_id)


def refused(call: Call) -> Message:
    """The final answer to the caller, acknowledged."""
    answer = call.agent.expect_final(call.call_id)
    call.to_tag = answer.tag("To")
    call.ack()
    return answer


def test_the_cheaper_call_is_not_the_cheaper_minute(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """Carrier 5 asks 0.010 a minute, by whole minutes and with a fee; carrier 6 0.018 by the second.

    An expected call of 90 s costs 0.04 and 0.027: it goes to 6. One of ten minutes costs 0.12 and 0.18: it goes to 5.
    """
    fee = terms("0.010", 60, 60, connect_fee_nanos=parse_nanos("0.02"))
    rich = terms("0.60")
    sold = [price(proxy, one, rich) for one in (CUSTOMER, LOWER, UPPER)]
    proxy.send(*sold, price(proxy, CARRIER, fee), price(proxy, DEAR_CARRIER, terms("0.018")))
    proxy.send(proxy.plan_body(expected_call_s=90))
    call = dial(caller)
    pick_up(call, gateways[2])
    hang_up(call, gateways[2])
    cdr = proxy.cdr(call.call_id)
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (DEAR_CARRIER, 300 * seconds(cdr))
    proxy.send(proxy.plan_body(expected_call_s=600))
    call = dial(caller)
    pick_up(call, gateways[0])
    hang_up(call, gateways[0])
    cdr = proxy.cdr(call.call_id)
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (CARRIER, 30_000)  # the fee and a whole minute


def test_a_reseller_who_would_lose_while_the_customer_pays_enough(
    proxy: Proxy, caller: Agent, gateways: list[Agent]
) -> None:
    """Refused without a word about why; the CDR and the log name account and rule; warn lets it go on."""
    proxy.send(price(proxy, LOWER, terms("0.07")))
    before = proxy.log.stat().st_size
    call = dial(caller)
    answer = refused(call)
    assert answer.first_line == "SIP/2.0 503 Temporarily unavailable"
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["refused_by"], cdr["rule"]) == ("refused", LOWER, "loss")
    said = proxy.log.read_bytes()[before:].decode()
    assert f"kambill: loss: account {LOWER} would pay more than it earns: a call of trunk 1 is refused" in said
    gateways[0].expect_nothing("INVITE", Call_ID=call.call_id)
    proxy.send(proxy.plan_body(no_loss="warn"))
    call = dial(caller)
    pick_up(call, gateways[0])
    hang_up(call, gateways[0])
    assert f"account {LOWER} would pay more than it earns: a call of trunk 1 goes on" in proxy.tail()


@pytest.mark.usefixtures("impatient")
def test_the_third_gateway_carries_the_call(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """503, silence, 200: one hold, one charge; cost and margin are the third's."""
    available = proxy.account(CUSTOMER).available
    call = dial(caller)
    refuse(gateways[0], call, 503, "Overloaded")
    gateways[1].expect("INVITE", Call_ID=call.call_id)
    assert available - proxy.account(CUSTOMER).available == 10_000  # one first hold
    pick_up(call, gateways[2])
    (running,) = [one for one in proxy.running() if one.call_id == call.call_id]
    assert (running.gateway, len(running.legs)) == (3, 3)
    hang_up(call, gateways[2])
    (cdr,) = proxy.cdrs(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 503], [2, 408], [3, 200]]
    assert [row["micros"] for row in cdr["charges"]] == [each * seconds(cdr) for each in (1_000, 500, 400)]
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (DEAR_CARRIER, 300 * seconds(cdr))
    assert proxy.account(CUSTOMER).available == available - 1_000 * seconds(cdr)


def test_carriers_get_the_fees_of_their_attempts(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """503, silence, 200: two fees of the first carrier, two seconds of the other. Then one that the caller gives up
    when the first gateway has failed: two more. To the micro-unit, once.
    """
    fees = {CARRIER: "0.000777", DEAR_CARRIER: "0.0015"}
    proxy.send(*(price(proxy, one, terms(PRICES[one], attempt_fee_nanos=parse_nanos(fees[one]))) for one in fees))
    # By cost and without loss failures of tests before would decide too.
    plan = proxy.plan_body(order="priority", no_loss="off")
    proxy.send(plan | {"try_timeout_ms": 2_000})
    before = [proxy.account(one).balance for one in fees]
    call = dial(caller)
    refuse(gateways[0], call, 503, "Overloaded")
    gateways[1].expect("INVITE", Call_ID=call.call_id)
    pick_up(call, gateways[2])
    assert [proxy.account(one).balance for one in fees] == [before[0] + 2 * 777, before[1]]
    hang_up(call, gateways[2])
    proxy.send(plan)
    given_up = dial(caller)
    refuse(gateways[0], given_up, 503, "Overloaded")
    gateways[1].reply(gateways[1].expect("INVITE", Call_ID=given_up.call_id), 180, "Ringing", tag="r")
    caller.expect(180, Call_ID=given_up.call_id)
    cancel(given_up)
    gateways[1].expect("CANCEL", Call_ID=given_up.call_id)
    eventually(lambda: len(proxy.cdrs(given_up.call_id)) == 2)
    assert proxy.cdr(given_up.call_id)["outcome"] == "cancelled"
    told = [proxy.cdrs(one.call_id) for one in (call, given_up)]
    paid = [[(cdr["kind"], cdr["gateway"], cdr["cost"]["micros"]) for cdr in cdrs] for cdrs in told]
    talk = 300 * seconds(proxy.cdr(call.call_id))
    assert paid == [
        [("attempt", 1, 777), ("attempt", 2, 777), ("call", 3, talk)],
        [("attempt", 1, 777), ("call", 2, 777)],
    ]
    assert [proxy.account(one).balance for one in fees] == [before[0] + 4 * 777, before[1] + talk]


def test_the_carriers_code_and_reason_reach_the_caller(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """Of the last gateway that was tried; busy is no reason to try another one."""
    call = dial(caller)
    refuse(gateways[0], call, 503, "Overloaded")
    refuse(gateways[1], call, 502, "Bad Gateway of ours")
    refuse(gateways[2], call, 580, "Precondition Failure")
    assert refused(call).first_line == "SIP/2.0 580 Precondition Failure"
    assert proxy.cdr(call.call_id)["sip_code"] == 580
    call = dial(caller)
    refuse(gateways[0], call, 486, "Busy in Paris")
    assert refused(call).first_line == "SIP/2.0 486 Busy in Paris"


def test_calls_to_a_provider_stop_at_its_exposure_limit(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """One call's first hold fits; the second takes the other carrier, and again the first when the first has ended."""
    owed = proxy.account(CARRIER).balance
    body = proxy.account_body(CARRIER, parent=ROOT, kind="provider", exposure_limit=owed + 2_500)
    proxy.send(body)
    first = dial(caller)
    invite = gateways[0].expect("INVITE", Call_ID=first.call_id)
    second = dial(caller)
    refuse(gateways[2], second, 486, "Busy")
    refused(second)
    gateways[0].reply(invite, 486, "Busy", tag="busy")
    refused(first)
    third = dial(caller)
    refuse(gateways[0], third, 486, "Busy")
    refused(third)
    proxy.send(body | {"exposure_limit": owed - 1}, body | {"id": DEAR_CARRIER, "tariff": 6, "exposure_limit": 0})
    proxy.send({"do": "credit", "account": DEAR_CARRIER, "micros": EURO})
    fourth = dial(caller)
    assert refused(fourth).code == 503
    assert proxy.cdr(fourth.call_id)["rule"] == "exposure"
    proxy.send({"do": "credit", "account": DEAR_CARRIER, "micros": -EURO})


def test_pins_lots_and_barred_numbers(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """A lot of weight 0 is drawn last; a pin goes before it; a customer's exclusion before that; 49 is barred."""
    choices = [[1, 1, 0], [2, 1, 5], [3, 1, 0]]
    routes = [["", choices], ["49", []]]
    proxy.send(proxy.plan_body(order="percentage", routes=routes))
    expect_at(proxy, caller, gateways[1])
    rules: list[Any] = [["first", ["3"], ["33"], []]]
    proxy.send(proxy.plan_body(order="percentage", routes=routes, rules=rules))
    expect_at(proxy, caller, gateways[2])
    expect_at(proxy, caller, gateways[1], "0044123")
    rules += [["exclude", ["3"], [], [str(UPPER)]]]
    proxy.send(proxy.plan_body(order="percentage", routes=routes, rules=rules))
    expect_at(proxy, caller, gateways[1])
    call = dial(caller, "004930")
    assert refused(call).code == 503
    assert proxy.cdr(call.call_id)["rule"] == "route"


def expect_at(proxy: Proxy, caller: Agent, gateway: Agent, number: str = "0033123") -> None:
    """A call's first gateway; it is busy."""
    call = dial(caller, number)
    refuse(gateway, call, 486, "Busy")
    refused(call)
    eventually(lambda: all(one.call_id != call.call_id for one in proxy.running()))


@pytest.mark.usefixtures("impatient")
def test_a_route_of_this_hour_has_its_own_timers(proxy: Proxy, caller: Agent, gateways: list[Agent]) -> None:
    """The band of now leads to the silent gateway, with one attempt: its 408 reaches the caller."""
    second = int(time.time()) % DAY_S
    days = [(max(0, second - 60), min(second + 3_600, DAY_S)), (0, second + 3_600 - DAY_S)]
    windows = [[0b111_1111, [], begins, ends] for begins, ends in days if ends > 0]
    own = {"bands": [0], "attempts_max": 1}
    routes = [["", [[2, 1], [1, 2]], own], ["", [[1, 1]], {"bands": [-1]}]]
    proxy.send(proxy.plan_body(routes=routes, hours=["UTC", [["now", windows]]]))
    call = dial(caller)
    gateways[1].expect("INVITE", Call_ID=call.call_id)
    assert refused(call).code == 408
    gateways[0].expect_nothing("INVITE", 0.2, Call_ID=call.call_id)


def test_quality_is_counted_and_asked(
    proxy: Proxy, caller: Agent, gateways: list[Agent], agent: Callable[..., Agent]
) -> None:
    """Calls that gateway 1 refuses are counted by the clerk; a plan by quality then takes one that nobody has tried."""
    fresh = agent("127.0.0.14", 5060)
    proxy.send(proxy.gateway_body(4, DEAR_CARRIER, "127.0.0.14"))
    for _ in range(2):
        expect_at(proxy, caller, gateways[0])
    wanted = [3600, 2, [[99, 0, 0]]]
    proxy.send(proxy.plan_body(order="quality cost", demands=wanted, routes=[["", [[1, 1], [4, 2]]]]))
    eventually(lambda: takes(caller, fresh))
    proxy.send({"do": "gateway_gone", "id": 4})


def takes(caller: Agent, gateway: Agent) -> bool:
    """Whether a call goes to this gateway first; it gives up."""
    call = dial(caller)
    try:
        invite = gateway.expect("INVITE", 0.3, Call_ID=call.call_id)
    except Nothing:
        cancel(call)
        refused(call)
        return False
    gateway.reply(invite, 486, "Busy", tag="b")
    return refused(call).code == 486
