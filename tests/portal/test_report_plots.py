"""Reports over time are drawn: what is chosen, the same figures in a table, for everybody's eyes and fingers: P2."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.portal.conftest import Got, Walker
from tests.portal.desk import Sit
from tests.portal.house import portal
from tests.portal.screens import Screens
from tests.portal.traffic import DESTINATIONS, busy_town

_ON_LOOP = pytest.mark.asyncio(loop_scope="module")
TODAY = datetime.now(UTC).date()
WEEK = f"since={TODAY - timedelta(days=6)}T00:00&until={TODAY + timedelta(days=1)}T00:00"
INKED = """canvas => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set([...Array(data.length / 4).keys()].filter(at => data[4 * at + 3] === 255)
    .map(at => data.slice(4 * at, 4 * at + 3).join())).size;
}"""
"""How many colours a drawing has."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a portal with two weeks of calls."""
    with portal(tmp_path_factory.mktemp("busy"), furnish=busy_town) as found:
        yield found


@pytest.fixture
async def caller(busy: str) -> AsyncIterator[Walker]:
    """Somebody before that one."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Walker(session, busy)


@pytest_asyncio.fixture(loop_scope="module")
async def sit_down(screens: Screens, busy: str) -> AsyncIterator[Sit]:
    """Before a screen of theirs."""
    async with screens.sitting(busy) as down:
        yield down


def _drawn(page: Got) -> Any:
    """What the script is given to draw."""
    found = re.search(r'data-plot="([^"]*)"', page.text)
    assert found, page.words
    return json.loads(unescape(found[1]))


def _choices(page: Got) -> list[str]:
    return re.findall(r'href="[^"]*plot=(\w+)[^"]*#plot"', page.text)


async def _told(walker: Walker, query: str) -> list[dict[str, str]]:
    """The rows of a report, by its file."""
    return list(csv.DictReader(io.StringIO((await walker.get(f"/reports.csv?{query}")).text)))


def _sum(rows: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(row[name] or 0) for row in rows), Decimal())


async def test_hours_without_calls_are_nothing_or_not_known(walker: Walker) -> None:
    """No call is none, and has no ASR: each hour of the time has its place, and the table the same figures."""
    await walker.sign_in("boss@op.example")
    rows = await _told(walker, f"by=hour&{WEEK}")
    of = {"calls": "attempts", "minutes": "duration_ms", "asr": "attempts", "acd": "answered", "money": "earned"}
    for plot, name in of.items():
        page = await walker.get(f"/reports?by=hour&plot={plot}&{WEEK}")
        drawn = _drawn(page)
        times, *lines = drawn["values"]
        assert [later - one for one, later in pairwise(times)] == [3600] * (7 * 24 - 1)
        without = None if plot in {"asr", "acd"} else 0
        has = sum(Decimal(row[name]) != 0 for row in rows)
        assert 4 <= has == sum(value != without for value in lines[0]), plot
        assert page.text.count(f'<td role="cell" class="" data-label="{drawn["head"]}"') == 7 * 24


async def test_what_is_drawn_is_what_the_rows_say(walker: Walker) -> None:
    """By the day: calls, answered ones, money with its currency. By whatever the list itself is sorted."""
    await walker.sign_in("boss@op.example")
    rows = await _told(walker, f"by=day&{WEEK}")
    for sort in ("", "&sort=-attempts", "&sort=minutes&limit=1"):
        drawn = _drawn(await walker.get(f"/reports?by=day&{WEEK}{sort}"))
        assert (drawn["series"], drawn["unit"], drawn["zone"]) == (["Attempts", "Answered"], "", "UTC")
        assert len(drawn["values"][0]) == 7
        assert [sum(line) for line in drawn["values"][1:]] == [_sum(rows, "attempts"), _sum(rows, "answered")]
        money = _drawn(await walker.get(f"/reports?by=day&plot=money&{WEEK}{sort}"))
        assert (money["series"], money["unit"]) == (["Earned", "Paid", "Margin"], "EUR")
        expected = [_sum(rows, name) for name in ("earned", "spent", "margin")]
        assert [round(Decimal(sum(line)), 6) for line in money["values"][1:]] == expected


@pytest.mark.parametrize(
    ("email", "series"),
    [
        ("boss@op.example", ["Earned", "Paid", "Margin"]), ("owner@lower.example", ["Earned", "Paid", "Margin"]),
        ("owner@customer.example", ["Paid"]), ("owner@carrier.example", ["Earned"]),
    ],
)  # fmt: skip
async def test_everybody_has_their_own_sides_drawn(walker: Walker, email: str, series: list[str]) -> None:
    """A customer what it paid and no margin, a provider what it earned."""
    await walker.sign_in(email)
    page = await walker.get(f"/reports?by=day&plot=money&{WEEK}")
    assert _drawn(page)["series"] == series
    assert _choices(page) == ["calls", "minutes", "asr", "acd", "pdd", "money"]


async def test_no_other_currency_is_drawn_with_it(walker: Walker) -> None:
    """Without money in a currency there is none to choose; what can't be chosen is calls."""
    await walker.sign_in("boss@op.example")
    page = await walker.get(f"/reports?by=day&plot=money&currency=USD&{WEEK}")
    assert _drawn(page)["series"] == ["Attempts", "Answered"]
    assert "money" not in _choices(page)


