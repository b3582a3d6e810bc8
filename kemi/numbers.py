"""Numbers as they arrive, as they are rated, and as a gateway gets them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kemi.store.origins import Origin
from kemi.store.translate import Rule, is_number, translate
from kemi.store.trunks import Gateway

COUNTRIES = frozenset("123456789")
"""How country codes (E.164) begin. Behind +00 a dear number would be rated, and let pass, as one that begins with 00,
and a carrier would read it as the dear one.
"""
ABROAD = "00"
"""The international prefix of most countries (ITU-T E.164)."""


def normalise(trunk: Origin, called: str, rules: Sequence[Rule] = ()) -> str | None:
    """The E.164 number without `+` that a called number means on this trunk or device; None: it is none.

    The tech prefix goes, translation rules are applied (`dialled`), then the trunk's prefixes (`international`).
    """
    return international(trunk, dialled(trunk, called, rules))


def dialled(trunk: Origin, called: str, rules: Sequence[Rule] = ()) -> str:
    """What was called without the tech prefix, translated; what is no number stays."""
    number = called[len(trunk.tech_prefix) :] if called.startswith(trunk.tech_prefix) else called
    return translate(rules, number)[0] if rules and is_number(number) else number


def international(trunk: Origin, number: str) -> str | None:
    """The E.164 number without `+` of one as this trunk's people write it; None: it is none.

    `+` or the trunk's international prefix goes, and a country code must follow; else the trunk's national prefix is
    replaced by its country code. A number that has neither is taken as it stands, unless it begins with 00: what
    carriers read as an international prefix is this trunk's, or none.
    """
    if not is_number(number):
        return None
    abroad = trunk.international_prefix
    if number.startswith("+") or (abroad and number.startswith(abroad)):
        rest = number[1:] if number.startswith("+") else number[len(abroad) :]
        return rest if rest[:1] in COUNTRIES else None
    if trunk.country and number.startswith(trunk.national_prefix):
        number = trunk.country + number[len(trunk.national_prefix) :]
        return number if is_number(number) and number[:1] in COUNTRIES else None
    return None if number.startswith(ABROAD) else number


def normalise_caller(trunk: Origin, caller: str, rules: Sequence[Rule] = ()) -> str:
    """The E.164 number of who calls, in the same way; empty: what it says is none."""
    if rules and is_number(caller):
        caller = translate(rules, caller)[0]
    return international(trunk, caller) or ""


def caller_for_gateway(number: str, gateway: Gateway, rules: Sequence[Rule] = ()) -> str:
    """The number of who calls as a gateway wants it; empty: nobody knows, or nothing is left of it."""
    if not number:
        return ""
    written = "+" + number if gateway.has_plus else number
    if rules:
        written = translate(rules, written)[0]
    return written if is_number(written) else ""


def for_gateway(number: str, gateway: Gateway, rules: Sequence[Rule] = (), *, is_short: bool = False) -> str:
    """The number that is called as a gateway wants it: `strip` digits less, `prefix` (or +) before, then its rules.

    `is_short`: it has no country code, so that neither + goes before it nor anything is stripped; nor is a prefix put
    that stands in the place of what is stripped.
    """
    if is_short and (gateway.has_plus or gateway.strip):
        written = number
    else:
        written = ("+" if gateway.has_plus else gateway.prefix) + number[gateway.strip :]
    return translate(rules, written)[0] if rules else written
