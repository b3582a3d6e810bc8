"""Test vectors of other projects, written as our YAML: what they say, in the words of a tariff."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from ratebook.money import HALF_UP_6, Rounding, RoundingMode

FOLDER = Path(__file__).parent.parent / "vectors"
ANY_MOMENT = "2026-06-03T12:00:00Z"
ANY_NUMBER = "1"
ENOUGH_S = 3600

Vector = dict[str, Any]

_MODES = {"up": RoundingMode.UP, "down": RoundingMode.DOWN, "middle": RoundingMode.HALF_UP}
"""`up` is towards +infinity there, which above zero is away from zero."""


class Inexpressible(Exception):
    """The tariff's language has no words for it (yet)."""


class Case(NamedTuple):
    """A vector as a question to the ratebook, with the answer."""

    tariff: str
    """YAML."""
    number: str
    moment: str
    duration_s: int
    money: Fraction | None = None
    """Asked for the longest call that this pays; None: asked for a charge."""
    billed_s: int | None = None
    charge: Fraction | None = None
    """Exact, not rounded yet."""
    longest_s: int | None = None
    prefix: str | None = None
    rounding: Rounding = HALF_UP_6


def named_vectors() -> dict[str, Vector]:
    """All vectors by name."""
    rating = json.loads((FOLDER / "rating.json").read_text())["vectors"]
    charges = json.loads((FOLDER / "two_interval_charges.json").read_text())["vectors"]
    return {one["id"]: one for one in rating} | {
        f"two-interval-{number:03}": one | {"kind": "two_interval"} for number, one in enumerate(charges, start=1)
    }


def case_of(vector: Vector) -> Case:
    """The vector as a case. Raises Inexpressible."""
    translate = _KINDS.get(vector["kind"])
    if translate is None:
        raise Inexpressible(f"nothing in a tariff says {vector['kind']}")
    return translate(vector)


# --- text


def per_minute(rate: str, unit_s: int = 60) -> str:
    """The decimal text of a rate a minute."""
    nanos = Fraction(rate) * 60 / unit_s * 10**9
    if nanos.denominator != 1:
        raise Inexpressible(f"{rate} in {unit_s} s is no decimal a minute")
    whole, part = divmod(nanos.numerator, 10**9)
    return f"{whole}.{part:09}"


def _interval(from_s: int, rate: str, increment_s: int) -> str:
    return f"{{from: {from_s}, rate: {rate}, increment: {increment_s}}}"


def _tariff(*rates: str, top: str = "") -> str:
    lines = [f"  - {{{rate}}}" for rate in rates]
    return "\n".join(["currency: EUR", *([top] if top else []), "rates:", *lines]) + "\n"


def _rounding(method: str, decimals: int) -> Rounding:
    """As the vector says; not at all, or more finely than an amount: half-up to 6."""
    return HALF_UP_6 if method == "none" or decimals > 6 else Rounding(_MODES[method], decimals)


def _said(rounding: Rounding) -> str:
    return f"rounding: {{decimals: {rounding.decimals}, mode: {rounding.mode.value}}}"


# --- tariffs with entries


def _cost(vector: Vector) -> Case:
    tariff, call = vector["tariff"], vector["call"]
    number = _digits(call["destination"]) or ANY_NUMBER
    entries = [one for one in tariff["entries"] if number.startswith(_digits(one["prefix"]))]
    others = [one for one in tariff["entries"] if one not in entries and "timing" not in one]
    if any("timing" in one for one in entries):
        raise Inexpressible("time bands")
    if not call["charge_connect_fee"]:
        raise Inexpressible("a part of a call")
    longest = max(entries, key=lambda one: len(_digits(one["prefix"])))
    return Case(
        tariff=_tariff(*(_entry(one, tariff) for one in [*entries, *others])),
        number=number,
        moment=ANY_MOMENT if call["answer_time"] == "any" else call["answer_time"],
        duration_s=int(call["usage"]),
        billed_s=int(vector["exact_billed_usage"]),
        charge=Fraction(vector["exact_cost"]),
        prefix=_digits(longest["prefix"]),
        rounding=_rounding(**longest["rounding"]),
    )


def _digits(prefix: str) -> str:
    return prefix.removeprefix("+").replace("*any", "")


def _entry(entry: Vector, tariff: Vector) -> str:
    said = [
        f'prefix: "{_digits(entry["prefix"])}"',
        f"connect_fee: {entry['connect_fee']}",
        f"intervals: [{', '.join(_slots(entry['slots'], tariff))}]",
        _said(_rounding(**entry["rounding"])),
    ]
    if "activation_time" in entry:
        said.append(f'effective: "{entry["activation_time"]}"')
    if entry.get("max_cost_strategy") == "free":  # `disconnect` ends the call, and is no price
        said.append(f"maximum: {entry['max_cost']}")
    return ", ".join(said)


