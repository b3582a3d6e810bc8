"""The pages in German: no word of the code is left English, whatever is shown; refusals too."""

from __future__ import annotations

import re
from typing import Any

import pytest

from service.portal.screens import SCREENS
from service.portal.wording import catalogue
from tests.portal.words import API_WORDS

BOSS, CUSTOMER, CARRIER = "boss@op.example", "owner@customer.example", "owner@carrier.example"
FIRST = {"account_id": "5", "tariff_id": "5", "invoice_id": "1", "user_id": "2", "role_id": "2", "kind": "invoice"}
"""What stands in paths that name a thing; 1 in the others."""
SKIPPED = re.compile(r"\.(csv|xlsx)$|{(noun|form|format|language|link)|/overview/running|/live/|/sign-out|/brand/")
"""Files, pieces, and pages that need more than a number."""


def paths() -> list[str]:
    """Every page, of the first thing of its kind."""
    found = [screen.path for screen in SCREENS if not SKIPPED.search(screen.path)]
    sellers = [path.replace("{account_id}", "4") for path in found if path.count("{account_id}") == 1]
    named = [re.sub(r"{(\w+)}", lambda name: FIRST.get(name[1], "1"), path) for path in (*found, *sellers)]
    return [*named, *(f"/calls/trial?ask=yes&trunk_id=1&to={number}" for number in ("4420", "99"))]


@pytest.mark.parametrize("email", [BOSS, CUSTOMER, CARRIER])
async def test_no_word_of_a_page_is_english(german: Any, lacking: set[str], email: str) -> None:
    """All pages, whether they are for this person or not: what says that they aren't is German too."""
    walker = await german(email)
    for path in paths():
        got = await walker.get(path)
        assert got.status in {200, 403, 404, 409, 422, 503}, path
        assert lacking == set(), path
        assert API_WORDS.search(got.prose) is None, (path, API_WORDS.findall(got.prose))


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/accounts/4/dunning", {"steps.0.kind": "bar", "steps.0.days": "-1"}, "nur Erinnerungen kommen davor"),
        ("/accounts/5/edit", {"channels": "-5"}, "Mindestens 1"),
        ("/accounts/5/payment", {"amount": "1.234", "_key": "k"}, "Angabe fehlt"),
        ("/balance-alerts/new", {"account_id": "5", "threshold": "1,5", "email": "x"}, "keine E-Mail-Adresse"),
        ("/vouchers/new", {"account_id": "5", "name": "x", "amount": "1", "currency": "EUR", "count": "1"}, "nur der"),
        ("/accounts/1/closure", {}, "niemand tut es dem eigenen"),
    ],
)  # fmt: skip
async def test_a_refusal_is_german(german: Any, path: str, form: dict[str, str], said: str) -> None:
    """With what is filled in, beside its field or above the form."""
    walker = await german(BOSS)
    got = await walker.post(path, **form)
    assert got.status in {403, 409, 422}
    assert said in got.words, got.words


def test_a_provider_has_one_name() -> None:
    """Of pages, mails, papers and refusals."""
    said = {str(message.id): str(message.string) for message in catalogue("de") if message.id}
    assert [one for one in said.values() if re.search(r"Lieferant|Provider|Carrier", one)] == []
    named = [other for one, other in said.items() if re.search(r"\bproviders?\b", one, re.IGNORECASE)]
    assert len(named) > 15
    assert [one for one in named if "nbieter" not in one] == []
