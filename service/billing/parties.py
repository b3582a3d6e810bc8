"""Who stands on a document, where money goes, and how the paper looks. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from babel import Locale
from stdnum import bic, iban

from service.sellers.logos import logo_problem

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_VAT_NUMBER = re.compile(r"([A-Z]{2})[0-9A-Z+*.]{2,13}")
_VAT_PREFIXES = {"EL", "XI"}
"""Of VAT numbers, and no ISO 3166 codes: Greece, Northern Ireland."""


def is_country(code: str) -> bool:
    """Whether it is an ISO 3166-1 code of two letters."""
    return len(code) == 2 and code.isascii() and code.isupper() and code in Locale("en").territories


class Party(NamedTuple):
    """Seller or buyer. What is not known is empty."""

    name: str
    country: str
    """ISO 3166-1 alpha-2; empty, on receipts and statements: nobody has said it."""
    address_lines: tuple[str, ...] = ()
    """Without postcode, city and country."""
    postcode: str = ""
    city: str = ""
    tax_number: str = ""
    """For VAT with its country's prefix, such as DE811115368; anything else is a number of another kind."""
    registration: str = ""
    """Of the company, in its register."""
    identifier: str = ""
    """That of the account, by which both sides know it."""
    electronic_address: str = ""
    electronic_scheme: str = ""
    """Of the electronic address: a code of the list EAS, such as EM (mail) or 0204."""
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""

    @property
    def vat_number(self) -> str:
        """The tax number if it is one for VAT; else empty."""
        compact = self.tax_number.replace(" ", "").upper()
        match = _VAT_NUMBER.fullmatch(compact)
        if match and any(map(str.isdecimal, compact)) and (match[1] in _VAT_PREFIXES or is_country(match[1])):
            return compact
        return ""

    def problems(self, who: str, *, needs_country: bool = True) -> list[str]:
        """What is wrong with it; `who` is named in each sentence."""
        found = []
        if not self.name.strip():
            found.append(f"{who}: it has no name")
        if not is_country(self.country) and (self.country or needs_country):
            found.append(f"{who}: {self.country!r} is not a country code of ISO 3166 such as DE")
        if bool(self.electronic_address) != bool(self.electronic_scheme):
            found.append(f"{who}: an electronic address and its scheme stand together or not at all")
        return found


class Bank(NamedTuple):
    """Where the money is to go."""

    iban: str
    """Or the number of an account that has no IBAN."""
    holder: str
    bic: str = ""
    name: str = ""
    is_iban: bool = True

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if self.is_iban and not iban.is_valid(self.iban):
            found.append(f"bank: {self.iban!r} is not an IBAN: country, check digits or length are wrong")
        if not self.iban.strip():
            found.append("bank: it has no account number")
        if self.bic and not bic.is_valid(self.bic):
            found.append(f"bank: {self.bic!r} is not a BIC")
        if not self.holder.strip():
            found.append("bank: it has no holder")
        return found


class Branding(NamedTuple):
    """How the seller's paper looks. Empty: the program's own."""

    logo: bytes = b""
    logo_type: str = ""
    primary_colour: str = ""
    """#rrggbb."""
    accent_colour: str = ""

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = [
            f"branding: {colour!r} is not a colour such as #1a2b3c"
            for colour in (self.primary_colour, self.accent_colour)
            if colour and not _COLOUR.fullmatch(colour)
        ]
        if self.logo and (problem := logo_problem(self.logo, self.logo_type)):
            found.append(f"branding: {problem}")
        return found


PLAIN = Branding()
"""Of a seller that has set none."""
