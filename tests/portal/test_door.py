"""Who gets in, who doesn't, and what every page carries: P1, A2."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.portal.conftest import Walker

Walkers = Callable[[], Walker]


async def test_whoever_is_not_signed_in_goes_to_the_door_and_then_where_they_wanted(walker: Walker) -> None:
    """The address survives the sign-in, with its filters."""
    door = await walker.get("/accounts?name=upper")
    assert door.path == "/sign-in?next=/accounts?name%3Dupper"
    page = await walker.sign_in("boss@op.example", next="/accounts?name=upper")
    assert page.path == "/accounts?name=upper"
    assert "upper" in page.words
    assert ">lower</a>" not in page.text


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/api/v1/me"]
)
async def test_the_door_leads_nowhere_else(walker: Walker, elsewhere: str) -> None:
    """An address that is no page of ours is the front page."""
    answer = await walker.post(
        "/sign-in", follow=False, email="boss@op.example", password="the horse eats its battery", next=elsewhere
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_a_wrong_password_opens_nothing_and_is_not_sent_back(walker: Walker) -> None:
    """The address stays in its field, the password doesn't."""
    page = await walker.post("/sign-in", email="owner@lower.example", password="wrong wrong wrong")
    assert page.status == 401
    assert "These don't fit together" in page.text.replace("&#39;", "'")
    assert 'value="owner@lower.example"' in page.text
    assert "wrong wrong" not in page.text
    assert (await walker.get("/accounts")).path.startswith("/sign-in")


async def test_faults_stand_beside_their_fields(walker: Walker) -> None:
    """Not only above the form."""
    page = await walker.post("/sign-in", email="nobody", password="")
    assert page.status == 422
    assert page.text.count("invalid-feedback") == 2


async def test_signing_out_ends_the_session_itself(walker: Walker, walkers: Walkers) -> None:
    """A cookie that somebody kept opens nothing afterwards."""
    await walker.sign_in("reader@op.example")
    kept = {cookie.key: cookie.value for cookie in walker.session.cookie_jar}
    assert (await walker.post("/sign-out")).path == "/sign-in"
    thief = walkers()
    thief.session.cookie_jar.update_cookies(kept)
    assert (await thief.get("/accounts")).path.startswith("/sign-in")


async def test_the_session_cookie_is_not_for_scripts_or_other_sites(walker: Walker) -> None:
    """HttpOnly, SameSite; and Secure where the browser speaks TLS."""
    form = {"email": "boss@op.example", "password": "the horse eats its battery"}
    tls = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-Proto": "https"}
    cookie = (await walker.post("/sign-in", follow=False, headers=tls, **form)).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_a_form_of_another_site_does_nothing(walker: Walker, headers: dict[str, str]) -> None:
    """CSRF: neither by Sec-Fetch-Site nor by Origin, nor without both."""
    await walker.sign_in("reader@op.example")
    answer = await walker.post("/profile/edit", headers=headers, name="Robbed", language="en", timezone="UTC")
    assert answer.status == 403
    assert "Robbed" not in (await walker.get("/profile")).text


async def test_an_old_browser_is_known_by_its_origin(walker: Walker) -> None:
    """Without Sec-Fetch-Site the Origin must be ours."""
    answer = await walker.post("/sign-in", headers={"Origin": walker.address}, email="a@b.example", password="x")
    assert answer.status == 401


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/accounts", "/brand.css"])
async def test_every_page_is_strict(walker: Walker, path: str) -> None:
    """No frames, no scripts but ours, nothing kept."""
    headers = (await walker.get(path)).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_nothing_stands_in_a_page_that_the_policy_would_refuse(walker: Walker) -> None:
    """No inline script, no style attribute, no handler."""
    await walker.sign_in("boss@op.example")
    for path in ("/", "/accounts", "/profile", "/accounts/new"):
        text = (await walker.get(path)).text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


async def test_a_page_outside_ones_rights_says_so(walker: Walker) -> None:
    """By its address too: what isn't offered isn't open."""
    await walker.sign_in("reader@op.example")
    assert "New account" not in (await walker.get("/accounts")).words
    page = await walker.get("/accounts/new")
    assert page.status == 403
    assert "Make, edit, suspend and resume accounts" in page.words
    assert (await walker.post("/accounts/new", name="x", kind="customer", parent_id="1")).status == 403


async def test_somebody_elses_account_is_not_there(walker: Walker) -> None:
    """The same answer as for one that nobody has."""
    await walker.sign_in("owner@lower.example")
    theirs, nobodys = await walker.get("/accounts/2/edit"), await walker.get("/accounts/9999/edit")
    assert theirs.status == nobodys.status == 404
    assert theirs.words.replace("/accounts/2/", "") == nobodys.words.replace("/accounts/9999/", "")


