"""What a dialog keeps for us: written and read back, and nothing that a peer sends breaks a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kemi import notes
from kemi.notes import Early, Move

WORDS = st.text(min_size=1, max_size=20).filter(notes.is_word)


@given(st.dictionaries(WORDS, st.builds(Early, WORDS, st.lists(WORDS, max_size=3).map(tuple), WORDS), max_size=8))
def test_sides_that_ring_come_back(sides: dict[str, Early]) -> None:
    """All of them, in their order."""
    noted = ""
    for tag, side in sides.items():
        noted = notes.with_early_side(noted, tag, side) or noted
    assert notes.early_sides(noted) == sides


@given(st.text(), st.text())
def test_what_does_not_fit_a_note_is_not_noted(tag: str, contact: str) -> None:
    """A blank or a line break would make another side of it."""
    noted = notes.with_early_side("", tag, Early(contact, ()))
    assert (noted is not None) == (notes.is_word(tag) and notes.is_word(contact))
    if noted is not None:
        assert notes.early_sides(noted) == {tag: Early(contact, ())}


def test_a_ninth_side_and_a_known_one_are_not_noted() -> None:
    """A gateway can't fill the shared memory."""
    noted = ""
    for number in range(8):
        noted = notes.with_early_side(noted, f"t{number}", Early("sip:a@b", ())) or ""
    assert notes.with_early_side(noted, "t8", Early("sip:a@b", ())) is None
    assert notes.with_early_side("t0 sip:a@b -", "t0", Early("sip:c@d", ())) is None
    assert notes.with_early_side("", "t", Early("sip:a@b", ("sip:r",) * 17)) is None


def test_a_move_comes_back() -> None:
    """With its side and CSeq."""
    move = Move("caller", 7, "sip:new@127.0.0.2")
    assert Move.from_note(move.to_note()) == move
    assert Move.from_note("") is None


def test_the_last_target_of_a_tag_counts() -> None:
    """Each side has one."""
    noted = notes.with_moved(notes.with_moved("", "a", "sip:1@h"), "b", "sip:2@h")
    assert notes.moved_targets(notes.with_moved(noted, "a", "sip:3@h")) == {"a": "sip:3@h", "b": "sip:2@h"}
    assert notes.moved_targets("") == {}
