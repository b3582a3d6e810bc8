"""Floods: a good customer's calls go through meanwhile, and nothing grows. `scripts/torture floods` sends more."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kemi.world import CUSTOMER
from tests.sip.agents import Agent, Call
from tests.sip.attacks.cases import Case, request
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import HOME, Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

FLOOD_S = int(os.environ.get("KAMBILL_FLOOD_S", "3"))
PER_S = int(os.environ.get("KAMBILL_FLOOD_PER_S", "1500"))
INVITES = int(os.environ.get("KAMBILL_FLOOD_INVITES", "3000"))
GOOD_PER_S = 10
STRANGER, LISTED = "127.0.0.97", "127.0.0.3"


@pytest.fixture
def edge() -> Iterator[Proxy]:
    """A Kamailio of its own, whose bans are no other test's."""
    proxy = Proxy()
    try:
        proxy.start()
        proxy.furnish()
        yield proxy
    finally:
        proxy.close()


def memory(proxy: Proxy) -> tuple[int, int]:
    """What Kamailio's processes share, in bytes, and what each holds beside, in KiB and in all."""
    assert proxy.process is not None
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text().split()
    resident = 0
    for child in children:
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
        resident += next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return int(proxy.rpc("core.shmmem")["used"]), resident


def calls_during(proxy: Proxy, source: str, count: int, per_s: int) -> float:
    """The share of a good customer's calls that are answered while a source floods."""
    good = Caller("127.0.0.2", 0, (proxy.ip, proxy.port))
    gateways = [Gateway(f"127.0.0.1{number}", 5060, (proxy.ip, proxy.port)) for number in (1, 2, 3)]
    words = (source, proxy.ip, proxy.port, count, per_s)
    command = [sys.executable, "-m", "tests.sip.attacks.flood", *map(str, words)]
    with Robots(good, *gateways) as robots:
        flood = subprocess.Popen(command, cwd=HOME, stdout=subprocess.PIPE, text=True)
        while flood.poll() is None:
            robots.dial(good, "0033123", 0.5, GOOD_PER_S, GOOD_PER_S)
        eventually(lambda: all(call.ended or call.code >= 300 for call in good.dialled.values()), 30)
    print(Counter(call.code for call in good.dialled.values()))
    answered = sum(call.code == 200 for call in good.dialled.values())
    assert flood.stdout is not None
    print(f"{answered} of {len(good.dialled)} good calls while {source} sent {flood.stdout.read().strip()} s")
    return answered / len(good.dialled)


def test_a_strangers_flood_harms_nobody(edge: Proxy) -> None:
    """It is banned in its first second; the good customer's calls are answered, memory stays as it was."""
    calls_during(edge, STRANGER, 200, 100)  # everything that is made once
    edge.send({"do": "lift", "network": STRANGER})
    before = memory(edge)
    assert calls_during(edge, STRANGER, PER_S * FLOOD_S, PER_S) >= 0.99
    after = memory(edge)
    print(f"shared memory {before[0]} -> {after[0]} bytes, processes {before[1]} -> {after[1]} KiB")
    assert after[0] < before[0] + 8_000_000
    assert after[1] < before[1] + 16_384
    banned = [line for line in edge.journal() if line["e"] == "banned"]
    assert {(line["network"], line["why"]) for line in banned} <= {(STRANGER, "flood"), (STRANGER, "strikes")}
    assert banned
    assert edge.counter("shut_out") > PER_S


def test_a_listed_flood_of_invites_harms_nobody_else(edge: Proxy) -> None:
    """Distinct Call-IDs from a trunk with a limit of calls a second: 503 for what is beyond, and no ban."""
    edge.send(edge.trunk_body(2, CUSTOMER, networks=[f"{LISTED}/32"], cps=5, channels=20))
    before = memory(edge)
    assert calls_during(edge, LISTED, INVITES, PER_S) >= 0.99
    eventually(lambda: edge.running() == [], 40)
    after = memory(edge)
    print(f"shared memory {before[0]} -> {after[0]} bytes, processes {before[1]} -> {after[1]} KiB")
    assert after[1] < before[1] + 65_536
    assert not [line for line in edge.journal() if line["e"] == "banned"]


@pytest.mark.parametrize("agent_name", ["friendly-scanner", "sipcli/v1.8"])
def test_a_scanner_is_banned_by_its_first_word(edge: Proxy, agent_name: str) -> None:
    """Seen in the store, lifted by a command; a banned network of the operator's shuts out a trunk too."""
    scanner, caller, gateway = (
        Agent(ip, port, (edge.ip, edge.port)) for ip, port in ((STRANGER, 0), ("127.0.0.2", 0), ("127.0.0.11", 5060))
    )
    try:
        scanner.send(Case("scan", request("OPTIONS", body="", User_Agent=agent_name)).sent_by(scanner.port, "scan"))
        (banned,) = eventually(lambda: [line for line in edge.journal() if line["e"] == "banned"])
        assert (banned["network"], banned["why"]) == (STRANGER, "scanner")
        edge.send(edge.trunk_body(2, CUSTOMER, networks=[f"{STRANGER}/32"]))
        time.sleep(1.2)
        call, _ = answer(scanner, gateway)  # listed since: it is let in
        hang_up(call, gateway)
        edge.send({"do": "ban", "network": "127.0.0.2", "why": "operator", "until_ms": 0})
        time.sleep(1.2)
        refused = Call(caller, "0033123")
        refused.invite()
        gateway.expect_silence(refused.call_id)
        caller.expect_silence(refused.call_id)
        edge.send({"do": "lift", "network": "127.0.0.2"})
        time.sleep(1.2)
        refused.invite()
        gateway.expect("INVITE", Call_ID=refused.call_id)
    finally:
        for one in (scanner, caller, gateway):
            one.close()


def test_a_restart_keeps_bans(edge: Proxy) -> None:
    """They stand in the store, not in a process."""
    edge.send({"do": "ban", "network": "127.0.0.2", "why": "operator", "until_ms": 0})
    edge.stop()
    edge.start()
    caller = Agent("127.0.0.2", 0, (edge.ip, edge.port))
    call = Call(caller, "0033123")
    call.invite()
    caller.expect_silence(call.call_id, 0.5)
    assert edge.counter("shut_out") > 0
    caller.close()
