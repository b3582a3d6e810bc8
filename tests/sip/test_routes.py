"""Proxies before and behind us, and IPv6: requests find their way in both directions, BYEs carry the whole route."""

from __future__ import annotations

from collections.abc import Callable

from tests.kemi.world import CARRIER, CUSTOMER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy, eventually


def test_proxies_on_both_sides(proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """One of the customer's and two of the carrier's: each request and BYE names them in order."""
    inner, outer, theirs = "sip:127.0.0.11;lr", "sip:127.0.0.12;lr", f"sip:{caller.ip}:{caller.port};lr"
    call = Call(caller, "0033123")
    call.invite(Record_Route=f"<{theirs}>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    ours, theirs_again = invite.headers("Record-Route")
    assert theirs_again == f"<{theirs}>"
    gateway.reply(invite, 200, "OK", tag="far", Record_Route=f"<{outer}>, <{inner}>, {ours}, {theirs_again}")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.routes = tuple(route for route in call.routes if route != theirs)
    call.ack()
    ack = gateway.expect("ACK", Call_ID=call.call_id)
    assert [route.strip() for header in ack.headers("Route") for route in header.split(",")] == [
        f"<{inner}>",
        f"<{outer}>",
    ]
    back = Call(gateway, "0033123", call_id=call.call_id, from_tag="far", cseq=10)
    back.to_tag, back.target = call.from_tag, invite.contact
    back.routes = (call.routes[0], theirs)
    back.request("INFO")
    info = caller.expect("INFO", Call_ID=call.call_id)
    assert info.headers("Route") == [f"<{theirs}>"]
    caller.reply(info, 200, "OK")
    gateway.expect(200, CSeq="INFO")
    back.routes = (call.routes[0],)
    back.request("INFO")
    assert gateway.expect_final(call.call_id).code == 403
    (running,) = proxy.running()
    proxy.send({"do": "cut", "call": running.hex, "by": "test"})
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert [route.strip() for header in bye.headers("Route") for route in header.split(",")] == [
        f"<{inner}>",
        f"<{outer}>",
    ]
    assert bye.uri == f"sip:gw@{gateway.ip}:{gateway.port}"
    gateway.reply(bye, 200, "OK")
    other = caller.expect("BYE", Call_ID=call.call_id)
    assert other.headers("Route") == [f"<{theirs}>"]
    caller.reply(other, 200, "OK")


def test_a_gateway_that_answers_from_another_of_its_hosts(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Its networks count, not one address: the second host may hang up; a host outside may not."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"networks": ["127.0.0.11/32", "127.0.0.21/32"]})
    second, outside = agent("127.0.0.21"), agent("127.0.0.31")
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 200, "OK", tag="t")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    back = Call(outside, "0033123", call_id=call.call_id, from_tag="t", cseq=10)
    back.to_tag, back.target = call.from_tag, invite.contact
    back.routes = call.routes
    back.request("BYE")
    assert outside.expect_final(call.call_id).code == 481
    back.agent = second
    back.request("BYE")
    assert second.expect_final(call.call_id).code == 200
    caller.reply(caller.expect("BYE"), 200, "OK")
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11"))
    assert proxy.cdr(call.call_id)["ended_by"] == "callee"


def test_the_longest_tech_prefix_tells_trunks_of_one_address_apart(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """It is stripped before the number is rated and sent on."""
    proxy.send(proxy.trunk_body(2, CUSTOMER, tech_prefix="77#"))
    call = Call(caller, "77#0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == "sip:33123@127.0.0.11:5060"
    (running,) = proxy.running()
    assert (running.trunk, running.called, running.called_sent) == (2, "33123", "77#0033123")
    gateway.reply(invite, 486, "Busy", tag="b")
    call.to_tag = caller.expect(486).tag("To")
    call.ack()
    proxy.send({"do": "trunk_gone", "id": 2})
    eventually(lambda: proxy.running() == [])


def test_a_call_from_ipv6_to_ipv4(proxy: Proxy, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """Two sockets, two Record-Routes: each side speaks its own family, and a BYE finds the other."""
    proxy.send(proxy.trunk_body(3, CUSTOMER, networks=["::1/128"]))
    caller = agent("::1")
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert [proxy.ip in invite.header("Record-Route"), "[::1]" in invite.header("Via")] == [True, False]
    gateway.reply(invite, 200, "OK", tag="t")
    ok = caller.expect(200, CSeq="INVITE")
    call.take(ok)
    assert "[::1]" in call.routes[0]
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    back = Call(gateway, "0033123", call_id=call.call_id, from_tag="t", cseq=10)
    back.to_tag, back.target = call.from_tag, invite.contact
    back.routes = tuple(reversed(call.routes))
    back.request("INFO")
    caller.reply(caller.expect("INFO"), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    call.request("INFO")
    gateway.reply(gateway.expect("INFO", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="INFO")
    hang_up(call, gateway)
    assert proxy.cdr(call.call_id)["ended_by"] == "caller"
    proxy.send({"do": "trunk_gone", "id": 3})


def test_a_call_in_ipv6_alone(proxy: Proxy, agent: Callable[..., Agent]) -> None:
    """Trunk, proxy and gateway at ::1: nothing of IPv4 in the way, and the charge."""
    gateway_v6 = proxy.gateway_body(9, CARRIER, "::1", 5062)
    plan = proxy.plan_body(routes=[["", [[9, 1]]]])
    proxy.send(gateway_v6, plan, proxy.trunk_body(3, CUSTOMER, networks=["::1/128"]))
    caller, gateway = agent("::1"), agent("::1", 5062)
    call, back = answer(caller, gateway)
    back.target = f"sip:caller@[::1]:{caller.port}"
    back.request("BYE")
    gateway.expect(200, CSeq="BYE")
    bye = caller.expect("BYE", Call_ID=call.call_id)
    caller.reply(bye, 200, "OK")
    assert "127.0.0" not in "".join(header for header in bye.headers("Via") + bye.headers("Route"))
    record = proxy.cdr(call.call_id)
    assert (record["ended_by"], record["gateway"], record["charges"][0]["billed_s"] > 0) == ("callee", 9, True)
    proxy.send({"do": "trunk_gone", "id": 3}, {"do": "gateway_gone", "id": 9}, proxy.plan_body())
