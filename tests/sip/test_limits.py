"""Limits, lists and high-risk ranges through a real Kamailio: a weekend's fraud ends where it was said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kemi.store import limits
from kemi.store.limits import Counter
from ratebook.clocks import DAY_S
from tests.kemi.world import CUSTOMER, LOWER, UPPER
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

RULE = 900
CAP_MICROS = 100_000
"""Of the customer's money: 100 seconds of talking."""
RANGES = 20
LONGEST_S = 90
"""More than the longest of these tests takes."""


class Guarded:
    """The customer's precautions, whole at each telling."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    def limit(self, measure: str, amount: int, action: str, account: int = CUSTOMER) -> None:
        """One, of this day, which lasts longer than the test does: the next one would begin at nothing."""
        left_s = DAY_S - time.time() % DAY_S
        if left_s < LONGEST_S:
            time.sleep(left_s + 1)
        rule = {"id": RULE, "trunk": 0, "measure": measure, "group": "", "limit": amount, "window_s": DAY_S}
        self.tell(account, rules=[rule | {"action": action}])

    def tell(self, account: int = CUSTOMER, **more: Any) -> None:
        """All that an account has."""
        body: dict[str, Any] = {"do": "precautions", "account": account, "rules": [], "numbers": []}
        self.proxy.send(body | {"opened": [], "closed": []} | more)

    def counter(self) -> Counter:
        """Of the limit."""
        return self.proxy.look(lambda snapshot: snapshot.read(limits.read, CUSTOMER))[RULE]

    def alarms(self) -> list[dict[str, Any]]:
        """Of this test, in the journal."""
        return [line for line in self.proxy.journal() if line["e"] == "alarm" and line["wall_ms"] >= self.began_ms]

    began_ms = 0


@pytest.fixture
def guarded(proxy: Proxy) -> Iterator[Guarded]:
    """Nobody has any before, and after."""
    found = Guarded(proxy)
    found.began_ms = time.time_ns() // 1_000_000
    yield found
    for account in (CUSTOMER, LOWER, UPPER):
        found.tell(account)
    proxy.send({"do": "ranges", "ranges": []}, proxy.trunk_body(1, CUSTOMER))


def test_a_weekend_of_fraud_costs_the_limit_and_no_more(proxy: Proxy, guarded: Guarded) -> None:
    """A hundred calls in seconds to twenty ranges: as many at once as the limit holds, all ended within a minute, what
    they cost is the limit to the micro-unit, and the alarm is given once.
    """
    guarded.limit("spend", CAP_MICROS, "block")
    before = proxy.account(CUSTOMER).balance
    gateway = Gateway("127.0.0.11", 5060, (proxy.ip, proxy.port))
    caller = Caller("127.0.0.2", 0, (proxy.ip, proxy.port))
    with Robots(caller, gateway) as robots:
        began = time.monotonic()
        for number in range(RANGES):
            robots.dial(caller, f"00338{number:02}12345", 45, 5, 200)
        eventually(lambda: len(caller.dialled) == 5 * RANGES)
        eventually(lambda: all(dialled.code for dialled in caller.dialled.values()))
        highest = _highest(proxy)
        eventually(lambda: proxy.running() == [], 45)
        took_s = time.monotonic() - began
        answers = sorted(dialled.code for dialled in caller.dialled.values())
    assert took_s < 60
    assert highest <= CAP_MICROS
    assert before - proxy.account(CUSTOMER).balance == guarded.counter().used
    assert CAP_MICROS - 1000 <= guarded.counter().used <= CAP_MICROS
    assert set(answers) == {200, 403}
    assert [one["rule"] for one in eventually(guarded.alarms)] == [RULE]
    assert proxy.account(CUSTOMER).held == 0


def _highest(proxy: Proxy) -> int:
    """What is used and held of the limit while calls run."""
    found = proxy.look(lambda snapshot: snapshot.read(limits.read, CUSTOMER)).get(RULE)
    return 0 if found is None else found.used + found.held


def test_a_suspension_cuts_what_runs(proxy: Proxy, guarded: Guarded, caller: Agent, gateway: Agent) -> None:
    """At the call that is one too many; both sides of the others get their BYE."""
    guarded.limit("calls", 2, "suspend", LOWER)
    calls = [answer(caller, gateway)[0] for _ in range(2)]
    assert _refused(proxy, caller, "0033123") == (503, f"limit {RULE}")
    for call in calls:
        gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200)
        caller.reply(caller.expect("BYE", Call_ID=call.call_id), 200)
        assert proxy.cdr(call.call_id)["ended_by"] == "suspension"
    assert not proxy.account(LOWER).is_active
    (alarm,) = eventually(guarded.alarms)
    assert (alarm["action"], alarm["account"], alarm["seen"]) == ("suspend", LOWER, 2)


def _refused(proxy: Proxy, caller: Agent, number: str) -> tuple[int, str]:
    """What an INVITE gets that isn't let through, and why by its record."""
    call = Call(caller, number)
    call.invite()
    final = caller.expect_final(call.call_id)
    call.to_tag = final.tag("To")
    call.ack()
    return final.code, proxy.cdr(call.call_id)["rule"]


def test_a_blocked_number(proxy: Proxy, guarded: Guarded, caller: Agent, gateway: Agent) -> None:
    """403 to the account itself, and nothing at the gateway; the next number passes."""
    guarded.tell(numbers=[[0, "called", "338", False, False]])
    assert _refused(proxy, caller, "0033812") == (403, "called_list")
    call, _ = answer(caller, gateway, "0033912")
    hang_up(call, gateway)


def test_a_high_risk_range_closed_and_opened(
    proxy: Proxy, guarded: Guarded, caller: Agent, agent: Callable[..., Agent]
) -> None:
    """By everybody of the path: until then 403 or, where somebody above has it closed, 503."""
    proxy.send({"do": "ranges", "ranges": [["3389", 4, 0]]})
    codes = []
    for account in (CUSTOMER, LOWER, UPPER):
        codes.append(_refused(proxy, caller, "0033891")[0])
        guarded.tell(account, opened=[4])
    assert codes == [403, 503, 503]
    gateway = agent("127.0.0.11", 5060)
    call, _ = answer(caller, gateway, "0033891")
    hang_up(call, gateway)
