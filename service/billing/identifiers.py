"""Numbers of companies and of their accounts, as far as they check themselves. Pure."""

from __future__ import annotations

import re

from stdnum import bic, iban
from stdnum.eu import vat

_LIKE_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}")
_PREFIXES = {"GR": "EL"}
"""Of numbers for VAT, where they are not the country's two letters."""


def vat_problem(country: str, number: str) -> str:
    """Of a number that begins as those for VAT of an EU country do; any other is of another kind. Empty: none."""
    prefix, compact = _PREFIXES.get(country, country), _compact(number)
    if country.lower() not in vat.MEMBER_STATES or not compact.startswith(prefix) or vat.is_valid(compact):
        return ""
    return f"this is no number for VAT of {country}: its length, its form or its check digits are wrong"


def account_problem(number: str) -> str:
    """Of what looks like an IBAN (ISO 13616); any other number is that of an account without one. Empty: none."""
    if not _LIKE_IBAN.match(_compact(number)) or iban.is_valid(number):
        return ""
    return "this is no IBAN: its country, its length or its check digits are wrong"


def bic_problem(code: str) -> str:
    """Of a bank's code (ISO 9362). Empty: none."""
    return "" if not code or bic.is_valid(code) else "this is no BIC such as COBADEFFXXX"


def _compact(number: str) -> str:
    return re.sub(r"[ .-]", "", number).upper()
