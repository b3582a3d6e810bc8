"""Emergency and free numbers through a real Kamailio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kemi.world import CUSTOMER, LOWER, ROOT
from tests.sip.agents import SDP, Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy, eventually


@pytest.fixture
def listed(proxy: Proxy) -> Iterator[None]:
    """112 is an emergency number, all of 33800 free; the customer has no money and is suspended."""
    entry = {"do": "special", "account": ROOT, "trunk": 0, "plan": 1}
    proxy.send(
        entry | {"id": 1, "number": "112", "prefix": False, "kind": "emergency"},
        entry | {"id": 2, "number": "33800", "prefix": True, "kind": "free"},
        {"do": "credit", "account": CUSTOMER, "micros": -proxy.account(CUSTOMER).balance},
        proxy.account_body(CUSTOMER, parent=LOWER, state="suspended", channels=1),
    )
    yield
    proxy.send({"do": "special_gone", "id": 1}, {"do": "special_gone", "id": 2})


@pytest.mark.usefixtures("listed")
def test_an_emergency_call_is_put_through_and_costs_nothing(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """No balance, suspended, one channel for two calls; a second suspension cuts neither."""
    first, _ = answer(caller, gateway, "112")
    second, _ = answer(caller, gateway, "112")
    proxy.send(proxy.account_body(CUSTOMER, parent=LOWER, state="suspended", channels=1))
    gateway.expect_nothing("BYE", 2.5, Call_ID=first.call_id)
    for call in (first, second):
        hang_up(call, gateway)
        cdr = proxy.cdr(call.call_id)
        assert (cdr["outcome"], cdr["called"], cdr["destination"]) == ("answered", "112", "emergency")
        assert (cdr["charges"], cdr["cost"]) == ([], None)
    eventually(lambda: proxy.account(CUSTOMER).channels == 0)
    assert (proxy.account(CUSTOMER).balance, proxy.account(CUSTOMER).held) == (0, 0)


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(("number", "goes_on"), [("112", True), ("0033800123", False)])
def test_who_helps_learns_where_the_caller_is(
    proxy: Proxy, caller: Agent, gateway: Agent, number: str, *, goes_on: bool
) -> None:
    """Its place goes on with an emergency call, and with no other one; nothing else of it with either."""
    place = {"Geolocation": "<cid:place@192.0.2.1>", "Geolocation-Routing": "yes"}
    place |= {"Call-Info": "<cid:who@192.0.2.1>;purpose=EmergencyCallData.SubscriberInfo"}
    call = Call(caller, number)
    caller.send(call.text("INVITE", body=SDP, Subject="help", **place))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert {name: invite.header(name) for name in place} == (place if goes_on else dict.fromkeys(place, ""))
    assert invite.header("Subject") == ""
    gateway.reply(invite, 486, "Busy", tag="b")
    caller.expect_final(call.call_id)
    proxy.cdr(call.call_id)


@pytest.mark.usefixtures("listed")
def test_a_free_number_costs_the_caller_nothing(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The provider has its due."""
    call, _ = answer(caller, gateway, "0033800123")
    hang_up(call, gateway)
    cdr = proxy.cdr(call.call_id)
    assert (cdr["charges"], cdr["destination"]) == ([], "free")
    assert cdr["cost"]["micros"] > 0


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("number", ["1120", "00112", "003380", "0033123"])
def test_no_other_number_goes_with_them(proxy: Proxy, caller: Agent, gateway: Agent, number: str) -> None:
    """403 as ever."""
    call = Call(caller, number)
    call.invite()
    final = caller.expect_final(call.call_id)
    assert final.code == 403
    call.to_tag = final.tag("To")
    call.ack()
    gateway.expect_silence(call.call_id)
