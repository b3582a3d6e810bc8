"""Steps that many tests take: a call up, a call down."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.sip.agents import Agent, Call, Message, Nothing
from tests.sip.proxy import Proxy


def answer(caller: Agent, gateway: Agent, number: str = "0033123", **headers: str | None) -> tuple[Call, Call]:
    """Two ends of an answered and acknowledged call: the caller's, and the gateway's as a caller back."""
    call = Call(caller, number)
    call.invite(**headers)
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag=f"to{call.from_tag}")
    caller.expect(180, Call_ID=call.call_id)  # of two processes the one with the 200 may be quicker
    gateway.reply(invite, 200, "OK", tag=f"to{call.from_tag}")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    back = Call(gateway, number, call_id=call.call_id, from_tag=call.to_tag, cseq=100)
    back.to_tag, back.target = call.from_tag, invite.contact
    back.routes = tuple(reversed(call.routes))
    return call, back


def ring(caller: Agent, gateway: Agent) -> tuple[Call, Message]:
    """A call whose INVITE is at the gateway."""
    call = Call(caller, "0033123")
    call.invite()
    return call, gateway.expect("INVITE", Call_ID=call.call_id)


def at_once(begin: Callable[[], Call], count: int, within_s: float, callee: Agent) -> tuple[list[Call], Message]:
    """So many calls, the last one sent so soon after the first one has come to who is called; and that one's INVITE.
    Who is held up meanwhile refuses them and begins anew when their second is over.
    """
    while True:
        calls = [begin() for _ in range(count)]
        sent_s = time.monotonic()
        invite = callee.expect("INVITE", Call_ID=calls[0].call_id)
        if sent_s - invite.at < within_s:
            return calls, invite
        callee.reply(invite, 486, "Busy Here", tag="anew")
        for call in calls[1:]:
            with suppress(Nothing):
                callee.reply(callee.expect("INVITE", 0.5, Call_ID=call.call_id), 486, "Busy Here", tag="anew")
        for call in calls:
            call.agent.expect_final(call.call_id)
        time.sleep(1)


def hang_up(call: Call, gateway: Agent) -> None:
    """BYE from the caller, to the end on both sides."""
    call.bye()
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")


def cancel(call: Call) -> None:
    """CANCEL, sent again until it is answered: Kamailio is silent about one that meets its INVITE on the way out."""
    for _ in range(5):
        call.cancel()
        try:
            call.agent.expect(200, 0.3, CSeq="CANCEL")
        except Nothing:
            continue
        return
    raise Nothing("five CANCELs without an answer")


def seconds(cdr: dict[str, Any]) -> int:
    """The begun ones of a call's record: how long a test was held up decides."""
    return -(-int(cdr["duration_ms"]) // 1000)


def paid_once(proxy: Proxy, call: Call) -> None:
    """Its one record is of an answered call, whose customer pays a thousandth of a euro for each begun second."""
    (cdr,) = proxy.cdrs(call.call_id)
    paid = cdr["charges"][0]
    assert (cdr["outcome"], paid["micros"]) == ("answered", 1_000 * paid["billed_s"])
    assert paid["billed_s"] == seconds(cdr) <= time.monotonic() - call.begun_s + 2


def is_talking(proxy: Proxy, call: Call) -> bool:
    """Whether the store has the call as an answered one."""
    return any(running.call_id == call.call_id and running.is_answered for running in proxy.running())
