"""Two sides of one truth: each alteration in its class, and nothing else in it."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchmarks.reconcile import make
from service.interconnect.reconcile.matching import Class, Comparison, compare
from service.interconnect.reconcile.reading import read_file
from service.interconnect.reconcile.sides import Answers, OurCall, Rules, Theirs, ours_of

BEGAN_MS = 1_790_000_000_000
STRICT = Rules()
SLOT_MS = 3_607_000
"""Between two calls of a number: no whole number of quarters of an hour, however often."""


class Row(NamedTuple):
    """Of a partner's file."""

    called: str
    at_ms: int
    duration_ms: int
    amount_micros: int


def our_call(number: int, *, called: str = "", at_ms: int = -1, length_ms: int = 0) -> OurCall:
    """Answered eight seconds after its INVITE; ten micro-units a millisecond."""
    at_ms = BEGAN_MS + number * SLOT_MS if at_ms < 0 else at_ms
    length_ms = length_ms or 60_000 + number * 1_000
    called = called or f"4420{number % 7:05}"
    return OurCall(called, "", at_ms - 8_000, at_ms, length_ms, length_ms, length_ms * 10, number)


def row_of(call: OurCall, late_ms: int = 0) -> Row:
    """As a partner with the same opinion has it."""
    return Row(call.called, call.answer_ms + late_ms, call.billed_ms, call.amount_micros)


def theirs_of(rows: list[Row], *, amounts: bool = True) -> Theirs:
    """Read, so to speak."""
    columns = ([row[at] for row in rows] for at in range(4))
    called, at_ms, durations, money = columns
    return Theirs(
        list(map(str, called)), [], array("q", at_ms), array("q", durations),
        array("q", money if amounts else []), array("q", range(len(rows))),
    )  # fmt: skip


def counts(found: Comparison) -> dict[str, int]:
    """Calls of each class that has some."""
    return {kind.value: sums.calls for kind, sums in found.sums.items() if sums.calls}


def compared(ours: list[OurCall], rows: list[Row], rules: Rules = STRICT) -> Comparison:
    """Both as they stand."""
    return compare(ours_of(ours), theirs_of(rows), rules)


ALTERATIONS = st.sampled_from(["", "", "", "", "duration", "rate", "time", "missing", "doubled", "strange"])


@given(
    st.lists(ALTERATIONS, min_size=20, max_size=60),
    st.integers(1, 30),
    st.integers(-56, 56),
    st.sampled_from([-52, -4, 1, 3, 4, 8]),
    st.randoms(use_true_random=False),
)
def test_every_alteration_is_in_its_class(
    alterations: list[str], seconds: int, zone: int, hours: int, chance: object
) -> None:
    """Whatever zone the file is in, whatever the order of its rows."""
    ours = [our_call(number) for number in range(len(alterations) + 40)]
    rows, expected = [row_of(call, zone * 900_000) for call in ours[len(alterations) :]], dict.fromkeys(Class, 0)
    for call, kind in zip(ours, alterations, strict=False):
        row = row_of(call, zone * 900_000)
        if kind == "duration":
            row = row._replace(duration_ms=row.duration_ms + seconds * 1000)
        elif kind == "rate":
            row = row._replace(amount_micros=row.amount_micros + 101)
        elif kind == "time":
            row = row._replace(at_ms=row.at_ms + hours * 900_000)
        rows += {"missing": [], "doubled": [row, row]}.get(kind, [row])
        if kind == "strange":
            rows.append(row._replace(called="999"))
        expected[{"missing": Class.ONLY_OURS}.get(kind, Class(kind) if kind in set(Class) else Class.MATCHED)] += 1
        expected[Class.ONLY_THEIRS] += kind in {"doubled", "strange"}
    expected[Class.MATCHED] += 40
    chance.shuffle(rows)  # type: ignore[attr-defined]
    found = compared(ours, rows)
    assert found.sums.keys() == expected.keys()
    assert {kind: sums.calls for kind, sums in found.sums.items()} == expected
    assert [one.shift_ms for one in found.reading.segments] == [zone * 900_000]
    every = [pair.theirs for pair in found.differences if pair.theirs >= 0]
    assert len(every) == len(set(every))
    assert sum(one.theirs_micros for one in found.sums.values()) == sum(row.amount_micros for row in rows)
    assert sum(one.ours_micros for one in found.sums.values()) == sum(call.amount_micros for call in ours)


