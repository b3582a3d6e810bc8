"""A form lets one choose what will be accepted: what its endpoint refuses stands in no list of choices."""

from __future__ import annotations

import html
import re

import pytest

from service.delivery.columns import COLUMNS, CUSTOMER, PROVIDER, columns_of
from service.portal.pages import deliveries
from tests.portal.conftest import Walker

BOSS, RESELLER, AGENT, CARRIER = (
    "boss@op.example", "owner@lower.example", "owner@agent.example", "owner@carrier.example",
)  # fmt: skip


def choices(text: str, name: str) -> dict[str, str]:
    """Texts of a field's choices, by their values; without the one for nothing."""
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', text, re.DOTALL)
    assert select is not None, name
    found = re.findall(r'<option value="([^"]+)"[^>]*>([^<]*)</option>', select.group(0))
    return {value: html.unescape(said) for value, said in found}


@pytest.mark.parametrize(
    ("email", "path", "field", "has", "lacks"),
    [
        (BOSS, "/statements/new", "account_id", {"carrier", "customer"}, {"Operator"}),
        (BOSS, "/statements/preview", "account_id", {"carrier", "customer"}, {"Operator"}),
        (BOSS, "/disputes/new", "account_id", {"carrier", "customer"}, {"Operator"}),
        (BOSS, "/commitments/new", "account_id", {"carrier", "customer"}, {"Operator"}),
        (BOSS, "/reconciliations/new", "account_id", {"carrier", "customer"}, {"Operator"}),
        (RESELLER, "/statements/new", "account_id", {"customer"}, {"lower"}),
        (RESELLER, "/disputes/new", "account_id", {"customer"}, {"lower"}),
        (RESELLER, "/commitments/new", "account_id", {"customer"}, {"lower"}),
        (BOSS, "/transfers/new", "from_account_id", {"customer", "upper"}, {"Operator", "carrier"}),
        (BOSS, "/transfers/new", "to_account_id", {"customer", "upper"}, {"Operator", "carrier"}),
        (RESELLER, "/transfers/new", "to_account_id", {"customer"}, {"lower"}),
        (BOSS, "/trunks/new", "account_id", {"customer", "lower"}, {"Operator", "carrier", "agent"}),
        (BOSS, "/devices/new", "account_id", {"customer", "lower"}, {"Operator", "carrier", "agent"}),
        (BOSS, "/gateways/new", "account_id", {"carrier"}, {"Operator", "customer", "upper"}),
        (BOSS, "/taxes/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/vouchers/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/broadcasts/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/bank-lines/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/payment-gateways/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/tariffs/new", "account_id", {"Operator", "upper"}, {"customer", "carrier"}),
        (BOSS, "/products/new", "account_id", {"Operator", "upper"}, {"customer", "carrier", "agent"}),
        (BOSS, "/subscriptions/new", "account_id", {"customer", "upper"}, {"Operator", "carrier", "agent"}),
        (RESELLER, "/subscriptions/new", "account_id", {"customer"}, {"lower"}),
        (BOSS, "/commission-rules/new", "account_id", {"agent"}, {"Operator", "upper", "customer"}),
        (BOSS, "/deliveries/new", "account_id", {"customer", "carrier"}, {"Operator"}),
        (BOSS, "/accounts/new", "parent_id", {"Operator", "upper", "agent"}, {"customer", "carrier"}),
        (BOSS, "/accounts/4/move", "parent_id", {"Operator", "upper", "agent"}, {"lower", "customer", "carrier"}),
        (BOSS, "/accounts/2/move", "parent_id", {"Operator", "agent"}, {"upper", "lower", "customer"}),
        (BOSS, "/accounts/5/edit", "tariff_id", {"retail (lower)"}, {"written"}),
        (BOSS, "/accounts/new?parent_id=2", "tariff_id", {"wholesale"}, {"written", "retail (lower)"}),
        (BOSS, "/trunks/new?account_id=2", "tariff_id", {"wholesale"}, {"written", "retail (lower)"}),
        (BOSS, "/trunks/1/edit", "tariff_id", {"retail (lower)"}, {"written"}),
        (BOSS, "/subscriptions/new?account_id=5", "product_id", {"Voicemail"}, {"Line"}),
        (RESELLER, "/accounts/5/mail-templates/welcome/en/preview", "account_id", set(), {"lower", "customer"}),
        (BOSS, "/accounts/4/mail-templates/welcome/en/preview", "account_id", {"customer"}, {"lower", "carrier"}),
        (BOSS, "/accounts/1/mail-templates/welcome/en/preview", "account_id", {"Operator", "customer"}, set()),
        (BOSS, "/broadcasts/1/preview", "account_id", {"customer", "upper"}, {"Operator"}),
    ],
)  # fmt: skip
async def test_only_what_will_be_taken_is_offered(
    walker: Walker, email: str, path: str, field: str, has: set[str], lacks: set[str]
) -> None:
    """Not the own account where whoever stands above deals with it, no account of another kind, no tariff's draft."""
    await walker.sign_in(email)
    offered = set(choices((await walker.get(path)).text, field).values())
    assert has <= offered
    assert not lacks & offered


async def test_an_invoice_to_be_paid_is_an_open_one_of_the_account(walker: Walker) -> None:
    """Drafts, paid ones and those of others are refused."""
    await walker.sign_in(BOSS)
    listed = await walker.get("/invoices?account_id=2")
    assert "2026-00001" in listed.words
    assert choices((await walker.get("/accounts/2/payment")).text, "invoice_id") == {}


