"""Calls as they should be: answered, charged at every level, cut in time, refused with their reason."""

from __future__ import annotations

import time

from tests.kemi.world import CARRIER, CUSTOMER, LOWER, UPPER
from tests.sip.agents import Agent, Call
from tests.sip.proxy import Proxy, eventually


def answer(caller: Agent, gateway: Agent, number: str = "0033123", **headers: str | None) -> tuple[Call, Call]:
    """Two ends of an answered and acknowledged call: the caller's, and the gateway's as a caller back."""
    call = Call(caller, number)
    call.invite(**headers)
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag=f"to{call.from_tag}")
    gateway.reply(invite, 200, "OK", tag=f"to{call.from_tag}")
    ok = caller.expect(200, Call_ID=call.call_id)
    call.take(ok)
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    back = Call(gateway, number, call_id=call.call_id, from_tag=call.to_tag, cseq=100)
    back.to_tag, back.target = call.from_tag, f"sip:caller@{caller.ip}:{caller.port}"
    back.routes = tuple(reversed(call.routes))
    return call, back


def test_a_call_is_charged_at_every_level(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INVITE to BYE through a real Kamailio; two seconds begun are charged."""
    call, _ = answer(caller, gateway)
    time.sleep(1.2)
    call.bye()
    bye = gateway.expect("BYE")
    gateway.reply(bye, 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["ended_by"]) == ("answered", "caller")
    assert 1200 <= cdr["duration_ms"] < 2000
    charges = {row["account"]: (row["billed_s"], row["micros"]) for row in cdr["charges"]}
    assert charges == {CUSTOMER: (2, 2000), LOWER: (2, 1000), UPPER: (2, 800)}
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (CARRIER, 400)
    eventually(lambda: proxy.running() == [])
    assert proxy.account(CUSTOMER).held == 0
