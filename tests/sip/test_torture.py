"""Messages that were written to break SIP software: each gets the answer it must have, and changes nothing."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.kemi.world import CUSTOMER
from tests.sip.agents import WAIT_S, Agent, Call
from tests.sip.attacks import fuzz, malformed, relay, rfc4475, rfc5118
from tests.sip.attacks.cases import SDP, SILENCE, Case, request
from tests.sip.attacks.watch import Exchange, Watch
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy

QUIET_S = 0.25
"""Of who is to hear nothing."""
FUZZED = int(os.environ.get("KAMBILL_FUZZED", "1500"))
MALFORMED = int(os.environ.get("KAMBILL_MALFORMED", "2000"))
SEED = int(os.environ.get("KAMBILL_SEED", "7"))
AT_ONCE = 25
"""Messages between two looks at Kamailio."""
_numbers = itertools.count(1)


@pytest.fixture
def proxy(proxy: Proxy) -> Iterator[Proxy]:
    """Without bans, so that everything is looked at."""
    proxy.send({"do": "settings", "flood_per_s": 10**6, "flood_listed_per_s": 10**6, "strikes_per_minute": 10**6})
    time.sleep(1.1)
    yield proxy
    proxy.send({"do": "settings"})


@pytest.fixture
def exchange(proxy: Proxy) -> Iterator[Exchange]:
    """Three gateways."""
    gateways = Exchange(proxy)
    yield gateways
    gateways.close()


def answer_to(agent: Agent, case: Case, *, is_strange: bool = False) -> int:
    """Sends a message; the final answer's code, acknowledged by its own means, or SILENCE, as strangers get."""
    agent.seen.clear()
    agent.send(case.sent_by(agent.port, f"{next(_numbers)}x{time.time_ns()}"))
    end = time.monotonic() + (QUIET_S if is_strange or SILENCE in case.codes else WAIT_S)
    while (message := agent.receive(end - time.monotonic())) is not None:
        if message.code >= 200:
            return message.code
    return SILENCE


def test_rfc_4475_is_whole() -> None:
    """49 messages, as the RFC counts them."""
    assert len({case.name for case in rfc4475.MESSAGES}) == 49


@pytest.mark.parametrize("case", rfc4475.MESSAGES, ids=[case.name for case in rfc4475.MESSAGES])
def test_rfc_4475(proxy: Proxy, caller: Agent, agent: Callable[..., Agent], exchange: Exchange, case: Case) -> None:
    """From a trunk: the answer that the RFC has in mind, at a gateway only what is valid. From a stranger: silence."""
    watch = Watch(proxy)
    code = answer_to(caller, case)
    strange = answer_to(agent("127.0.0.97"), case, is_strange=True)
    assert code in case.codes
    assert strange == SILENCE
    assert bool(exchange.requests) == case.passes
    watch.check(exchange, events=2)


@pytest.mark.parametrize("case", rfc5118.MESSAGES, ids=[case.name for case in rfc5118.MESSAGES])
def test_rfc_5118(proxy: Proxy, caller: Agent, exchange: Exchange, case: Case) -> None:
    """IPv6 in every place, in and out of brackets."""
    watch = Watch(proxy)
    assert answer_to(caller, case) in case.codes
    assert bool(exchange.requests) == case.passes
    watch.check(exchange, events=1)


