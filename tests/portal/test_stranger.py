"""What a page says to whoever sees it first, by what they are: no figure without meaning, no wrong word."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest

from service.portal.pages.home import _lasts
from service.portal.reckoning import HOUR_MS
from tests.portal.conftest import Walker

BOSS, READER, UPPER, AGENT, CARRIER = (
    "boss@op.example", "reader@op.example", "owner@upper.example", "owner@agent.example", "owner@carrier.example",
)  # fmt: skip


def facts(text: str) -> dict[str, str]:
    """What a page says of its thing, by label."""
    found = re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    return {label: " ".join(html.unescape(re.sub(r"<[^>]*>", " ", said)).split()) for label, said in found}


async def test_a_provider_reads_what_it_gets_and_no_margin(walker: Walker) -> None:
    """It buys nothing: neither its revenue less costs, nor what it could spend, means anything."""
    await walker.sign_in(CARRIER)
    page = await walker.get("/")
    if datetime.now(UTC).hour >= 2:  # the town's last calls are of the hour before its first page
        assert "For calls of today" in page.words
    assert "For its calls" in page.words
    assert not re.search(r"Margin|margin|Revenue|Spent", page.words)
    await walker.sign_in(UPPER)
    assert "Revenue today" in (await walker.get("/")).words


@pytest.mark.parametrize(
    ("path", "has", "lacks"),
    [
        ("/accounts/1", {"Running calls"}, {"Balance", "Can be spent", "Credit limit", "On hold"}),
        ("/accounts/3", {"Balance"}, {"Can be spent", "Credit limit", "On hold", "Running calls"}),
        ("/accounts/5", {"Balance", "Can be spent", "Credit limit", "On hold", "Running calls"}, set()),
    ],
)
async def test_an_account_shows_the_money_that_it_has(
    walker: Walker, path: str, has: set[str], lacks: set[str]
) -> None:
    """The operator and providers make no calls out of a balance."""
    await walker.sign_in(BOSS)
    labels = facts((await walker.get(path)).text).keys()
    assert has <= labels
    assert not lacks & labels


async def test_the_operators_people_may_everything(walker: Walker) -> None:
    """Their kind of account has no role of its own; the others' have names."""
    await walker.sign_in(READER)
    assert facts((await walker.get("/accounts/1/roles")).text)["What accounts of this kind may"] == "everything"
    assert facts((await walker.get("/accounts/5/roles")).text)["What accounts of this kind may"] == "Prepaid customer"


async def test_above_the_operator_stands_no_seller(walker: Walker) -> None:
    """Without a brand the program's name is shown; below the operator a seller's above."""
    await walker.sign_in(READER)
    assert "Nobody has said one yet" in (await walker.get("/accounts/1/brand")).words
    assert "Of a seller above" in (await walker.get("/accounts/4/brand")).words


async def test_what_was_sold_is_said_in_words(walker: Walker) -> None:
    """Not by the API's name for it."""
    await walker.sign_in(AGENT)
    for path in ("/commissions", "/accounts/6/commission"):
        page = await walker.get(path)
        assert "product or fee" in page.words, path
        assert ">item<" not in page.text, path


async def test_a_tariff_from_above_has_no_number_for_a_name(walker: Walker) -> None:
    """The distributor sees by which account its reseller pays, not whose tariff."""
    await walker.sign_in(UPPER)
    tariff = facts((await walker.get("/accounts/4")).text)["Tariff"]
    assert not tariff.startswith("#")
    assert tariff == "above you"


async def test_a_call_names_only_what_it_has(walker: Walker) -> None:
    """A provider is told of its gateway alone; a trunk's call has no device."""
    await walker.sign_in(CARRIER)
    labels = facts((await walker.get("/calls/1")).text).keys()
    assert "Gateway" in labels
    assert not {"Account", "Trunk", "Device", "Number"} & labels
    await walker.sign_in(BOSS)
    labels = facts((await walker.get("/calls/1")).text).keys()
    assert {"Account", "Trunk", "Gateway"} <= labels
    assert not {"Device", "Number"} & labels


@pytest.mark.parametrize(
    ("hours", "said"),
    [(47, "lasts 47 hours"), (48, "lasts 2 days"), (87_600, "lasts 3,650 days"), (87_601, "lasts more than ten years")],
)
def test_a_pace_says_nothing_of_centuries(hours: int, said: str) -> None:
    """27,434,845,030 days are no forecast."""

    class Visit:
        say = str

        class formats:  # noqa: N801 -- as a Visit has it
            @staticmethod
            def number(value: int) -> str:
                return f"{value:,}"

    assert _lasts(Visit(), hours * HOUR_MS, "so") == f"{said} so"  # type: ignore[arg-type]


async def test_a_closed_account_is_opened_again_where_it_was_closed(walker: Walker) -> None:
    """Its refusals tell to resume it; the page that closes says that one can."""
    await walker.sign_in(BOSS)
    made = await walker.post(
        "/accounts/new", parent_id="1", name="Closed for a while", kind="provider", billing="postpaid"
    )
    here = made.path
    asked = await walker.get(f"{here}/closure")
    assert "until somebody opens it again" in asked.words
    version = {"_version": asked.hidden("_version")} if "_version" in asked.text else {}
    closed = await walker.post(f"{here}/closure", **version)
    assert f'href="{here}/resumption"' in closed.text
    assert "Open again" in closed.words
    opened = await walker.post(f"{here}/resumption")
    assert "The account is active." in opened.words
    await walker.post(f"{here}/closure")
