"""The examples of docs/tariffs.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratebook.document import load

PAGE = (Path(__file__).parents[2] / "docs" / "tariffs.md").read_text()
BLOCKS = re.findall(r"^```(yaml|csv)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


NAMED = {"44": "United Kingdom", "447": "United Kingdom mobile"}
"""Destinations of another tariff, that groups name."""


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_an_example_is_faultless(tmp_path: Path, kind: str, text: str) -> None:
    """As a tariff, as routing.yaml, as groups.yaml, as exchange.yaml, as a deck."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks" / "carrier-a.csv").write_text(text if kind == "csv" else "prefix,rate\n33,0.01\n")
    (tmp_path / "decks" / "carrier-b.csv").write_text("Country,Dial Code,Price/Min\nItaly,39,0.01\n")
    for other in ("domestic", "international", "cost"):
        (tmp_path / "tariffs" / f"{other}.yaml").write_text("{currency: EUR, rates: [{prefix: 44, rate: 0.01}]}\n")
    is_tariff = kind == "yaml" and text.startswith("currency")
    tariff = text if is_tariff else "currency: EUR\ndecks: [carrier-a.csv]\n"
    (tmp_path / "tariffs" / "page.yaml").write_text(tariff)
    for name in ("routing", "groups", "exchange"):
        begins = {"routing": "plans", "groups": "groups", "exchange": "base"}[name]
        (tmp_path / f"{name}.yaml").write_text(text if kind == "yaml" and text.startswith(begins) else "")
    if text.startswith("plans"):  # and the group that a rule names
        (tmp_path / "groups.yaml").write_text("groups: {germany-mobile: {prefixes: [4915]}}\n")
    uk = [f"{{prefix: {code}, destination: {name}, rate: 1}}" for code, name in NAMED.items()]
    (tmp_path / "tariffs" / "named.yaml").write_text(f"currency: EUR\nrates: [{', '.join(uk)}]\n")
    book = load(tmp_path)
    assert [str(problem) for problem in book.problems] == []
    assert book.tariffs["page"].rates
    assert bool(book.plans) == text.startswith("plans")
    assert bool(book.exchange.courses) == text.startswith("base")
    assert bool(book.groups) == text.startswith(("groups", "plans"))


def test_the_page_has_examples() -> None:
    """Of each kind."""
    assert [kind for kind, _ in BLOCKS].count("yaml") >= 6
    assert "csv" in {kind for kind, _ in BLOCKS}
