"""More INVITEs than can be decided, through a real Kamailio: it is stopped, so that they wait, and goes on."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.kemi.world import CUSTOMER, ROOT
from tests.sip.agents import SDP, Agent, Call, Message
from tests.sip.calls import answer
from tests.sip.proxy import Proxy, eventually

WAITING = 150
"""INVITEs that wait: less than the smallest usual queue has room for, and more than PERCENT of the largest."""
PERCENT = 5
LOOK_S = 1.1
"""Within which each process has looked at the settings."""


@pytest.fixture
def limit(proxy: Proxy) -> Iterator[Callable[[int], None]]:
    """Sets the limit for one test. 112 is an emergency number in it."""

    def set_limit(percent: int) -> None:
        proxy.send({"do": "settings", "shed_queue_percent": percent})
        time.sleep(LOOK_S)

    entry = {"do": "special", "account": ROOT, "trunk": 0, "plan": 1, "prefix": False, "kind": "emergency"}
    proxy.send(entry | {"id": 1, "number": "112"})
    yield set_limit
    proxy.send({"do": "special_gone", "id": 1}, {"do": "settings"})
    time.sleep(LOOK_S)


@pytest.fixture(autouse=True)
def room(caller: Agent, gateway: Agent) -> None:
    """For all that comes to either side while the other one is looked at."""
    for agent in (caller, gateway):
        agent.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)


@contextmanager
def stopped(proxy: Proxy) -> Iterator[None]:
    """All processes of Kamailio stand still."""
    assert proxy.process is not None
    os.killpg(proxy.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(proxy.process.pid, signal.SIGCONT)


def busy(gateway: Agent, quiet_s: float = 1.0, *, but: Message | None = None) -> list[Message]:
    """The INVITEs that come to a gateway until none has come for a while; each gets 486. `but`: one that rings, and may
    come again. Others are left unanswered.
    """
    found = []
    while (message := gateway.receive(quiet_s)) is not None:
        if but is not None and message.text == but.text:
            continue
        if message.method == "INVITE" and not message.code:
            found.append(message)
            gateway.reply(message, 486, "Busy", tag="b")
        elif message.method == "BYE" and not message.code:
            gateway.reply(message, 200, "OK")
    return found


def finals(caller: Agent, quiet_s: float = 1.0) -> dict[str, Message]:
    """The final answers to INVITEs by Call-ID."""
    while caller.receive(quiet_s) is not None:
        pass
    return {one.header("Call-ID"): one for one in caller.seen if one.code >= 200 and one.method == "INVITE"}


def is_shed(message: Message) -> bool:
    """Whether it is the answer to a new call in an overload."""
    return message.code == 503 and message.header("Retry-After") in {"1", "2", "3", "4"}


def test_calls_that_run_go_on_and_new_ones_are_told_to_come_again(
    proxy: Proxy, caller: Agent, gateway: Agent, limit: Callable[[int], None]
) -> None:
    """BYEs behind a hundred INVITEs end their calls; those get 503 and Retry-After, but for who calls for help, and for
    an INVITE that goes on already. What was refused is not taken when it is repeated; afterwards all is as before.
    """
    limit(PERCENT)
    running = [answer(caller, gateway)[0] for _ in range(5)]
    ringing = Call(caller, "0033123")
    ringing.invite()
    invite = gateway.expect("INVITE", Call_ID=ringing.call_id)
    gateway.reply(invite, 180, "Ringing", tag="r")
    caller.expect(180)
    before = proxy.counter("shed")
    new = [Call(caller, "0033123") for _ in range(WAITING)]
    helping = Call(caller, "112")
    with stopped(proxy):
        for call in [helping, ringing, *new]:
            call.invite()
        for call in running:
            call.request("BYE")
    arrived = busy(gateway, but=invite)
    answers = finals(caller)
    shed = [call for call in new if is_shed(answers[call.call_id])]
    assert len(shed) >= WAITING // 2
    assert {call.call_id for call in new} - {call.call_id for call in shed} | {helping.call_id} == {
        message.header("Call-ID") for message in arrived
    }
    assert proxy.counter("shed") - before == len(shed)
    byes = [one for one in caller.seen if one.code == 200 and one.method == "BYE"]
    assert {one.header("Call-ID") for one in byes} == {call.call_id for call in running}
    for call in running:
        assert [cdr["ended_by"] for cdr in proxy.cdrs(call.call_id)] == ["caller"]
    assert proxy.cdrs(shed[0].call_id) == []
    gateway.reply(invite, 486, "Busy", tag="r")
    caller.expect(486, Call_ID=ringing.call_id)
    again = shed[0]
    again.invite()
    assert is_shed(caller.expect_final(again.call_id))
    gateway.expect_silence(again.call_id)
    later, _ = answer(caller, gateway)
    later.bye()
    eventually(lambda: proxy.running() == [])
    assert proxy.account(CUSTOMER).held == 0
    said = proxy.log.read_text(errors="replace")
    assert said.count("kambill: overload: more comes than can be decided") == 1
    told = eventually(lambda: re.findall(r"(\d+) new calls got 503", proxy.log.read_text(errors="replace")))
    assert int(told[0]) - len(shed) in {0, 1}  # the one again came after the end, or before


def test_without_a_limit_all_of_them_are_decided(
    proxy: Proxy, caller: Agent, gateway: Agent, limit: Callable[[int], None]
) -> None:
    """However long it takes."""
    limit(0)
    new = [Call(caller, "0033123") for _ in range(WAITING)]
    with stopped(proxy):
        for call in new:
            caller.send(call.text("INVITE", body=SDP))
    arrived = busy(gateway)
    assert {call.call_id for call in new} == {message.header("Call-ID") for message in arrived}
    assert not any(map(is_shed, finals(caller).values()))
    eventually(lambda: proxy.running() == [])
