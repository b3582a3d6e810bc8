"""Numbers as they arrive, as they are rated, and as a gateway gets them. Pure."""

from __future__ import annotations

import re

from kemi.store.trunks import Trunk

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
"""What may be a number at all, before and after normalising."""


def is_number(text: str) -> bool:
    """Digits, `*` and `#`, 32 at most, one `+` before them."""
    return _NUMBER.fullmatch(text) is not None


def normalise(trunk: Trunk, called: str) -> str | None:
    """The E.164 number without `+` that a called number means on this trunk; None: it is none.

    In order: the tech prefix goes; `+` or the trunk's international prefix goes; else the trunk's national
    prefix is replaced by its country code. A number that has neither is taken as it stands.
    """
    number = called[len(trunk.tech_prefix) :] if called.startswith(trunk.tech_prefix) else called
    if not is_number(number):
        return None
    if number.startswith("+"):
        return number[1:]
    if trunk.international_prefix and number.startswith(trunk.international_prefix):
        return number[len(trunk.international_prefix) :] or None
    if trunk.country and number.startswith(trunk.national_prefix):
        return trunk.country + number[len(trunk.national_prefix) :]
    return number


def for_gateway(number: str, strip: int, prefix: str) -> str:
    """The number as a gateway wants it: `strip` digits less, `prefix` before."""
    return prefix + number[strip:]
