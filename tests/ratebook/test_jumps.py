"""Prices that move far: by the call that moves most, at their rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratebook.compare import differences
from ratebook.document import load, parse_tariff, places_in
from ratebook.jumps import jumps
from ratebook.model import Rate

HEAD = "currency: EUR\nbands: {night: {hours: 22:00-06:00}}\nrates:\n"


def rates(tmp_path: Path, *lines: str) -> list[Rate]:
    text = HEAD + "".join(f"  - {{{line}}}\n" for line in lines)
    found = parse_tariff(text, "t", "t", tmp_path)
    assert found.tariff is not None
    assert found.problems == []
    return list(found.tariff.rates)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("prefix: 44, rate: 0.04", "prefix: 44, rate: 0.06", []),
        ("prefix: 44, rate: 0.04", "prefix: 44, rate: 0.0601", [("44", 30, 20_000, 30_050, 50)]),
        ("prefix: 44, rate: 0.04", "prefix: 44, rate: 0.02", []),
        ("prefix: 44, rate: 0.04", "prefix: 44, rate: 0.0196", [("44", 30, 20_000, 9_800, -51)]),
        ("prefix: 44, rate: 0", "prefix: 44, rate: 0.01", [("44", 300, 0, 50_000, None)]),
        ("prefix: 44, rate: 0.01", "prefix: 44, rate: 0", [("44", 1, 167, 0, -100)]),
        ("prefix: 44, rate: 0.06", "prefix: 44, rate: 0.06, increments: 60", [("44", 1, 1_000, 60_000, 5_900)]),
        ("prefix: 44, rate: 0.06", "prefix: 44, blocked: yes", []),
        ("prefix: 44, blocked: yes", "prefix: 44, rate: 9", []),
        ("prefix: 44, rate: 0.06", "prefix: 45, rate: 9", []),
    ],
)
def test_a_price_that_moves(tmp_path: Path, before: str, after: str, found: list[tuple[object, ...]]) -> None:
    """By more than half: neither by half, nor where there is no price before or after."""
    moved = jumps(differences(rates(tmp_path, before), rates(tmp_path, after)), 50)
    assert [(one.prefix, one.seconds, one.before_micros, one.after_micros, one.percent) for one in moved] == found


def test_a_band_moves_and_a_later_price(tmp_path: Path) -> None:
    """Its own price is asked; the moment of a later one is told."""
    day = "prefix: 44, rate: 0.04"
    before = rates(tmp_path, day, "prefix: 44, band: night, rate: 0.01")
    after = rates(tmp_path, day, "prefix: 44, band: night, rate: 0.04")
    assert [one.percent for one in jumps(differences(before, after), 50)] == [300]
    later = rates(tmp_path, day, "prefix: 44, rate: 4, effective: 2030-01-01")
    (jump,) = jumps(differences(rates(tmp_path, day), later), 50)
    assert (jump.from_s, jump.percent) == (1_893_456_000, 9_900)


FILES = {
    "tariffs/a.yaml": "currency: EUR\nrates:\n"
    "  - {prefix: [44, 45], rate: 1}\n"
    "  - {prefix: 44, rate: 2, effective: 2027-01-01}\n"
    "decks: [d.csv]\ninclude: [b]\n",
    "tariffs/b.yaml": "currency: EUR\nname: b\nrates: [{prefix: 46, rate: 1}]\n",
    "tariffs/c.yaml": "currency: EUR\nderive: {from: a, markup: 10%}\nrates: [{prefix: 4, rate: 1}]\n",
    "decks/d.csv": "prefix,rate\n47,1\n48,2\n",
}


@pytest.mark.parametrize(
    ("tariff", "prefix", "at_s", "place"),
    [
        ("a", "45", 0, "tariffs/a.yaml:3:19"),
        ("a", "44", 0, "tariffs/a.yaml:3:15"),
        ("a", "44", 1_900_000_000, "tariffs/a.yaml:4:14"),
        ("a", "48", 0, "decks/d.csv:3:1"),
        ("a", "46", 0, "tariffs/b.yaml:3:18"),
        ("c", "4", 0, "tariffs/c.yaml:3:18"),
        ("c", "44", 0, "tariffs/c.yaml:2:16"),
        ("a", "9", 0, "tariffs/a.yaml:1:1"),
        ("z", "4", 0, None),
    ],
)
def test_where_a_rate_stands(tmp_path: Path, tariff: str, prefix: str, at_s: int, place: str | None) -> None:
    """Its row, that of the tariff it is included from, or what derives it."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = load(tmp_path)
    assert found.problems == []
    told = places_in(tmp_path, found).find(tariff, prefix, at_s)
    assert (None if told is None else ":".join(map(str, told))) == place
    (tmp_path / "tariffs" / "a.yaml").unlink()
    if tariff == "a":
        assert places_in(tmp_path, found).find(tariff, prefix, at_s) is None
