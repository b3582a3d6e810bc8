"""Calls at once on money for a few: exactly those are admitted, by the gateway's own log.

`scripts/torture burst` runs it with more repeats (KAMBILL_BURST_REPEATS).
"""

from __future__ import annotations

import os
import time

import pytest

from kemi.store.environment import open_reader
from tests.kemi.world import CUSTOMER, LOWER, UPPER
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

REPEATS = int(os.environ.get("KAMBILL_BURST_REPEATS", "1"))
HOLDS = {
    "0049": {CUSTOMER: 60_000, LOWER: 30_000, UPPER: 24_000},
    "0033": {CUSTOMER: 10_000, LOWER: 5_000, UPPER: 4_000},
}
"""What a first hold is at each level: 60/60 and 1/1."""


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("poor", [CUSTOMER, UPPER], ids=["customer", "reseller"])
@pytest.mark.parametrize("number", ["0049", "0033"], ids=["60/60", "1/1"])
@pytest.mark.parametrize(("invites", "money_for"), [(200, 3), (400, 100)])
def test_exactly_as_many_are_admitted_as_can_pay(
    proxy: Proxy, invites: int, money_for: int, number: str, poor: int, repeat: int
) -> None:
    """A burst of INVITEs; sampled all the while, nobody's available money is below zero."""
    del repeat
    money = money_for * HOLDS[number][poor]
    proxy.send({"do": "credit", "account": poor, "micros": money - proxy.account(poor).available})
    proxy.send(proxy.plan_body(try_timeout_ms=4000))  # what a burst loses comes again, not by another gateway
    gateway = Gateway("127.0.0.11", 5060, (proxy.ip, proxy.port))
    caller = Caller("127.0.0.2", 0, (proxy.ip, proxy.port))
    with Robots(caller, gateway) as robots:
        robots.dial(caller, f"{number}123", 3.0, invites)  # none gives back before the last
        lowest = _watch(proxy, caller)
        eventually(lambda: all(leg.ended_at for leg in gateway.legs.values()))
        answers = sorted(dialled.code for dialled in caller.dialled.values())
    assert lowest >= 0
    assert len(gateway.legs) == money_for
    assert answers.count(200) == money_for
    assert answers.count(402 if poor == CUSTOMER else 503) == invites - money_for
    eventually(lambda: proxy.running() == [])
    proxy.send(proxy.plan_body())
    assert [proxy.account(account).held for account in (CUSTOMER, LOWER, UPPER)] == [0, 0, 0]


def _watch(proxy: Proxy, caller: Caller) -> int:
    """The lowest available money of anybody while the answers come in."""
    lowest = 0
    end = time.monotonic() + 90
    reader = open_reader(proxy.run_dir)
    while any(not dialled.code for dialled in caller.dialled.values()) and time.monotonic() < end:
        with reader.snapshot() as snapshot:
            accounts = [snapshot.account(account) for account in (CUSTOMER, LOWER, UPPER)]
        lowest = min([lowest, *(account.available for account in accounts if account)])
        time.sleep(0.01)
    reader.close()
    return lowest
