"""A full store: new calls are refused, those that are there end with their bill, and the log says what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.kemi.world import CUSTOMER, LOWER, UPPER
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

INVITES = 500
"""A store of 2 MiB has room for some 330."""
LOOK = """
import sys
from pathlib import Path
from kemi.store.environment import snapshot_of
with snapshot_of(Path(sys.argv[1])):
    print("looks", flush=True)
    sys.stdin.read()
"""
"""A process that looks at the store, and stays there."""


def _proxy(mib: int) -> Iterator[Proxy]:
    """Kamailio with a store of so many MiB."""
    proxy = Proxy()
    proxy.environment["KAMBILL_STORE_MIB"] = str(mib)
    try:
        proxy.start()
        proxy.furnish()
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def small() -> Iterator[Proxy]:
    """One with the smallest store."""
    yield from _proxy(2)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """One with a store that some 150 calls fill of which nothing can be used again."""
    yield from _proxy(8)


@contextmanager
def _looker(proxy: Proxy) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who looks at the store; killed in the end."""
    command = [sys.executable, "-c", LOOK, str(proxy.run_dir)]
    with subprocess.Popen(command, env=proxy.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as looker:
        assert looker.stdout is not None
        assert looker.stdout.readline() == b"looks\n"
        try:
            yield looker
        finally:
            looker.kill()


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


def _codes(proxy: Proxy, calls: int) -> list[int]:
    """What becomes of short calls, fifty a second, one after another; each answered one ends with its bill."""
    gateway, caller = (
        Gateway("127.0.0.11", 5060, (proxy.ip, proxy.port)),
        Caller("127.0.0.2", 0, (proxy.ip, proxy.port)),
    )
    before = _answered(proxy)
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", 0.1, calls, rate=50)
        eventually(lambda: all(dialled.code for dialled in caller.dialled.values()))
        eventually(lambda: all(leg.ended_at for leg in gateway.legs.values()))
    codes = [dialled.code for dialled in caller.dialled.values()]
    assert len(gateway.legs) == codes.count(200)
    eventually(lambda: proxy.running() == [])
    eventually(lambda: _answered(proxy) == before + codes.count(200))
    return codes


def test_who_died_while_it_looked_at_the_store_keeps_none_of_its_room(proxy: Proxy) -> None:
    """The service, killed in the middle of a look: what ends after that gives its room back, and calls go on."""
    with _looker(proxy):
        pass
    assert _codes(proxy, 300) == [200] * 300
    assert "fault" not in proxy.tail()


def test_who_stays_in_a_look_stops_new_calls_and_no_others(proxy: Proxy) -> None:
    """A process that is stopped in the middle of a look: new calls get 503 while those that talk can still end, the log
    names it, and when it has ended all goes on.
    """
    with _looker(proxy) as looker:
        codes = _codes(proxy, 250)
        assert set(codes) == {200, 503}
        assert codes[-50:] == [503] * 50
        assert f"process {looker.pid} has been looking at the hot store" in proxy.tail()
    eventually(lambda: _codes(proxy, 1) == [200])
    assert "fault" not in proxy.tail()
