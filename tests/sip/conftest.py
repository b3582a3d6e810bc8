"""One Kamailio for all tests of this folder that don't kill it, and agents on loopback addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.once import folder_of_the_run
from tests.sip.agents import Agent
from tests.sip.network import leave_for_own
from tests.sip.node import Node
from tests.sip.proxy import Proxy

LONG = ("packages", "exchange", "bands", "torture", "taxes", "devices_node", "hygiene")
"""Files that come first where several run side by side, so that none of them is the last one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Otherwise in their order."""
    order = {f"test_{name}": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


def pytest_configure(config: pytest.Config) -> None:
    """A worker of `pytest -n` goes where no other worker's addresses are."""
    if hasattr(config, "workerinput"):
        leave_for_own()


@pytest.fixture(scope="session", autouse=True)
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where nodes keep what they begin with."""
    Node.shelf = tmp_path_factory.mktemp("nodes")
    Node.tables = folder_of_the_run(tmp_path_factory) / "tables.db"


@pytest.fixture(scope="session")
def shared_proxy() -> Iterator[Proxy]:
    """Started once."""
    proxy = Proxy()
    try:
        proxy.start()
        proxy.furnish()
        proxy.usual = proxy.configured()
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Iterator[Proxy]:
    """The shared one, with everybody active and a thousand euros each; afterwards no fault in its log, and tariffs,
    plans, trunks and gateways as before; new tariffs are in nobody's way.
    """
    shared_proxy.restore()
    before = shared_proxy.log.stat().st_size
    yield shared_proxy
    said = shared_proxy.log.read_bytes()[before:].decode(errors="replace")
    assert "kambill: fault" not in said, said
    usual, shared_proxy.usual = shared_proxy.usual, shared_proxy.configured()  # whoever comes next is not to blame
    assert usual == {key: raw for key, raw in shared_proxy.usual.items() if key in usual or key[:1] != b"r"}


@pytest.fixture
def impatient(proxy: Proxy) -> Iterator[None]:
    """For tests of silence: a gateway that says nothing is left in two seconds. The next one still answers in time."""
    proxy.send(proxy.plan_body(try_timeout_ms=2_000))
    yield
    proxy.send(proxy.plan_body())


@pytest.fixture
def node() -> Iterator[Node]:
    """One of its own, which may be killed: Kamailio, service and ledger, with a thousand euros for everybody."""
    node = Node()
    try:
        node.open()
        yield node
    finally:
        node.close()


@pytest.fixture
def agent(proxy: Proxy) -> Iterator[Callable[[str, int], Agent]]:
    """Makes agents that end with the test: `agent("127.0.0.2", 0)`."""
    made: list[Agent] = []

    def make(ip: str, port: int = 0) -> Agent:
        made.append(Agent(ip, port, ("::1" if ":" in ip else proxy.ip, proxy.port)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def caller(agent: Callable[..., Agent]) -> Agent:
    """The customer's switch."""
    return agent("127.0.0.2")


@pytest.fixture
def gateway(agent: Callable[..., Agent]) -> Agent:
    """Gateway 1, the cheapest."""
    return agent("127.0.0.11", 5060)
