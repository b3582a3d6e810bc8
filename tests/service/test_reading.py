"""Values of mails in their reader's language; English as they are."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fraud.patterns import KINDS as PATTERNS
from service.fraud.patterns import SEQUENTIAL, Count, pattern_text, seen_text
from service.fraud.words import ACTION_TEXT, LimitText, action_text, amount_text, rule_text
from service.sellers.reading import SAID, read_in
from service.sellers.templates import KINDS

MEASURES = ("spend", "minutes", "calls", "destinations", "first_call")
ENGLISH = re.compile(r"\b(a|the|to|of|or|and|is|are|more|than|at|calls?|hour|day|new|numbers|within)\b", re.I)


@pytest.mark.parametrize(
    ("name", "text", "german"),
    [
        ("total", "1234.50", "1.234,50"), ("open", "-0.000001", "-0,000001"), ("amount", "100", "100"),
        ("due", "2026-12-15", "15.12.2026"), ("since", "2026-12-01", "01.12.2026"),
        ("expires", "2026-12-01 12:00 UTC", "01.12.2026, 12:00 UTC"),
        ("effective", "2027-01-01 00:00 CET", "01.01.2027, 00:00 CET"),
        ("calls", "12345", "12.345"), ("balance", "none", "none"),
        ("due", "soon", "soon"), ("expires", "later", "later"),
        ("number", "1234.50", "1234.50"), ("account", "more than 5.00 an hour", "more than 5.00 an hour"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_germans_do(name: str, text: str, german: str) -> None:
    """What is none of it, and names, stay; so does everything in English, and in a language that nobody knows."""
    assert read_in({name: text}, "de") == {name: german}
    assert read_in({name: text}, "en") == {name: text}
    assert read_in({name: text}, "xx-nonsense-1") == {name: text}


@given(st.decimals(-(10**12), 10**12, places=6))
def test_an_amount_stays_the_same_number(amount: object) -> None:
    """However it is written."""
    told = read_in({"total": f"{amount:f}"}, "de")["total"]
    assert told.replace(".", "").replace(",", ".") == f"{amount:f}"


def _texts() -> list[tuple[str, str]]:
    """All that alarms can say."""
    limits = [
        LimitText(measure, 90_500_000, period, "EUR", group)
        for measure in MEASURES for period in ("hour", "day") for group in ("", "premium")
    ]  # fmt: skip
    found = [("rule", rule_text(one)) for one in limits]
    found += [("seen", amount_text(measure, 90_500_000, "EUR")) for measure in MEASURES]
    found += [("action", action_text(one, place)) for one in ACTION_TEXT for place in ("account", "trunk", "gateway")]
    for kind in (SEQUENTIAL, *PATTERNS):
        pattern = SimpleNamespace(kind=kind, window_s=3600, calls_min=20, shorter_ms=4000, percent=50)
        found += [("rule", f"Mine: {pattern_text(pattern)}"), ("seen", seen_text(pattern, Count(9, 7)))]  # type: ignore[arg-type]
    return found


def test_an_alarm_says_nothing_english_in_german() -> None:
    """Whatever its limit or pattern is."""
    read = [read_in({name: text}, "de")[name] for name, text in _texts()]
    assert [text for text in read if ENGLISH.search(text)] == []
    assert "mehr als 90,50 EUR in einer Stunde nach premium" in read


def test_examples_of_a_preview_are_german_too() -> None:
    """Of every kind of mail: no day, time or amount is left in its English form."""
    for kind, one in KINDS.items():
        read = read_in(one.placeholders, "de")
        assert [text for text in read.values() if re.search(r"\d{4}-\d\d-\d\d[^.]|^\d+\.\d\d$", text)] == [], kind
        assert [read[name] for name in SAID & read.keys() if ENGLISH.search(read[name])] == [], kind
