"""The pages of mail: notices of rates, templates that are tried, addresses that get none, reports by mail."""

from __future__ import annotations

import re

import pytest

from tests.portal.conftest import Walker

BOSS, LOWER, CUSTOMER = "boss@op.example", "owner@lower.example", "owner@customer.example"


async def test_a_seller_looks_at_a_notice_before_it_is_sent(walker: Walker) -> None:
    """Whom it reaches, what changes, the mail; then it is called off."""
    await walker.sign_in(LOWER)
    listed = await walker.get("/rate-notices")
    assert ("retail" in listed.words, "waiting" in listed.words) == (True, True)
    shown = await walker.get("/rate-notices/1")
    for said in ("Great Britain", "Increase", "0.50", "0.625", "Fernmeldegesellschaft"):
        assert said in shown.words
    customer = shown.text.split("/accounts/")[-1].split('"')[0]
    sent = await walker.post("/rate-notices/1/preview", account_id=customer)
    assert "New rates from" in sent.words
    wrong = await walker.post("/rate-notices/1/preview", account_id="5")
    assert "name an account of the sample" in wrong.words
    form = await walker.get("/rate-notices/1/cancellation")
    await walker.post("/rate-notices/1/cancellation", _key=form.hidden("_key"))
    assert "cancelled" in (await walker.get("/rate-notices/1")).words
    assert "No mail was written yet" in (await walker.get("/rate-notices/1/recipients")).words


async def test_how_it_is_told_is_set(walker: Walker) -> None:
    """By a form; a fault stands beside its field."""
    await walker.sign_in(LOWER)
    form = await walker.get("/accounts/4/notice-terms/edit")
    sent = {"sends": "true", "days": "14", "format": "xlsx", "wait_minutes": "15", "gets": "true", "gets_format": ""}
    sent["_key"] = form.hidden("_key")
    done = await walker.post("/accounts/4/notice-terms/edit", **sent, _version=form.hidden("_version"))
    assert ("14" in done.words, "XLSX" in done.words) == (True, True)
    again = await walker.get("/accounts/4/notice-terms/edit")
    late = sent | {"days": "999", "_key": again.hidden("_key"), "_version": again.hidden("_version")}
    wrong = await walker.post("/accounts/4/notice-terms/edit", **late)
    assert (wrong.status, "365" in wrong.words) == (422, True)


@pytest.mark.parametrize("path", ["/rate-notices/1", "/accounts/4/notice-terms"])
async def test_a_customer_sees_nothing_of_its_sellers(walker: Walker, path: str) -> None:
    """Neither its notices nor its rules."""
    await walker.sign_in(CUSTOMER)
    assert (await walker.get(path)).status == 404
    assert "/rate-notices" not in (await walker.get("/")).text


async def test_a_template_is_tried_with_an_accounts_data(walker: Walker) -> None:
    """Looked at, and mailed to oneself; a fault stands beside its field."""
    await walker.sign_in(LOWER)
    here = "/accounts/4/mail-templates/low_balance/en"
    form = await walker.get(f"{here}/preview")
    text = {"subject": "{{ account }}: {{ balance }}", "text": "{{ threshold }}", "account_id": "5"}
    shown = await walker.post(f"{here}/preview", **text)
    assert ("customer:" in shown.words, "20.00" in shown.words) == (True, True)
    example = await walker.post("/accounts/4/mail-templates/rate_change/en/preview", subject="x", text="{{ tariff }}")
    assert "Only examples" in example.words
    wrong = await walker.post(f"{here}/preview", **text | {"text": "{{ nam }}"})
    assert "did you mean name?" in wrong.words
    assert 'name="account_id"' in form.text
    sent = await walker.post(f"{here}/trial", **text)
    assert "on its way to your own address" in sent.words
    assert "owner@lower.example" in (await walker.get("/mails")).words


async def test_suppressed_addresses_have_their_page(walker: Walker) -> None:
    """Empty here; a customer has none."""
    await walker.sign_in(LOWER)
    assert "Nobody has unsubscribed" in (await walker.get("/suppressions")).words
    gone = await walker.get("/suppressions/999/removal")
    assert (await walker.post("/suppressions/999/removal", _key=gone.hidden("_key"))).status == 404
    await walker.sign_in(CUSTOMER)
    assert "/suppressions" not in (await walker.get("/")).text


async def test_a_report_is_mailed_on_schedule(walker: Walker) -> None:
    """Asked for on the report's page, with its filters; paused, and removed."""
    await walker.sign_in(LOWER)
    shown = await walker.get("/reports?by=destination")
    assert 'href="/reports/schedules/new?by=destination"' in shown.text
    form = await walker.get("/reports/schedules/new?by=destination")
    assert '<option value="destination" selected>' in form.text
    found = re.search(r'value="(\d+)"(?: checked)?>\s*<label[^>]*>owner@lower.example', form.text)
    assert found
    me = found[1]
    sent = {"name": "Weekly", "by": "destination", "period": "weekly", "hour": "7", "zone": "Europe/Berlin"}
    sent |= {"format": "xlsx", "recipients": me, "_key": form.hidden("_key")}
    wrong = await walker.post("/reports/schedules/new", **sent | {"zone": "Mars", "_key": "x"})
    assert (wrong.status, "no time zone" in wrong.words) == (422, True)
    done = await walker.post("/reports/schedules/new", **sent)
    for said in ("Weekly", "destination", "weekly", "active"):
        assert said in done.words
    number = done.text.split("/reports/schedules/")[-1].split("/")[0]
    edit = await walker.get(f"/reports/schedules/{number}/edit")
    sent |= {"state": "paused", "_version": edit.hidden("_version"), "_key": edit.hidden("_key")}
    assert "paused" in (await walker.post(f"/reports/schedules/{number}/edit", **sent)).words
    removal = await walker.get(f"/reports/schedules/{number}/removal")
    gone = await walker.post(f"/reports/schedules/{number}/removal", _key=removal.hidden("_key"))
    assert "No report is mailed yet" in gone.words
