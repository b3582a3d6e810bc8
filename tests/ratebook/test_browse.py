"""A published version page by page: the same rates as all of it at once, whatever is looked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.compiled import browse as browsing
from ratebook.compiled.browse import browse
from ratebook.compiled.unpack import rates_of, version_rows
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.model import Interval, Rate, Tariff, Terms

NAMES = ("Great Britain", "Großbritannien", "Germany", "")
PREFIXES = st.text("0123", max_size=4)
RATES = st.dictionaries(PREFIXES, st.tuples(st.sampled_from(NAMES), st.integers(1, 3), st.booleans()), max_size=25)


def fits(rate: Rate, wanted: str) -> bool:
    """As told in words."""
    if wanted.isdecimal():
        return rate.prefix.startswith(wanted) or wanted.startswith(rate.prefix)
    return wanted.casefold() in rate.destination.casefold()


def rates(said: dict[str, tuple[str, int, bool]]) -> tuple[Rate, ...]:
    """Some prefixes have a rate before, and another from a moment on."""
    found = []
    for prefix, (name, nanos, is_two) in said.items():
        terms = Terms("EUR", (Interval(0, nanos, 1),))
        found.append(Rate(prefix, name, None, 1_000 if is_two else None, terms))
        if is_two:
            found.append(Rate(prefix, "Germany", 1_000, None, terms))
    return tuple(found)


@given(
    RATES, st.sampled_from(["", "0", "01", "0123", "13", "brit", "GROSSBRIT", "germany", "nowhere"]), st.integers(1, 5)
)
@settings(max_examples=60, deadline=None)
def test_pages_together_are_the_whole(said: dict[str, tuple[str, int, bool]], wanted: str, size: int) -> None:
    """In the order of prefixes; a second version beside it mixes in nothing."""
    with tempfile.TemporaryDirectory() as folder:
        env = open_for_writing(Path(folder) / "rates")
        try:
            compiled = compile_tariff(Tariff("retail", "EUR", "UTC", rates(said)))
            other = compile_tariff(Tariff("other", "EUR", "UTC", rates({"01": ("Great Britain", 9, False)})))
            for one in (compiled, other):
                write_version(env, one)
            whole = [one for one in rates_of(version_rows(env, compiled.version) or []) if fits(one, wanted)]
            found: list[Rate] = []
            after: str | None = None
            while True:
                page = browse(env, compiled.version, wanted, after, size)
                assert len({one.prefix for one in page.rates}) <= size
                found += page.rates
                after = page.next
                if after is None:
                    break
            assert found == whole
        finally:
            env.close()


def test_a_page_reads_only_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rare is found on a later page; what isn't there at all ends; no version has no rates."""
    monkeypatch.setattr(browsing, "SCAN_MAX", 10)
    said = {str(number): ("Germany", 1, False) for number in range(100, 125)} | {"124": ("Great Britain", 1, False)}
    env = open_for_writing(tmp_path / "rates")
    compiled = compile_tariff(Tariff("retail", "EUR", "UTC", rates(said)))
    write_version(env, compiled)
    first = browse(env, compiled.version, "britain", None, 5)
    assert (first.rates, first.next) == ([], "109")
    second = browse(env, compiled.version, "britain", first.next, 5)
    third = browse(env, compiled.version, "britain", second.next, 5)
    assert ([one.prefix for one in third.rates], third.next) == (["124"], None)
    assert browse(env, b"12345678", "", None, 5) == ([], None)
    env.close()