@pytest.mark.parametrize("query", ["", "?by=destination", "?by=code&plot=calls", "?by=hour&since=2020-01-01T00:00"])
async def test_what_is_not_over_time_is_not_drawn(walker: Walker, query: str) -> None:
    """Nor what is refused."""
    await walker.sign_in("boss@op.example")
    assert "data-plot" not in (await walker.get(f"/reports{query}")).text


async def test_of_many_hours_the_last_are_drawn(walker: Walker) -> None:
    """The page says so, and leads to the days, which have them all."""
    await walker.sign_in("boss@op.example")
    month = f"since={TODAY - timedelta(days=20)}T00:00&until={TODAY + timedelta(days=1)}T00:00"
    page = await walker.get(f"/reports?by=hour&{month}")
    assert "The plot is of the last 7 days." in page.words
    assert len(_drawn(page)["values"][0]) == 7 * 24
    wider = re.search(r'href="([^"]*)">By the day all of it is drawn', page.text)
    assert wider is not None
    days = await walker.get(unescape(wider[1]))
    assert len(_drawn(days)["values"][0]) == 21
    assert "The plot is of the last" not in days.words


@_ON_LOOP
async def test_a_plot_is_chosen_by_keys(sit: Sit) -> None:
    """From the list to the picture, and it stays chosen when the filters change."""
    person = await sit("owner@lower.example")
    await person.menu_to("/reports")
    await person.fill(filter__by="Day")
    await person.press("Show")
    await person.page.locator("#plot").get_by_role("link", name="Money").focus()
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator("#plot h2")).to_have_text("Money by the day, EUR")
    await expect(person.page.locator("#plot a[aria-current=true]")).to_have_text("Money")
    assert await person.page.locator("#plot canvas").evaluate(INKED) > 3
    await person.page.locator("#plot summary").focus()
    await person.page.keyboard.press("Enter")
    await expect(person.page.locator("#plot details table tbody tr").first).to_be_visible()
    await person.fill(filter__by="Hour")
    await person.press("Show")
    await expect(person.page.locator("#plot h2")).to_have_text("Money by the hour, EUR")


@_ON_LOOP
@pytest.mark.parametrize(("width", "light"), [(1280, "light"), (360, "dark")])
async def test_a_plot_is_for_everybody(sit: Sit, width: int, light: str) -> None:
    """On a telephone, in the dark; lines are told apart without their colours."""
    person = await sit("boss@op.example", width, color_scheme=light)
    for plot in ("calls", "asr", "money"):
        await person.go(f"/reports?by=hour&plot={plot}&{WEEK}")
        assert await person.page.locator("#plot canvas").evaluate(INKED) > 2
        assert await person.width() <= width
        await person.check()
    dashes = await person.page.locator("#plot .u-legend line").evaluate_all(
        "lines => lines.map(one => one.getAttribute('stroke-dasharray'))"
    )
    assert len(dashes) == len(set(dashes)) == 3
    said = await person.page.locator(".kb-plot").get_attribute("aria-label")
    assert said == "Plot: Money by the hour, EUR. The table has the same figures."


@_ON_LOOP
async def test_a_plot_is_printed_on_white(sit: Sit) -> None:
    """And narrow enough for paper, from a dark screen too."""
    person = await sit("boss@op.example", color_scheme="dark")
    await person.go(f"/reports?by=day&{WEEK}")
    wide = await person.page.locator("#plot canvas").evaluate("one => one.clientWidth")
    await person.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await person.page.get_attribute("html", "data-bs-theme") == "light"
    assert await person.page.locator("#plot canvas").evaluate("one => one.clientWidth") < 700 < wide
    await person.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await person.page.get_attribute("html", "data-bs-theme") == "dark"
    assert await person.page.locator("#plot canvas").evaluate("one => one.clientWidth") == wide


@_ON_LOOP
async def test_without_scripts_the_table_says_it(sit: Sit) -> None:
    """All of what is chosen, and that the plot isn't drawn."""
    person = await sit("boss@op.example", java_script_enabled=False)
    await person.go(f"/reports?by=day&{WEEK}")
    await person.page.locator("#plot").get_by_role("link", name="ASR").click()
    await person.reads("The plot is drawn by JavaScript, which is off here.")
    await person.page.locator("#plot summary").click()
    await expect(person.page.locator("#plot details tbody tr")).to_have_count(7)
    await expect(person.page.locator("#plot details")).to_contain_text("50 %")


