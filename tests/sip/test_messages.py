"""MESSAGE: refused unless the rate prices it; held, passed to a gateway, and paid for once that has taken it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, LOWER, PRICES, UPPER, terms
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import hang_up, ring
from tests.sip.proxy import Proxy, eventually, usual_rates
from tests.sip.test_headers import ODD, TELLING, check, headed
from tests.sip.test_hygiene import NO_TEXT

FEES = {CUSTOMER: 50_000, LOWER: 30_000, UPPER: 20_000, CARRIER: 10_000, DEAR_CARRIER: 15_000}
"""Micro-units of one MESSAGE, by who pays or asks."""


@pytest.fixture
def priced(proxy: Proxy) -> Iterator[None]:
    """Every tariff has a price for a MESSAGE to 33, and none to 44."""
    for account, fee in FEES.items():
        priced = {"33": terms(PRICES[account], message_fee_nanos=fee * 1000)}
        proxy.send(proxy.tariff_body(account, usual_rates(account) | priced))
    yield
    proxy.send(*proxy.usual_tariffs())


def send(caller: Agent, number: str = "0033123", **headers: str | None) -> Call:
    """A MESSAGE on its way."""
    call = Call(caller, number)
    caller.send(call.text("MESSAGE", body="hello", **{"Content_Type": "text/plain", "Contact": None} | headers))
    return call


def answered(gateway: Agent, call: Call, code: int, **headers: str | None) -> Message:
    """What the gateway got, and answered."""
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    gateway.reply(message, code, "OK" if code < 300 else "No", tag="m", **headers)
    return message


def test_it_is_refused_where_nothing_prices_it(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """405, as ever; a record says why."""
    call = send(caller)
    assert caller.expect_final(call.call_id).code == 405
    gateway.expect_silence(call.call_id)
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["rule"], cdr["kind"]) == ("refused", "message", "message")


@pytest.mark.usefixtures("priced")
def test_it_is_paid_for_when_it_is_taken(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Held while it is on its way, then each level's fee and the provider's; our From and To, the same body."""
    before = proxy.account(CUSTOMER).balance
    call = send(caller, P_Asserted_Identity="<sip:boss@example.com>")
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    assert proxy.account(CUSTOMER).held == FEES[CUSTOMER]
    assert message.uri == "sip:33123@127.0.0.11:5060"
    assert message.header("From") == f"<sip:441632960000@{proxy.ip}>;tag={call.from_tag}"
    assert (message.header("To"), message.headers("Contact")) == ("<sip:33123@127.0.0.11>", [])
    assert (message.text.endswith("\r\n\r\nhello"), message.header("P-Asserted-Identity")) == (True, "")
    gateway.reply(message, 200, "OK", tag="m")
    ok = caller.expect(200, CSeq="MESSAGE")
    assert ok.header("From") == f"<sip:+441632960000@{caller.ip}>;tag={call.from_tag}"
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], cdr["kind"], cdr["duration_ms"], cdr["sip_code"]) == ("answered", "message", 0, 200)
    assert {one["account"]: one["micros"] for one in cdr["charges"]} == {
        account: FEES[account] for account in (CUSTOMER, LOWER, UPPER)
    }
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (CARRIER, FEES[CARRIER])
    after = proxy.account(CUSTOMER)
    assert (after.balance, after.held, after.channels) == (before - FEES[CUSTOMER], 0, 0)
    assert proxy.running() == []


