"""The first rows of a report, found without adding up all: the same as when all are added up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports.leading import Found, Ranking, first_of, promising

Days = list[dict[int, int]]
"""Each day's values by key."""
_DAYS: st.SearchStrategy[Days] = st.lists(
    st.dictionaries(st.integers(0, 30), st.integers(0, 9) | st.integers(0, 1_000), max_size=25), max_size=5
)
_MARGINS: st.SearchStrategy[Days] = st.lists(
    st.dictionaries(st.integers(0, 30), st.integers(-9, 9), max_size=25), max_size=5
)


class Row(NamedTuple):
    """As reports have them."""

    key: int
    minutes: int


def _leaders(day: dict[int, int], ranking: Ranking, each: int) -> list[tuple[int, int]]:
    """As the database tells them."""
    if ranking.by == "key":
        return [(key, key) for key in sorted(day, reverse=ranking.falls)[:each]]
    return sorted(day.items(), key=lambda one: -one[1])[:each]


def _sums(days: Days, part: int) -> dict[int, int]:
    """What a report comes to: a part of each day's value, since days are cut; what is nothing then is no row."""
    keys = {key for day in days for key in day}
    sums = {key: sum(day.get(key, 0) * part // 4 for day in days) for key in keys}
    return {key: value for key, value in sums.items() if value or part == 4}


async def _found(days: Days, ranking: Ranking, each: int, most: int, part: int) -> Found:
    sums = _sums(days, part)

    async def rows_of(keys: Sequence[int]) -> Iterable[Row]:
        await asyncio.sleep(0)
        return [Row(key, sums[key]) for key in keys if key in sums]

    lists = [_leaders(day, ranking, each) for day in days]
    return await first_of(promising(lists, ranking, each), ranking, most, rows_of)


@pytest.mark.parametrize(
    "ranking", [Ranking("minutes", falls=True), *(Ranking("key", falls=one) for one in (True, False))]
)
@given(days=_DAYS, each=st.integers(1, 30), most=st.integers(1, 12), part=st.integers(1, 4))
def test_they_are_those_of_all(ranking: Ranking, days: Days, each: int, most: int, part: int) -> None:
    """Whenever they are told; and they are if each day's list has all there is."""
    rows = asyncio.run(_found(days, ranking, each, most, part))
    whole = sorted((Row(*one) for one in _sums(days, part).items()), key=ranking.place)[:most]
    assert rows is None or rows == whole
    assert rows is not None or any(len(day) >= each for day in days)


@given(days=_MARGINS, each=st.integers(1, 30), most=st.integers(1, 12))
def test_whoever_lost_money_comes_last(days: Days, each: int, most: int) -> None:
    """Behind those that had nothing on a day that others lost on."""
    ranking = Ranking("minutes", falls=True)
    rows = asyncio.run(_found(days, ranking, each, most, 4))
    whole = sorted((Row(*one) for one in _sums(days, 4).items()), key=ranking.place)[:most]
    assert rows is None or rows == whole


async def test_a_few_that_lead_are_enough() -> None:
    """Of a thousand who call ever less the first three, from ten of each day; of a thousand alike all must be asked."""
    falling = [{key: 100_000 // (key + 1) for key in range(1_000)} for _ in range(3)]
    alike = [dict.fromkeys(range(1_000), 7) for _ in range(3)]
    ranking = Ranking("minutes", falls=True)
    assert [row.key for row in await _found(falling, ranking, 10, 3, 2) or ()] == [0, 1, 2]
    assert await _found(alike, ranking, 10, 3, 2) is None
