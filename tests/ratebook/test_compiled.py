"""Compiled tariffs: what is written is found again, whole or not at all, by the longest prefix in effect."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.compiled.layout import FOR_EVER, LAYOUT, UnknownLayout, decode_terms, encode_terms, number_at
from ratebook.compiled.read import Body, Found, RatesReader
from ratebook.compiled.write import compile_tariff, drop_version, open_for_writing, versions, write_version
from ratebook.model import Interval, Rate, Tariff, Terms
from tests.ratebook.strategies import rates, terms_of_all_kinds
from tests.waiting import PATIENCE_S

CHEAP = Terms("EUR", (Interval(0, 1, 1),))
DEAR = Terms("EUR", (Interval(0, 9, 60),))


def tariff(*rates: Rate, name: str = "retail") -> Tariff:
    return Tariff(name, "EUR", "UTC", rates)


def rate(prefix: str, terms: Terms = CHEAP, effective_s: int | None = None, until_s: int | None = None) -> Rate:
    return Rate(prefix, f"to {prefix}", effective_s, until_s, terms)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Any]:
    opened = open_for_writing(tmp_path / "rates")
    yield opened
    opened.close()


def find(env: Any, version: bytes, number: str, at_s: int = 0) -> Found | None:
    """What is found alone; `matches`, of several versions at once, finds the same."""
    with RatesReader(env).snapshot() as look:
        found = look.find(version, number, at_s)
        match, none = look.matches((version, None), number, at_s)
        assert none is None
        alike = match and (number[: match[0]], look.body(version, match[1]), match[2])
        assert alike == (found and tuple(found))
        return found


def publish(env: Any, *rates: Rate) -> bytes:
    compiled = compile_tariff(tariff(*rates))
    assert write_version(env, compiled)
    return compiled.version


def test_the_longest_prefix_wins(env: Any) -> None:
    """Beside its near misses; the empty prefix takes the rest."""
    version = publish(env, rate(""), rate("44"), rate("4420", DEAR), rate("4421"), rate("45"))
    found = {number: find(env, version, number) for number in ("44209", "4420", "442", "4422", "46", "", "*1", "#")}
    assert {number: one and one.prefix for number, one in found.items()} == {
        "44209": "4420",
        "4420": "4420",
        "442": "44",
        "4422": "44",
        "46": "",
        "": "",
        "*1": "",
        "#": "",
    }
    assert found["44209"] == Found("4420", Body("to 4420", DEAR, encode_terms(DEAR)), FOR_EVER)


def test_a_number_without_rate_is_not_found(env: Any) -> None:
    """Neither by a longer prefix, nor by the neighbouring tariff's rates."""
    version = publish(env, rate("4420"))
    publish(env, rate("", DEAR))
    assert find(env, version, "442") is None
    assert find(env, version, "45") is None
    assert find(env, version, "1") is None
    assert find(env, b"\0" * 8, "44") is None
    assert find(env, b"\xff" * 8, "44") is None


def test_a_number_of_odd_characters_is_not_found(env: Any) -> None:
    """What comes before and behind digits; no ASCII is refused."""
    version = publish(env, rate("44"))
    assert [find(env, version, number) for number in ("~", "a", " ", "+44", "\0", "\x7f")] == [None] * 6
    with pytest.raises(UnicodeEncodeError):
        find(env, version, "é")


def test_rates_change_at_their_second(env: Any) -> None:
    """The later one takes over; until is exclusive; a prefix without a rate in effect gives way to a shorter one."""
    version = publish(
        env, rate("4", DEAR), rate("44", CHEAP, None, 200), rate("44", DEAR, 100, 150), rate("44", CHEAP, 300)
    )

    def at(at_s: int) -> tuple[str, Terms]:
        found = find(env, version, "441", at_s)
        assert found is not None
        return found.prefix, found.terms

    assert [at(one) for one in (-5, 99, 100, 149, 150, 199, 200, 299, 300)] == [
        ("44", CHEAP),
        ("44", CHEAP),
        ("44", DEAR),
        ("44", DEAR),
        ("44", CHEAP),
        ("44", CHEAP),
        ("4", DEAR),
        ("4", DEAR),
        ("44", CHEAP),
    ]