@pytest.mark.usefixtures("priced")
def test_neither_side_learns_more_of_the_other_than_it_needs(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The second gateway no more than the first one; what a MESSAGE is and how long it counts goes on."""
    second = Agent("127.0.0.12", 5060, (proxy.ip, proxy.port))
    try:
        call = send(caller, Expires="60", **headed(telling=TELLING, odd=ODD))
        message = answered(gateway, call, 503, **headed(telling=TELLING))
        again = answered(second, call, 202, **headed(telling=TELLING, odd=ODD))
        for one in (message, again):
            check(one)
            assert (one.header("Content-Type"), one.header("Expires")) == ("text/plain", "60")
        check(caller.expect(202))
        assert proxy.cdr(call.call_id)["outcome"] == "answered"
    finally:
        second.close()


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("code", "micros"), [(200, FEES[CUSTOMER]), (404, 0)])
def test_one_that_was_on_its_way_is_paid_by_who_was_suspended(
    proxy: Proxy, caller: Agent, gateway: Agent, code: int, micros: int
) -> None:
    """If it is taken: it was held before. The next one is refused."""
    call = send(caller)
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    proxy.send(proxy.account_body(CUSTOMER, parent=LOWER, state="suspended"))
    time.sleep(1.2)  # the meter looks at calls of suspended accounts
    gateway.reply(message, code, "X", tag="m")
    assert caller.expect_final(call.call_id).code == code
    assert proxy.cdr(call.call_id)["charges"][0]["micros"] == micros
    assert caller.expect_final(send(caller).call_id).code == 403


@pytest.mark.usefixtures("priced", "impatient")
def test_the_next_gateway_gets_what_the_first_has_refused(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """503, then silence, then taken by the third at its provider's fee."""
    agent("127.0.0.12", 5060)
    third = agent("127.0.0.13", 5060)
    call = send(caller)
    answered(gateway, call, 503)
    answered(third, call, 202)
    assert caller.expect_final(call.call_id).code == 202
    cdr = proxy.cdr(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 503], [2, 408], [3, 200]]
    assert (cdr["cost"]["account"], cdr["cost"]["micros"]) == (DEAR_CARRIER, FEES[DEAR_CARRIER])


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("code", "told"), [(404, 404), (486, 486), (401, 503), (302, 503)])
def test_what_is_not_taken_costs_nothing(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], code: int, told: int
) -> None:
    """The gateway's code, or 503 where that means nothing to the sender."""
    others = [agent("127.0.0.12", 5060), agent("127.0.0.13", 5060)] if code == 302 else []
    before = proxy.account(CUSTOMER).balance
    call = send(caller)
    for one in (gateway, *others):
        answered(one, call, code, Contact="<sip:0044900@127.0.0.98>")
    assert caller.expect_final(call.call_id).code == told
    cdr = proxy.cdr(call.call_id)
    assert (cdr["outcome"], {one["micros"] for one in cdr["charges"]}) == ("failed", {0})
    eventually(lambda: proxy.account(CUSTOMER).held == 0)
    assert proxy.account(CUSTOMER).balance == before


