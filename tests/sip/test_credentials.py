"""Carriers that want to know who calls: challenges of INVITE and REGISTER, through a real Kamailio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import md5

import pytest

from kemi.proofs import parse
from kemi.store import health
from kemi.store.health import Registration
from tests.kemi.world import CARRIER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import hang_up
from tests.sip.proxy import Proxy, eventually

REALM, HA1 = "carrier.example", md5(b"kambill:carrier.example:secret").hexdigest()
CREDENTIALS = {"username": "kambill", "realm": REALM, "ha1_md5": HA1}
CHALLENGE = f'Digest realm="{REALM}", nonce="n0nce", qop="auth", algorithm=MD5'


@pytest.fixture(autouse=True)
def _as_before(proxy: Proxy) -> Iterator[None]:
    """The gateway asks for nothing."""
    yield
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11"))


def is_proven(request: Message, header: str) -> bool:
    """Whether the request's answer to CHALLENGE is right."""
    found = parse(request.header(header))
    if found is None:
        return False
    ha2 = md5(f"{request.method}:{request.uri}".encode()).hexdigest()
    wanted = md5(f"{HA1}:n0nce:00000001:{found['cnonce']}:auth:{ha2}".encode()).hexdigest()
    return (found["username"], found["uri"], found["response"]) == ("kambill", request.uri, wanted)


@pytest.mark.parametrize(
    ("code", "challenge", "header"),
    [(401, "WWW_Authenticate", "Authorization"), (407, "Proxy_Authenticate", "Proxy-Authorization")],
)
def test_a_challenged_invite_is_proven(
    proxy: Proxy, caller: Agent, gateway: Agent, code: int, challenge: str, header: str
) -> None:
    """The same gateway once more; one attempt, one charge, and the caller hears nothing of it."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS)
    call = Call(caller, "0033123")
    call.invite()
    first = gateway.expect("INVITE", Call_ID=call.call_id)
    assert first.header(header) == ""
    gateway.reply(first, code, "Who are you", tag="c", **{challenge: CHALLENGE})
    gateway.expect("ACK", Call_ID=call.call_id)
    second = gateway.expect("INVITE", Call_ID=call.call_id)
    assert is_proven(second, header)
    gateway.reply(second, 200, "OK", tag="t")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
    cdr = proxy.cdr(call.call_id)
    assert [attempt[:2] for attempt in cdr["attempts"]] == [[1, 200]]
    assert code not in [message.code for message in caller.seen if message.header("Call-ID") == call.call_id]


def test_a_second_challenge_is_the_end(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """The password is wrong: the caller gets 503, no other gateway is tried, and no proof goes to one."""
    second = agent("127.0.0.12", 5060)
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS)
    call = Call(caller, "0033123")
    call.invite()
    for _ in range(2):
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        gateway.reply(invite, 401, "Who are you", tag="c", WWW_Authenticate=CHALLENGE)
        gateway.expect("ACK", Call_ID=call.call_id)
    answer = caller.expect_final(call.call_id)
    assert (answer.code, answer.headers("WWW-Authenticate")) == (503, [])
    call.to_tag = answer.tag("To")
    call.ack()
    second.expect_nothing("INVITE", 0.2, Call_ID=call.call_id)


def test_a_proof_goes_to_its_own_gateway_alone(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """After it the gateway is overloaded: the next one's INVITE carries no proof."""
    second = agent("127.0.0.12", 5060)
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS)
    call = Call(caller, "0033123")
    call.invite()
    for code in (401, 503):
        invite = gateway.expect("INVITE", Call_ID=call.call_id)
        gateway.reply(invite, code, "No", tag="c", WWW_Authenticate=CHALLENGE)
        gateway.expect("ACK", Call_ID=call.call_id)
    invite = second.expect("INVITE", Call_ID=call.call_id)
    assert invite.header("Authorization") == ""
    second.reply(invite, 486, "Busy", tag="b")
    call.to_tag = caller.expect_final(call.call_id).tag("To")
    call.ack()


@pytest.mark.parametrize("realm", ["other.example", ""])
def test_a_realm_that_is_not_ours_gets_no_proof(proxy: Proxy, caller: Agent, gateway: Agent, realm: str) -> None:
    """503 to the caller; the log says what may be wrong."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS)
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 401, "Who", tag="c", WWW_Authenticate=CHALLENGE.replace(REALM, realm))
    answer = caller.expect_final(call.call_id)
    assert answer.code == 503
    call.to_tag = answer.tag("To")
    call.ack()


def test_we_register_where_a_carrier_asks_it(proxy: Proxy, gateway: Agent) -> None:
    """Challenged, proven, accepted for less than was asked; a registrar that refuses is noted."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS | {"register_s": 600})
    first = gateway.expect("REGISTER")
    assert first.uri == "sip:127.0.0.11:5060"
    assert first.header("Expires") == "600"
    assert first.header("Contact") == f"<sip:kambill@{proxy.ip}:{proxy.port}>"
    gateway.reply(first, 401, "Who", tag="c", WWW_Authenticate=CHALLENGE)
    second = gateway.expect("REGISTER", Authorization="Digest")  # the first one may come again before it
    assert is_proven(second, "Authorization")
    gateway.reply(second, 200, "OK", tag="d", Contact=f"{second.header('Contact')};expires=300")
    eventually(lambda: (found := registration(proxy)) is not None and found.code == 200)
    found = registration(proxy)
    assert found is not None
    assert found.until_ms > 0
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS | {"register_s": 601})
    gateway.reply(gateway.expect("REGISTER", Expires="601"), 403, "Forbidden", tag="e")
    eventually(lambda: registration(proxy) == Registration(403, 0))


def test_nobody_else_answers_our_registration(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """A stranger's 200 and 403 are as if they had never come; the registrar's own counts."""
    proxy.send(proxy.gateway_body(1, CARRIER, "127.0.0.11") | CREDENTIALS | {"register_s": 602})
    first = gateway.expect("REGISTER", Expires="602")
    contact = f"{first.header('Contact')};expires=300"
    for code in (200, 403):
        caller.send(gateway.reply_text(first, code, "Mine", tag="x", Contact=contact))
    time.sleep(0.3)
    assert registration(proxy) is None
    gateway.reply(first, 200, "OK", tag="d", Contact=contact)
    eventually(lambda: (found := registration(proxy)) is not None and found.code == 200)


def registration(proxy: Proxy) -> Registration | None:
    """At gateway 1, as the store has it."""
    return proxy.look(lambda snapshot: snapshot.read(health.registration, 1))
