"""OPTIONS to gateways, by a real Kamailio: out after silence, back by an answer; out after calls that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CARRIER
from tests.sip.agents import Agent, Call, Message, Nothing
from tests.sip.proxy import Proxy, eventually


@pytest.fixture(autouse=True)
def _as_before(proxy: Proxy) -> Iterator[None]:
    """The gateways are neither asked nor out."""
    yield
    proxy.send(*(proxy.gateway_body(number, CARRIER, f"127.0.0.1{number}") for number in (1, 2)))


def lives(gateway: Agent, message: Message | None) -> None:
    """It answers, if it was asked whether it does."""
    if message is not None and message.method == "OPTIONS":
        gateway.reply(message, 405, "Method Not Allowed", tag="t")


def busy(caller: Agent, gateways: list[Agent], *, alive: Agent | None = None) -> int:
    """Which of the gateways a call takes; it is busy there. Who is alive answers OPTIONS, too."""
    call = Call(caller, "0033123")
    call.invite()
    for _ in range(60):
        for number, gateway in enumerate(gateways, start=1):
            message = gateway.receive(0.02)
            if gateway is alive:
                lives(gateway, message)
            if message is not None and message.method == "INVITE" and message.header("Call-ID") == call.call_id:
                gateway.reply(message, 486, "Busy", tag="b")
                call.to_tag = caller.expect_final(call.call_id).tag("To")
                call.ack()
                return number
    raise Nothing("no gateway got the call")


def test_a_silent_gateway_goes_out_and_comes_back(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """One missed OPTIONS is enough here; its next answer brings it back. The log says both."""
    second = agent("127.0.0.12", 5060)
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"probe_s": 1, "failures_max": 1})
    options = gateway.expect("OPTIONS")
    assert options.uri == "sip:127.0.0.11:5060"
    assert proxy.ip in options.header("From")
    eventually(lambda: "gateway 1 is out: its last failure was 408" in proxy.tail())
    assert busy(caller, [gateway, second]) == 2

    def is_back() -> bool:
        lives(gateway, gateway.receive(0.02))
        return "gateway 1 is back: it answered 405" in proxy.tail()

    eventually(is_back)
    # On a busy machine it can be late with the next answer, and so out for another second.
    eventually(lambda: busy(caller, [gateway, second], alive=gateway) == 1)


def test_failed_calls_put_a_gateway_out_for_a_while(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Two calls with 503; the third passes it by; after its time it is tried again."""
    second = agent("127.0.0.12", 5060)
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"failures_max": 2, "out_s": 4})
    for _ in range(2):
        call = Call(caller, "0033123")
        call.invite()
        gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 503, "Full", tag="f")
        second.reply(second.expect("INVITE", Call_ID=call.call_id), 486, "Busy", tag="b")
        call.to_tag = caller.expect_final(call.call_id).tag("To")
        call.ack()
    assert busy(caller, [gateway, second]) == 2
    eventually(lambda: busy(caller, [gateway, second]) == 1)


def test_nobody_else_answers_for_a_gateway(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Who knows the branch of our OPTIONS, another carrier's gateway too, neither brings a silent gateway back nor puts
    out one that answers: what they send is as if it had never come.
    """
    strangers = [caller, agent("127.0.0.12", 5060)]
    begun = proxy.log.stat().st_size
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"probe_s": 1, "failures_max": 1})
    for _ in range(3):
        options = gateway.expect("OPTIONS")
        for stranger in strangers:
            stranger.send(gateway.reply_text(options, 200, "OK", tag="mine"))
    eventually(lambda: "gateway 1 is out: its last failure was 408" in said(proxy, begun))
    assert "gateway 1 is back" not in said(proxy, begun)
    eventually(lambda: answered_by(gateway, strangers) and "gateway 1 is back" in said(proxy, begun))
    since = proxy.log.stat().st_size
    for _ in range(3):
        eventually(lambda: answered_by(gateway, strangers))
    assert "its last failure was 503" not in said(proxy, since)


def said(proxy: Proxy, since: int) -> str:
    """What Kamailio has logged since its log was so long."""
    return proxy.log.read_bytes()[since:].decode(errors="replace")


def answered_by(gateway: Agent, strangers: list[Agent]) -> bool:
    """Whether the gateway was asked: before its answer the strangers' own is that it is broken."""
    message = gateway.receive(0.02)
    if message is None or message.method != "OPTIONS":
        return False
    for stranger in strangers:
        text = gateway.reply_text(message, 503, "Broken", tag="mine")
        stranger.send(text)
        stranger.send(text.replace(f"Call-ID: {message.header('Call-ID')}", "Call-ID: another"))
    lives(gateway, message)
    return True


def test_a_caller_puts_no_gateway_out(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """It knows what tm makes branches of, and answers its own INVITE as a broken gateway would: nobody hears it."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"failures_max": 1})
    for _ in range(2):
        call = Call(caller, "0033123")
        call.invite()
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        caller.send(gateway.reply_text(invite, 503, "Broken", tag="mine"))
        caller.expect_nothing(503, 0.2, Call_ID=call.call_id)
        gateway.reply(invite, 486, "Busy Here", tag="b")
        assert caller.expect_final(call.call_id).code == 486