def _slots(slots: list[Vector], tariff: Vector) -> list[str]:
    """A slot an interval; a sum due beyond a second becomes the dearer first step of the slot that begins there."""
    said = []
    extra_s = tariff.get("extra_second")
    for slot in slots:
        from_s, step_s = slot["group_interval_start_s"], slot["rate_increment_s"]
        rate = per_minute(slot["rate"], slot["rate_unit_s"])
        if from_s == extra_s:
            dearer = Fraction(rate) + Fraction(tariff["extra_rate"]) * 60 / step_s
            said.append(_interval(from_s, per_minute(str(dearer)), step_s))
            from_s += step_s
        said.append(_interval(from_s, rate, step_s))
    if extra_s not in {None, *(slot["group_interval_start_s"] for slot in slots)}:
        raise Inexpressible("a sum due within an interval")
    return said


def _two_interval(vector: Vector) -> Case:
    tariff = vector["tariff"]
    first_s, next_s = tariff["initial_interval_s"], tariff["next_interval_s"]
    intervals = [
        _interval(0, tariff["initial_rate_per_min"], first_s),
        _interval(first_s, tariff["next_rate_per_min"], next_s),
    ]
    return Case(
        tariff=_tariff(f'prefix: "", connect_fee: {tariff["connect_fee"]}, intervals: [{", ".join(intervals)}]'),
        number=ANY_NUMBER,
        moment=ANY_MOMENT,
        duration_s=vector["usage_s"],
        billed_s=int(vector["billed_s"]),
        charge=two_interval_fraction(vector),
    )


def two_interval_fraction(vector: Vector) -> Fraction:
    """The exact charge of tariff and usage, without tax: what the file's decimals were cut from."""
    tariff = vector["tariff"]
    first_s = tariff["initial_interval_s"]
    first = Fraction(tariff["connect_fee"]) + Fraction(tariff["initial_rate_per_min"]) * first_s / 60
    return first + Fraction(tariff["next_rate_per_min"]) * (int(vector["billed_s"]) - first_s) / 60


# --- single statements


def _given(vector: Vector) -> tuple[Vector, Vector]:
    return vector["given"], vector["expected"]


def _rounded_value(vector: Vector) -> Case:
    given, expected = _given(vector)
    rounding = _rounding(given["method"], given["decimals"])
    text = _tariff(f'prefix: "", rate: 0, connect_fee: {given["value"]}, {_said(rounding)}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, 1, charge=Fraction(expected["value"]), rounding=rounding)


def _increment(vector: Vector) -> Case:
    given, expected = _given(vector)
    text = _tariff(f'prefix: "", rate: 0, increments: {given["increment_s"]}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, int(given["usage_s"]), billed_s=expected["billed_s"])


def _free_seconds(vector: Vector) -> Case:
    given, expected = _given(vector)
    terms = f"increments: {given['billable_unit_s']}, free_seconds: {given['free_seconds']}"
    text = _tariff(f'prefix: "", rate: {given["rate_per_min"]}, {terms}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, given["usage_s"], charge=Fraction(expected["cost"]))


def _base_cost(vector: Vector) -> Case:
    given, expected = _given(vector)
    terms = f"increments: {given['minimum_s']}/1, connect_fee: {given['surcharge_usd']}"
    text = _tariff(f'prefix: "", rate: {given["rate_per_min_usd"]}, {terms}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, 1, charge=expected["cost_units"] * Fraction("1/10000"))


def _longest_prefix(vector: Vector) -> Case:
    given, expected = _given(vector)
    text = _tariff(*(f'prefix: "{prefix}", rate: 1' for prefix in given["prefixes"]))
    return Case(text, given["destination"], ANY_MOMENT, 60, charge=Fraction(1), prefix=expected["prefix"])


def _max_usage(vector: Vector) -> Case:
    given, expected = _given(vector)
    tariff = given.get("tariff")
    if tariff is None:
        raise Inexpressible("bundles of minutes")
    rate = per_minute(tariff["rate"], tariff["rate_unit_s"])
    maximum = f", maximum: {tariff['max_cost']}" if tariff["max_cost_strategy"] == "free" else ""
    text = _tariff(f'prefix: "", rate: {rate}, increments: {tariff["rate_increment_s"]}{maximum}')
    money = Fraction(given["balance"].removeprefix("enough (").split()[0])
    return Case(text, ANY_NUMBER, given["answer_time"], given["requested_s"], money, longest_s=expected["max_usage_s"])


def _authorize(vector: Vector) -> Case:
    """Refused, whatever the first interval that the vector leaves open: not even a second is paid."""
    given, expected = _given(vector)
    text = _tariff(f'prefix: "", rate: {given["tariff"]["initial_rate_per_min"]}, increments: 1')
    money = Fraction(given["balance"]) - Fraction(given["min_balance"])
    return Case(text, ANY_NUMBER, ANY_MOMENT, ENOUGH_S, money, longest_s=-1 if expected["reject"] else ENOUGH_S)


_KINDS = {
    "cost": _cost,
    "two_interval": _two_interval,
    "rounding": _rounded_value,
    "increment": _increment,
    "cost_free_seconds": _free_seconds,
    "base_cost": _base_cost,
    "lpm": _longest_prefix,
    "max_usage": _max_usage,
    "authorize": _authorize,
}
