"""Regular expressions of number translation: what is taken, what is refused and why, and that none explodes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kemi.store.patterns import BadPattern, compiled, parse_pattern

TAKEN = [
    (r"00(\d+)", "0044207", ("44207",)),
    (r"^0([1-9]\d{8,9})$", "0207123456", ("207123456",)),
    (r"(?:\+|00)44(\d*)", "+44207", ("207",)),
    (r"\*21\*(\d{3,15})#", "*21*4420#", ("4420",)),
    (r"[0-4*]([^0])\d?", "*1", ("1",)),
    (r"(12|34)?5.", "125#", ("12",)),
    (r"[2-9]{7}", "2345678", ()),
    (r"\d{2,}", "12", ()),
]


@pytest.mark.parametrize(("text", "number", "groups"), TAKEN)
def test_what_people_write_is_taken(text: str, number: str, groups: tuple[str, ...]) -> None:
    """And fits as Python's would."""
    assert parse_pattern(text).groups == len(groups)
    found = compiled(text).fullmatch(number)
    assert found is not None
    assert found.groups() == groups
    assert compiled(text).fullmatch(number + "x") is None


REFUSED = {
    r"(\d+)+": "a group can't be repeated",
    r"(\d*)*": "a group can't be repeated",
    r"(1|11){5}": "a group can't be repeated",
    r"(\d+)?+": "a group can't be repeated",
    r"\d*\d*\d*\d*1": "in 1185921 ways",
    r"\d*\d*\d*": "in 35937 ways",
    "0?" * 30: "ways",
    r"(?:1|1)" * 12: "in 4096 ways",
    r"\d+?": "one repetition is enough",
    r"\d{3}{3}": "one repetition is enough",
    r"(\d)\1": "can't stand here",
    r"(?=\d)": "only (?: can be used",
    r"(?P<n>\d)": "only (?: can be used",
    r"\w+": "can't stand here",
    r"00(\d+": "a ) is missing",
    r"00\d+)": "')' stands where nothing",
    r"[a-z]": "can't stand here",
    r"[]": "can't stand here",
    r"5{4,2}": "2 is less than 4",
    r"*12": "can't stand here",
    r"12\$": "can't stand here",
    "1\n": "can't stand here",
    "٣": "only the symbols of numbers",
    "(" * 201: "200 at most",
    "(1)" * 10: "more than 9 groups",
    r"\d{40}": "it never applies",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items(), ids=map(repr, REFUSED))
def test_what_could_take_for_ever_or_means_nothing_is_refused(text: str, why: str) -> None:
    """With the reason."""
    with pytest.raises(BadPattern, match=re.escape(why)):
        parse_pattern(text)


def test_the_worst_that_is_taken_is_quick() -> None:
    """Two repetitions without end, and as many optional symbols as may be: no number of 32 symbols keeps it busy."""
    worst = [r"\d*\d*#", r".*.*0", "0?" * 10 + "0" * 10 + "#", r"(1|\d*)(2|\d*)#"]
    numbers = ["1" * 32, "0" * 32, "10" * 16, "1" * 31 + "*"]
    for text in worst:
        pattern = compiled(text)
        begin = time.process_time()
        for number in numbers * 25:
            pattern.fullmatch(number)
        assert time.process_time() - begin < 1, text


PIECES = st.sampled_from(
    ["0", "\\d", ".", "[1-5]", "?", "*", "+", "{2}", "{1,3}", "(", "(?:", ")", "|", "\\*", "^", "$"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.text("0123456789*#", max_size=32))
def test_whatever_is_taken_python_takes_too(text: str, number: str) -> None:
    """With the same groups, and within the lengths that were told."""
    try:
        pattern = parse_pattern(text)
    except BadPattern:
        return
    assert re.compile(pattern.text).groups == pattern.groups
    found = compiled(text).fullmatch(number)
    if found is not None:
        assert pattern.length_min <= len(number) <= pattern.length_max
