"""What the service writes into the ratebook's folder is there as a whole, for whoever could read and write it."""

from __future__ import annotations

from pathlib import Path

from service.tariffs.replacing import replace_text


def test_the_group_that_keeps_the_ratebook_may_still_write_a_deck(tmp_path: Path) -> None:
    """An import writes decks that others write as well; nothing is left beside them."""
    deck = tmp_path / "acme.csv"
    deck.write_text("old")
    deck.chmod(0o664)
    replace_text(deck, "new")
    assert (deck.read_text(), deck.stat().st_mode & 0o777, list(tmp_path.iterdir())) == ("new", 0o664, [deck])


def test_a_link_leads_on_to_the_file_that_it_named(tmp_path: Path) -> None:
    """A ratebook may be put together from several folders."""
    (tmp_path / "kept").mkdir()
    kept, link = tmp_path / "kept" / "acme.csv", tmp_path / "acme.csv"
    kept.write_text("old")
    link.symlink_to(kept)
    replace_text(link, "new")
    assert (link.is_symlink(), kept.read_text()) == (True, "new")


def test_a_new_file(tmp_path: Path) -> None:
    """The first import makes the deck."""
    replace_text(tmp_path / "acme.csv", "new")
    assert (tmp_path / "acme.csv").read_text() == "new"
