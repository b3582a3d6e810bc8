"""Any valid end can be reached from any valid beginning by one file, whatever its order; what goes out comes in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import open_engine
from service.setup.perform import SetupFault
from tests.service.conftest import copy_sqlite
from tests.service.test_export import _exported, _fresh
from tests.service.test_setup import apply

ACCOUNTS = """
accounts:
  - {name: North, kind: reseller, billing: postpaid}
  - {name: Ann, kind: customer, parent: North, billing: postpaid}
  - {name: Ben, kind: customer, parent: North, billing: postpaid}
"""
SERVICES = ("calls", "messages", "subscription", "fee")
YEARS = range(2024, 2031)
NAMES = ("VAT", "sales: tax", "TVA/é", "no")


def _moment(year: int) -> str:
    return f"{year}-01-01T00:00:00.000Z"


@st.composite
def taxes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of North: by service one VAT at a time, each key with its own percentage; some levies; in any order."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for service in draw(st.permutations(SERVICES)):
        borders = sorted(draw(st.sets(st.sampled_from(YEARS), max_size=4)))
        for begin, end in pairwise(borders):
            name = draw(st.sampled_from(NAMES))
            row = {"account": "North", "name": name, "percent": _percent(name, begin), "category": "S"}
            row |= {"everybody": True, "services": [service], "valid_from": _moment(begin), "valid_until": _moment(end)}
            found.setdefault((name, begin), row)
    if draw(st.booleans()):
        row = {
            "account": "North",
            "name": "levy",
            "percent": "1.5",
            "category": "levy",
            "everybody": draw(st.booleans()),
        }
        found["levy", 0] = row
    return draw(st.permutations(list(found.values())))


def _percent(name: str, begin: int) -> str:
    return str(10 * NAMES.index(name) + begin - 2023)


@st.composite
def books(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """What one file says of bills."""
    standing = draw(taxes())
    status = draw(st.sampled_from(("taxed", "exempt", "reverse_charge")))
    party = {"account": "Ann", "legal_name": draw(st.sampled_from(NAMES)), "country": "DE"}
    party |= {"tax_number": "DE811115368"} if status == "reverse_charge" else {}
    numbering = {"prefix": draw(st.sampled_from(("", "N-"))), "restarts_yearly": draw(st.booleans())}
    return {
        "taxes": standing,
        "account_taxes": [{"account": "Ben", "taxes": [_called(row, standing) for row in standing[:1]]}],
        "parties": [party],
        "terms": [{"account": "Ann", "cycle": draw(st.sampled_from(("daily", "monthly"))), "tax_status": status}],
        "numberings": [{"account": "North", **numbering}],
        "credit_note_numberings": [{"account": "North", **numbering}],
        "receipt_numberings": [{"account": "North", **numbering}],
        "ranges": draw(ranges()),
    }


def _called(row: dict[str, Any], standing: list[dict[str, Any]]) -> str:
    """A tax in `account_taxes`."""
    alone = [one["name"] for one in standing].count(row["name"]) == 1
    return str(row["name"]) if alone else f"{row['name']} from {row['valid_from']}"


@st.composite
def ranges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Prefixes in one of three; none is empty."""
    own = draw(st.permutations(["881", "882", "883", "247", "290"]))
    cut = draw(st.integers(1, 3))
    parts = {"a": own[:cut], "b": own[cut:4], "c": own[4:]}
    return [{"name": name, "prefixes": sorted(parts[name])} for name in draw(st.permutations("abc"))]


def _text(what: dict[str, list[dict[str, Any]]]) -> str:
    return yaml.safe_dump(what, allow_unicode=True, sort_keys=False)


