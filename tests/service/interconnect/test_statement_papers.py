"""A statement on paper: both directions, what was posted beside them, the net that is settled, what was disputed."""

from __future__ import annotations

import base64
import io
import re
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from service.billing.parties import PLAIN
from service.interconnect.statements.paper import Stated, document_from
from tests.service.interconnect.test_statements import Trade, house, mirrored, trade

__all__ = ["house", "trade"]
PAPER = {"country": "DE", "address_lines": ["A street 1"]}
PARTY = {"legal_name": "X", "country": "DE", "address_lines": []}


async def page_of(trade: Trade, statement: dict[str, Any]) -> str:
    """The words of its HTML."""
    got = await trade.boss.do("statement.paper", statement_id=statement["id"], query={"form": "html"})
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", base64.b64decode(got["data"]).decode(), flags=re.DOTALL)
    return " ".join(text.split())


async def test_it_says_what_is_settled(trade: Trade) -> None:
    """To the micro-unit, with a dispute that was open then and an adjustment; nothing later changes it."""
    boss, carrier = trade.boss, trade.house.ids["carrier"]
    await boss.do("party.edit", account_id=1, legal_name="Operator AG", **PAPER)
    await boss.do("party.edit", account_id=carrier, legal_name="Carrier SA", **PAPER)
    await trade.calls(60, 71)
    subject = {"account_id": carrier, "amount": "0.5", "direction": "out", "subject": "call on the 3rd"}
    dispute = await boss.do("dispute.open", **subject)
    first = (await trade.issue()).ok()
    said = await page_of(trade, first)
    for one in (
        "Statement", "S-000001", "Operator AG", "Carrier SA", "Our calls over your network",
        "Balance in your favour 0.0262 EUR", "Still disputed: call on the 3rd (0.50 EUR)",
    ):  # fmt: skip
        assert one in said, said
    assert first["net"] == "-0.0262"

    for state in ("sent", "accepted"):
        await boss.do("dispute.move", dispute_id=dispute["id"], state=state, text="x")
    await boss.do("dispute.settle", dispute_id=dispute["id"], key="d")
    await boss.do("party.edit", account_id=carrier, legal_name="Renamed SA", **PAPER)
    assert await page_of(trade, first) == said

    await trade.calls(60)
    second = (await trade.issue(since=None)).ok()
    later = await page_of(trade, second)
    assert ("Still disputed" in later, "call on the 3rd" in later, "Adjustments" in later) == (False, True, True)
    assert "Balance in our favour 0.488 EUR" in later
    assert second["net"] == "0.488"
    got = await boss.do("statement.paper", statement_id=second["id"])
    assert (got["name"], got["type"]) == ("S-000002.pdf", "application/pdf")
    assert "Renamed SA" in PdfReader(io.BytesIO(base64.b64decode(got["data"]))).pages[0].extract_text()


async def test_both_directions_in_the_partners_language(trade: Trade) -> None:
    """Each under its heading; a partner that is nobody on paper stands there by its name."""
    await trade.calls(60, 60, 60)
    await mirrored(trade)
    customer = trade.house.ids["customer"]
    await trade.boss.do("party.edit", account_id=customer, legal_name="C", **PAPER)
    await trade.boss.do("terms.edit", account_id=customer, language="de")
    said = await page_of(trade, (await trade.issue("customer")).ok())
    for one in ("Ihre Anrufe über unser Netz", "Unsere Anrufe über Ihr Netz", "lower"):
        assert one in said


async def test_only_whose_it_is_has_it(trade: Trade) -> None:
    """The partner's own people do; a customer beside it finds nothing."""
    await trade.calls(60)
    statement = (await trade.issue()).ok()
    office, ids = trade.house.office, trade.house.ids
    own = await office.hire(trade.boss, ids["carrier"], "c@carrier.example")
    other = await office.hire(trade.boss, ids["lower"], "l@lower.example")
    query = {"form": "html"}
    assert (await own.ask("statement.paper", statement_id=statement["id"], query=query)).status == 200
    assert (await other.ask("statement.paper", statement_id=statement["id"], query=query)).status == 404
    assert (await own.ask("statement.annex", statement_id=statement["id"])).status == 200
    assert (await other.ask("statement.annex", statement_id=statement["id"])).status == 404


_amounts = st.integers(-(10**12), 10**12)


@given(
    st.lists(st.tuples(st.sampled_from(["in", "out"]), _amounts, st.integers(0, 10**9)), max_size=6),
    st.tuples(_amounts, st.integers(-(10**9), 10**9)), _amounts, _amounts,
)  # fmt: skip
def test_the_lines_come_to_the_net(
    lines: list[tuple[str, int, int]], corrected: tuple[int, int], corrected_out: int, adjusted: int
) -> None:
    """Whatever the amounts, taxes and signs, exactly."""
    lines = [(way, micros, tax if way == "in" else 0) for way, micros, tax in lines]
    corrected_in, corrected_tax = corrected
    of = {way: sum(micros for one, micros, _ in lines if one == way) for way in ("in", "out")}
    net = of["in"] + corrected_in - of["out"] - corrected_out + adjusted
    row = SimpleNamespace(
        number="S-1", issued_ms=0, since_ms=0, until_ms=86_400_000, currency="EUR", account_id=7, net_micros=net,
        in_corrected_micros=corrected_in, out_corrected_micros=corrected_out,
        in_tax_micros=sum(tax for *_, tax in lines), in_corrected_tax_micros=corrected_tax,
    )  # fmt: skip
    told = {"destination": "", "billed_s": 61, "calls": 1, "duration_ms": 60_500}
    rows: Any = [SimpleNamespace(direction=way, micros=micros, tax_micros=tax, **told) for way, micros, tax in lines]
    beside: Any = [SimpleNamespace(subject=" ", amount_micros=adjusted)]
    paper = {"seller": PARTY, "buyer": PARTY, "language": "en", "zone": "UTC", "disputes": []}
    document = document_from(Stated(row, rows, beside, paper, PLAIN))  # type: ignore[arg-type]
    assert sum(line.net_micros for line in document.lines) == document.totals.payable_micros == net
