"""Destination groups: which one a number belongs to, and what is wrong in groups.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.document import load
from ratebook.groups import Group, Groups

TARIFF = """
currency: EUR
rates:
  - {prefix: 44, destination: United Kingdom, rate: 0.01}
  - {prefix: 447, destination: United Kingdom mobile, rate: 0.02}
  - {prefix: 447624, destination: Isle of Man, rate: 0.2}
  - {prefix: 336, destination: France mobile, rate: 0.02}
"""


def groups(root: Path, text: str) -> tuple[Groups, list[str]]:
    (root / "tariffs").mkdir(exist_ok=True)
    (root / "tariffs" / "t.yaml").write_text(TARIFF)
    (root / "groups.yaml").write_text(text)
    found = load(root)
    return Groups(found.groups), [str(one) for one in found.problems]


MOBILE = """
groups:
  eu mobile:
    description: where the package's minutes go
    prefixes: [49151-49179, 336]
    except: [33638, 49160]
  satellite: {prefixes: 881}
  world: {prefixes: [""], except: [99]}
  north: {prefixes: "4916"}
"""


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("4915112345", "eu mobile"),
        ("491791", "eu mobile"),
        ("491501", "world"),
        ("3361", "eu mobile"),
        ("336", "eu mobile"),
        ("33", "world"),
        ("336381", "world"),
        ("4916112345", "eu mobile"),
        ("4916012345", "north"),
        ("881", "satellite"),
        ("9912", ""),
        ("98", "world"),
        ("", "world"),
    ],
)
def test_the_longest_prefix_has_the_number(tmp_path: Path, number: str, name: str) -> None:
    """What a group leaves out falls to the next shorter prefix of another."""
    found, faults = groups(tmp_path, MOBILE)
    assert faults == []
    assert found.find(number) == name


def test_destinations_by_name(tmp_path: Path) -> None:
    """As the rates name them: longer prefixes of another name are other destinations."""
    found, faults = groups(tmp_path, "groups: {uk: {destinations: [United Kingdom, Isle of Man]}}\n")
    assert faults == []
    assert [found.find(number) for number in ("4420", "44712", "4476241", "3361", "4")] == ["uk", "", "uk", "", ""]


FIELDS = "one of prefixes, destinations, except, description (did you mean prefixes?)"
OTHER = "once; the other stands in groups.yaml"
UNKNOWN = "no rate has the destination 'Untied Kingdom'"
TWO = "groups:\n  a: {prefixes: 1}\n  b: {prefixes: [2, 1]}\n"
NEAR = "the name of one that has (did you mean United Kingdom?)"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("groups: []\n", "1:9: groups is no table of fields: `name: value`"),
        ("group: {}\n", "1:1: groups.yaml has no field 'group': one of groups (did you mean groups?)"),
        ("groups: {a: {prefix: 1}}\n", f"1:14: group 'a' has no field 'prefix': {FIELDS}"),
        ("groups: {a: {except: 1}}\n", "1:13: group 'a' has no numbers: `prefixes:` or `destinations:`"),
        ("groups: {a: {prefixes: x}}\n", "1:24: prefixes 'x': up to 18 digits were expected"),
        ("groups: {a: {prefixes: [1, 1-3]}}\n", f"1:28: prefix '1' is in this group already: {OTHER}:1"),
        (TWO, f"3:21: prefix '1' is in group 'a' already: {OTHER}:2"),
        ("groups: {a: {prefixes: 2, except: [2]}}\n", "1:13: group 'a' has no numbers: `prefixes:` or `destinations:`"),
        ("groups: {a: {destinations: [Untied Kingdom]}}\n", f"1:29: {UNKNOWN}: {NEAR}"),
        ("groups: {'': {prefixes: 1}}\n", "1:14: a group called '': a name of 1 to 128 characters was expected"),
    ],
)  # fmt: skip
def test_faults_have_their_places(tmp_path: Path, text: str, fault: str) -> None:
    """All of them, as in tariffs."""
    assert groups(tmp_path, text)[1] == [f"groups.yaml:{fault}"]


def test_no_file_is_no_group(tmp_path: Path) -> None:
    """And no number is in one."""
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "t.yaml").write_text(TARIFF)
    assert load(tmp_path).groups == []
    assert Groups().find("44") == ""


def slow(found: list[Group], number: str) -> str:
    """As the sentence says it: of the groups that have the number, the one with the longest prefix."""
    best = (-1, "")
    for group in found:
        here = max((len(one) for one in group.prefixes if number.startswith(one)), default=-1)
        out = max((len(one) for one in group.excepted if number.startswith(one)), default=-1)
        if here >= 0 and here > out:
            best = max(best, (here, group.name))
    return best[1]


_PREFIXES = st.lists(st.text("12", max_size=4), unique=True, max_size=6)


@given(_PREFIXES, _PREFIXES, _PREFIXES, _PREFIXES, st.text("12", max_size=6))
def test_against_a_slow_one(one: list[str], other: list[str], out: list[str], more: list[str], number: str) -> None:
    """One table of prefixes is the same as asking all groups."""
    found = [
        Group("a", tuple(one), tuple(set(out) - set(one))),
        Group("b", tuple(set(other) - set(one)), tuple(set(more) - (set(other) - set(one)))),
    ]
    assert Groups(found).find(number) == slow(found, number)
    assert [Group.from_record(group.name, group.to_record()) for group in found] == found
