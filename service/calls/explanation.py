"""How a charge came to what it says: step by step, with what packages paid. Pure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ratebook.compiled.layout import UnknownLayout, decode_terms
from ratebook.exchange import parse_factor
from ratebook.money import format_micros
from ratebook.price import Cover, explain

MESSAGE = "message"


def steps_of(call: Row[Any], charge: Row[Any]) -> list[str]:
    """Of an answered call; nothing of an attempt, a MESSAGE, or terms that another release has written."""
    if not call.answer_ms or call.kind == MESSAGE:
        return []
    try:
        terms = decode_terms(bytes.fromhex(charge.terms))
    except UnknownLayout:
        return []
    cover = Cover(charge.covered_s, charge.fees_covered)
    currency = charge.currency if charge.currency != terms.currency else ""
    factor, tax = parse_factor(charge.exchange), parse_factor(charge.tax)
    said = explain(terms, call.duration_ms, call.answer_ms // 1000, factor, currency, cover, tax)
    if charge.covered_micros:
        paid, rest = format_micros(charge.covered_micros), format_micros(charge.charge_micros)
        said.append(f"{paid} {charge.currency} of it paid by packages: {rest} {charge.currency} charged")
    if charge.tax_micros:
        said.append(f"{format_micros(charge.tax_micros)} {charge.currency} of that is tax")
    return said


def packages_of(charge: Row[Any]) -> str:
    """What packages paid of a charge, in a few words; empty: nothing."""
    said = [f"{charge.covered_s} s"] if charge.covered_s else []
    if charge.covered_micros:
        said.append(f"{format_micros(charge.covered_micros)} {charge.currency}")
    if charge.fees_covered:
        said.append("fees")
    return ", ".join(said)
