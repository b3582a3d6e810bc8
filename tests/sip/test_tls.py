"""TLS: a certificate is who calls. A real Kamailio, certificates made here."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kemi.certificates import fingerprint
from kemi.tcp_trial import dies_of_a_line
from tests.kemi.world import CUSTOMER, DEAR_CARRIER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer
from tests.sip.proxy import Proxy
from tests.sip.tls import Authority, TlsAgent, TlsServer

WITH_TLS = "#!define WITH_TLS\n"
LOOPBACK = "#!define KAMBILL_TCP_IS_FIREWALLED\n"
KAMAILIO = shutil.which("kamailio") or "/usr/sbin/kamailio"
PBX = "uri:sip:pbx.example"
CONFIG = """[server:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {authority}
verify_certificate = yes
require_certificate = no

[client:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {authority}
verify_certificate = yes
require_certificate = yes
"""


def _with_tls(proxy: Proxy, authority: Authority, more: str) -> None:
    """Lets a proxy that is yet to start listen on TLS at its own port."""
    certificate, key = authority.issue("server.example")
    config = authority.folder / "tls.cfg"
    config.write_text(CONFIG.format(key=key, certificate=certificate, authority=authority.certificate))
    proxy.local = f"{WITH_TLS}{more}#!define KAMBILL_TLS_CONFIG {config}\nlisten=tls:{proxy.ip}:{proxy.port}\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the proxy trusts."""
    return Authority(tmp_path_factory.mktemp("ca"), "Test CA")


@pytest.fixture(scope="module")
def edge(authority: Authority) -> Iterator[Proxy]:
    """Trunk 1 by its network, trunk 2 by a certificate from anywhere, trunk 3 by a fingerprint and its network."""
    proxy = Proxy()
    _with_tls(proxy, authority, LOOPBACK)
    exact, _ = authority.issue("exact.example")
    try:
        proxy.start()
        proxy.furnish()
        bodies = [
            proxy.trunk_body(2, CUSTOMER, networks=[], certificate=PBX),
            proxy.trunk_body(
                3, CUSTOMER, networks=["127.0.0.31/32"], certificate=f"sha256:{fingerprint(exact.read_text())}"
            ),
        ]
        proxy.send(*bodies)
        yield proxy
        assert "kambill: fault" not in proxy.tail()
    finally:
        proxy.close()


@pytest.fixture
def connect(edge: Proxy, authority: Authority) -> Iterator[Callable[..., TlsAgent]]:
    """Agents over TLS: `connect("127.0.0.30", certificate)`."""
    made: list[TlsAgent] = []

    def make(ip: str, certificate: tuple[Path, Path] | None = None) -> TlsAgent:
        made.append(TlsAgent(ip, 0, (edge.ip, edge.port), authority=authority.certificate, certificate=certificate))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def gateway(edge: Proxy) -> Iterator[Agent]:
    """Gateway 1, on UDP."""
    agent = Agent("127.0.0.11", 5060, (edge.ip, edge.port))
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def pbx(authority: Authority) -> tuple[Path, Path]:
    """The certificate of trunk 2."""
    return authority.issue("pbx.example", "DNS:pbx.example", "URI:sip:pbx.example")


def test_a_certificate_is_who_calls(
    edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent, pbx: tuple[Path, Path]
) -> None:
    """A whole call from an address that nobody has listed; it is trunk 2's, charged at every level."""
    caller = connect("127.0.0.30", pbx)
    call, _ = answer(caller, gateway, Contact=f"<sip:caller@127.0.0.30:{caller.port};transport=tls>")
    (running,) = edge.running()
    assert (running.trunk, running.caller_leg.socket) == (2, f"tls:{edge.ip}:{edge.port}")
    call.request("BYE")
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="BYE")
    cdr = edge.cdr(call.call_id)
    assert (cdr["trunk"], cdr["outcome"], [row["account"] for row in cdr["charges"]]) == (2, "answered", [4, 3, 2])


def test_only_who_shows_it_ends_the_call(
    edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent, pbx: tuple[Path, Path]
) -> None:
    """A BYE with the right tags, from the caller's address but without its certificate: 481, and the call goes on."""
    caller, thief = connect("127.0.0.30", pbx), connect("127.0.0.30")
    call, _ = answer(caller, gateway, Contact=f"<sip:caller@127.0.0.30:{caller.port};transport=tls>")
    call.agent = thief
    call.request("BYE")
    thief.expect(481, CSeq="BYE")
    (running,) = edge.running()
    assert running.is_answered
    call.agent = caller
    call.request("BYE")
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="BYE")


def test_who_has_another_certificate_by_now_still_hangs_up(
    edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent, pbx: tuple[Path, Path]
) -> None:
    """The operator names the next certificate of a trunk in mid-call: nobody without any ends the call, the old one
    does. New calls need the new one.
    """
    caller, thief = connect("127.0.0.30", pbx), connect("127.0.0.30")
    call, _ = answer(caller, gateway, Contact=f"<sip:caller@127.0.0.30:{caller.port};transport=tls>")
    edge.send(edge.trunk_body(2, CUSTOMER, networks=[], certificate="uri:sip:next.example"))
    try:
        call.agent = thief
        call.request("BYE")
        thief.expect(481, CSeq="BYE")
        call.agent = caller
        call.request("BYE")
        gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
        caller.expect(200, CSeq="BYE")
        assert edge.cdr(call.call_id)["ended_by"] == "caller"
        Call(caller, "0033123").invite()
        assert caller.receive(0.5) is None
    finally:
        edge.send(edge.trunk_body(2, CUSTOMER, networks=[], certificate=PBX))


