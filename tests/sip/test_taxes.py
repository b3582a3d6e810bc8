"""A tax that is added to prepaid prices, through a real Kamailio: money and tax end together, at the right second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sip.agents import Agent
from tests.sip.calls import answer
from tests.sip.node import SETUP, Node
from tests.sip.proxy import eventually

TAXES = """
taxes:
  - {account: lower, name: VAT, percent: "19", category: S, everybody: true, added_to_prepaid: true}
"""
PAID = "0.00833"
"""Seven seconds at 0.06 a minute and 19 %; eight, if there were no tax."""


@pytest.fixture
def node() -> Iterator[Node]:
    """Up: the customer pays a tax to lower, which pays none to upper."""
    node = Node()
    try:
        (node.data_dir / "setup.yaml").write_text(SETUP + TAXES)
        with (node.data_dir / "kambill.yaml").open("a") as config:
            config.write("calls: {first_hold_s: 6}\n")
        node.open()
        node.kambill("payment", "adjust", "customer", "--amount=-1000", "--reason", "nothing is left")
        node.kambill("pay", "customer", PAID, "--reason", "seven seconds")
        yield node
    finally:
        node.close()


def test_the_call_is_cut_when_its_tax_cannot_be_paid_any_more(node: Node) -> None:
    """After seven seconds, both sides; each level's charge exact, nothing left of the money, all of it explained."""
    number = node.kambill("account", "show", "customer")["id"]
    eventually(lambda: node.account(number).balance == 8_330)
    caller, gateway = Agent("127.0.0.2", 0, (node.ip, node.port)), Agent("127.0.0.11", 5060, (node.ip, node.port))
    call, _ = answer(caller, gateway)
    for side in (caller, gateway):
        bye = side.expect("BYE", Call_ID=call.call_id)
        side.reply(bye, 200, "OK")
        assert 6 < bye.at - call.answered_at < 9
    caller.close()
    gateway.close()
    node.settle_down()
    (cdr,) = node.ledger_cdrs()
    assert (cdr["ended_by"], cdr["charges"][0]["tax_micros"]) == ("grant", 1_330)
    assert [(one["billed_s"], one["micros"]) for one in cdr["charges"]] == [(7, 8_330), (7, 3_500), (7, 2_800)]
    assert node.account(number).balance == 0
    assert node.doctor()["ok"]
