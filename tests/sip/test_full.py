"""A full store: new calls are refused, those that are there end with their bill, and the log says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kemi.world import CUSTOMER, LOWER, UPPER
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

INVITES = 500
"""A store of 2 MiB has room for some 330."""


@pytest.fixture
def small() -> Iterator[Proxy]:
    """Kamailio with the smallest store."""
    proxy = Proxy()
    proxy.environment["KAMBILL_STORE_MIB"] = "2"
    proxy.start()
    proxy.furnish()
    yield proxy
    proxy.close()


def test_a_full_store_refuses_new_calls_and_ends_old_ones(small: Proxy) -> None:
    """The gateway rings at those that were let in; all of them end with their bill."""
    gateway = Gateway("127.0.0.11", 5060, (small.ip, small.port), ring_s=4.0)
    caller = Caller("127.0.0.2", 0, (small.ip, small.port))
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", 1.0, INVITES, rate=400)
        eventually(lambda: all(dialled.code for dialled in caller.dialled.values()))
        eventually(lambda: all(leg.ended_at for leg in gateway.legs.values()))
    codes = [dialled.code for dialled in caller.dialled.values()]
    assert (codes.count(200) + codes.count(503), len(gateway.legs)) == (INVITES, codes.count(200))
    assert 200 < codes.count(200) < 400
    eventually(lambda: small.running() == [])
    assert [small.account(account).held for account in (CUSTOMER, LOWER, UPPER)] == [0, 0, 0]
    eventually(lambda: _answered(small) == codes.count(200))
    said = small.tail()
    assert "hot store is nearly full" in said
    assert "KAMBILL_STORE_MIB" in said
    assert "fault" not in said


def _answered(proxy: Proxy) -> int:
    """Answered calls that the journal has settled."""
    return sum(line["e"] == "settled" and line["outcome"] == "answered" for line in proxy.journal())
