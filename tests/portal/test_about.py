"""A form says which thing it is about: whoever presses a red button must know what it ends."""

from __future__ import annotations

import html
import re

import pytest

from tests.portal.conftest import Got, Walker

BOSS, AGENT = "boss@op.example", "owner@agent.example"


def _about(got: Got) -> str:
    found = re.search(r'<p class="lead text-truncate">([^<]*)</p>', got.text)
    assert found, got.words
    return html.unescape(found.group(1)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/vouchers/1/void", "Kiosk, 10.00 EUR"),
        ("/balance-alerts/1/removal", "customer, 20.00 EUR, owner@customer.example"),
        ("/bank-layouts/1/removal", "lower, the only one"),
        ("/bank-lines/1/account", "20 Nov 2026, 12.50 EUR, Erna Müller, Thank you"),
        ("/commission-rules/1/removal", "agent, 10 %"),
        ("/packages/1/correction", "Flat 100, customer"),
        ("/subscriptions/3/cancellation", "Line, recruited"),
    ],
)
async def test_a_form_names_its_thing(walker: Walker, path: str, said: str) -> None:
    """By what a person knows it by, where it has no name."""
    await walker.sign_in(BOSS)
    assert _about(await walker.get(path)) == said


async def test_a_form_names_a_draft(walker: Walker) -> None:
    """Whose it is, and the amount of its page: by the hour the calls were on another day than its own."""
    await walker.sign_in(BOSS)
    total = re.search(r"Total (\d+\.\d\d EUR)", (await walker.get("/invoices/4")).words)
    assert total is not None
    assert _about(await walker.get("/invoices/4/issue")) == f"Draft, customer, {total[1]}"


@pytest.mark.parametrize(
    ("path", "begins"),
    [("/publications/1/cancellation", "lower, "), ("/rate-notices/1/start", "retail, ")],
)
async def test_a_form_names_what_happens_at_a_moment(walker: Walker, path: str, begins: str) -> None:
    """Whose it is, and when."""
    await walker.sign_in(BOSS)
    assert re.fullmatch(begins + r"\d+ \w+ \d{4}, \d\d:\d\d:\d\d", _about(await walker.get(path)))


async def test_a_form_names_what_ends_with_it(walker: Walker) -> None:
    """A session, one's own and another's, and a call: found by their lists."""
    await walker.sign_in(BOSS)
    for place, said in (
        ("/sessions", r"\S+@\S+\.example, [\d.]+"),
        ("/profile/sessions", r".+, [\d.]+"),
        ("/live", r"1 → 4420"),
    ):
        listed = await walker.get(place)
        link = re.search(rf'href="({place}/\w+/(?:end|cut))"', listed.text)
        assert link is not None, place
        assert re.fullmatch(said, _about(await walker.get(link.group(1)))), place


@pytest.mark.parametrize("path", ["/balance-alerts/1/removal", "/vouchers/1/void", "/bank-layouts/1/removal"])
async def test_a_form_about_what_others_have_is_no_page(walker: Walker, path: str) -> None:
    """Not even an empty one: whoever stands beside learns nothing."""
    await walker.sign_in(AGENT)
    got = await walker.get(path)
    assert got.status in {403, 404}
    assert "Kiosk" not in got.text
