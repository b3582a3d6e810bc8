"""The machine's clock is set an hour on, or back, during a call: the call ends and costs as if it weren't."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kemi.world import CUSTOMER, EURO
from tests.sip.agents import Agent
from tests.sip.calls import answer, hang_up, ring, seconds
from tests.sip.proxy import Proxy
from tests.sip.wall_clock import Clock, sweep

HOUR_S = 3600
GRANT_S = 4


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """At the right time."""
    return Clock(tmp_path / "clock")


@pytest.fixture
def proxy(clock: Clock) -> Iterator[Proxy]:
    """One whose clock can be set, and money for GRANT_S seconds."""
    proxy = Proxy()
    proxy.environment |= clock.environment
    try:
        sweep()
        proxy.start()
        proxy.furnish()
        money = 1000 * GRANT_S - 1000 * EURO
        proxy.send({"do": "settings", "first_hold_s": GRANT_S}, {"do": "credit", "account": CUSTOMER, "micros": money})
        yield proxy
    finally:
        proxy.close()
        sweep()


@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S], ids=["an hour on", "an hour back"])
def test_a_call_is_cut_in_time_whatever_the_clock_says(
    proxy: Proxy, clock: Clock, caller: Agent, gateway: Agent, offset_s: int
) -> None:
    """BYE at the fourth second, four seconds on the bill; the record's times are the clock's."""
    call, _ = answer(caller, gateway)
    clock.set(offset_s)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert GRANT_S - 1.1 < bye.at - call.answered_at < GRANT_S + 1.2
    gateway.reply(bye, 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert cdr["charges"][0]["billed_s"] == GRANT_S
    assert GRANT_S * 1000 - 1100 < cdr["duration_ms"] <= GRANT_S * 1000
    assert abs(cdr["end_ms"] - cdr["answer_ms"] - offset_s * 1000) < 10_000


@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S], ids=["an hour on", "an hour back"])
def test_a_call_that_is_hung_up_costs_its_seconds(
    proxy: Proxy, clock: Clock, caller: Agent, gateway: Agent, offset_s: int
) -> None:
    """And the clock may be put right again meanwhile."""
    call, _ = answer(caller, gateway)
    clock.set(offset_s)
    time.sleep(1.05)
    clock.set(0)
    hang_up(call, gateway)
    cdr = proxy.cdr(call.call_id)
    assert 1050 <= cdr["duration_ms"] <= 1000 * (time.monotonic() - call.begun_s)
    assert cdr["charges"][0]["billed_s"] == seconds(cdr)


def test_a_clock_that_is_set_on_ends_calls_and_charges_what_they_were(
    proxy: Proxy, clock: Clock, caller: Agent, gateway: Agent
) -> None:
    """Kamailio's timers follow the wall clock when it goes on, within five seconds: that is further than the grant."""
    proxy.send({"do": "credit", "account": CUSTOMER, "micros": 1000 * EURO})
    call, _ = answer(caller, gateway)
    clock.set(HOUR_S)
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    gateway.reply(bye, 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    cdr = proxy.cdr(call.call_id)
    assert abs((bye.at - call.answered_at) * 1000 - cdr["duration_ms"]) < 1100
    assert cdr["charges"][0]["micros"] == -(-cdr["duration_ms"] // 1000) * 1000
    assert (cdr["ended_by"], proxy.account(CUSTOMER).held) == ("system", 0)


@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S], ids=["an hour on", "an hour back"])
def test_a_call_that_rings_is_answered_after_the_clock_was_set(
    proxy: Proxy, clock: Clock, caller: Agent, gateway: Agent, offset_s: int
) -> None:
    """Kamailio's own limit for ringing dialogs is on the wall clock; no answer passes without a timer."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect(180)
    clock.set(offset_s)
    time.sleep(0.3)
    gateway.reply(invite, 200, "OK", tag="x")
    call.take(caller.expect(200, CSeq="INVITE"))
    call.ack()
    gateway.expect("ACK")
    hang_up(call, gateway)
    cdr = proxy.cdr(call.call_id)
    assert 0 < cdr["duration_ms"] <= 1000 * (time.monotonic() - call.answered_at) + 50
    assert cdr["charges"][0]["billed_s"] == seconds(cdr)
