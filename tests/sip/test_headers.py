"""Headers that go on, through a real Kamailio: what SIP needs from end to end, and nothing else of either side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.sip.agents import SDP, Agent, Call, Message
from tests.sip.proxy import Proxy, eventually

KNOWN = frozenset(
    {"via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "route", "record-route", "content-length"}
)
"""What tells a message from another one, and where it goes."""
NEEDED = {
    "Accept": "application/sdp",
    "Accept-Encoding": "identity",
    "Accept-Language": "de",
    "Allow": "INVITE, ACK, BYE, CANCEL, UPDATE, INFO, PRACK",
    "Content-Disposition": "session",
    "Content-Language": "de",
    "Expires": "120",
    "MIME-Version": "1.0",
    "Min-SE": "90",
    "P-Early-Media": "supported",
    "Recv-Info": "nil",
    "Session-Expires": "1800;refresher=uac",
    "Supported": "timer, 100rel",
}
"""What both ends agree upon by themselves."""
TELLING = {
    "Accept-Contact": "*;mobility=fixed",
    "Alert-Info": "<http://pbx.acme.example/ring.wav>",
    "Call-Info": "<http://acme.example/logo.png>;purpose=icon",
    "Date": "Sat, 28 Nov 2026 01:00:00 GMT",
    "Diversion": "<sip:boss@acme.example>;reason=no-answer",
    "Geolocation": "<sip:place@acme.example>",
    "History-Info": "<sip:boss@acme.example>;index=1",
    "In-Reply-To": "70710@acme.example",
    "Organization": "Acme Ltd",
    "P-Asserted-Identity": "<sip:+19005550100@acme.example>",
    "P-Charge-Info": "<sip:+19005550100@acme.example>",
    "P-Unheard-Of": "acme",
    "Priority": "urgent",
    "Reason": 'Q.850;cause=16;text="Acme"',
    "Remote-Party-ID": "<sip:+19005550100@acme.example>;party=calling",
    "Reply-To": "<sip:boss@acme.example>",
    "Server": "AcmePBX/4.2",
    "Session-ID": "f81d4fae7dec11d0a76500a0c91e6bf6",
    "Subject": "about Acme",
    "Timestamp": "54",
    "User-Agent": "AcmePBX/4.2",
    "User-to-User": "61636d65;encoding=hex",
    "Warning": '399 acme.example "Acme says hello"',
    "X-Acme-Tenant": "4711",
}
"""What says who a side is, or that nobody here has looked at."""
ODD = {
    "P-Asserted-Identity ": "<sip:+19005550101@acme.example>",
    "X-Space\t ": "acme",
    "s": "acme, in a short name",
    "j": "*;acme",
    "TH": "acme",
    "X-Folded": "begins\r\n and goes on: acme\r\n\tSupported: acme",
    "x-acme-tenant": "4712",
    f"X-{'Long' * 60}": "acme",
}
"""The same in ways in which a name may be written."""


LOOK_S = 1.1
"""Within which each process has looked at the settings."""


def headed(**more: dict[str, str]) -> dict[str, str | None]:
    """Headers of a test's message."""
    return {name: body for group in more.values() for name, body in group.items()}


def needed(message: Message) -> dict[str, str]:
    """What of NEEDED a message has, once each."""
    return {name: found[0] for name in NEEDED if len(found := message.headers(name)) == 1}


def further(message: Message, *expected: str) -> set[str]:
    """Names of a message's headers that are neither known, nor needed, nor expected."""
    head = message.text.partition("\r\n\r\n")[0].split("\r\n")[1:]
    names = {line.partition(":")[0].lower() for line in head}
    allowed = KNOWN | {name.lower() for name in (*NEEDED, "Content-Type", *expected)}
    return names - allowed


def check(message: Message, *expected: str) -> None:
    """Nothing of the other side beyond what both ends need."""
    assert further(message, *expected) == set()
    assert "acme" not in message.text.lower()
    assert all(len(message.headers(name)) == 1 for name in ("From", "To", "Call-ID", "CSeq", "Content-Length"))


def begun(caller: Agent, gateway: Agent, *, number: str = "0033123", more: dict[str, str] | None = None) -> Message:
    """An INVITE with everything, at the gateway."""
    call = Call(caller, number)
    caller.send(call.text("INVITE", body=SDP, **headed(needed=NEEDED, telling=TELLING, odd=ODD, more=more or {})))
    return gateway.expect("INVITE", Call_ID=call.call_id)


@pytest.fixture
def passing(proxy: Proxy) -> Iterator[None]:
    """The operator passes two headers."""
    proxy.send({"do": "settings", "pass_headers": ["User-to-User", "X-ACME-tenant"]})
    time.sleep(LOOK_S)
    yield
    proxy.send({"do": "settings"})
    time.sleep(LOOK_S)


