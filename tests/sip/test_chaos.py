"""Kill -9 of anything under load; the service away for all of it. The gateway's log is the truth.

`scripts/torture kills`, `away` and `stops` run them with the stated counts, by KAMBILL_KILLS, KAMBILL_AWAY_CALLS and
KAMBILL_STOPS.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.sip.node import Node
from tests.sip.proxy import eventually
from tests.sip.robots import Caller, Gateway, Robots

KILLS = int(os.environ.get("KAMBILL_KILLS", "4"))
AWAY_CALLS = int(os.environ.get("KAMBILL_AWAY_CALLS", "40"))
STOPS = int(os.environ.get("KAMBILL_STOPS", "10"))
DECISION_MAX_S = float(os.environ.get("KAMBILL_DECISION_MAX_S", "inf"))
"""From an INVITE's leaving its caller to its coming to the gateway. Asserted on a quiet machine only."""
SEED = int(os.environ.get("KAMBILL_SEED", "1"))
GRANT_S = 20
"""Shorter than the usual one: whatever lost its caller is waited for."""
TIMER_S = 2.5
"""What a leg may last beyond its grant: the dialog timer's second, a start's, and the BYE's way."""


@pytest.fixture
def node() -> Iterator[Node]:
    """Up, with a thousand euros for everybody."""
    node = Node(f"calls: {{grant_s: {GRANT_S}}}")
    try:
        node.open()
        yield node
    finally:
        node.close()


def phones(node: Node) -> tuple[Caller, Gateway]:
    """The customer's and the carrier's."""
    address = (node.ip, node.port)
    return Caller("127.0.0.2", 0, address), Gateway("127.0.0.11", 5060, address, ring_s=0.2)


def judge(node: Node, caller: Caller, gateway: Gateway) -> None:
    """Every acknowledged leg has exactly one charge, about as long as it was; none goes on; the doctor is content."""
    report = node.doctor()
    assert report["ok"], [check for check in report["checks"] if not check["ok"]]
    records = [cdr for cdr in node.ledger_cdrs() if cdr["outcome"] == "answered"]
    counted = Counter(cdr["call_id"] for cdr in records)
    assert [call_id for call_id, count in counted.items() if count > 1] == []
    by_call_id = {cdr["call_id"]: cdr for cdr in records}
    for leg in gateway.legs.values():
        if not leg.acked:
            continue
        cdr = by_call_id.get(leg.call_id)
        assert leg.ended_at is not None, f"{leg} goes on; its caller: {caller.dialled[leg.call_id]}; its record: {cdr}"
        if cdr is None:  # a 200 that was denied: ACK and BYE were ours, its caller never had it
            assert caller.dialled[leg.call_id].code != 200, leg
            assert leg.acked_s < 1, leg
            continue
        assert cdr["duration_ms"] / 1000 <= leg.talked_s + TIMER_S


def test_calls_while_the_service_is_away_are_charged_once_when_it_is_back(node: Node) -> None:
    """Stopped for all of them; nobody on the phone notices."""
    caller, gateway = phones(node)
    node.stop_service()
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", 1.0, AWAY_CALLS, rate=40)
        eventually(lambda: all(one.ended for one in caller.dialled.values()), 30)
    assert all(one.code == 200 for one in caller.dialled.values())
    node.start_service()
    node.settle_down()
    judge(node, caller, gateway)
    assert len([cdr for cdr in node.ledger_cdrs() if cdr["outcome"] == "answered"]) == AWAY_CALLS


def test_the_service_stopped_at_random_moments_delays_no_decision(node: Node) -> None:
    """SIGSTOP for up to half a second, again and again, under 20 calls a second: all are charged once."""
    chance = random.Random(SEED)
    caller, gateway = phones(node)
    assert node.service is not None
    with Robots(caller, gateway) as robots:
        for _ in range(STOPS):
            robots.dial(caller, "0033123", 1.0, 2, rate=20)
            node.service.send_signal(signal.SIGSTOP)
            robots.dial(caller, "0033123", 1.0, chance.randrange(1, 10), rate=20)
            node.service.send_signal(signal.SIGCONT)
        eventually(lambda: all(one.ended for one in caller.dialled.values()), 30)
        node.settle_down()
        judge(node, caller, gateway)
    delays = sorted(leg.invited_at - caller.dialled[leg.call_id].sent_at for leg in gateway.legs.values())
    p99 = delays[-len(delays) // 100 - 1]
    print(f"{len(delays)} calls, slowest decision {delays[-1] * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
    assert len(delays) == len(caller.dialled)
    assert delays[-1] <= DECISION_MAX_S


def test_any_process_killed_at_any_moment(node: Node) -> None:
    """20 calls a second, random lengths; workers, main, timers and service by chance."""
    chance = random.Random(SEED)
    caller, gateway = phones(node)
    killed: Counter[str] = Counter()
    with Robots(caller, gateway) as robots:
        for _ in range(KILLS):
            robots.dial(caller, "0033123", chance.uniform(0.5, 6), chance.randrange(10, 30), rate=20)
            killed[node.kill_one(chance)] += 1
        # What talks over a restart ends by its caller's BYE, or at its grant.
        node.settle_down(GRANT_S + 30)
        time.sleep(1)
        judge(node, caller, gateway)
    print(dict(killed), len(gateway.legs), "legs", sum(leg.acked for leg in gateway.legs.values()), "talked")


def test_the_stores_folder_wiped_while_everything_is_down(node: Node) -> None:
    """Rebuilt from ledger and journal: the call that talks goes on and is charged."""
    caller, gateway = phones(node)
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", 6.0, 3)
        eventually(lambda: sum(leg.acked for leg in gateway.legs.values()) == 3)
        time.sleep(0.5)  # the journal has them: at a power cut the last second may be lost
        node.stop()
        node.stop_service()
        shutil.rmtree(node.run_dir / "hot")
        node.start_service()
        node.start()
        eventually(node.is_ready, 60)
        node.settle_down()
        time.sleep(0.5)
        judge(node, caller, gateway)
    assert len([cdr for cdr in node.ledger_cdrs() if cdr["outcome"] == "answered"]) == 3


def test_the_stores_folder_wiped_while_everything_runs(node: Node) -> None:
    """503 until it is filled again; the calls that talk are there, and charged once."""
    caller, gateway = phones(node)
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", 4.0, 3)
        eventually(lambda: sum(leg.acked for leg in gateway.legs.values()) == 3)
        time.sleep(0.3)
        shutil.rmtree(node.run_dir / "hot")
        eventually(node.is_ready)
        robots.dial(caller, "0033123", 1.0, 2)
        eventually(lambda: all(one.ended for one in caller.dialled.values()))
        node.settle_down()
        judge(node, caller, gateway)
    assert len([cdr for cdr in node.ledger_cdrs() if cdr["outcome"] == "answered"]) == 5
