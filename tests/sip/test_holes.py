"""INVITEs that meet a hole in the configuration: 503 with a Reason, and a line in the log that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, LOWER, ROOT, UPPER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import hang_up
from tests.sip.phones import Phone
from tests.sip.proxy import Proxy

HOLE = 'Q.850;cause=38;text="Configuration incomplete"'
HOLES: list[tuple[str, Callable[[Proxy], dict[str, Any]]]] = [
    ("routing plan 77 isn't there", lambda proxy: proxy.trunk_body(1, CUSTOMER, plan=77)),
    ("gateway 88, which the routing plan names, isn't there", lambda proxy: proxy.plan_body(routes=[["", [[88, 1]]]])),
    (
        f"the rates of tariff {LOWER} for account {LOWER} aren't there",
        lambda _: {"do": "tariff", "id": LOWER, "version": "ab" * 8, "currency": "EUR", "name": "gone"},
    ),
    ("account 99 isn't in the store", lambda proxy: proxy.account_body(LOWER, parent=99)),
    ("routing plan standard has no gateway at all", lambda proxy: proxy.plan_body(routes=[])),
    (
        f"provider {CARRIER} (of gateway 1) is closed",
        lambda proxy: proxy.account_body(CARRIER, parent=ROOT, kind="provider", state="closed"),
    ),
    (
        "the rates of tariff 0 (of gateway 1)",
        lambda proxy: proxy.account_body(CARRIER, parent=ROOT, kind="provider", tariff=0),
    ),
    ("the rates of tariff 66 for account 4 aren't there", lambda proxy: proxy.trunk_body(1, CUSTOMER, tariff=66)),
]


@pytest.fixture(autouse=True)
def _filled(proxy: Proxy) -> Iterator[None]:
    """What was dug is filled again."""
    yield
    proxy.send(proxy.account_body(LOWER, parent=UPPER), *proxy.usual_tariffs(), proxy.plan_body())
    carrier = proxy.account_body(CARRIER, parent=ROOT, kind="provider")
    proxy.send(carrier, proxy.trunk_body(1, CUSTOMER), {"do": "number_gone", "id": 1})


@pytest.mark.parametrize(("said", "hole"), HOLES)
def test_a_hole_is_named(proxy: Proxy, caller: Agent, said: str, hole: Callable[[Proxy], dict[str, Any]]) -> None:
    """To the operator; the caller learns that it is not its own affair."""
    proxy.send(proxy.plan_body(routes=[["", [[1, 1]]]]), hole(proxy))
    before = proxy.log.stat().st_size
    answer = refused(proxy, caller, "0033123")
    assert answer.first_line == "SIP/2.0 503 Temporarily unavailable"
    assert answer.header("Reason") == HOLE
    log = proxy.log.read_bytes()[before:].decode()
    assert f"kambill: a hole in the configuration: {said}" in log
    assert "calls of trunk 1 get 503" in log
    assert "fault" not in log


BROKEN: dict[str, dict[str, Any]] = {
    "routing plan 1": {name: value for name, value in Proxy.plan_body().items() if name != "attempts_max"},
    f"tariff {LOWER}": {"do": "tariff", "id": LOWER, "currency": "EUR", "name": "gone"},
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_record_that_lacks_something_is_named(proxy: Proxy, caller: Agent, said: str) -> None:
    """A routing plan without one of its fields, a tariff without its version: 500, and nothing is held."""
    proxy.send(BROKEN[said])
    before = proxy.log.stat().st_size
    call = Call(caller, "0033123")
    call.invite()
    answer = caller.expect_final(call.call_id)
    assert (answer.code, answer.header("Reason")) == (500, HOLE)
    call.to_tag = answer.tag("To")
    call.ack()
    log = proxy.log.read_bytes()[before:].decode()
    assert f"kambill: a hole in the configuration: the record of {said} can't be read" in log
    assert ("fault" in log, proxy.running(), proxy.account(CUSTOMER).held) == (False, [], 0)


def test_a_missing_rate_of_exchange_is_named(proxy: Proxy, caller: Agent) -> None:
    """The customer's account is in another currency than its tariff."""
    proxy.send(proxy.account_body(CUSTOMER, parent=LOWER, currency="CHF"))
    before = proxy.log.stat().st_size
    answer = refused(proxy, caller, "0033123")
    assert answer.header("Reason") == HOLE
    assert "no rate of exchange EUR/CHF: calls of account 4 get 503" in proxy.log.read_bytes()[before:].decode()


def refused(proxy: Proxy, caller: Agent, number: str) -> Message:
    """A 503, acknowledged."""
    call = Call(caller, number)
    call.invite()
    answer = caller.expect(503, Call_ID=call.call_id)
    call.to_tag = answer.tag("To")
    call.ack()
    return answer


def test_a_number_that_leads_to_a_trunk_that_is_gone(proxy: Proxy, caller: Agent) -> None:
    """Named; with another place that stands it is passed over."""
    proxy.send(proxy.number_body(1, "442079460111", CUSTOMER, {"kind": "trunk", "id": 77}))
    before = proxy.log.stat().st_size
    answer = refused(proxy, caller, "00442079460111")
    assert answer.first_line == "SIP/2.0 503 Temporarily unavailable"
    assert answer.header("Reason") == HOLE
    said = "a hole in the configuration: number 442079460111 leads to nobody"
    assert said in proxy.log.read_bytes()[before:].decode()


def test_a_device_of_a_closed_account(proxy: Proxy, agent: Callable[..., Agent]) -> None:
    """No hole: it is told that its account is suspended; nothing is held."""
    proxy.send(proxy.device_body(111, CUSTOMER), proxy.account_body(CUSTOMER, parent=LOWER, state="closed"))
    phone = Phone(agent("127.0.0.71", 0), user="d111")
    call = phone.dial("0033123")
    answer = phone.agent.expect_answer("INVITE", call.call_id, str(call.cseq))
    assert (answer.code, answer.headers("Reason")) == (403, [])
    assert proxy.cdr(call.call_id)["rule"] == "suspended"
    proxy.send({"do": "device_gone", "id": 111})


def test_another_refusal_has_no_reason(proxy: Proxy, caller: Agent) -> None:
    """Nothing is missing."""
    call = Call(caller, "letters")
    call.invite()
    answer = caller.expect(400, Call_ID=call.call_id)
    call.to_tag = answer.tag("To")
    call.ack()
    assert answer.headers("Reason") == []


def test_a_number_that_leads_to_ourselves(proxy: Proxy, caller: Agent, agent: Callable[..., Agent]) -> None:
    """The place is passed over: no INVITE goes round; the next one is called."""
    box = agent("127.0.0.78", 5060)
    places = [
        {"kind": "uri", "uri": f"sip:442079460111@{proxy.ip}:{proxy.port}"},
        {"kind": "uri", "uri": "sip:box@127.0.0.78"},
    ]
    proxy.send(proxy.number_body(1, "442079460111", CUSTOMER, *places))
    before = proxy.log.stat().st_size
    call = Call(caller, "00442079460111")
    call.invite()
    invite = box.expect("INVITE", Call_ID=call.call_id)
    box.reply(invite, 200, "OK", tag="box")
    call.take(caller.expect(200, Call_ID=call.call_id, CSeq="INVITE"))
    call.ack()
    box.expect("ACK", Call_ID=call.call_id)
    hang_up(call, box)
    assert [attempt[1] for attempt in proxy.cdr(call.call_id)["attempts"]] == [482, 200]
    assert "which is this Kamailio itself: passed over" in proxy.log.read_bytes()[before:].decode()
