"""Numbers on their way through a real Kamailio: translated before they are rated, and again for each gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER
from tests.sip.agents import Agent, Call
from tests.sip.proxy import Proxy


@pytest.fixture
def rule(proxy: Proxy) -> Iterator[Callable[..., None]]:
    """Sends rules, which are gone after the test."""
    made: list[dict[str, Any]] = []

    def tell(account: int, subject: str = "called", **fields: Any) -> None:
        body: dict[str, Any] = {"do": "translation", "id": len(made) + 1, "account": account, "subject": subject}
        body |= {"trunk": 0, "gateway": 0, "position": len(made), "prefix": "", "length_min": 1, "length_max": 32}
        body |= {"strip": 0, "prepend": "", "pattern": "", "replacement": ""} | fields
        made.append(body)
        proxy.send(body)

    yield tell
    proxy.send(*({"do": "translation_gone", "account": one["account"], "id": one["id"]} for one in made))


def refuse(call: Call, caller: Agent) -> None:
    """Takes the final answer and acknowledges it."""
    call.to_tag = caller.expect_final(call.call_id).tag("To")
    call.ack()


def test_a_number_is_translated_before_it_is_rated(
    proxy: Proxy, caller: Agent, gateway: Agent, rule: Callable[..., None]
) -> None:
    """By a regular expression of the trunk; the record has both forms."""
    rule(CUSTOMER, trunk=1, pattern=r"9(\d{2})(\d+)", replacement=r"00\1\2")
    call = Call(caller, "949301234")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == f"sip:49301234@{gateway.ip}:5060"
    gateway.reply(invite, 486, "Busy", tag="b")
    refuse(call, caller)
    cdr = proxy.cdr(call.call_id)
    assert (cdr["called"], cdr["called_sent"], cdr["charges"][0]["prefix"]) == ("49301234", "949301234", "49")


def test_each_gateway_gets_its_own_form(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], rule: Callable[..., None]
) -> None:
    """The second gateway after the first has failed: another translation of the same number."""
    rule(CARRIER, gateway=1, prefix="33", strip=2, prepend="0")
    rule(CARRIER, gateway=2, pattern=r"(\d+)", replacement=r"11*\1")
    rule(DEAR_CARRIER, prefix="3", prepend="9")
    second = agent("127.0.0.12", 5060)
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == "sip:0123@127.0.0.11:5060"
    gateway.reply(invite, 503, "Full", tag="a")
    again = second.expect("INVITE", Call_ID=call.call_id)
    assert again.uri == "sip:11*33123@127.0.0.12:5060"
    second.reply(again, 486, "Busy", tag="b")
    refuse(call, caller)
    assert proxy.cdr(call.call_id)["called"] == "33123"


def test_what_a_rule_makes_no_number_goes_nowhere(
    proxy: Proxy, caller: Agent, gateway: Agent, rule: Callable[..., None]
) -> None:
    """400, and a record that says why."""
    rule(CUSTOMER, prefix="55", prepend="1" * 32)
    call = Call(caller, "5512345")
    call.invite()
    final = caller.expect_final(call.call_id)
    assert (final.code, final.first_line) == (400, "SIP/2.0 400 Not a telephone number")
    call.to_tag = final.tag("To")
    call.ack()
    gateway.expect_silence(call.call_id)
    assert proxy.cdr(call.call_id)["rule"] == "number"
