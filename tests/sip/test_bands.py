"""A call over the border of a time band, through a real Kamailio to the ledger."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from ratebook.document import load
from ratebook.price import charge
from tests.sip.agents import Agent
from tests.sip.calls import answer, hang_up
from tests.sip.node import Node

AHEAD_S = 6
"""From the ratebook's publication to the border: three seconds before it the call begins."""


def write_bands(node: Node, border_s: int) -> Path:
    """From a moment on the night's price holds."""
    book = node.data_dir / "ratebook"
    clock = f"{datetime.fromtimestamp(border_s, UTC):%H:%M:%S}"
    (book / "tariffs" / "retail.yaml").write_text(
        f"""
currency: EUR
border: split
bands: {{night: {{hours: "{clock}-24:00"}}}}
rates:
  - {{prefix: "", rate: 6, connect_fee: 0.5}}
  - {{prefix: "", rate: 0.6, band: night}}
"""
    )
    return book


def test_a_call_over_a_border_is_charged_at_both_prices(node: Node) -> None:
    """To the second of the border, whatever the second; what the ledger has is what the ratebook says."""
    began_s = time.time()
    node.kambill("tariff", "publish")
    took_s = int(time.time() - began_s) + 1  # so does the next one, about, on this machine
    ahead_s = AHEAD_S + 2 * took_s
    if time.time() % 86_400 > 86_400 - 60 - ahead_s:
        time.sleep(61 + ahead_s)  # the band ends with the day
    border_s = int(time.time()) + ahead_s
    book = write_bands(node, border_s)
    node.kambill("tariff", "publish")
    caller = Agent("127.0.0.2", 0, (node.ip, node.port))
    gateway = Agent("127.0.0.11", 5060, (node.ip, node.port))
    try:
        time.sleep(max(0.0, border_s - 3 - time.time()))
        call, _ = answer(caller, gateway)
        time.sleep(max(0.0, border_s + 3.5 - time.time()))
        hang_up(call, gateway)
        node.settle_down()
    finally:
        caller.close()
        gateway.close()
    (cdr,) = [row for row in node.ledger_cdrs() if row["call_id"] == call.call_id]
    answered_s, length_ms = cdr["answer_ms"] // 1000, cdr["duration_ms"]
    assert answered_s < border_s < answered_s + length_ms // 1000
    billed_s = -(-length_ms // 1000)
    before_s = border_s - answered_s
    by_hand = 500_000 + before_s * 100_000 + (billed_s - before_s) * 10_000
    (rate,) = load(book).tariffs["retail"].rates
    assert charge(rate.terms, length_ms, answered_s) == (billed_s, by_hand)
    (level,) = [row for row in cdr["charges"] if row["micros"] > 100_000]
    assert (level["billed_s"], level["micros"]) == (billed_s, by_hand)
    assert node.doctor()["ok"]