@pytest.mark.parametrize("odd", [{}, ODD], ids=["plain", "odd"])
def test_a_call_has_nothing_of_the_other_side(proxy: Proxy, caller: Agent, gateway: Agent, odd: dict[str, str]) -> None:
    """INVITE, 183, 200, ACK, re-INVITE of both sides with a refusal, INFO: what both ends need, and nothing else."""
    everything = headed(needed=NEEDED, telling=TELLING, odd=odd)
    call = Call(caller, "0033123")
    caller.send(call.text("INVITE", body=SDP, **everything))
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    check(invite)
    assert needed(invite) == NEEDED
    assert invite.text.endswith(SDP)
    gateway.send(gateway.reply_text(invite, 183, "Progress", tag="gw", RSeq="1", Require="100rel", **everything))
    progress = caller.expect(183)
    check(progress, "RSeq", "Require")
    assert needed(progress) == NEEDED
    assert (progress.header("RSeq"), progress.header("Require")) == ("1", "100rel")
    gateway.reply(invite, 200, "OK", tag="gw", **everything)
    answer = caller.expect(200)
    check(answer)
    assert (needed(answer), answer.text.endswith(SDP)) == (NEEDED, True)
    call.take(answer)
    call.ack(**everything)
    check(gateway.expect("ACK", Call_ID=call.call_id))
    back = Call(gateway, "0033123", call_id=call.call_id, from_tag="gw", cseq=50)
    back.to_tag, back.target = call.from_tag, invite.contact
    routes = [one.strip("<>") for header in invite.headers("Record-Route") for one in header.split(",")]
    back.routes = tuple(routes)
    for asking, answering, side in ((call, gateway, caller), (back, caller, gateway)):
        for method in ("INFO", "INVITE"):
            asking.request(method, **everything)
            request = answering.expect(method, Call_ID=call.call_id)
            check(request)
            assert needed(request) == NEEDED
            answering.reply(request, 500, "Not Now", **everything, Retry_After="5")
            refused = side.expect(500, CSeq=method)
            check(refused, "Retry-After")
            assert (needed(refused), refused.header("Retry-After")) == (NEEDED, "5")
            if method == "INVITE":
                asking.ack()
    call.bye()
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    check(bye)
    gateway.reply(bye, 200, "OK")
    eventually(lambda: proxy.running() == [])


def test_the_next_gateway_gets_no_more_than_the_first_one(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """What was taken out stays out after a fail-over, and nothing stands there twice; nor does a failure tell."""
    second = agent("127.0.0.12", 5060)
    invite = begun(caller, gateway)
    gateway.reply(invite, 503, "Down", tag="a", **headed(telling=TELLING, odd=ODD))
    again = second.expect("INVITE", Call_ID=invite.header("Call-ID"))
    check(again)
    assert needed(again) == NEEDED
    assert again.text.endswith(SDP)
    second.reply(again, 486, "Busy", tag="b", **headed(telling=TELLING, odd=ODD))
    final = caller.expect_final(invite.header("Call-ID"))
    assert final.code == 486
    check(final)
    proxy.cdr(invite.header("Call-ID"))


def test_many_names_at_once_are_taken_out_too(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A thousand different ones."""
    more = {f"X-Acme-{number}": "acme" for number in range(1000)}
    invite = begun(caller, gateway, more=more)
    check(invite)
    assert needed(invite) == NEEDED
    gateway.reply(invite, 486, "Busy", tag="b")
    caller.expect_final(invite.header("Call-ID"))
    proxy.cdr(invite.header("Call-ID"))


def test_a_cancel_says_no_reason_of_its_callers(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The gateway hears that it is over, and no text of the caller's."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    caller.send(call.text("CANCEL", Contact=None, **headed(telling=TELLING)))
    cancelled = gateway.expect("CANCEL", Call_ID=call.call_id)
    check(cancelled)
    gateway.reply(cancelled, 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="r")
    check(caller.expect(487))
    proxy.cdr(call.call_id)


@pytest.mark.usefixtures("passing")
def test_what_the_operator_passes_goes_both_ways(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """By name, however it is written; the rest stays out."""
    told = {"x-Acme-Tenant": "1", "User-to-User": "61;encoding=hex", "User-Agent": "AcmePBX"}

    def passed(message: Message) -> None:
        assert further(message) == {"x-acme-tenant", "user-to-user"}
        assert (message.headers("X-Acme-Tenant"), message.headers("User-to-User")) == (["1"], ["61;encoding=hex"])

    for _ in range(12):
        call = Call(caller, "0033123")
        caller.send(call.text("INVITE", body=SDP, **headed(told=told)))
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        passed(invite)
        gateway.reply(invite, 180, "Ringing", tag="r", **headed(told=told))
        passed(caller.expect(180, Call_ID=call.call_id))
        gateway.reply(invite, 486, "Busy", tag="r")
        caller.expect_final(call.call_id)
