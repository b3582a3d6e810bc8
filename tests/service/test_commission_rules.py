"""Who earns what part of a charge. Pure."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.commission.rules import ABOVE, CHARGE, WHOLE, Rule, Sale, earned, rule_of, split

CALL = Sale("calls", 1_000, frozenset({7}), "mobile")


def rule(number: int, account_id: int = 1, percent: int = 10, **more: object) -> Rule:
    told = {"service": "", "tariff_id": 0, "destination_group": "", "share_of": CHARGE} | more
    return Rule(number, account_id, percent_millionths=percent * 1_000_000, **told)  # type: ignore[arg-type]


def test_the_rule_that_says_most_counts() -> None:
    rules = [rule(1), rule(2, service="calls"), rule(3, destination_group="mobile"), rule(4, tariff_id=7)]
    assert [rule_of(rules[:count], CALL).id for count in (1, 2, 3, 4)] == [1, 2, 3, 4]  # type: ignore[union-attr]


def test_what_does_not_fit_does_not_count() -> None:
    rules = [
        rule(1, service="package"), rule(2, tariff_id=8), rule(3, destination_group="premium"),
        rule(4, valid_from_ms=1_001), rule(5, valid_until_ms=1_000),
    ]  # fmt: skip
    assert rule_of(rules, CALL) is None
    assert rule_of([rule(1)], Sale("fee", 1_000)) is None  # fees for paying late earn nobody anything
    assert rule_of([rule(1, service="fee")], Sale("fee", 1_000)) is not None  # unless they are named


def test_each_has_its_part_of_the_charge() -> None:
    parts = split([1, 2], {1: [rule(1, 1, 10)], 2: [rule(2, 2, 5)]}, CALL)
    assert {one.account_id: one.percent_millionths for one in parts} == {1: 10_000_000, 2: 5_000_000}


def test_a_part_of_what_the_one_above_earns_is_taken_from_that() -> None:
    parts = split([1, 2], {1: [rule(1, 1, 25, share_of=ABOVE)], 2: [rule(2, 2, 20)]}, CALL)
    assert {one.account_id: one.percent_millionths for one in parts} == {1: 5_000_000, 2: 15_000_000}
    assert split([1], {1: [rule(1, 1, 25, share_of=ABOVE)]}, CALL) == []  # nobody above earns anything


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from([CHARGE, ABOVE])), max_size=6),
    st.integers(-(10**13), 10**13),
)
def test_never_more_than_the_charge(asked: list[tuple[int, str]], base: int) -> None:
    rules = {n: [rule(n + 1, n, percent, share_of=of)] for n, (percent, of) in enumerate(asked)}
    parts = split(list(rules), rules, CALL)
    assert sum(one.percent_millionths for one in parts) <= WHOLE
    for one in parts:
        micros, remainder = earned(base, one.percent_millionths)
        assert 0 <= remainder < WHOLE
        assert micros + Fraction(remainder, WHOLE) == Fraction(base * one.percent_millionths, WHOLE)
