"""What the doctor says, as a sentence and what is filled in. Pure."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.doctor.evidence import SHOWN_MAX, check, warning
from service.doctor.sentences import Sentence, joined, sentence

VALUES = st.recursive(
    st.integers() | st.text(),
    lambda within: st.builds(lambda few: Sentence("x" + "{}" * len(few), tuple(few)), st.lists(within, max_size=3)),
)
WORDS = {"call {0}": "Anruf {0}", "it says {1}, not {0}": "es ist nicht {0}, sondern {1}", "nothing": "nichts"}


@pytest.mark.parametrize(
    ("said", "english", "german"),
    [
        (sentence("it says {1}, not {0}", 1, 2), "it says 2, not 1", "es ist nicht 1, sondern 2"),
        (
            sentence("it says {1}, not {0}", None, Decimal(3)),
            "it says 3, not nothing",
            "es ist nicht nichts, sondern 3",
        ),
        (
            sentence("it says {1}, not {0}", Decimal("1.5"), "{0}"),
            "it says {0}, not 1.5",
            "es ist nicht 1.5, sondern {0}",
        ),
        (joined([sentence("call {0}", 1), sentence("call {0}", 2)], "; "), "call 1; call 2", "Anruf 1; Anruf 2"),
        (sentence("call {0}", 1).filled("nothing"), "call nothing", "Anruf nothing"),
    ],
)
def test_it_is_told_in_any_language(said: Sentence, english: str, german: str) -> None:
    """Values in another order, sentences within; a name stays what it is, whatever it looks like."""
    assert str(said) == english
    assert said.told(lambda text: WORDS.get(text, text)) == german


@given(VALUES.filter(lambda one: isinstance(one, Sentence)))
def test_it_comes_back_from_json(said: Sentence) -> None:
    """The same, however deep."""
    assert Sentence.from_record(json.loads(json.dumps(said.to_record()))) == said


@pytest.mark.parametrize(
    ("count", "detail"),
    [
        (0, "fine"),
        (1, "call 0: do this"),
        (SHOWN_MAX, "call 0; call 1; call 2; call 3; call 4: do this"),
        (SHOWN_MAX + 2, "call 0; call 1; call 2; call 3; call 4 and 2 more: do this"),
    ],
)
def test_a_check_names_some_and_counts_the_rest(count: int, detail: str) -> None:
    """And says what to do; programs read the same."""
    findings = [sentence("call {0}", number) for number in range(count)]
    given = (findings, sentence("fine"), sentence("do this"))
    told = {"name": "x", "detail": detail}
    assert check("x", *given).to_record() == told | {"ok": not count, "is_warning": False}
    assert warning("x", *given).to_record() == told | {"ok": True, "is_warning": bool(count)}
