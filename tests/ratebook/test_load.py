"""A ratebook's folder, read as a whole; and the sample that comes with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.choice import offer
from ratebook.compiled.read import RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.document import load, parse_tariff
from ratebook.model import Terms
from ratebook.price import charge

EXAMPLES = Path(__file__).parents[2] / "ratebook" / "examples"
SMALL = "currency: EUR\nrates: [{prefix: 44, rate: 1}]\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def faults(root: Path) -> list[str]:
    return [str(problem) for problem in load(root).problems]


def test_a_folder(tmp_path: Path) -> None:
    """Tariffs by the name of their file, resellers' with the folder; editors' leftovers are none."""
    book = load(
        write(
            tmp_path,
            {
                "tariffs/retail.yaml": SMALL,
                "tariffs/north/retail.yml": SMALL,
                "tariffs/north/other.yaml": "name: gold\n" + SMALL,
                "tariffs/.#retail.yaml": "broken: [",
                "tariffs/README.md": "no tariff",
                "routing.yaml": "plans: {standard: {routes: [{gateways: [p/g]}]}}",
            },
        )
    )
    assert book.problems == []
    assert sorted(book.tariffs) == ["north/gold", "north/retail", "retail"]
    assert list(book.plans) == ["standard"]


def test_a_rule_of_a_plan_names_a_destination_group(tmp_path: Path) -> None:
    """One of groups.yaml: another would hold for no number, and nobody would notice."""
    plan = "plans: {standard: {rules: [{exclude: [p/g], groups: [%s]}], routes: [{gateways: [p/g]}]}}"
    files = {"tariffs/retail.yaml": SMALL, "groups.yaml": "groups: {premium: {prefixes: [4490]}}\n"}
    assert faults(write(tmp_path, files | {"routing.yaml": plan % "premium"})) == []
    said = "there is no destination group 'premum' (did you mean premium?): one of groups.yaml"
    assert faults(write(tmp_path, {"routing.yaml": plan % "premum"})) == [f"routing.yaml:1:54: {said}"]


def test_all_files_are_read_whatever_is_wrong_in_one(tmp_path: Path) -> None:
    """Each fault with its file, in their order; an empty file is one beside others' faults."""
    root = write(
        tmp_path,
        {
            "tariffs/a.yaml": "currency: EUR\nrates: [{prefix: x, rate: 1}]\n",
            "tariffs/b.yaml": "",
            "tariffs/c.yaml": SMALL,
            "tariffs/d.yaml": "name: c\n" + SMALL,
            "routing.yaml": "plan: {}\n",
        },
    )
    (root / "tariffs" / "e.yaml").write_bytes(b"\xff")
    (root / "tariffs" / "f.yaml").mkdir()
    assert faults(root) == [
        "routing.yaml:1:1: routing.yaml has no field 'plan': one of plans (did you mean plans?)",
        "tariffs/a.yaml:2:18: prefix 'x': up to 18 digits were expected",
        "tariffs/b.yaml:1:1: an empty file: currency and rates",
        "tariffs/d.yaml:1:1: a second tariff is called 'c': a name of its own",
        "tariffs/e.yaml:1:1: the file is not UTF-8: text saved as UTF-8",
        "tariffs/f.yaml:1:1: no file: a file of text",
    ]
    assert "c" in load(root).tariffs


def test_nothing_there(tmp_path: Path) -> None:
    """No folder is a fault; no routing.yaml is none."""
    assert faults(tmp_path / "absent") == [
        f"tariffs:1:1: no tariffs in {tmp_path}/absent/tariffs: files such as tariffs/retail.yaml"
    ]
    assert faults(write(tmp_path, {"tariffs/a.yaml": SMALL})) == []
    assert faults(write(tmp_path, {"routing.yaml": ""})) == []


