"""Number translation: the first rule that fits, of trunk, account or gateway; faults are said where one is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted
from kemi.refusal import Refusal
from kemi.store.translate import (
    Bound,
    Rule,
    Translations,
    bound_of,
    covers,
    faults_of,
    is_number,
    translate,
)
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, World


def rule(**fields: Any) -> Rule:
    """A rule that changes nothing but what is said."""
    values: dict[str, Any] = {"id": 0, "position": 1, "prefix": "", "length_min": 1, "length_max": 32}
    values |= {"strip": 0, "prepend": "", "pattern": "", "replacement": ""}
    return Rule(**values | fields)


ROWS = [
    ({"prefix": "0", "strip": 1, "prepend": "44"}, "0207", "44207"),
    ({"prefix": "0", "strip": 1, "prepend": "44"}, "207", "207"),
    ({"prefix": "00", "strip": 2, "prepend": "+"}, "0033", "+33"),
    ({"length_min": 4, "length_max": 4, "prepend": "441632"}, "1234", "4416321234"),
    ({"length_min": 4, "length_max": 4, "prepend": "441632"}, "12345", "12345"),
    ({"pattern": r"(\d{3})(\d{4})", "replacement": r"1\1555\2"}, "2125678", "12125555678"),
    ({"pattern": r"(\d{3})(\d{4})", "replacement": r"1\1555\2"}, "21256789", "21256789"),
    ({"pattern": r"(1)?2(\d*)", "replacement": r"\1\2"}, "25", "5"),
    ({"pattern": r"9(.*)", "replacement": r"\1", "prefix": "99"}, "9123", "9123"),
]


@pytest.mark.parametrize(("fields", "number", "outcome"), ROWS)
def test_a_rule_is_applied_where_it_fits(fields: dict[str, Any], number: str, outcome: str) -> None:
    """And the number stays where it doesn't."""
    one = rule(**fields)
    assert faults_of(one) == []
    translated, by = translate([one], number)
    assert translated == outcome
    assert (by is one) == (translated != number)


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"length_min": 5, "length_max": 4}, "length_max", "below length_min"),
        ({"prefix": "12345", "length_max": 4}, "prefix", "longer than length_max"),
        ({"prefix": "1+"}, "prefix", "before a number only"),
        ({"prepend": "4+"}, "prepend", "what comes out would be none"),
        ({"prefix": "+", "prepend": "00"}, "prepend", "what comes out would be none"),
        ({"length_max": 3, "strip": 3}, "strip", "nothing would be left"),
        ({"pattern": "1", "replacement": "2", "strip": 1}, "pattern", "either a pattern"),
        ({"pattern": "1"}, "replacement", "go together"),
        ({"replacement": "1"}, "replacement", "go together"),
        ({"pattern": r"(\d+)+", "replacement": "1"}, "pattern", "can't be repeated"),
        ({"pattern": r"\d{5}", "replacement": "1", "length_max": 4}, "pattern", "never applies"),
        ({"pattern": r"(\d)", "replacement": r"\2"}, "replacement", "has 1 groups"),
        ({"pattern": r"(\d)", "replacement": r"\g<1>"}, "replacement", "can stand in it"),
        ({"pattern": r"(\d)", "replacement": "1\r\n"}, "replacement", "can stand in it"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(fields: dict[str, Any], field: str, why: str) -> None:
    """Which field, and why."""
    found = faults_of(rule(**fields))
    assert any(fault.field == field and why in fault.text for fault in found), found


@given(
    st.builds(
        rule,
        prefix=st.text("012", max_size=3),
        length_min=st.integers(1, 6),
        length_max=st.integers(1, 6),
    ),
    st.builds(
        rule,
        prefix=st.text("012", max_size=3),
        length_min=st.integers(1, 6),
        length_max=st.integers(1, 6),
    ),
    st.text("012", min_size=1, max_size=7),
)
def test_what_a_rule_covers_it_takes(earlier: Rule, later: Rule, number: str) -> None:
    """No number that the later one fits escapes the earlier one."""
    if covers(earlier, later) and later.applied(number) is not None:
        assert earlier.applied(number) is not None


def test_what_a_rule_covers_is_found_by_length_too() -> None:
    """A prefix of four symbols has no number of three."""
    assert covers(rule(prefix="12", length_min=4), rule(prefix="1234"))
    assert not covers(rule(prefix="12", length_min=5), rule(prefix="1234"))
    assert not covers(rule(pattern="1", replacement="2"), rule(prefix="1"))


def test_rules_of_trunk_account_and_gateway_stand_apart() -> None:
    """By position; at the same one the trunk's own first; a gateway's are for what it gets only."""
    own, general, late, out = (rule(id=at, position=position) for at, position in enumerate((5, 5, 7, 1), start=1))
    every = Translations(
        [
            Bound("called", 0, 0, late),
            Bound("called", 0, 0, general),
            Bound("called", 9, 0, own),
            Bound("called", 0, 3, out),
        ]
    )
    assert every.of_trunk(9, "called") == (own, general, late)
    assert every.of_trunk(8, "called") == (general, late)
    assert every.of_trunk(9, "caller") == ()
    assert every.of_gateway(3, "called") == (out,)
    assert every.of_gateway(4, "called") == ()


# --- in calls


def tell(world: World, number: int, account: int, subject: str = "called", **fields: Any) -> None:
    """The command of a rule."""
    of = {"trunk": fields.pop("trunk", 0), "gateway": fields.pop("gateway", 0)}
    values = rule(id=number, **fields)._asdict()
    world.do("translation", account=account, subject=subject, **of, **values)


def test_a_call_is_rated_and_sent_by_its_translated_number(world: World) -> None:
    """Called: before the trunk's prefixes; caller likewise; the gateway gets its own form."""
    tell(world, 1, CUSTOMER, prefix="9", strip=1, prepend="0049", trunk=1)
    tell(world, 2, CUSTOMER, prefix="9", strip=1, prepend="0033", position=2)
    tell(world, 3, CUSTOMER, "caller", length_min=3, length_max=3, prepend="+441632960")
    tell(world, 4, CARRIER, pattern=r"49(\d+)", replacement=r"999#\1", gateway=1)
    admitted = world.invite("930123", caller="007")
    assert isinstance(admitted, Admitted)
    assert admitted.target.number == "999#30123"
    (running,) = world.running()
    assert (running.called, running.called_sent) == ("4930123", "930123")
    assert (running.caller, running.caller_sent) == ("441632960007", "007")
    assert running.legs[0].prefix == "49"
    world.hang_up(admitted.call, code=487)
    cdr = world.last_cdr()
    assert (cdr["called"], cdr["caller"], cdr["caller_sent"]) == ("4930123", "441632960007", "007")


def test_a_rule_holds_from_its_command_until_it_is_gone(world: World) -> None:
    """And another account's is none of ours."""
    tell(world, 1, LOWER, prefix="1", prepend="00")
    world.hang_up(world.ring("133"))
    assert world.last_cdr()["called"] == "133"
    tell(world, 2, CUSTOMER, prefix="1", prepend="+33")
    world.hang_up(world.ring("133"))
    assert world.last_cdr()["called"] == "33133"
    world.do("translation_gone", account=CUSTOMER, id=2)
    world.hang_up(world.ring("133"))
    assert world.last_cdr()["called"] == "133"


def test_what_a_rule_makes_no_number_is_refused_and_recorded(world: World) -> None:
    """400, with what was sent."""
    tell(world, 1, CUSTOMER, pattern=r"5(\d*)", replacement="4" * 20 + r"\1")
    refused = world.invite("5" + "1" * 20)
    assert refused == Refusal("number", CUSTOMER, CUSTOMER).refused
    assert (world.last_cdr()["called"], world.last_cdr()["rule"]) == ("", "number")


def test_a_gateway_that_would_get_no_number_is_passed_over(world: World) -> None:
    """The next one takes the call."""
    tell(world, 1, CARRIER, pattern=r"\d(\d*)", replacement=r"1\1" + "0" * 30, gateway=1)
    world.ring()
    (running,) = world.running()
    assert running.gateway == 2


def test_a_command_of_a_bad_rule_is_refused(world: World) -> None:
    """It never reaches a call."""
    with pytest.raises(ValueError, match="can't be repeated"):
        tell(world, 1, CUSTOMER, pattern=r"(\d+)+", replacement="1")
    with pytest.raises(KeyError):
        bound_of({"subject": "called"})


def test_numbers_are_numbers() -> None:
    """Digits, * and #, + before them, 32 at most."""
    assert is_number("+44*#" + "1" * 28)
    for text in ("", "+", "4+4", "1" * 33, "44 20", "1\n", "alice", "٣"):
        assert not is_number(text)
