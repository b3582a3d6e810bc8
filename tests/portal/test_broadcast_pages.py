"""The pages of broadcasts and mails."""

from __future__ import annotations

import re

import pytest

from tests.portal.conftest import Walker
from tests.portal.test_paying import BOSS, CUSTOMER, LOWER, keyed


@pytest.fixture
async def seller(walker: Walker) -> Walker:
    """Of a reseller."""
    await walker.sign_in(LOWER)
    return walker


async def test_a_draft_is_written_looked_at_and_changed(seller: Walker) -> None:
    """A placeholder that isn't known stands beside its field; of the filter what was changed, and the rest stays."""
    form = {"account_id": "4", "name": "Fair", "subject": "A fair", "audience.kind": "customer"}
    got = await keyed(seller, "/broadcasts/new", **form, text="Dear {{ nobody }}")
    assert got.status == 422
    assert 'id="text-errors"' in got.text
    got = await keyed(seller, "/broadcasts/new", **form, text="Dear {{ name }}", **{"audience.country": "Germany"})
    assert 'id="audience-country-errors"' in got.text
    more = {"audience.balance_below": "5000", "per_minute": "60"}
    got = await keyed(seller, "/broadcasts/new", **form, text="Dear {{ name }}, come!", **more)
    assert "owner@customer.example" in got.words
    here = got.path
    preview = await keyed(seller, f"{here}/preview", account_id="5")
    assert "Dear owner@customer.example, come!" in preview.words
    edited = {"name": "Fair", "subject": "A fair", "text": "Dear {{ name }}, come!", "per_minute": "60"}
    got = await keyed(seller, f"{here}/edit", **edited, **{"audience.kind": "customer", "audience.balance_below": "1"})
    assert "The draft is changed." in got.words
    assert "customer" in got.words
    assert "Recipients 0" in got.words


async def test_it_is_sent_held_and_ended(seller: Walker) -> None:
    """What can't be done in a state isn't offered, and is refused."""
    form = {"account_id": "4", "name": "Sale", "subject": "A sale", "text": "Come!"}
    here = (await keyed(seller, "/broadcasts/new", **form)).path
    assert "The mail is on its way" in (await keyed(seller, f"{here}/trial")).words
    got = await keyed(seller, f"{here}/start", at="2031-01-01T00:00")
    assert "scheduled" in got.words
    assert f"{here}/edit" not in got.text
    assert (await keyed(seller, f"{here}/pause")).status == 409
    got = await keyed(seller, f"{here}/cancellation")
    assert "cancelled" in got.words
    assert f"{here}/cancellation" not in got.text
    assert "Nobody is written to yet" in (await seller.get(f"{here}/recipients")).words


async def test_mails_tell_what_came_of_them(walker: Walker) -> None:
    """Not what they say: their links are secrets. One that was not sent can't come back."""
    await walker.sign_in(BOSS)
    listed = await walker.get("/mails?recipient=u")
    number = re.findall(r'href="/mails/(\d+)"', listed.text)[0]
    shown = await walker.get(f"/mails/{number}")
    assert "What came of it" in shown.words
    assert "link=" not in shown.text
    assert (await keyed(walker, f"/mails/{number}/bounce", words="Unknown")).status == 409


async def test_broadcasts_are_for_sellers(walker: Walker) -> None:
    """A reseller sees none of the operator's; a customer has no such page in its menu."""
    await walker.sign_in(LOWER)
    assert "Works of root" not in (await walker.get("/broadcasts")).words
    assert (await walker.get("/broadcasts/1")).status == 404
    await walker.sign_in(CUSTOMER)
    assert 'href="/broadcasts"' not in (await walker.get("/")).text
    assert "Works of" not in (await walker.get("/broadcasts")).words
