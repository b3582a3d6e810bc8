"""Test vectors of other projects, written as our YAML: what they say, in the words of a tariff."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, NamedTuple

ANY_MOMENT = "2026-06-03T12:00:00Z"
ANY_DAY = "2026-06-03"
ANY_NUMBER = "1"
ENOUGH_S = 3600

Vector = dict[str, Any]

_MODES = {"up": "up", "down": "down", "middle": "half-up"}
"""`up` is towards +infinity there, which above zero is away from zero."""
_BORDERS = {"split_at_boundary": "split", "rate_at_interval_start": "interval"}
_TIMING = {"weekdays", "from", "to"}


class Inexpressible(Exception):
    """A tariff has no words for it."""


class Rounding(NamedTuple):
    """As a vector names it."""

    mode: str = "half-up"
    decimals: int = 6

    def __str__(self) -> str:
        return f"{{decimals: {self.decimals}, mode: {self.mode}}}"


class Case(NamedTuple):
    """A vector as a question to the ratebook, with the answer."""

    tariff: str
    """YAML."""
    number: str
    moment: str
    duration_s: str
    """Of the call that is priced; of one whose money is given, how long it may be at most."""
    money: Fraction | None = None
    """Asked for the longest call that this pays; None: asked for a charge."""
    billed_s: int | None = None
    charge: Fraction | None = None
    """Exact, not rounded yet. Below zero: the tariff asks for its opposite."""
    longest_s: int | None = None
    """-1: not even a second."""
    prefix: str | None = None
    rounding: Rounding = Rounding()
    answered: bool = True
    """Otherwise `charge` is what it costs that the call was tried."""


def vectors_of(text: str) -> dict[str, Vector]:
    """The vectors of a file by name; those without one are of the file of two-interval charges."""
    found = json.loads(text)["vectors"]
    return {
        one.get("id", f"two-interval-{number:03}"): one if "kind" in one else one | {"kind": "two_interval"}
        for number, one in enumerate(found, start=1)
    }


def case_of(vector: Vector) -> Case:
    """The vector as a case. Raises Inexpressible."""
    translate = _KINDS.get(vector["kind"])
    if translate is None:
        raise Inexpressible(_REASONS.get(vector["kind"], f"no tariff says {vector['kind']}"))
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
    return Rounding() if method == "none" or decimals > 6 else Rounding(_MODES[method], decimals)


# --- tariffs with entries


def _cost(vector: Vector) -> Case:
    tariff, call = vector["tariff"], vector["call"]
    number = _digits(call["destination"]) or ANY_NUMBER
    entries = [one if call["charge_connect_fee"] else one | {"connect_fee": "0"} for one in _weightiest(tariff)]
    timings = list(dict.fromkeys(_timing(one["timing"]) for one in entries if "timing" in one))
    border = _BORDERS.get(tariff["tod_policy"])
    if border is None:
        raise Inexpressible(f"no border is called {tariff['tod_policy']}")
    top = [f"timezone: {tariff.get('timezone', 'UTC')}", f"border: {border}"]
    if timings:
        top += ["bands:", *(f"  {_band(timings, timing)}: {timing}" for timing in timings)]
    matching = [one for one in entries if number.startswith(_digits(one["prefix"]))]
    longest = max(matching, key=lambda one: len(_digits(one["prefix"])))
    return Case(
        tariff=_tariff(*_closed(entries), *(_entry(one, tariff, timings) for one in entries), top="\n".join(top)),
        number=number,
        moment=ANY_MOMENT if call["answer_time"] == "any" else call["answer_time"],
        duration_s=str(call["usage"]),
        billed_s=int(vector["exact_billed_usage"]),
        charge=Fraction(vector["exact_cost"]),
        prefix=_digits(longest["prefix"]),
        rounding=_rounding(**longest["rounding"]),
    )


def _weightiest(tariff: Vector) -> list[Vector]:
    """Of entries that say something about the same, the one of the highest weight."""
    found: dict[str, Vector] = {}
    for one in sorted(tariff["entries"], key=lambda one: -float(one.get("weight", 0))):
        what = json.dumps([one["prefix"], one.get("timing"), one.get("activation_time")], sort_keys=True)
        found.setdefault(what, one)
    return list(found.values())


def _timing(timing: Vector) -> str:
    """The window of a band."""
    if more := timing.keys() - _TIMING:
        raise Inexpressible(f"a timing by {', '.join(sorted(more))}")
    return f"{{days: [{', '.join(timing['weekdays'])}], hours: {timing['from']}-{timing['to']}}}"


def _band(timings: list[str], timing: str) -> str:
    return f"band-{timings.index(timing) + 1}"


def _closed(entries: list[Vector]) -> list[str]:
    """A bar for prefixes that have entries of some hours only: at others there is no rate."""
    prefixes = dict.fromkeys(_digits(one["prefix"]) for one in entries if "timing" in one)
    always = {_digits(one["prefix"]) for one in entries if "timing" not in one}
    return [f'prefix: "{prefix}", blocked: yes' for prefix in prefixes if prefix not in always]


def _digits(prefix: str) -> str:
    return prefix.removeprefix("+").replace("*any", "")


def _entry(entry: Vector, tariff: Vector, timings: list[str]) -> str:
    said = [
        f'prefix: "{_digits(entry["prefix"])}"',
        f"connect_fee: {entry['connect_fee']}",
        f"intervals: [{', '.join(_slots(entry['slots'], tariff))}]",
        f"rounding: {_rounding(**entry['rounding'])}",
    ]
    if "timing" in entry:
        said.append(f"band: {_band(timings, _timing(entry['timing']))}")
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
        duration_s=str(vector["usage_s"]),
        billed_s=int(vector["billed_s"]),
        charge=two_interval_fraction(vector),
    )


def two_interval_fraction(vector: Vector) -> Fraction:
    """The exact charge of tariff and usage, without tax: what the file's decimals were cut from."""
    tariff = vector["tariff"]
    if not vector["usage_s"]:
        return Fraction(0)  # no call: neither a first interval nor its fee
    first_s = tariff["initial_interval_s"]
    first = Fraction(tariff["initial_rate_per_min"]) * first_s
    following = Fraction(tariff["next_rate_per_min"]) * (int(vector["billed_s"]) - first_s)
    return Fraction(tariff["connect_fee"]) + Fraction(first + following) / 60


