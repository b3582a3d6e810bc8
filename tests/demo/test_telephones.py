"""The demo's telephones against each other, by real sipp and without a proxy: what both sides note is the same call."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.benchmarks.ports import free_port
from scripts.demo.callsheet import Call, Gateway
from scripts.demo.children import Children
from scripts.demo.sockets import Address, Taken, is_bound, require_free
from scripts.demo.telephones import Heard, Outside, read_log

SCENARIOS = Path(__file__).resolve().parents[2] / "scripts" / "demo" / "sipp"


def free_address(host: str) -> Address:
    """A UDP address that nobody has."""
    return Address(host, free_port())


@pytest.fixture
def children() -> Iterator[Children]:
    with Children() as started:
        yield started


def made(children: Children, logs: Path, does: Gateway, talk_ms: int) -> tuple[Heard, Heard]:
    """A call straight from a caller to a gateway."""
    gateway, caller = free_address("127.0.7.81"), free_address("127.0.7.21")
    outside = Outside(children, SCENARIOS, logs, gateway)
    wanted = Call("one", "amber", "442079460001", talk_ms, "493012345", {"a/gw1": does})
    _, *heard = outside.call(wanted, caller, {"a/gw1": gateway}, "1-one")
    return heard[0], heard[1]


def test_a_call_that_the_caller_ends(children: Children, tmp_path: Path) -> None:
    """Both logs have the same length of talk."""
    caller, gateway = made(children, tmp_path, Gateway("answer", ring_ms=300), 1000)
    assert caller.talked_ms is not None
    assert gateway.talked_ms is not None
    assert 1000 <= gateway.talked_ms < 1400
    assert abs(gateway.talked_ms - caller.talked_ms) < 100


def test_a_call_that_the_gateway_ends(children: Children, tmp_path: Path) -> None:
    """After the gateway's time, not the caller's."""
    caller, gateway = made(children, tmp_path, Gateway("answer", ring_ms=100, talk_ms=700), 5000)
    assert caller.talked_ms is not None
    assert gateway.talked_ms is not None
    assert 700 <= gateway.talked_ms < 1100
    assert caller.talked_ms < 1200


@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline", "302 Moved", "415 What is it", "699 No"])
def test_a_call_that_the_gateway_refuses(children: Children, tmp_path: Path, status: str) -> None:
    """The caller notes code and reason, and no talk."""
    caller, gateway = made(children, tmp_path, Gateway("refuse", status=status), 1000)
    assert (caller.status, caller.talked_ms, gateway.answered_ms) == (status, None, None)


def test_logs_are_read_event_by_event() -> None:
    """The first of each kind counts; half a line is none."""
    assert read_log("invited 100\nanswered 608\nended by caller 2116\n") == Heard(100, 608, 2116, "")
    assert read_log("rejected 104 402 Insufficient funds\n").status == "402 Insufficient funds"
    assert read_log("answered 608\nanswered 700\nend") == Heard(None, 608, None, "")
    assert read_log("") == Heard()


def test_a_taken_address_is_told_with_its_holder() -> None:
    """Who has it, and what to do; a free one passes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.7.1", 0))
        address = Address("127.0.7.1", held.getsockname()[1])
        assert is_bound(address)
        with pytest.raises(Taken, match=rf"the proxy needs udp:127.0.7.1:{address.port}.*pid \d+.*: choose another"):
            require_free(address, "the proxy", "choose another")
    assert not is_bound(address)
    require_free(address, "the proxy", "choose another")


def test_what_is_left_of_a_connection_is_nobody() -> None:
    """A port is bound while somebody listens; not by what stands in TIME_WAIT for a minute after."""
    with socket.create_server(("127.0.7.1", 0)) as listener:
        address = Address("127.0.7.1", listener.getsockname()[1], "tcp")
        assert is_bound(address)
        caller = socket.create_connection(address[:2])
        answered, _ = listener.accept()
        answered.close()  # whoever closes first keeps the port
        caller.close()
    assert f"0107007F:{address.port:04X}" in Path("/proc/net/tcp").read_text(), "nothing is left of it"
    assert not is_bound(address)
