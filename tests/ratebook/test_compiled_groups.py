"""Destination groups as workers look them up: the same answers as the ratebook's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.compiled.groups import compile_groups, name_in
from ratebook.compiled.layout import UnknownLayout
from ratebook.compiled.read import RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.groups import Group, Groups
from ratebook.model import Tariff

MOBILE = [Group("mobile", ("4915", "336"), ("49160", "33638")), Group("satellite", ("881",))]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One environment for all: each version has its own rows."""
    found = open_for_writing(tmp_path_factory.mktemp("groups") / "rates")
    yield found
    found.close()


def look_up(env: Any, groups: list[Group], number: str) -> tuple[str, ...] | None:
    """Written, and looked up."""
    compiled = compile_groups(groups)
    write_version(env, compiled)
    with RatesReader(env).snapshot() as rates:
        return rates.groups_of(compiled.version, number)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("4915112345", ("mobile",)),
        ("4916", ()),
        ("336", ("mobile",)),
        ("33", ()),
        ("336381", ()),
        ("8811", ("satellite",)),
        ("", ()),
        ("9", ()),
    ],
)
def test_the_longest_prefix_has_the_number(env: Any, number: str, found: tuple[str, ...]) -> None:
    """What is left out is in none."""
    assert look_up(env, MOBILE, number) == found


prefixes = st.lists(st.text("123", max_size=4), max_size=4)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("abc"), st.tuples(prefixes, prefixes)), st.text("123", max_size=6))
def test_as_the_ratebook_says(env: Any, named: dict[str, tuple[list[str], list[str]]], number: str) -> None:
    """Any groups, any number."""
    groups = [Group(name, tuple(have), tuple(out)) for name, (have, out) in named.items()]
    name = Groups(groups).find(number)
    assert look_up(env, groups, number) == ((name,) if name else ())


def test_equal_groups_have_an_equal_version() -> None:
    """Whatever their order; another prefix makes another one."""
    version = compile_groups(MOBILE).version
    assert compile_groups(MOBILE[::-1]).version == version
    assert compile_groups([MOBILE[0]]).version != version
    assert compile_groups([]).version != compile_tariff(Tariff("t", "EUR", "UTC", ())).version


def test_a_version_that_is_not_there_is_told_from_a_number_without_a_group(env: Any) -> None:
    """None, not empty; beside it a tariff's rows are no groups."""
    write_version(env, compile_groups(MOBILE))
    with RatesReader(env).snapshot() as rates:
        assert rates.groups_of(b"nowhere.", "336") is None


def test_another_release_is_told() -> None:
    """By the first byte of a row."""
    with pytest.raises(UnknownLayout):
        name_in(b"\x00mobile")


def test_reading_costs_the_same_whatever_there_is(tmp_path: Path) -> None:
    """A number behind ten thousand prefixes is found, and one before them is not."""
    env = open_for_writing(tmp_path / "rates")
    assert look_up(env, [Group("many", tuple(f"4{n:05}" for n in range(10_000)), ())], "40999912") == ("many",)
    assert look_up(env, [Group("many", tuple(f"4{n:05}" for n in range(10_000)), ())], "410000") == ()
    env.close()
