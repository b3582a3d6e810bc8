"""A small package and twenty real calls at once: it ends exactly at zero, over kills of Kamailio and of its store."""

from __future__ import annotations

import shutil
import signal
import time

from kemi.store.environment import Snapshot, open_reader
from kemi.store.packages import Stock, all_stocks
from tests.kemi.world import CUSTOMER, EURO
from tests.sip.node import Node
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Caller, Gateway, Robots

CALLS = 20
SECONDS = 70
"""Of the package: twenty calls of about five seconds need a hundred and more."""
TALK_S = 5.0


def stocks(node: Proxy) -> dict[int, Stock]:
    """Grants as the store has them."""
    return node.look(lambda snapshot: snapshot.read(all_stocks))


def seen_while(node: Proxy, caller: Caller) -> list[Stock]:
    """Every state of grant 1 that was caught while the calls are up."""
    found = []
    reader = open_reader(node.run_dir)
    end = time.monotonic() + 60
    while not all(one.ended for one in caller.dialled.values()) and time.monotonic() < end:
        with reader.snapshot() as snapshot:
            found += _grants(snapshot)
        time.sleep(0.01)
    reader.close()
    return found


def _grants(snapshot: Snapshot) -> list[Stock]:
    return list(snapshot.read(all_stocks).values())


def test_twenty_calls_share_a_small_package(proxy: Proxy) -> None:
    """At no moment more is held than there is; all of it is used, the rest paid at the tariff, to the micro-unit."""
    package = {"do": "package", "id": 1, "account": CUSTOMER, "product": 1, "money": False, "fees": True}
    package |= {"priority": 0, "from_s": 0, "until_s": 2**40, "amount": SECONDS}
    proxy.send({"do": "product", "id": 1, "groups": [], "tariffs": []}, package)
    caller = Caller("127.0.0.2", 0, (proxy.ip, proxy.port))
    gateway = Gateway("127.0.0.11", 5060, (proxy.ip, proxy.port))
    with Robots(caller, gateway) as robots:
        robots.dial(caller, "0033123", TALK_S, CALLS)
        seen = seen_while(proxy, caller)
        eventually(lambda: len(gateway.legs) == CALLS and all(leg.ended_at for leg in gateway.legs.values()))
    eventually(lambda: proxy.running() == [])
    assert len(seen) > 100
    assert all(0 <= stock.held <= stock.left <= SECONDS for stock in seen)
    assert (stocks(proxy)[1].left, stocks(proxy)[1].held) == (0, 0)
    rows = [proxy.cdr(leg.call_id)["charges"][0] for leg in gateway.legs.values()]
    assert sum(row["covered_s"] for row in rows) == SECONDS
    assert all(row["micros"] == (row["billed_s"] - row["covered_s"]) * 1000 for row in rows)
    billed_s = sum(row["billed_s"] for row in rows)
    assert billed_s >= CALLS * int(TALK_S)
    assert proxy.account(CUSTOMER).balance == 1000 * EURO - (billed_s - SECONDS) * 1000
    proxy.send({"do": "package_gone", "id": 1, "account": CUSTOMER})
    assert stocks(proxy) == {}


def test_a_package_survives_kamailio_and_its_store(node: Node) -> None:
    """Bought by command, used by twenty calls, Kamailio killed among them, then the store wiped: the doctor agrees."""
    words = ["--account", "lower", "--name", "minutes", "--kind", "package", "--seconds", str(SECONDS), "--price", "1"]
    node.kambill("product", "make", *words)
    made = node.kambill("subscription", "start", "--product", "minutes", "--account", "customer")
    eventually(lambda: node.kambill("subscription", "show", str(made["id"]))["state"] == "active")
    caller = Caller("127.0.0.2", 0, (node.ip, node.port))
    gateway = Gateway("127.0.0.11", 5060, (node.ip, node.port))
    with Robots(caller, gateway) as robots:
        eventually(lambda: stocks(node))
        robots.dial(caller, "0033123", TALK_S, CALLS)
        eventually(lambda: len([call for call in node.running() if call.is_answered]) == CALLS)
        node.stop(signal.SIGKILL)
        node.start()
        eventually(lambda: all(one.ended for one in caller.dialled.values()))
    node.settle_down()
    (package,) = node.kambill("package", "list")["items"]
    assert (package["granted_s"], package["taken_s"], package["left_s"]) == (SECONDS, SECONDS, 0)
    assert node.doctor()["ok"], node.doctor()
    node.kambill("package", "correct", str(package["id"]), "--seconds", "30", "--reason", "goodwill")
    node.stop()
    shutil.rmtree(node.run_dir / "hot")
    node.start()
    eventually(node.is_ready)
    assert [(stock.left, stock.held) for stock in stocks(node).values()] == [(30, 0)]
    assert node.doctor()["ok"], node.doctor()