# --- single statements


def _given(vector: Vector) -> tuple[Vector, Vector]:
    return vector["given"], vector["expected"]


def _rounded_value(vector: Vector) -> Case:
    """As a fee, which no tariff asks for below zero: a refund of -x rounds as x does."""
    given, _ = _given(vector)
    rounding = _rounding(given["method"], given["decimals"])
    value = Fraction(given["value"])
    fee = given["value"].removeprefix("-")
    text = _tariff(f'prefix: "", rate: 0, connect_fee: {fee}, rounding: {rounding}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, "1", charge=value, rounding=rounding)


def _increment(vector: Vector) -> Case:
    given, expected = _given(vector)
    text = _tariff(f'prefix: "", rate: 0, increments: {given["increment_s"]}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, str(given["usage_s"]), billed_s=expected["billed_s"])


def _billed_duration(vector: Vector) -> Case:
    """Minutes of a package cost nothing; how many are taken off it is what is billed."""
    given, expected = _given(vector)
    text = _tariff(f'prefix: "", rate: 0, increments: {given["initial_interval_s"]}/{given["next_interval_s"]}')
    charge = Fraction(expected["customer_price"])
    return Case(text, ANY_NUMBER, ANY_MOMENT, str(given["duration_s"]), billed_s=expected["billed_s"], charge=charge)


def _attempt_fee(vector: Vector) -> Case:
    """The caller's fee. A call that the switch refuses itself has no duration, and is no attempt of its caller's."""
    given, expected = _given(vector)
    if not given.get("is_last_cdr", True) or given.get("package_counter_id") is not None:
        raise Inexpressible("which attempt of a call, and which package, no tariff asks")
    charge = Fraction(expected.get("customer_price_no_vat") or expected["customer_price"])
    text = _tariff(f'prefix: "", rate: 1, attempt_fee: {given["destination_attempt_fee"]}')
    if given["internal_disconnect_code_id"] is None:
        return Case(text, ANY_NUMBER, ANY_MOMENT, "0", charge=charge, answered=False)
    return Case(text, ANY_NUMBER, ANY_MOMENT, "0", billed_s=0, charge=charge)


def _free_seconds(vector: Vector) -> Case:
    given, expected = _given(vector)
    terms = f"increments: {given['billable_unit_s']}, free_seconds: {given['free_seconds']}"
    text = _tariff(f'prefix: "", rate: {given["rate_per_min"]}, {terms}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, str(given["usage_s"]), charge=Fraction(expected["cost"]))


def _base_cost(vector: Vector) -> Case:
    given, expected = _given(vector)
    terms = f"increments: {given['minimum_s']}/1, connect_fee: {given['surcharge_usd']}"
    text = _tariff(f'prefix: "", rate: {given["rate_per_min_usd"]}, {terms}')
    return Case(text, ANY_NUMBER, ANY_MOMENT, "1", charge=expected["cost_units"] * Fraction("1/10000"))


def _interval_start(vector: Vector) -> Case:
    """Peak in each second minute from eight o'clock on, as the vector's note counts; rates a second."""
    given, expected = _given(vector)
    _, time = given["answer_time"].split()
    peak = ", ".join(f"08:{minute:02}-08:{minute + 1:02}" for minute in range(0, 59, 2))
    rates = [
        f'prefix: "", intervals: [{", ".join(_init_and_follow(given[band]))}]{more}'
        for band, more in (("offpeak", ""), ("onpeak", ", band: peak"))
    ]
    return Case(
        tariff=_tariff(*rates, top=f"border: interval\nbands: {{peak: {{hours: [{peak}]}}}}"),
        number=ANY_NUMBER,
        moment=f"{ANY_DAY}T{time}Z",
        duration_s=str(given["usage_s"]),
        charge=Fraction(expected["cost_cents"]),
    )


def _init_and_follow(band: Vector) -> list[str]:
    init_s = band["init_interval_s"]
    return [
        _interval(0, per_minute(band["init_rate"], 1), init_s),
        _interval(init_s, per_minute(band["follow_rate"], 1), band["follow_interval_s"]),
    ]


def _longest_prefix(vector: Vector) -> Case:
    given, expected = _given(vector)
    text = _tariff(*(f'prefix: "{prefix}", rate: 1' for prefix in given["prefixes"]))
    return Case(text, given["destination"], ANY_MOMENT, "60", charge=Fraction(1), prefix=expected["prefix"])


def _max_usage(vector: Vector) -> Case:
    given, expected = _given(vector)
    tariff = given.get("tariff")
    if tariff is None:
        raise Inexpressible("packages of minutes are an account's, and no tariff's")
    rate = per_minute(tariff["rate"], tariff["rate_unit_s"])
    maximum = f", maximum: {tariff['max_cost']}" if tariff["max_cost_strategy"] == "free" else ""
    text = _tariff(f'prefix: "", rate: {rate}, increments: {tariff["rate_increment_s"]}{maximum}')
    money = Fraction(given["balance"].removeprefix("enough (").split()[0])
    return Case(
        text, ANY_NUMBER, given["answer_time"], str(given["requested_s"]), money, longest_s=expected["max_usage_s"]
    )


def _authorize(vector: Vector) -> Case:
    """Refused, whatever the first interval that the vector leaves open: not even a second is paid."""
    given, expected = _given(vector)
    text = _tariff(f'prefix: "", rate: {given["tariff"]["initial_rate_per_min"]}, increments: 1')
    money = Fraction(given["balance"]) - Fraction(given["min_balance"])
    return Case(text, ANY_NUMBER, ANY_MOMENT, str(ENOUGH_S), money, longest_s=-1 if expected["reject"] else ENOUGH_S)


_KINDS = {
    "cost": _cost,
    "two_interval": _two_interval,
    "rounding": _rounded_value,
    "increment": _increment,
    "billed_duration": _billed_duration,
    "attempt_fee": _attempt_fee,
    "cost_tod_interval_start": _interval_start,
    "cost_free_seconds": _free_seconds,
    "base_cost": _base_cost,
    "lpm": _longest_prefix,
    "max_usage": _max_usage,
    "authorize": _authorize,
}

_REASONS = {
    "cost_round_up_100": "its last rounding is to whole hundreds, ours to decimals of the currency",
    "settlement": "it books calls that are priced already on balances",
}