def test_twenty_thousand_calls_with_a_twentieth_altered() -> None:
    """The whole way: a packed file, its header guessed, every alteration found."""
    made = make(20_000, seed=7)
    theirs = read_file(made.packed, Answers({})).theirs
    found = compare(ours_of(made.ours), theirs, Rules())
    assert {kind.value: sums.calls for kind, sums in found.sums.items()} == made.expected
    assert found.sums[Class.MATCHED].stake_micros == 0 == found.sums[Class.TIME].stake_micros
    assert found.sums[Class.ONLY_OURS].stake_micros < 0 < found.sums[Class.ONLY_THEIRS].stake_micros


@pytest.mark.parametrize("hours", [1, -1])
def test_daylight_saving_is_a_part_of_the_file(hours: int) -> None:
    """The hour that comes twice, or never, too: nothing is a difference."""
    began, change = BEGAN_MS // 900_000 * 900_000, 102
    ours = [our_call(number, at_ms=began + number * 600_000, called=f"44{number}") for number in range(200)]
    rows = [row_of(call, 7_200_000 + (hours * 3_600_000 if call.id >= change else 0)) for call in ours]
    found = compared(ours, rows)
    assert counts(found) == {"matched": 200}
    first, second = found.reading.segments
    assert (first.shift_ms, second.shift_ms - first.shift_ms) == (7_200_000, hours * 3_600_000)
    assert second.from_ms == ours[change].answer_ms


@given(st.randoms(use_true_random=False))
def test_the_order_of_our_records_says_nothing(chance: object) -> None:
    """Of calls to the same numbers either: they are written as they end, not as they begin."""
    began = BEGAN_MS // 900_000 * 900_000
    ours = [our_call(number, at_ms=began + number * 600_000, called=f"44{number % 9}") for number in range(200)]
    rows = [row_of(call, 3_600_000 if call.id >= 102 else 0) for call in ours]
    chance.shuffle(ours)  # type: ignore[attr-defined]
    found = compared(ours, rows)
    assert counts(found) == {"matched": 200}
    assert [(one.shift_ms, one.calls) for one in found.reading.segments] == [(0, 102), (3_600_000, 98)]


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize(("late_ms", "kind"), [(0, "matched"), (3_600_000, "time"), (20_000, "")])
def test_a_file_of_a_call_or_two(many: int, late_ms: int, kind: str) -> None:
    """Of starts or of answers: whichever of them fits."""
    ours = [our_call(number, called=f"44{number}") for number in range(many)]
    rows = [row_of(call, late_ms) for call in ours]
    starts = [row._replace(at_ms=row.at_ms - 8_000) for row in rows]
    for file in (rows, starts):
        assert counts(compared(ours, file)) == ({kind: many} if kind else {"only_ours": many, "only_theirs": many})


def test_a_few_shifted_calls_are_no_daylight_saving() -> None:
    """They are differences each."""
    ours = [our_call(number, called=f"44{number}") for number in range(100)]
    rows = [row_of(call, 3_600_000 if 50 <= call.id < 56 else 0) for call in ours]
    found = compared(ours, rows)
    assert counts(found) == {"matched": 94, "time": 6}
    assert {pair.shift_ms for pair in found.differences} == {3_600_000}


def test_a_clock_that_is_off_is_no_difference() -> None:
    """By up to two minutes; a call that is off by itself stands on both sides alone."""
    ours = [our_call(number, called=f"44{number}") for number in range(50)]
    rows = [row_of(call, 47_000 + call.id % 3 * 400) for call in ours]
    assert counts(compared(ours, rows)) == {"matched": 50}
    rows[9] = rows[9]._replace(at_ms=rows[9].at_ms + 20_000)
    assert counts(compared(ours, rows)) == {"matched": 49, "only_ours": 1, "only_theirs": 1}


def test_starts_are_compared_with_starts() -> None:
    """Which of our moments theirs is shows by itself."""
    ours = [
        our_call(number)._replace(start_ms=BEGAN_MS + number * SLOT_MS - number % 40 * 1000) for number in range(60)
    ]
    found = compared(ours, [row_of(call)._replace(at_ms=call.start_ms) for call in ours])
    assert (counts(found), found.reading.basis) == ({"matched": 60}, "start")


