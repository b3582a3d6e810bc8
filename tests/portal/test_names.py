"""What things are called where one chooses among them, and on the way back from the pages below them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest

from tests.portal.conftest import Got, Walker

BOSS, CUSTOMER = "boss@op.example", "owner@customer.example"
UPPER, LOWER = "owner@upper.example", "owner@lower.example"


def _choices(got: Got, name: str) -> list[str]:
    found = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', got.text, re.DOTALL)
    assert found, got.words
    return [html.unescape(one) for one in re.findall(r"<option[^>]*>([^<]*)</option>", found.group(1))]


def _named(got: Got, name: str, begin: str) -> list[str]:
    """What is offered in a field, or in its boxes, that begins so."""
    assert f'name="{name}"' in got.text, got.words
    return [html.unescape(one.strip()) for one in re.findall(rf">\s*({begin}[^<]*)<", got.text)]


def _crumbs(got: Got) -> list[tuple[str, str]]:
    """The way back: addresses and what they are called."""
    return re.findall(r'breadcrumb-item[^>]*><a href="([^"]*)">([^<]*)</a>', got.text)


async def test_two_of_one_name_are_told_apart_by_whose_they_are(walker: Walker) -> None:
    """Else an account is given the other seller's prices; what has its name for itself stays as short as it is."""
    await walker.sign_in(BOSS)
    offered = _choices(await walker.get("/accounts/5/edit"), "tariff_id")
    assert {"retail (Operator)", "retail (lower)", "wholesale"} <= set(offered)
    assert "retail" not in offered


async def test_two_roles_of_one_name_are_told_apart_by_who_defined_them(
    walker: Walker, walkers: Callable[[], Walker]
) -> None:
    """Wherever one is chosen: one's own, one's seller's by its name; who stands above that one is not told of."""
    boss = walkers()
    for email in (UPPER, LOWER, BOSS):
        await boss.sign_in(email)
        form = await boss.get("/roles/new")
        made = {"name": "Night desk", "permissions": "accounts.read"}
        await boss.post("/roles/new", **made, _key=form.hidden("_key"))
    names = ["Night desk (2 levels above you)", "Night desk (lower)", "Night desk (upper)"]
    await walker.sign_in(LOWER)
    for path, field in (
        ("/tokens/new", "role_id"),
        ("/users/new", "role_ids"),
        ("/accounts/5/roles/edit", "role_ids"),
    ):
        got = await walker.get(path)
        assert sorted(set(_named(got, field, "Night desk"))) == names, (path, got.words)
    offered = _named(await boss.get("/tokens/new"), "role_id", "Night desk")
    assert sorted(offered) == ["Night desk (Operator)", "Night desk (lower)", "Night desk (upper)"]


async def test_who_sees_one_of_them_alone_reads_its_name(walker: Walker) -> None:
    """Whose the other one is, is nobody's business below."""
    await walker.sign_in(LOWER)
    offered = _choices(await walker.get("/accounts/5/edit"), "tariff_id")
    assert [one for one in offered if "retail" in one] != []
    assert "Operator" not in " ".join(offered)


async def test_taxes_are_chosen_by_name_and_percentage(walker: Walker) -> None:
    """There are several VATs."""
    await walker.sign_in(BOSS)
    words = (await walker.get("/accounts/2/billing/taxes")).words
    assert "VAT 19 % (Operator)" in words
    assert "VAT 19 % (lower)" in words


@pytest.mark.parametrize(
    ("path", "link", "name"),
    [
        ("/accounts/5/lines", "/accounts/5", "customer"),
        ("/accounts/2/brand", "/accounts/2", "upper"),
        ("/accounts/2/logo", "/accounts/2", "upper"),
        ("/accounts/2/mail-templates", "/accounts/2", "upper"),
        ("/accounts/5/notice-terms", "/accounts/5", "customer"),
        ("/accounts/5/roles", "/accounts/5", "customer"),
        ("/tariffs/1/rates", "/tariffs/1", "carrier"),
        ("/tariffs/1/pricing", "/tariffs/1", "carrier"),
        ("/invoices/1/lines", "/invoices/1", r"20\d\d-00001"),
        ("/roles/3/edit", "/roles/3", "Admin"),
        ("/commission-rules", "/commissions", "Commission"),
    ],
)
async def test_the_way_back_says_where_it_leads(walker: Walker, path: str, link: str, name: str) -> None:
    """A list of somebody's lines says whose they are."""
    await walker.sign_in(BOSS)
    said = [text for to, text in _crumbs(await walker.get(path)) if to == link]
    assert any(re.fullmatch(name, text) for text in said), said


async def test_what_has_no_name_yet_is_called_by_its_kind(walker: Walker) -> None:
    """The fourth invoice begins as a draft, and has its number once another story has issued it."""
    await walker.sign_in(BOSS)
    number = re.search(r"20\d\d-\d{5}", (await walker.get("/invoices/4")).words)
    assert ("/invoices/4", number[0] if number else "Invoice") in _crumbs(await walker.get("/invoices/4/calls"))


async def test_the_way_back_tells_no_name_of_others(walker: Walker) -> None:
    """Of a tariff that is another seller's a customer may ask prices, not how it is called."""
    await walker.sign_in(CUSTOMER)
    assert "wholesale" not in (await walker.get("/tariffs/1/pricing")).text
    assert "carrier" not in (await walker.get("/tariffs/1/pricing")).text
    assert (await walker.get("/accounts/2/logo")).status in {403, 404}


async def test_a_plan_has_its_name_and_link_for_whoever_may_see_it(
    walker: Walker, walkers: Callable[[], Walker]
) -> None:
    """To others it is the operator's: a number says nothing to them."""
    boss = walkers()
    await walker.sign_in(CUSTOMER)
    await boss.sign_in(BOSS)
    shown = await boss.get("/trunks/1")
    assert re.search(r'<a href="/plans/1">standard</a>', shown.text), shown.words
    seen = await walker.get("/trunks/1")
    assert "the operator's" in html.unescape(seen.words)
    assert "#1" not in seen.words
    assert "/plans/1" not in seen.text


async def test_what_is_defined_above_is_said_to_be(walker: Walker) -> None:
    """Whose roles and gateways are not one's own, but may be used."""
    await walker.sign_in(LOWER)
    assert "above you" in (await walker.get("/roles")).words


async def test_placeholders_stand_where_a_template_is_written(walker: Walker) -> None:
    """Not on the page before alone; a form that knows none says nothing of them."""
    await walker.sign_in(BOSS)
    assert "{{ number }}" in (await walker.get("/accounts/2/mail-templates/invoice/en/edit")).words.split("Subject")[0]
    assert "May stand in it" not in (await walker.get("/accounts/2/mail-templates/invoice/en/preview")).words