async def test_a_split_draws_the_most_and_the_others(caller: Walker) -> None:
    """Five destinations by their minutes, the rest as one: together all calls, and all money."""
    await caller.sign_in("boss@op.example")
    whole = _drawn(await caller.get(f"/reports?by=day&{WEEK}"))
    money = _drawn(await caller.get(f"/reports?by=day&plot=money&{WEEK}"))
    for plot, of in (("calls", whole["values"][1]), ("earned", money["values"][1]), ("margin", money["values"][3])):
        page = await caller.get(f"/reports?by=day&split=destination&plot={plot}&{WEEK}")
        drawn = _drawn(page)
        assert len(drawn["series"]) == 6
        assert set(drawn["series"]) <= {*DESTINATIONS, "Others"}
        assert drawn["series"][-1] == "Others"
        columns = [round(Decimal(sum(values)), 6) for values in zip(*drawn["values"][1:], strict=True)]
        assert columns == [round(Decimal(value), 6) for value in of], plot
        assert drawn["unit"] == ("" if plot == "calls" else "EUR")
    assert _choices(page) == ["calls", "minutes", "asr", "acd", "pdd", "earned", "spent", "margin"]
    minutes = _drawn(await caller.get(f"/reports?by=day&split=destination&plot=minutes&{WEEK}"))["values"][1:-1]
    assert (sums := [sum(line) for line in minutes]) == sorted(sums, reverse=True)
    rows = await _told(caller, f"by=day&split=destination&{WEEK}")
    assert {row["name"] for row in rows} == {*drawn["series"]} - {"Others"} | {""}
    assert _sum(rows, "attempts") == sum(whole["values"][1])


@pytest.mark.parametrize(
    ("email", "ways", "never"),
    [
        ("boss@op.example", ["account", "trunk", "provider", "gateway"], []),
        ("owner@lower.example", ["account", "trunk"], ["provider", "gateway"]),
        ("owner@customer.example", ["trunk"], ["provider", "gateway"]),
        ("owner@carrier.example", ["gateway"], ["trunk"]),
    ],
)
async def test_everybody_splits_by_their_own(caller: Walker, email: str, ways: list[str], never: list[str]) -> None:
    """What isn't for their eyes is neither offered nor drawn."""
    await caller.sign_in(email)
    offered = (await caller.get("/reports?by=day")).text.split('id="filter-split"')[1].split("</select>")[0]
    for way in ways:
        assert f'value="{way}"' in offered
        page = await caller.get(f"/reports?by=day&split={way}&plot=spent&{WEEK}")
        series = _drawn(page)["series"]
        assert {"account": "customer", "trunk": "t1", "provider": "carrier", "gateway": "carrier/gw1"}[way] in series
        assert ("Margin" in page.words) is (email in {"boss@op.example", "owner@lower.example"})
    for way in never:
        assert f'value="{way}"' not in offered
        assert (await caller.get(f"/reports?by=day&split={way}&{WEEK}")).status == 403
    if email == "owner@carrier.example":
        page = await caller.get(f"/reports?by=day&split=account&{WEEK}")
        assert _drawn(page)["series"] == ["Others"]


async def test_what_cannot_be_split_says_so(caller: Walker) -> None:
    """Beside the field; and what knows no split isn't offered beside one."""
    await caller.sign_in("boss@op.example")
    wrong = await caller.get("/reports?by=account&split=destination")
    assert (wrong.status, "reports by hour or day alone" in wrong.words) == (400, True)
    assert "Mail it on schedule" in (await caller.get("/reports?by=day")).words
    for other in ("split=destination", "destination=Poland"):
        assert "Mail it on schedule" not in (await caller.get(f"/reports?by=day&{other}")).words


@_ON_LOOP
async def test_from_a_thing_to_its_plot(sit_down: Sit) -> None:
    """One click on a row, of each kind: the same time, that one alone. From a split too."""
    person = await sit_down("boss@op.example")
    for by, name in (("Destination", "Poland"), ("Account", "customer"), ("Provider", "carrier"), ("Gateway", "gw1")):
        await person.go(f"/reports?by={by.lower()}&{WEEK}")
        row = person.page.locator("#results tbody tr", has_text=name).first
        calls = await row.locator("td[data-label=Attempts]").inner_text()
        await row.get_by_role("link", name="Over time").click()
        await expect(person.page.locator("#plot h2")).to_contain_text(f"{name}: Calls by the day")
        data = json.loads(await person.page.locator(".kb-plot").get_attribute("data-plot") or "")
        assert sum(data["values"][1]) == int(calls.replace(",", ""))
        await person.check()
    await person.go(f"/reports?by=day&split=destination&{WEEK}")
    await person.page.locator("#results").get_by_role("link", name="Germany mobile", exact=True).first.click()
    await expect(person.page.locator("#plot h2")).to_have_text("Germany mobile: Calls by the day")


@_ON_LOOP
@pytest.mark.parametrize(("width", "light"), [(1280, "dark"), (360, "light")])
async def test_a_split_is_for_everybody(sit_down: Sit, width: int, light: str) -> None:
    """Six lines that differ without their colours; axe finds nothing, and nothing sticks out."""
    person = await sit_down("owner@lower.example", width, color_scheme=light)
    await person.go(f"/reports?by=day&split=destination&plot=margin&{WEEK}")
    dashes = await person.page.locator("#plot .u-legend line").evaluate_all(
        "lines => lines.map(one => one.getAttribute('stroke-dasharray'))"
    )
    assert len(dashes) == len(set(dashes)) == 6
    assert await person.page.locator("#plot canvas").evaluate(INKED) > 6
    assert await person.width() <= width
    await person.check()