@pytest.mark.usefixtures("priced")
def test_a_retransmission_is_no_second_message(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """One at the gateway, one record."""
    call = Call(caller, "0033123")
    text = call.text("MESSAGE", body="hello", Content_Type="text/plain", Contact=None)
    caller.send(text)
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    caller.send(text)
    gateway.reply(message, 200, "OK", tag="m")
    caller.expect(200, CSeq="MESSAGE")
    caller.send(text)
    gateway.expect_nothing("MESSAGE", 0.3, but=message, Call_ID=call.call_id)
    assert len(proxy.cdrs(call.call_id)) == 1


@pytest.mark.usefixtures("priced")
def test_without_money_it_goes_nowhere(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """402; a rate without a fee 405; a Route 403."""
    short = FEES[CUSTOMER] - 1 - proxy.account(CUSTOMER).balance
    proxy.send({"do": "credit", "account": CUSTOMER, "micros": short})
    for number, headers, code in (
        ("0033123", {}, 402),
        ("0044123", {}, 405),
        ("0033123", {"routes": "<sip:x;lr>"}, 403),
    ):
        call = send(caller, number, **headers)
        assert caller.expect_final(call.call_id).code == code
        gateway.expect_silence(call.call_id)


@pytest.mark.usefixtures("priced", "impatient")
def test_the_answer_of_a_gateway_that_was_left_counts_no_longer(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """It says 200 when the next one has the MESSAGE already: what that says is what the sender is told, and pays."""
    second = agent("127.0.0.12", 5060)
    before = proxy.account(CUSTOMER).balance
    for code in (404, 202):
        call = send(caller)
        late = gateway.expect("MESSAGE", Call_ID=call.call_id)
        message = second.expect("MESSAGE", Call_ID=call.call_id)
        gateway.reply(late, 200, "OK", tag="late")
        caller.expect_silence(call.call_id)
        second.reply(message, code, "X", tag="m")
        assert caller.expect_final(call.call_id).code == code
        cdr = proxy.cdr(call.call_id)
        assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 408], [2, 200 if code < 300 else code]]
        assert cdr["outcome"] == ("answered" if code < 300 else "failed")
    assert proxy.account(CUSTOMER).balance == before - FEES[CUSTOMER]


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("", ""),
        ("Content-Length", f"Server: {NO_TEXT}\r\nContent-Length"),
        ("Call-ID: .*", "Call-ID: another@test"),
        ("CSeq: 1", "CSeq: 2"),
        ("(From: .*;tag=).*", r"\1another"),
        ("From: ", "From: <sip:me@127.0.0.2>;tag=another\r\nFrom: "),
    ],
)
def test_a_senders_own_refusal_costs_as_much(
    proxy: Proxy, caller: Agent, gateway: Agent, pattern: str, other: str
) -> None:
    """Who knows what tm makes branches of can refuse its own MESSAGE in the gateway's name, which takes it; also by one
    whose headers can't be read, or that says that it answers something else.
    """
    call = send(caller)
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    refusal = gateway.reply_text(message, 486, "Busy", tag="mine")
    caller.send(re.sub(pattern, other, refusal, count=1).encode("latin-1"))
    caller.expect_nothing(486, 0.2, Call_ID=call.call_id)
    gateway.reply(message, 200, "OK", tag="m")
    assert caller.expect_final(call.call_id).code == 200
    cdr = proxy.cdr(call.call_id)
    assert {row["account"]: row["micros"] for row in cdr["charges"]}[CUSTOMER] == FEES[CUSTOMER]


@pytest.mark.usefixtures("priced")
def test_a_senders_own_answer_to_an_invite_that_was_none_costs_as_much(
    proxy: Proxy, caller: Agent, gateway: Agent
) -> None:
    """A 200 that names the MESSAGE, and says that it answers an INVITE, ended it without a charge; so did a 200 without
    a Contact, of anybody, any call that rang.
    """
    call = send(caller)
    message = gateway.expect("MESSAGE", Call_ID=call.call_id)
    forged = gateway.reply_text(message, 200, "OK", tag="mine").replace("1 MESSAGE", "1 INVITE")
    for sender in (caller, gateway):
        sender.send(forged)
        caller.expect_nothing(200, 0.2, CSeq="INVITE")
    gateway.reply(message, 200, "OK", tag="m")
    assert caller.expect_answer("MESSAGE", call.call_id, "1").code == 200
    cdr = proxy.cdr(call.call_id)
    assert {row["account"]: row["micros"] for row in cdr["charges"]}[CUSTOMER] == FEES[CUSTOMER]


def test_nobody_ends_a_call_that_rings_by_an_answer_without_a_contact(
    proxy: Proxy, caller: Agent, gateway: Agent
) -> None:
    """The caller's own one, whose gateway rings on: it goes on ringing, and its gateway's answer opens it."""
    call, invite = ring(caller, gateway)
    caller.send(gateway.reply_text(invite, 200, "OK", tag="mine", Contact=None))
    caller.expect_nothing(503, 0.2, Call_ID=call.call_id)
    assert len(proxy.running()) == 1
    gateway.reply(invite, 200, "OK", tag="g")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