def test_files_that_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe would be read for ever; a huge file for long."""
    root = write(tmp_path, {"tariffs/b.yaml": SMALL})
    os.mkfifo(root / "tariffs" / "a.yaml")
    monkeypatch.setattr("ratebook.document.BYTES_MAX", 5)
    assert faults(root) == [
        "tariffs/a.yaml:1:1: no file: a file of text",
        f"tariffs/b.yaml:1:1: the file has {len(SMALL)} bytes: 5 at most",
    ]


def test_a_file_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason is told."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    root = write(tmp_path, {"tariffs/a.yaml": SMALL})
    assert faults(root) == ["tariffs/a.yaml:1:1: the file can't be read (Permission denied): a readable file"]


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_makes_it_raise(text: str) -> None:
    """A tariff or a fault, never an exception."""
    tariff, problems, _ = parse_tariff(text, "x", "x", Path("/nowhere"))
    assert tariff is not None or problems


WORDS = st.sampled_from(
    ["currency", "EUR", "rates", "prefix", "rate", "intervals", "from", "44", "0.1", "yes", "decks", "file", "rounding"]
)
TREES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4))


@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_no_tree_makes_it_raise(tree: object) -> None:
    """The right words in the wrong places (JSON is YAML)."""
    tariff, problems, _ = parse_tariff(json.dumps(tree), "x", "x", Path("/nowhere"))
    assert tariff is not None or problems


# --- the sample

NUMBERS = (
    "441632960000",
    "442079460000",
    "447912345678",
    "49301234567",
    "12125550100",
    "33140000000",
    "336000000",
    "88169000",
)


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Terms]:
    """The terms of each tariff for each number, through the compiled rates."""
    book = load(EXAMPLES)
    assert [str(problem) for problem in book.problems] == []
    env = open_for_writing(tmp_path_factory.mktemp("sample") / "rates")
    found = {}
    for tariff in book.tariffs.values():
        compiled = compile_tariff(tariff)
        write_version(env, compiled)
        with RatesReader(env).snapshot() as rates:
            for number in (*NUMBERS, "19005551234"):
                one = rates.find(compiled.version, number, 1_800_000_000)
                if one is not None:
                    found[tariff.name, number] = one.terms
    env.close()
    return found


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("seconds", [1, 60, 180, 3600])
def test_nobody_loses_money_by_the_sample(priced: dict[tuple[str, str], Terms], number: str, seconds: int) -> None:
    """Carrier A below B, both below what the operator asks, and each level above the one that it buys from."""
    chain = ["carrier-a", "carrier-b", "wholesale-eur", "reseller-eur", "retail-eur"]
    charges = [charge(priced[tariff, number], seconds * 1000, 0).micros for tariff in chain]
    assert charges == sorted(charges)
    assert len(set(charges)) == len(charges)


def test_the_sample_blocks_premium_numbers(priced: dict[tuple[str, str], Terms]) -> None:
    """For everybody who buys; and the increments 1/1, 60/60 and 30/6 all occur."""
    sold = [priced[tariff, "19005551234"] for tariff in ("wholesale-eur", "reseller-eur", "retail-eur")]
    assert all(terms.blocked for terms in sold)
    steps = {tuple(step.increment_s for step in terms.intervals) for terms in priced.values()}
    assert steps >= {(1,), (60,), (30, 6)}


def test_the_samples_plan_routes_every_number() -> None:
    """To carrier A first, then B."""
    plan = load(EXAMPLES).plans["standard"]
    (tier,) = offer(plan, "4420", (), 0).tiers
    assert [choice.gateway for choice in tier] == ["carrier-a/gw1", "carrier-b/gw1"]


def test_files_that_are_passed_over_are_told(tmp_path: Path) -> None:
    """What looks like a part of the ratebook and is none; notes and hidden files are left alone."""
    (tmp_path / "tariffs" / "north").mkdir(parents=True)
    for name in ("retail.yaml", "second.yml"):
        (tmp_path / "tariffs" / name).write_text("currency: EUR\nrates: [{prefix: 44, rate: 1}]\n")
    for name in (
        "tariffs/north/X.YAML",
        "tariffs/Y.Yml",
        "tariffs/notes.md",
        "tariffs/.Z.YAML",
        "groups.yml",
        "Routing.yaml",
    ):
        (tmp_path / name).write_text("rubbish")
    found = load(tmp_path)
    assert (sorted(found.tariffs), found.problems) == (["retail", "second"], [])
    assert [str(one) for one in found.warnings] == [
        "Routing.yaml:1:1: the file is passed over: the name routing.yaml",
        "groups.yml:1:1: the file is passed over: the name groups.yaml",
        "tariffs/Y.Yml:1:1: the file is passed over: an ending in small letters, .yml",
        "tariffs/north/X.YAML:1:1: the file is passed over: an ending in small letters, .yaml",
    ]
