"""INVITEs that meet a hole in the configuration: 503 with a Reason, and a line in the log that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kemi.world import CUSTOMER, LOWER, UPPER, terms
from tests.sip.agents import Agent, Call
from tests.sip.calls import hang_up
from tests.sip.proxy import Proxy

HOLES: list[tuple[str, Callable[[Proxy], dict[str, Any]]]] = [
    ("routing plan 77 isn't there", lambda proxy: proxy.trunk_body(1, CUSTOMER, plan=77)),
    ("gateway 88, which the routing plan names, isn't there", lambda proxy: proxy.plan_body(routes=[["", [[88, 1]]]])),
    (
        f"the rates of tariff {LOWER} for account {LOWER} aren't there",
        lambda _: {"do": "tariff", "id": LOWER, "version": "ab" * 8, "currency": "EUR", "name": "gone"},
    ),
    ("account 99 isn't in the store", lambda proxy: proxy.account_body(LOWER, parent=99)),
]


@pytest.fixture(autouse=True)
def _filled(proxy: Proxy) -> Iterator[None]:
    """What was dug is filled again."""
    yield
    rates = {prefix: terms("0.03") for prefix in ("", "49", "50")}
    proxy.send(proxy.account_body(LOWER, parent=UPPER), proxy.tariff_body(LOWER, rates), proxy.plan_body())
    proxy.send(proxy.trunk_body(1, CUSTOMER), {"do": "number_gone", "id": 1})


@pytest.mark.parametrize(("said", "hole"), HOLES)
def test_a_hole_is_named(proxy: Proxy, caller: Agent, said: str, hole: Callable[[Proxy], dict[str, Any]]) -> None:
    """To the operator; the caller learns that it is not its own affair."""
    proxy.send(hole(proxy))
    before = proxy.log.stat().st_size
    call = Call(caller, "0033123")
    call.invite()
    answer = caller.expect(503, Call_ID=call.call_id)
    call.to_tag = answer.tag("To")
    call.ack()
    assert answer.first_line == "SIP/2.0 503 Temporarily unavailable"
    assert answer.header("Reason") == 'Q.850;cause=38;text="Configuration incomplete"'
    log = proxy.log.read_bytes()[before:].decode()
    assert f"kambill: a hole in the configuration: {said}" in log
    assert "calls of trunk 1 get 503" in log
    assert "fault" not in log


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
