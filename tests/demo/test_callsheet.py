"""calls.yaml: what it says, and every fault at its line."""

from __future__ import annotations

import pytest

from scripts.demo.callsheet import Call, Gateway, Payment, read_calls, seconds
from service.setup.document import read_setup

SETUP, _ = read_setup(
    """
accounts:
  - {name: Amber Bakery, kind: customer, tariff: retail}
trunks:
  - {name: amber, account: Amber Bakery, networks: 127.0.0.21}
providers:
  - {name: carrier-a, gateways: [{name: gw1, host: 127.0.0.81}, {name: gw2, host: 127.0.0.82}]}
"""
)
ANSWER = Gateway("answer")


def problems(text: str) -> list[str]:
    _, sheet = read_calls(text, SETUP)
    return [f"{one.place.line}:{one.place.column}: {one.text}" for one in sheet.problems]


def call(fields: str) -> Call:
    """The one call of a sheet that has no fault."""
    found, sheet = read_calls("calls:\n  - {name: one, trunk: amber, number: '44', talk_s: 2.5" + fields + "}", SETUP)
    assert sheet.problems == []
    return found.calls[0]


def test_payments_and_calls_are_read_in_their_order() -> None:
    """Amounts as micro-units, times as milliseconds; every gateway answers unless something else is said."""
    found, sheet = read_calls(
        """
payments: [{account: Amber Bakery, amount: 1.25}]
calls:
  - {name: one, trunk: amber, number: "+44*1#", talk_s: 2}
""",
        SETUP,
    )
    assert sheet.problems == []
    assert found.payments == [Payment("Amber Bakery", 1_250_000)]
    gateways = {"carrier-a/gw1": ANSWER, "carrier-a/gw2": ANSWER}
    assert found.calls == [Call("one", "amber", "+44*1#", 2000, "493012345", gateways)]


@pytest.mark.parametrize(
    ("written", "does"),
    [
        ("answer", ANSWER),
        ("busy", Gateway("refuse", status="486 Busy Here")),
        ("dead", Gateway("dead")),
        ("{ring_s: 2}", Gateway("answer", 2000, None)),
        ("{ring_s: 0, talk_s: 4.25}", Gateway("answer", 0, 4250)),
        ("{talk_s: 4}", Gateway("answer", 500, 4000)),
        ("{refuse: 503}", Gateway("refuse", status="503 Refused")),
        ("{refuse: 480 Gone fishing}", Gateway("refuse", status="480 Gone fishing")),
    ],
)
def test_what_gateways_do(written: str, does: Gateway) -> None:
    """`gateway` is for all of them, `gateways` for single ones."""
    assert call(f", gateway: {written}").gateways == {"carrier-a/gw1": does, "carrier-a/gw2": does}
    one = call(f", gateways: {{carrier-a/gw2: {written}}}").gateways
    assert one == {"carrier-a/gw1": ANSWER, "carrier-a/gw2": does}


def test_every_fault_is_told_at_its_place() -> None:
    """All at once; what is right beside them does not hide them."""
    assert problems(
        """payments:
  - {account: Nobody, amount: 1}
  - {account: Amber Bakery, amount: 1.0000001}
calls:
  - {name: one, trunk: jade, number: "44", talk_s: 2}
  - {name: two, trunk: amber, number: "4 4", talk_s: two}
  - {name: three, trunk: amber, number: "44"}
  - {name: four, trunk: amber, number: "44", talk_s: 2, gateway: sleep, gateways: {carrier-z/gw1: dead}}
  - {name: four, trunk: amber, number: "44", talk_s: 2, gateway: {refuse: 200}}
  - {name: five, trunk: amber, number: "44", talk_s: 2, gateway: {refuse: 480, talk_s: 3}}
"""
    ) == [
        "2:6: setup.yaml has no account 'Nobody': one of Amber Bakery, carrier-a was expected",
        "3:37: amount: '1.0000001' has more than 6 decimals",
        "5:17: setup.yaml has no trunk 'jade': one of amber was expected",
        "6:39: number: '4 4': a number to dial was expected",
        "6:54: talk_s: 'two': seconds such as 5 or 2.5 were expected",
        "7:5: 'talk_s' is missing",
        "8:66: 'sleep': one of answer, busy, dead, {ring_s: 2, talk_s: 4} or {refuse: 503} was expected",
        "8:84: 'carrier-z/gw1' is unknown here: one of carrier-a/gw1, carrier-a/gw2 was expected",
        "9:6: a second call has the name 'four': give it another",
        "9:75: refuse: '200': a code from 300 such as `486 Busy Here` was expected",
        "10:80: talk_s: a gateway that refuses neither rings nor talks: leave it out",
    ]


@pytest.mark.parametrize(("text", "ms"), [("0", 0), ("5", 5000), ("0.001", 1), ("14400", 14_400_000)])
def test_seconds(text: str, ms: int) -> None:
    """Exact, without floats."""
    assert seconds(text) == ms


@pytest.mark.parametrize("text", ["", "-1", "1.", "1.0001", "14401", "1e3", "\N{ARABIC-INDIC DIGIT FIVE}"])
def test_what_are_no_seconds(text: str) -> None:
    """The negative twin."""
    with pytest.raises(ValueError, match="expected"):
        seconds(text)