def test_no_certificate_or_another_one_gets_silence(
    edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent, authority: Authority
) -> None:
    """As any stranger; somebody else's valid certificate is no better."""
    for shown in (None, authority.issue("other.example", "URI:sip:other.example")):
        call = Call(connect("127.0.0.32", shown), "0033123")
        call.invite()
        call.agent.expect_silence(call.call_id, 0.3)
    gateway.expect_nothing("INVITE", 0.1)


def test_an_expired_or_foreign_certificate_is_not_let_in(
    edge: Proxy, connect: Callable[..., TlsAgent], authority: Authority, tmp_path: Path
) -> None:
    """The connection ends before anything is read: nobody is answered on it."""
    expired = authority.issue("late.example", "URI:sip:pbx.example", days=-1)
    foreign = Authority(tmp_path / "foreign", "Somebody").issue("pbx.example", "URI:sip:pbx.example")
    for shown in (expired, foreign):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            _options(connect("127.0.0.30", shown))


def _options(agent: Agent) -> None:
    """Asks whether anybody is there. Raises AssertionError: nobody."""
    call = Call(agent, "0033123")
    agent.send(call.text("OPTIONS"))
    agent.expect(200, 1.0, Call_ID=call.call_id)


def test_a_fingerprint_beside_a_network(
    edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent, authority: Authority
) -> None:
    """From its address it is answered, from another one not; another certificate of the same name is not the one."""
    exact = authority.folder / "exact.example.pem", authority.folder / "exact.example.key"
    _options(connect("127.0.0.31", exact))
    with pytest.raises(AssertionError):
        _options(connect("127.0.0.32", exact))
    kept = exact[0].read_bytes(), exact[1].read_bytes()
    again = authority.issue("exact.example")
    try:
        with pytest.raises(AssertionError):
            _options(connect("127.0.0.31", again))
    finally:
        for path, raw in zip(exact, kept, strict=True):
            path.write_bytes(raw)


def test_a_listed_network_needs_no_certificate(edge: Proxy, connect: Callable[..., TlsAgent], gateway: Agent) -> None:
    """Trunk 1 says nothing of certificates."""
    _options(connect("127.0.0.2"))


@pytest.fixture
def carrier(edge: Proxy, authority: Authority, tmp_path: Path) -> Iterator[Callable[[str], TlsServer]]:
    """Gateway 3 on TLS, the only one of its plan but for gateway 1 behind it; of a good authority or of another one."""
    made: list[TlsServer] = []

    def make(whose: str) -> TlsServer:
        by = authority if whose == "good" else Authority(tmp_path / "other", "Somebody")
        made.append(TlsServer("127.0.0.13", 0, (edge.ip, edge.port), certificate=by.issue("carrier.example")))
        body = edge.gateway_body(3, DEAR_CARRIER, "127.0.0.13", made[-1].port) | {"transport": "tls"}
        edge.send(
            body, edge.plan_body(order="priority", no_loss="off", routes=[["", [[3, 1], [1, 2]]]], try_timeout_ms=2_000)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
    edge.send(edge.plan_body())


def test_a_gateway_over_tls_and_the_end_of_money(
    edge: Proxy, connect: Callable[..., TlsAgent], carrier: Callable[[str], TlsServer], pbx: tuple[Path, Path]
) -> None:
    """Both legs over TLS; a cut call's BYEs reach both sides on their connections."""
    caller, gateway = connect("127.0.0.30", pbx), carrier("good")
    contact = f"<sip:caller@127.0.0.30:{caller.port};transport=tls>"
    call = Call(caller, "0033123")
    call.invite(Contact=contact)
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.header("Via").startswith("SIP/2.0/TLS")
    reply = gateway.reply_text(invite, 200, "OK", tag="gw", Contact=f"<sip:gw@127.0.0.13:{gateway.port};transport=tls>")
    gateway.tls.sendall(reply.encode())
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    (running,) = edge.running()
    edge.send({"do": "cut", "call": running.hex, "by": "test"})
    for side in (gateway, caller):
        bye = side.expect("BYE", Call_ID=call.call_id)
        side.tls.sendall(side.reply_text(bye, 200, "OK").encode())
    assert edge.cdr(call.call_id)["gateway"] == 3


def test_a_gateway_of_another_authority_is_passed_over(
    edge: Proxy, connect: Callable[..., TlsAgent], carrier: Callable[[str], TlsServer], gateway: Agent
) -> None:
    """Its certificate isn't good: it gets no call, the next gateway does."""
    caller, wrong = connect("127.0.0.2"), carrier("other")
    call = Call(caller, "0033123")
    call.invite()
    assert wrong.receive(1.0) is None
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 486, "Busy Here", tag="x")
    assert caller.expect_final(call.call_id).code == 486
    assert [one[0] for one in edge.cdr(call.call_id)["attempts"]] == [3, 1]


def test_an_exposed_listener_is_refused(authority: Authority) -> None:
    """As of TCP: what kills this Kamailio is read behind the handshake."""
    if not dies_of_a_line(KAMAILIO):
        pytest.skip("this Kamailio has the fix")
    proxy = Proxy()
    _with_tls(proxy, authority, "")
    try:
        with pytest.raises(AssertionError, match="Kamailio has ended"):
            proxy.start()
        assert "WITH_TLS" in proxy.tail()
    finally:
        proxy.close()