@pytest.mark.parametrize(
    ("form", "own"),
    [("receipt-mail", 200), ("top-ups/new", 200), ("voucher", 200), ("roles/edit", 403), ("ranges/edit", 403)],
)
async def test_no_form_is_shown_about_somebody_elses_account(walker: Walker, form: str, own: int) -> None:
    """Not even an empty one; one's own is, but for what only those above may change."""
    await walker.sign_in("owner@customer.example")
    assert (await walker.get(f"/accounts/5/{form}")).status == own
    assert (await walker.get(f"/accounts/2/{form}")).status == 404
    assert (await walker.get(f"/accounts/99999999999999999999999/{form}")).status == 404


@pytest.mark.parametrize(
    "path",
    ["/accounts/99999999999999999999999/billing", f"/accounts/{'9' * 5000}/billing", "/users/0/removal"],
)
async def test_a_number_that_names_nothing_is_no_fault_of_ours(walker: Walker, path: str) -> None:
    """However large."""
    await walker.sign_in("boss@op.example")
    assert (await walker.get(path)).status == 404


@pytest.mark.parametrize(
    "path", ["/bank-lines/new?columns=1", "/reconciliations/new?columns=1", "/accounts/4/dunning?steps=1"]
)
async def test_an_address_that_fills_in_half_of_a_field_is_no_fault_of_ours(walker: Walker, path: str) -> None:
    """A field of several parts is filled in by hand alone."""
    await walker.sign_in("boss@op.example")
    assert (await walker.get(path)).status == 200


@pytest.mark.parametrize(
    ("email", "is_offered", "other"),
    [("boss@op.example", True, "Owner"), ("admin@op.example", False, "@"), ("owner@lower.example", False, "Owner")],
)
async def test_the_super_admins_role_is_offered_by_super_admins_alone(
    walker: Walker, email: str, is_offered: bool, other: str
) -> None:
    """Who would be refused isn't asked; other roles are there."""
    await walker.sign_in(email)
    page = await walker.get("/users/new")
    assert ("Super Admin" in page.words) is is_offered
    assert other in page.words


async def test_the_host_name_says_whose_portal_it_is(walker: Walker) -> None:
    """Name and colours of the seller, before anybody signs in; another name shows the operator's."""
    page = await walker.get("/sign-in", Host="upper.example")
    assert "Upper Telecom" in page.words
    assert "#8b1e3f" in (await walker.get("/brand.css", Host="upper.example")).text
    assert "Upper Telecom" not in (await walker.get("/sign-in", Host="other.example")).words


async def test_whoever_is_signed_in_sees_their_sellers_name(walker: Walker) -> None:
    """The customer of a reseller below: the nearest brand above."""
    page = await walker.sign_in("owner@customer.example")
    assert "Upper Telecom" in page.words


async def test_the_pages_speak_german(walker: Walker) -> None:
    """By the browser's wish at the door, by the user's setting afterwards."""
    page = await walker.get("/sign-in", **{"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert "Anmelden" in page.words
    assert 'lang="de"' in page.text
    await walker.sign_in("owner@carrier.example")
    assert "Overview" in (await walker.get("/", **{"Accept-Language": "de"})).words
    await walker.post("/profile/edit", name="Carrier", language="de", timezone="Europe/Berlin")
    assert "Übersicht" in (await walker.get("/", **{"Accept-Language": "en"})).words
    await walker.post("/profile/edit", name="Carrier", language="en", timezone="UTC")


async def test_dark_is_what_this_browser_remembers(walker: Walker) -> None:
    """A cookie; other browsers stay as they were."""
    await walker.sign_in("owner@upper.example")
    form = {"name": "Upper", "language": "en", "timezone": "UTC"}
    page = await walker.post("/profile/edit", **form, theme="dark")
    assert 'data-bs-theme="dark"' in page.text
    page = await walker.post("/profile/edit", **form, theme="purple")
    assert 'data-bs-theme="dark"' in page.text


async def test_logged_in_as_somebody_else_every_page_says_so(walker: Walker, walkers: Walkers) -> None:
    """With a way back, and the audit has both names."""
    await walker.sign_in("boss@op.example")
    user = await _user_id(walker, "owner@customer.example")
    page = await walker.post(f"/users/{user}/log-in-as")
    for path in ("/", "/profile", "/nowhere"):
        page = await walker.get(path)
        assert "You are logged in as owner@customer.example, of customer" in page.words
        assert "You are boss@op.example" in page.words
    assert (await walker.get("/accounts/2/edit")).status in {403, 404}
    page = await walker.post("/log-in-as/end")
    assert "logged in as" not in page.words
    assert (await walker.get("/accounts/2/edit")).status == 200


async def test_nobody_becomes_somebody_who_stands_beside_or_above(walker: Walker) -> None:
    """A reseller names the Super Admin's number."""
    await walker.sign_in("owner@upper.example")
    assert (await walker.post("/users/1/log-in-as")).status == 404


async def _user_id(walker: Walker, email: str) -> int:
    cookies = {cookie.key: cookie.value for cookie in walker.session.cookie_jar}
    headers = {"Authorization": f"Bearer {cookies['kambill_session']}"}
    url = f"{walker.address}/api/v1/users?email={email}"
    async with walker.session.get(url, headers=headers) as answer:
        return int(json.loads(await answer.text())["items"][0]["id"])