@pytest.mark.parametrize(
    ("measure", "told"),
    [("rounded up", 61_000), ("cut", 60_000), ("rounded", 60_000), ("as measured", 60_400), ("billed", 90_000)],
)
def test_how_a_partner_counts_seconds_shows_by_itself(measure: str, told: int) -> None:
    """A second more than by its own way is a difference."""
    ours = [our_call(number)._replace(duration_ms=60_400 + number * 1000) for number in range(30)]
    ours[3] = ours[3]._replace(duration_ms=ours[3].duration_ms + 300)  # rounded it is another one than cut
    ours = [call._replace(billed_ms=90_000 + call.id * 6_000) for call in ours]
    step = 6_000 if measure == "billed" else 1_000
    rows = [row_of(call)._replace(duration_ms=told + call.id * step) for call in ours]
    if measure in {"rounded", "as measured"}:
        rows[3] = rows[3]._replace(duration_ms=64_000 if measure == "rounded" else 63_700)
    found = compared(ours, rows)
    assert (found.reading.measure, counts(found)) == (measure, {"matched": 30})
    rows[7] = rows[7]._replace(duration_ms=rows[7].duration_ms + 1_000)
    assert counts(compared(ours, rows)) == {"matched": 29, "duration": 1}
    assert counts(compared(ours, rows, Rules(duration_s=1))) == {"matched": 30}
    rows[7] = rows[7]._replace(amount_micros=rows[7].amount_micros + 10_000)
    assert counts(compared(ours, rows, Rules(duration_s=1))) == {"matched": 29, "duration": 1}


def test_calls_at_once_to_one_number_find_each_other() -> None:
    """By their lengths."""
    ours = [our_call(number, called="4420", at_ms=BEGAN_MS, length_ms=10_000 + number * 7_000) for number in range(20)]
    rows = [row_of(call) for call in reversed(ours)]
    assert counts(compared(ours, rows)) == {"matched": 20}
    again = compared([*ours, ours[4]._replace(id=99)], [*rows, rows[15], rows[15]])
    assert counts(again) == {"matched": 21, "only_theirs": 1}
    assert again.differences[0].twin == 15


def test_a_tech_prefix_is_found_and_told() -> None:
    """One that few rows have is no prefix."""
    ours = [our_call(number) for number in range(30)]
    rows = [row_of(call)._replace(called="8812" + call.called) for call in ours]
    found = compared(ours, rows)
    assert counts(found) == {"matched": 30}
    assert found.notices == ("their numbers have 8812 before them, which is taken off",)
    rows = [row_of(call)._replace(called="8812" + call.called if call.id < 2 else call.called) for call in ours]
    assert counts(compared(ours, rows)) == {"matched": 28, "only_ours": 2, "only_theirs": 2}


def test_callers_tell_calls_apart_unless_they_never_agree() -> None:
    """Those that the partner writes otherwise altogether are left out, and that is told."""
    ours = [
        our_call(number, called="4420", at_ms=BEGAN_MS + number // 2 * SLOT_MS, length_ms=60_000)._replace(
            caller=f"49{number}", amount_micros=number
        )
        for number in range(40)
    ]
    theirs = theirs_of([row_of(call) for call in ours])
    agreeing = theirs._replace(callers=[call.caller for call in ours])
    assert compare(ours_of(ours), agreeing, Rules(money_micros=0)).differences == []
    withheld = theirs._replace(callers=["0"] * 40)
    found = compare(ours_of(ours), withheld, Rules())
    assert (counts(found), len(found.notices)) == ({"matched": 40}, 1)


def test_without_amounts_our_own_price_says_what_is_at_stake() -> None:
    """Of another length by its share; nobody can say it of what is theirs alone."""
    ours = [our_call(number, length_ms=60_000) for number in range(10)]
    rows = [row_of(call) for call in ours[1:]]
    rows[0] = rows[0]._replace(duration_ms=90_000)
    found = compare(ours_of(ours), theirs_of([*rows, rows[1]._replace(called="1")], amounts=False), Rules())
    stakes = {kind.value: sums.stake_micros for kind, sums in found.sums.items() if sums.calls}
    assert stakes == {"matched": 0, "duration": 300_000, "only_ours": -600_000, "only_theirs": 0}


def test_another_partner_s_file_has_nothing_in_common() -> None:
    """All of it differs."""
    ours = [our_call(number) for number in range(30)]
    assert counts(compared(ours, [row_of(call)._replace(called="7" * 9) for call in ours])) == {
        "only_ours": 30,
        "only_theirs": 30,
    }
    assert counts(compared([], [row_of(ours[0])])) == {"only_theirs": 1}


def test_one_number_at_one_second_takes_no_age() -> None:
    """Each call is looked at beside a few others, not beside all."""
    ours = [our_call(number, called="4420", at_ms=BEGAN_MS, length_ms=1_000 + number) for number in range(3_000)]
    rows = [row_of(call)._replace(duration_ms=call.billed_ms + 50_000_000) for call in ours]
    found = compared(ours, rows)
    assert found.sums[Class.DURATION].calls + found.sums[Class.ONLY_OURS].calls == 3_000