def send_all(watch: Watch, agent: Agent, messages: Iterable[tuple[str, bytes]]) -> int:
    """Sends messages, a few between two looks. How many there were; prints what was answered."""
    answers: Counter[int] = Counter()
    count, names = 0, []
    for name, raw in messages:
        once = f"{next(_numbers)}x{time.time_ns()}"
        agent.send(Case(name, raw).sent_by(agent.port, once)[:65000])
        names.append(name)
        count += 1
        if count % AT_ONCE == 0:
            end = time.monotonic() + 0.02
            while (message := agent.receive(end - time.monotonic())) is not None:
                answers[message.code] += 1
            assert watch.is_well(), (names, watch.said())
            names.clear()
            agent.seen.clear()
    assert watch.is_well(), (names, watch.said())
    print(count, "messages, answers:", dict(sorted(answers.items())))
    return count


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.97"], ids=["trunk", "stranger"])
def test_broken_elements(proxy: Proxy, agent: Callable[..., Agent], exchange: Exchange, host: str) -> None:
    """Every element of an INVITE, broken in every way."""
    watch = Watch(proxy)
    sender = agent(host)
    count = send_all(watch, sender, malformed.messages())
    assert count > 400
    watch.check(exchange, events=count)
    assert host == "127.0.0.2" or not exchange.requests


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.97", "127.0.0.11"], ids=["trunk", "stranger", "gateway"])
def test_fuzzed_headers(proxy: Proxy, agent: Callable[..., Agent], host: str) -> None:
    """A seeded generator; KAMBILL_FUZZED says how many from each."""
    watch = Watch(proxy)
    exchange = Exchange(proxy, ("127.0.0.12", "127.0.0.13") if host == "127.0.0.11" else ("127.0.0.11", "127.0.0.12"))
    try:
        count = send_all(watch, agent(host), fuzz.messages(SEED, FUZZED))
        watch.check(exchange, events=count)
        assert host == "127.0.0.2" or not exchange.requests
    finally:
        exchange.close()


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.97", "127.0.0.11"], ids=["trunk", "stranger", "gateway"])
def test_no_request_is_relayed_by_its_own_word(proxy: Proxy, agent: Callable[..., Agent], host: str) -> None:
    """To-tags of no dialog and Routes to anywhere: 200 variants, none at a gateway or elsewhere."""
    watch = Watch(proxy)
    elsewhere = agent("127.0.0.98", 5060)
    unlisted = proxy.counter("unlisted")
    exchange = Exchange(proxy, ("127.0.0.12", "127.0.0.13") if host == "127.0.0.11" else ("127.0.0.11", "127.0.0.12"))
    try:
        count = send_all(watch, agent(host), relay.messages(f"{proxy.ip}:{proxy.port}", 200))
        assert elsewhere.receive(0.1) is None
        assert exchange.requests == []
        assert host != "127.0.0.97" or count == proxy.counter("unlisted") - unlisted
        watch.check(exchange, events=count)
    finally:
        exchange.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.97", "127.0.0.3", "127.0.0.12"], ids=["stranger", "other trunk", "other gateway"]
)
@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "ACK", "CANCEL", "INFO", "PRACK", "REFER", "MESSAGE"])
def test_a_forged_request_changes_nothing(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent], host: str, method: str
) -> None:
    """With the Call-ID, tags, Route and next CSeq of a running call, from an address of neither side."""
    proxy.send(proxy.trunk_body(2, CUSTOMER, networks=["127.0.0.3/32"]))
    call, back = answer(caller, gateway)
    before = proxy.running()
    forger = agent(host)
    for side, cseq in ((call, call.cseq + 1), (back, back.cseq + 1)):
        forged = Call(forger, side.number, call_id=side.call_id, from_tag=side.from_tag, cseq=cseq)
        forged.to_tag, forged.target, forged.routes = side.to_tag, side.target, side.routes
        forger.send(forged.text(method))
        forged.branch = side.branches[0]  # as if it were the call's own transaction
        forger.send(forged.text(method))
    for end in (caller, gateway):
        end.expect_nothing(method, 0.1, Call_ID=call.call_id)
    assert proxy.running() == before
    hang_up(call, gateway)
    assert len(proxy.cdrs(call.call_id)) == 1
    proxy.send({"do": "trunk_gone", "id": 2})


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "ACK", "BYE"])
def test_a_stranger_learns_nothing(agent: Callable[..., Agent], method: str) -> None:
    """Neither which users there are, nor that anybody is here."""
    stranger = agent("127.0.0.97")
    for user in ("0033123", "100", "root", "no-such-user"):
        body = SDP if method == "INVITE" else ""
        assert (
            answer_to(stranger, Case(user, request(method, f"sip:{user}@example.com", body=body)), is_strange=True)
            == SILENCE
        )


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "SUBSCRIBE"])
def test_a_trunk_hears_the_same_of_every_user(caller: Agent, method: str) -> None:
    """The same code and reason, whoever is asked for."""
    heard = set()
    for user in ("0033123", "100", "no-such-user"):
        assert answer_to(caller, Case(user, request(method, f"sip:{user}@example.com", body=""))) != SILENCE
        heard.add(caller.seen[-1].first_line)
    assert len(heard) == 1


def test_a_log_cannot_be_flooded(proxy: Proxy, caller: Agent, agent: Callable[..., Agent], exchange: Exchange) -> None:
    """Malformed datagrams with line breaks, from a trunk and a stranger: KAMBILL_MALFORMED of them make no line."""
    watch = Watch(proxy)
    broken = request(To='"\r\n 1(1) CRITICAL: kambill: forged <sip:', CSeq="x")
    for sender in (caller, agent("127.0.0.97")):
        send_all(watch, sender, ((str(at), broken) for at in range(MALFORMED // 2)))
    assert watch.said() == []
    watch.check(exchange, events=0)