def test_a_look_up_says_until_when_it_holds(env: Any) -> None:
    """Its own end, the next rate of its prefix, or of a longer one that is passed over now; else for ever."""
    version = publish(env, rate("4", CHEAP), rate("44", CHEAP, 10, 40), rate("44", DEAR, 20), rate("45", DEAR, 90, 95))

    def until(number: str, at_s: int) -> int:
        found = find(env, version, number, at_s)
        assert found is not None
        return found.until_s

    assert [until("441", at_s) for at_s in (0, 10, 20, 39)] == [10, 20, FOR_EVER, FOR_EVER]
    assert [until("451", at_s) for at_s in (0, 90, 95)] == [90, 95, FOR_EVER]


def test_nothing_in_effect_at_all(env: Any) -> None:
    """Not the prefix, not the shorter ones, not the default."""
    version = publish(env, rate("44", CHEAP, 10), rate("4", CHEAP, 10), rate("", CHEAP, 10))
    assert find(env, version, "441", 9) is None
    assert find(env, version, "441", 10) is not None


def longest_in_effect(rates: list[Rate], number: str, at_s: int) -> tuple[str, str, Terms] | None:
    """By trying them all: the longest prefix, then the latest date."""
    fits = [
        (len(one.prefix), -1 if one.effective_s is None else one.effective_s, one)
        for one in rates
        if number[: len(one.prefix)] == one.prefix
        and (one.effective_s is None or one.effective_s <= at_s)
        and (one.until_s is None or at_s < one.until_s)
    ]
    if not fits:
        return None
    best = max(fits, key=lambda fit: fit[:2])[2]
    return best.prefix, best.destination, best.terms


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(rates(), max_size=30, unique_by=lambda one: (one.prefix, one.effective_s)),
    st.lists(st.text("0123456789*#", max_size=8), min_size=1, max_size=10),
    st.integers(0, 26),
)
def test_look_up_is_that_of_a_list(env: Any, given_rates: list[Rate], numbers: list[str], at_s: int) -> None:
    """Any rates, dates and numbers, one environment with all the versions of before."""
    compiled = compile_tariff(tariff(*given_rates))
    write_version(env, compiled)
    for number in [*numbers, *(one.prefix + "5" for one in given_rates)]:
        found = find(env, compiled.version, number, at_s)
        said = found and (found.prefix, found.destination, found.terms)
        assert said == longest_in_effect(given_rates, number, at_s)
        if found is not None:
            assert found.until_s > at_s
            assert all(
                longest_in_effect(given_rates, number, later_s) == said
                for later_s in range(at_s, min(found.until_s, 27))
            )


@given(terms_of_all_kinds())
def test_terms_survive_their_bytes(terms: Terms) -> None:
    """A running call is priced by them: equal terms, equal bytes, and nothing else of the rate in them."""
    raw = encode_terms(terms)
    assert decode_terms(raw) == terms
    assert encode_terms(Terms(*terms)) == raw
    assert len(raw) <= 58 + 16 * len(terms.intervals)


def test_terms_of_another_release_are_refused() -> None:
    """With what to do."""
    raw = bytes([LAYOUT + 1]) + encode_terms(CHEAP)[1:]
    with pytest.raises(
        UnknownLayout, match=rf"rates of layout {LAYOUT + 1}, this release reads {LAYOUT}: publish the ratebook again"
    ):
        decode_terms(raw)
    with pytest.raises(UnknownLayout):
        number_at(raw, 0)


def test_a_version_is_named_by_its_content() -> None:
    """Not by the tariff's name or the order of its rates; but by prefix, destination, date, terms and currency."""
    base = compile_tariff(tariff(rate("44"), rate("45", DEAR)))
    assert compile_tariff(tariff(rate("45", DEAR), rate("44"), name="other")).digest == base.digest
    assert base.digest.startswith(base.version.hex())
    others = [
        tariff(rate("44")),
        tariff(rate("44"), rate("46", DEAR)),
        tariff(rate("44"), rate("45", CHEAP)),
        tariff(rate("44"), rate("45", DEAR, 1)),
        tariff(rate("44"), rate("45", DEAR)._replace(destination="elsewhere")),
        Tariff("retail", "USD", "UTC", (rate("44"), rate("45", DEAR))),
    ]
    digests = {compile_tariff(one).digest for one in others}
    assert len(digests) == len(others)
    assert base.digest not in digests