def _replacing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The end, and the end of what is not in it any more."""
    kept = {(row["name"], row.get("valid_from")) for row in after["taxes"]}
    gone = [row for row in before["taxes"] if (row["name"], row.get("valid_from")) not in kept]
    return after | {"taxes": after["taxes"] + [row | {"state": "removed"} for row in gone]}


@asynccontextmanager
async def _ledger(folder: Path, name: str) -> AsyncIterator[AsyncEngine]:
    """With three accounts; copied from the first one."""
    template = folder / "template.db"
    if not template.exists():
        await copy_sqlite(folder / "tables.db", template)
        engine = open_engine(f"sqlite:///{template}")
        await _fresh(engine)
        await apply(engine, folder, ACCOUNTS)
        await engine.dispose()
    shutil.copy(template, folder / name)
    engine = open_engine(f"sqlite:///{folder / name}")
    yield engine
    await engine.dispose()


@given(books(), books())
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip  # an example takes a second: shrinking one, minutes
def test_one_file_leads_anywhere(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """As if the end had been the beginning; what is exported makes the same ledger, and nothing is to be done then."""

    async def work() -> None:
        async with _ledger(tmp_path, "one.db") as one, _ledger(tmp_path, "other.db") as other:
            await apply(one, tmp_path, _text(before))
            await apply(one, tmp_path, _text(_replacing(before, after)))
            await apply(other, tmp_path, _text(after))
            text = await _exported(one)
            assert _sections(text) == _sections(await _exported(other))
            assert await apply(one, tmp_path, text) == []
            async with _ledger(tmp_path, "third.db") as third:
                await apply(third, tmp_path, text)
                assert _sections(await _exported(third)) == _sections(text)

    asyncio.run(work())


def _sections(text: str) -> dict[str, list[str]]:
    """Rows in any order: they are exported as they were made."""
    found: dict[str, list[str]] = yaml.safe_load(text)
    return {name: sorted(map(str, rows)) for name, rows in found.items()}


BEFORE = """
taxes:
  - {account: North, name: old, percent: 19, category: S, everybody: true, services: [calls]}
  - {account: North, name: text, percent: 7, category: S, everybody: true, services: [messages]}
account_taxes: [{account: Ben, taxes: old}]
"""


@pytest.fixture
async def north(engine: AsyncEngine, tmp_path: Path) -> AsyncEngine:
    """A seller with two taxes."""
    await _fresh(engine)
    await apply(engine, tmp_path, ACCOUNTS)
    await apply(engine, tmp_path, BEFORE)
    return engine


async def test_a_tax_stands_before_the_end_of_the_one_it_replaces(north: AsyncEngine, tmp_path: Path) -> None:
    """And two exchange what they are for; whoever has one assigned gets the new one."""
    text = """
taxes:
  - {account: North, name: new, percent: 20, category: S, everybody: true, services: [messages],
     valid_from: "2027-01-01T00:00:00Z"}
  - {account: North, name: old, percent: 19, category: S, everybody: true, services: [messages],
     valid_until: "2027-01-01T00:00:00Z"}
  - {account: North, name: text, percent: 7, category: S, everybody: true, services: [calls]}
account_taxes: [{account: Ben, taxes: [old, new]}]
"""
    assert await apply(north, tmp_path, text) == [
        "+ tax North/2027-01-01T00:00:00.000Z/new: percent 20.00, category S, services messages, everybody yes",
        "~ tax North/old: services calls -> messages, valid until none -> 2027-01-01T00:00:00.000Z",
        "~ tax North/text: services messages -> calls",
        "~ account-taxes Ben: taxes old -> new old",
    ]
    assert await apply(north, tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("taxes: [{account: North, name: new, percent: 20, category: S, everybody: true}]",
         r"setup.yaml:1:\d+: everybody pays (old|text) already"),
        ("account_taxes: [{account: Ben, taxes: [odd]}]",
         r"no tax 'odd' of a seller above \(known: old from the beginning, text from the beginning\)"),
        ("account_taxes: [{account: North, taxes: [old]}]", "no tax 'old' of a seller above"),
        ("receipt_numberings: [{account: Ben}]", "only the operator and resellers have this"),
        ("ranges: [{name: a, prefixes: ['1']}, {name: b, prefixes: ['1']}]", "stands in '[ab]' already"),
    ],
)  # fmt: skip
async def test_an_end_that_is_not_valid_is_refused(north: AsyncEngine, tmp_path: Path, text: str, fault: str) -> None:
    """With its place; nothing is changed."""
    with pytest.raises(SetupFault, match=fault):
        await apply(north, tmp_path, text)
    assert await apply(north, tmp_path, BEFORE) == []
