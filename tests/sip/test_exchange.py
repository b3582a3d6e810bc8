"""Calls in other currencies through a real Kamailio: what the ledger has is what the pricing function says."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ratebook.document import load
from ratebook.exchange import parse_factor
from ratebook.price import charge
from tests.sip.agents import Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.node import SETUP, Node
from tests.sip.proxy import eventually

EXCHANGE = """
base: EUR
rates:
  - {from: EUR, to: USD, rate: 1.0845}
  - {from: EUR, to: GBP, rate: 0.8712}
"""
FRANCS = "  - {from: EUR, to: CHF, rate: 0.9371}\n"


@pytest.fixture
def node() -> Iterator[Node]:
    """Up: the customer has pounds and pays by a tariff in dollars; the carrier is in francs."""
    node = Node()
    try:
        book = node.data_dir / "ratebook"
        for name, currency, rate in (("retail", "USD", "0.061"), ("carrier", "CHF", "0.012")):
            text = f'currency: {currency}\nincrements: 6/6\nrates:\n  - {{prefix: "", rate: {rate}}}\n'
            (book / "tariffs" / f"{name}.yaml").write_text(text)
        (book / "exchange.yaml").write_text(EXCHANGE + FRANCS)
        setup = SETUP.replace("tariff: retail}", "tariff: retail, currency: GBP}")
        setup = setup.replace("tariff: carrier,", "tariff: carrier, currency: CHF,")
        (node.data_dir / "setup.yaml").write_text(setup)
        node.open()
        yield node
    finally:
        node.close()


@pytest.fixture
def sides(node: Node) -> Iterator[tuple[Agent, Agent]]:
    """The caller's and the gateway's."""
    caller, gateway = Agent("127.0.0.2", 0, (node.ip, node.port)), Agent("127.0.0.11", 5060, (node.ip, node.port))
    yield caller, gateway
    caller.close()
    gateway.close()


def test_a_call_in_another_currency(node: Node, sides: tuple[Agent, Agent]) -> None:
    """Charge, factor and cost are those of the pricing function; the doctor finds everything in order."""
    caller, gateway = sides
    call, _ = answer(caller, gateway)
    time.sleep(1.2)
    hang_up(call, gateway)
    node.settle_down()
    (cdr,) = [row for row in node.ledger_cdrs() if row["call_id"] == call.call_id]
    own, *above = cdr["charges"]
    assert (own["account"], own["currency"], own["tariff_currency"]) == ("customer", "GBP", "USD")
    loaded = load(node.data_dir / "ratebook")
    (rate,) = loaded.tariffs["retail"].rates
    answered_s = cdr["answer_ms"] // 1000
    factor = loaded.exchange.factor("USD", "GBP", answered_s)
    assert factor == parse_factor(own["exchange"]) == (968, 1205)
    assert charge(rate.terms, cdr["duration_ms"], answered_s, factor) == (own["billed_s"], own["micros"])
    assert own["micros"] == 4_900  # six seconds: 0.0061 dollars
    assert [(one["currency"], one["exchange"]) for one in above] == [("EUR", "1/1"), ("EUR", "1/1")]
    assert (cdr["cost"]["currency"], cdr["cost"]["exchange"], cdr["cost"]["micros"]) == ("CHF", "1/1", 1_200)
    assert node.doctor()["ok"]


def test_a_carrier_that_cannot_be_compared(node: Node, sides: tuple[Agent, Agent]) -> None:
    """503 without a reason to the customer; the pair stands in Kamailio's log and in the record."""
    caller, _ = sides
    before = node.look(lambda snapshot: snapshot.applied_command)
    (node.data_dir / "ratebook" / "exchange.yaml").write_text(EXCHANGE)
    done = node.kambill("tariff", "publish")
    assert done["warnings"] == ["no rate of exchange CHF/EUR: these providers are no way then"]
    eventually(lambda: node.look(lambda snapshot: snapshot.applied_command) > before)
    call = Call(caller, "0033123")
    call.invite()
    refused = caller.expect_final(call.call_id)
    call.to_tag = refused.tag("To")
    call.ack()
    assert refused.first_line == "SIP/2.0 503 Temporarily unavailable"
    assert "no rate of exchange CHF/EUR: calls of account 1 get 503" in node.tail()
    node.settle_down()
    rules = {row["rule"] for row in node.ledger_cdrs()}
    assert "exchange CHF/EUR" in rules
    assert node.doctor()["ok"]