def test_writing_twice_changes_nothing(env: Any) -> None:
    """And says so."""
    compiled = compile_tariff(tariff(rate("44")))
    assert write_version(env, compiled)
    assert not write_version(env, compiled)
    assert versions(env) == {
        compiled.version: {
            "digest": compiled.digest,
            "name": "retail",
            "currency": "EUR",
            "timezone": "UTC",
            "rates": 1,
            "prefixes": 1,
        }
    }


def test_a_version_without_its_header_is_absent(env: Any) -> None:
    """Half written: readers see nothing of it, and writing it again makes it whole."""
    compiled = compile_tariff(tariff(*(rate(str(number)) for number in range(100, 120))))
    with env.begin(write=True) as txn:
        for prefix, value in compiled.rows[:7]:
            txn.put(compiled.version + prefix, value)
    assert find(env, compiled.version, "100") is None
    assert versions(env) == {}
    assert write_version(env, compiled, slice_rows=3, pause_s=0.0001)
    assert find(env, compiled.version, "119") is not None


def test_dropping_takes_one_version_only(env: Any) -> None:
    """In slices; twice is once."""
    gone = publish(env, *(rate(str(number)) for number in range(100, 110)))
    kept = publish(env, rate("1", DEAR))
    drop_version(env, gone, slice_rows=5)
    drop_version(env, gone)
    assert find(env, gone, "100") is None
    assert list(versions(env)) == [kept]
    assert env.stat()["entries"] == 3


def test_an_empty_tariff_is_a_version_too(env: Any) -> None:
    """It has no rate for any number."""
    version = publish(env)
    assert find(env, version, "44") is None
    assert list(versions(env)) == [version]


def test_the_terms_outlive_their_version(env: Any) -> None:
    """A call keeps the encoded terms and is priced by them."""
    version = publish(env, rate("44", DEAR))
    found = find(env, version, "441")
    drop_version(env, version)
    assert found is not None
    assert decode_terms(found.raw) == DEAR


def test_a_snapshot_does_not_see_what_comes_later(env: Any) -> None:
    """One read transaction: all look-ups of a call see the same rates."""
    compiled = compile_tariff(tariff(rate("44")))
    with RatesReader(env).snapshot() as look:
        write_version(env, compiled)
        assert look.find(compiled.version, "44", 0) is None
        assert not look.has(compiled.version)
    with RatesReader(env).snapshot() as look:
        assert look.has(compiled.version)
        assert look.has(compiled.version)
        assert look.find(compiled.version, "44", 0) is not None


def test_a_reader_that_has_found_a_version_knows_when_it_goes(env: Any) -> None:
    """What it found whole is asked for again once anything was written; an older snapshot has it still."""
    reader, version = RatesReader(env), publish(env, rate("44"))
    with reader.snapshot() as look:
        assert look.has(version)
    with reader.snapshot() as look:
        assert look.has(version)
        drop_version(env, version)
        assert look.find(version, "44", 0) is not None
    with reader.snapshot() as look:
        assert not look.has(version)
        assert look.find(version, "44", 0) is None


def test_reading_needs_an_environment(tmp_path: Path) -> None:
    """Opening none makes none."""
    with pytest.raises(lmdb.Error):
        RatesReader.open(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_opened_again_after_the_writer(tmp_path: Path) -> None:
    """What was written is there, and only to be read."""
    env = open_for_writing(tmp_path / "rates")
    version = publish(env, rate("44", DEAR))
    env.close()
    reader = RatesReader.open(tmp_path / "rates")
    with reader.snapshot() as look:
        found = look.find(version, "441", 0)
    reader.close()
    assert found is not None
    assert found.terms == DEAR


def _look_from_a_child(folder: Path, version: bytes, answers: Any) -> None:
    reader = RatesReader.open(folder)
    with reader.snapshot() as look:
        found = look.find(version, "441", 0)
    answers.put(found and found.prefix)
    reader.close()


def test_processes_read_while_the_writer_has_it_open(tmp_path: Path) -> None:
    """Each opens it after its start, as workers do after their fork."""
    env = open_for_writing(tmp_path / "rates")
    version = publish(env, rate("44"))
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_look_from_a_child, args=(tmp_path / "rates", version, answers))
    child.start()
    assert answers.get(timeout=PATIENCE_S) == "44"
    child.join(timeout=PATIENCE_S)
    assert child.exitcode == 0
    env.close()
