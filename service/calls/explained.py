"""The API of how a call's charges came about, step by step: from the terms that stand in its record."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from ratebook.compiled.layout import UnknownLayout, decode_terms
from ratebook.price import explain
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.values import Money, Told
from service.database.tables import charges


class ExplainedView(Told):
    """One level's charge."""

    account_id: int
    charge: Money
    currency: str
    steps: Annotated[list[str], Field(description="In English; empty: it was not answered")]


class ExplainedCall(Told):
    """Of the accounts in your subtree, from the caller's up."""

    items: list[ExplainedView]


async def explain_cdr(call: Call) -> Answer:
    """By the very function that priced it."""
    found = sa.select(charges).where(charges.c.cdr_id == call.row.id).order_by(charges.c.level)
    levels = list(await call.conn.execute(found))
    inside = await call.find_all("account", {level.account_id for level in levels})
    return Answer(ExplainedCall(items=[_level(call.row, one) for one in levels if one.account_id in inside]))


def _level(row: Row[Any], level: Row[Any]) -> ExplainedView:
    return ExplainedView(
        account_id=level.account_id, charge=level.charge_micros, currency=level.currency, steps=_steps(row, level)
    )


def _steps(row: Row[Any], level: Row[Any]) -> list[str]:
    if not row.answer_ms:
        return []
    times, parts = (int(part) for part in level.exchange.split("/"))
    try:
        terms = decode_terms(bytes.fromhex(level.terms))
    except (UnknownLayout, ValueError):
        return []
    return explain(terms, row.duration_ms, row.answer_ms // 1000, (times, parts), level.currency)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "cdr.explain", "GET", "/cdrs/{cdr_id}/price", _P.CDRS_READ, explain_cdr, "Explain a call's charges",
        answer=ExplainedCall,
    ),
]  # fmt: skip