async def test_each_partner_that_is_offered_can_be_looked_at(walker: Walker) -> None:
    """By all who offer it: none is refused for what they are."""
    for email in (BOSS, RESELLER):
        await walker.sign_in(email)
        offered = choices((await walker.get("/statements/preview")).text, "account_id")
        assert offered, email
        for number in offered:
            span = {"since": "2026-11-01T00:00", "until": "2026-11-02T00:00"}
            got = await walker.post("/statements/preview", account_id=number, **span)
            assert got.status == 200 or "begins" in got.words, (email, offered[number], got.words)


async def test_where_nothing_can_be_named_the_form_says_what_comes_first(walker: Walker) -> None:
    """A list without choices tells nobody why. The distributor above this account offers nothing."""
    await walker.sign_in(BOSS)
    form = await walker.get("/subscriptions/new?account_id=4")
    assert choices(form.text, "product_id") == {}
    assert "make a product first" in form.words
    assert "make a product first" not in (await walker.get("/subscriptions/new")).words


async def test_language_and_zone_of_an_invitation_are_chosen(walker: Walker) -> None:
    """From lists: nobody has to know tags and names of zones."""
    await walker.sign_in(BOSS)
    form = (await walker.get("/users/new")).text
    assert choices(form, "language") == {"en": "English", "de": "Deutsch"}
    zones = choices(form, "timezone")
    assert {"UTC", "Europe/Berlin"} <= zones.keys()
    assert 'value="UTC" selected' in form
    assert "Europe/Berlin" in choices((await walker.get("/reports/schedules/new")).text, "zone")
    papers = choices((await walker.get("/accounts/2/billing/terms")).text, "language")
    assert {"en", "de", "uk", "ar"} <= papers.keys()


async def test_rules_and_payouts_of_commission_are_chosen(walker: Walker) -> None:
    """By who earns, and how much: nobody knows their numbers. What was taken back has no rule."""
    await walker.sign_in(BOSS)
    page = (await walker.get("/commissions")).text
    rules = choices(page, "rule_id")
    assert rules.pop("0") == "none: taken back"
    assert all("agent" in said and "%" in said for said in rules.values())
    assert rules
    assert "payout_id" in page
    number = next(iter(rules))
    assert f'value="{number}" selected' in (await walker.get(f"/commissions?rule_id={number}")).text


async def test_of_what_may_be_left_open_nothing_is_chosen_at_first(walker: Walker) -> None:
    """The first zone of the world would be taken for what the partner's files say."""
    await walker.sign_in(BOSS)
    form = (await walker.get("/reconciliations/new")).text
    zone = re.search(r'<select[^>]*name="zone".*?</select>', form, re.DOTALL)
    assert zone is not None
    assert re.search(r'name="zone"[^>]*>\s*<option value="">', zone[0])
    assert "selected" not in zone[0]


async def test_what_stands_in_a_list_that_doesnt_have_it_stays(walker: Walker) -> None:
    """A language that pages have no words in can have been set by the API."""
    await walker.sign_in(BOSS)
    form = await walker.get("/users/new?account_id=1&language=fr")
    assert choices(form.text, "language") == {"en": "English", "de": "Deutsch", "fr": "fr"}
    assert 'value="fr" selected' in form.text


async def test_a_delivery_names_its_columns_and_what_they_mean(walker: Walker) -> None:
    """Of a new one those of both sides; of one that is there those of its own."""
    await walker.sign_in(BOSS)
    new = await walker.get("/deliveries/new")
    assert [name for name in COLUMNS if f"<dt><code>{name}</code></dt>" not in new.text] == []
    assert "Name of the gateway that it left by (of the side that is paid alone)" in new.words
    form = {"name": "Columns", "way": "mail", "target": "c@columns.example", "zone": "UTC", "columns": "called\namount"}
    made = await walker.post("/deliveries/new", account_id="3", side="provider", **form)
    assert "no column" in made.words
    made = await walker.post(
        "/deliveries/new", account_id="3", side="provider", **form | {"columns": "amount\ncalled_sent"}
    )
    edit = await walker.get(f"{made.path}/edit")
    named = re.findall(r"<dt><code>(\w+)</code></dt>", edit.text)
    assert named == columns_of(PROVIDER)
    assert "of the side that" not in edit.words
    await walker.post(f"{made.path}/removal")


def test_each_side_has_words_for_a_column_that_the_other_lacks() -> None:
    """There are two of them."""
    assert deliveries.ALONE.keys() == {CUSTOMER, PROVIDER}


async def test_looks_that_there_are_not_are_refused_and_stay(walker: Walker) -> None:
    """What was typed stands in the form again, of every field; nothing was changed."""
    await walker.sign_in(CARRIER)
    same = {"name": "owner@carrier.example", "language": "en", "timezone": "UTC"}
    got = await walker.post("/profile/edit", **same | {"name": "Changed"}, theme="pink")
    assert got.status == 422
    assert "one of those that are offered was expected" in got.words
    assert 'value="pink" selected' in got.text
    assert "Changed" not in (await walker.get("/profile")).words
    got = await walker.post("/profile/edit", **same | {"timezone": "Nowhere/At_all"}, theme="dark")
    assert got.status == 422
    assert 'value="Nowhere/At_all" selected' in got.text
    assert 'value="dark" selected' in got.text
    assert (await walker.post("/profile/edit", **same, theme="dark")).status == 200
    assert 'data-bs-theme="dark"' in (await walker.get("/profile")).text
    await walker.post("/profile/edit", **same, theme="auto")
