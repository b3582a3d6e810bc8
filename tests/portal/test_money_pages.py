"""The pages of money: invoices, billing, products, partners. What they show, whom, and what they do."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from service.portal.formats import NEVER
from tests.portal.conftest import SAME, Walker

BOSS, LOWER, CUSTOMER, CARRIER = (
    "boss@op.example", "owner@lower.example", "owner@customer.example", "owner@carrier.example",
)  # fmt: skip
DAY_S = 86_400


@pytest.fixture
async def boss(walker: Walker) -> Walker:
    """The Super Admin."""
    await walker.sign_in(BOSS)
    return walker


async def numbers(walker: Walker, path: str, noun: str) -> list[int]:
    """Of the things in a list."""
    found = re.findall(rf'href="/{noun}/(\d+)"', (await walker.get(path)).text)
    assert found, path
    return [int(one) for one in dict.fromkeys(found)]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/invoices/1", "Root GmbH"), ("/invoices/1/lines", "0.024"), ("/invoices/1/calls", "1:35"),
        ("/statements/1/paper.html", "Balance in your favour"),
        ("/receipts", "R2026-00001"), ("/receipts/1/paper.html", "Received"), ("/accounts/4/receipt-mail", "Mailed"),
        ("/invoices/run", "Every period that is over"), ("/taxes", "19 %"), ("/taxes/new", "Percent"),
        ("/accounts/2/billing", "Upper GmbH"), ("/accounts/1/billing", "The account is not billed."),
        ("/accounts/2/billing/terms", "Day of the cycle"), ("/accounts/2/invoice-preview", "Nothing was made"),
        ("/products", "Flat 100"), ("/products/1", "1:40:00"), ("/subscriptions/1", "What it gave"),
        ("/packages", "1:40:00"), ("/statements/1", "The partner is paid."), ("/statements/1/calls", "1:35"),
        ("/disputes/1", "Correspondence"), ("/disputes/age", "0-15"), ("/commitments/1", "Committed minutes"),
        ("/reconciliations/1", "Only they have them"),
        ("/reconciliations/1/differences?kind=only_theirs", "4930123456"),
        ("/accounts/3/position", "On no statement yet"), ("/statements/preview", "Of all calls"),
        ("/reconciliations/new", 'name="columns.called"'), ("/reports?by=trunk", ">t1</a>"), ("/reports", "50 %"),
    ],
)  # fmt: skip
async def test_every_page_says_what_it_is_for(boss: Walker, path: str, said: str) -> None:
    """With figures of the town's books."""
    got = await boss.get(path)
    assert got.status == 200
    assert said in got.text or said in got.words


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/invoices/1/annex.csv", "call,started,caller"),
        ("/statements/1/annex.csv", "line,direction,call"),
        ("/reconciliations/1/sheet.csv?kind=only_theirs", "4930123456"),
        ("/statements.csv", "ours,theirs"),
        ("/reports.csv?by=gateway", "carrier/gw1"),
        ("/packages.csv", "granted_s"),
    ],
)
async def test_what_can_be_had_as_a_file(boss: Walker, path: str, said: str) -> None:
    """Saved, not shown."""
    got = await boss.get(path)
    assert got.status == 200
    assert said in got.text
    assert got.headers["Content-Disposition"].startswith("attachment")


async def test_a_customer_has_the_paper_of_its_payment(walker: Walker) -> None:
    """Saved; a receipt of somebody else is not there."""
    await walker.sign_in(CUSTOMER)
    own = re.findall(r'href="/receipts/(\d+)/paper.pdf"', (await walker.get("/receipts")).text)
    async with walker.session.get(f"{walker.address}/receipts/{own[0]}/paper.pdf") as answer:
        assert (await answer.read()).startswith(b"%PDF-")
    assert (await walker.get("/receipts/1/paper.html")).status == 404


async def test_a_workbook_is_one(boss: Walker) -> None:
    """Its bytes, not their base64."""
    async with boss.session.get(f"{boss.address}/reconciliations/1/sheet.xlsx") as answer:
        assert (await answer.read()).startswith(b"PK")


@pytest.mark.parametrize(
    ("form", "begins"), [("pdf", b"%PDF-"), ("html", b"<!doctype html>"), ("ubl", b"<?xml"), ("cii", b"<?xml")]
)
async def test_an_invoice_has_its_papers(boss: Walker, form: str, begins: bytes) -> None:
    """HTML is shown, under its own policy; a draft has none."""
    async with boss.session.get(f"{boss.address}/invoices/1/paper.{form}") as answer:
        assert (await answer.read()).lower().startswith(begins.lower())
        assert ("Content-Disposition" in answer.headers) is (form != "html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    draft = (await numbers(boss, "/invoices?state=draft", "invoices"))[0]
    assert (await boss.get(f"/invoices/{draft}/paper.{form}")).status == 404


async def test_nothing_is_open_of_what_is_not_issued(boss: Walker) -> None:
    """A dash in the list, no figure on the draft's page nor on the preview; of an issued one it is said."""
    _, _, rows = (await boss.get("/invoices?state=draft")).text.partition("<tbody")
    cells = [re.sub(r"<[^>]*>", "", one).strip() for one in re.findall(r"<td.*?</td>", rows, re.DOTALL)]
    assert (cells[0], cells[6], cells[7]) == ("Draft", NEVER, "draft")
    draft = (await numbers(boss, "/invoices?state=draft", "invoices"))[0]
    for path in (f"/invoices/{draft}", "/accounts/2/invoice-preview"):
        assert "<dt>Open</dt>" not in (await boss.get(path)).text
    assert "<dt>Open</dt>" in (await boss.get("/invoices/1")).text


async def test_a_file_has_no_column_twice(boss: Walker) -> None:
    """A subscription says its product's name itself."""
    names = (await boss.get("/subscriptions.csv")).text.splitlines()[0].split(",")
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ["/invoices/1", "/statements/1", "/reconciliations/1", "/accounts/2/billing"])
async def test_what_is_not_a_customers(walker: Walker, path: str) -> None:
    """A prepaid customer is shown its products, and none of this."""
    await walker.sign_in(CUSTOMER)
    assert (await walker.get(path)).status in {403, 404}
    assert "Flat 100" in (await walker.get("/subscriptions")).words
    assert (await walker.get("/subscriptions/1")).status == 200
    assert "Cancel" not in (await walker.get("/subscriptions/1")).words


async def test_a_partner_reads_its_own_and_changes_nothing(walker: Walker) -> None:
    """The carrier sees statement and dispute; what is internal, and what can be done, it doesn't."""
    await walker.sign_in(CARRIER)
    shown = await walker.get("/disputes/1")
    assert "Correspondence" in shown.words
    assert not any(word in shown.text for word in ("/disputes/1/note", "/disputes/1/state"))
    assert "/settlement" not in (await walker.get("/statements/1")).text
    assert (await walker.get("/disputes/1/note")).status == 403


@pytest.mark.parametrize(
    ("path", "own", "operators"),
    [
        ("/statements", "You owe", "It owes"),
        ("/statements/1", "We owe you, for ours", "It is owed, for ours"),
        ("/statements/1", "You are paid.", "The partner is paid."),
        ("/statements/1", "ours to you", "ours to it"),
        ("/statements/1/calls", "We owe you", "It is owed"),
        ("/accounts/3/position", "Above zero we owe you.", "Above zero we owe the partner."),
        ("/accounts/3/position", "On hold by your calls", "On hold by its calls"),
        ("/commitments/1", "Your minutes", "Its minutes"),
    ],
)
async def test_a_partner_reads_it_from_its_own_side(walker: Walker, path: str, own: str, operators: str) -> None:
    """And the operator from the operator's."""
    for email, said, unsaid in ((CARRIER, own, operators), (BOSS, operators, own)):
        await walker.sign_in(email)
        words = (await walker.get(path)).words
        assert said in words
        assert unsaid not in words


async def test_a_draft_is_issued(walker: Walker) -> None:
    """By its seller: it has a number, and is no draft any more."""
    await walker.sign_in(LOWER)
    number = (await numbers(walker, "/invoices?state=draft", "invoices"))[0]
    here = f"/invoices/{number}"
    form = await walker.get(f"{here}/issue")
    got = await walker.post(f"{here}/issue", _key=form.hidden("_key"), _version=form.hidden("_version"))
    assert "The invoice is issued." in got.words
    assert "Make void" not in got.words


async def test_lines_of_an_invoice_are_credited(boss: Walker) -> None:
    """An amount of one; what is too much is told beside it, and no line is none; less is left of it then."""
    path = "/invoices/1/credit/lines"
    form = await boss.get(path)
    line, left = re.findall(r'name="left-(\d+)" value="([^"]+)"', form.text)[0]
    sent = {"_key": form.hidden("_key"), "reason": "Too dear", f"left-{line}": left}
    got = await boss.post(path, **sent)
    assert got.status == 422
    assert "Choose a line" in got.words
    for wrong in ("99999.00", "-0.01", "much"):
        got = await boss.post(path, **sent | {f"amount-{line}": wrong})
        assert got.status in {409, 422}
        assert f'id="amount-{line}-errors"' in got.text
    got = await boss.post(path, **sent | {f"amount-{line}": "0.01", "reason": ""})
    assert 'id="reason-errors"' in got.text
    got = await boss.post(path, **sent | {f"amount-{line}": "0.01", "_key": got.hidden("_key")})
    assert "The credit note is issued." in got.words
    assert "Too dear" in got.words
    less = re.findall(rf'name="left-{line}" value="([^"]+)"', (await boss.get(path)).text)
    assert Decimal(less[0]) == Decimal(left) - Decimal("0.01")


async def test_nobody_credits_an_invoice_of_their_own(walker: Walker) -> None:
    await walker.sign_in(CUSTOMER)
    assert (await walker.get("/invoices/1/credit/lines")).status == 403


async def test_an_invoice_is_credited(boss: Walker) -> None:
    """A reason is needed; what was credited wholly can't be credited again."""
    form = await boss.get("/invoices/1/credit")
    got = await boss.post("/invoices/1/credit", _key=form.hidden("_key"), reason="")
    assert got.status == 422
    assert 'id="reason-errors"' in got.text
    got = await boss.post("/invoices/1/credit", _key=got.hidden("_key"), reason="Too late")
    assert "The credit note is issued." in got.words
    assert "Of the invoice" in got.words
    assert "/invoices/1/credit" not in (await boss.get("/invoices/1")).text


async def test_a_draft_is_made_void(walker: Walker) -> None:
    """What stands on it is billed with the next one; a second time it is no draft."""
    await walker.sign_in(LOWER)
    number = (await numbers(walker, "/invoices?state=draft", "invoices"))[-1]
    form = await walker.get(f"/invoices/{number}/void")
    sent = {"_version": form.hidden("_version")}
    assert "The draft is void." in (await walker.post(f"/invoices/{number}/void", **sent, _key="one")).words
    got = await walker.post(f"/invoices/{number}/void", _key="two")
    assert got.status == 409


async def test_a_party_is_said_for_the_first_time_and_changed(boss: Walker) -> None:
    """Its form is there though nothing was said yet; for an account that isn't there it isn't."""
    place = "/accounts/6/billing/party"
    assert (await boss.get("/accounts/999/billing/party")).status == 404
    assert (await boss.post("/accounts/999/billing/party", legal_name="X", country="DE")).status == 404
    assert "Nobody has said yet" in (await boss.get("/accounts/6/billing")).words
    got = await boss.post(place, legal_name="Agent Ltd", country="Germany")
    assert got.status == 422
    assert 'id="country-errors"' in got.text
    form = {"legal_name": "Agent Ltd", "country": "IE", "address_lines": "1 Quay\r\nDocks"}
    got = await boss.post(place, **form)
    assert "1 Quay, Docks" in got.words
    assert 'value="Agent Ltd"' in (await boss.get(place)).text


async def test_a_tax_is_made_assigned_and_removed(boss: Walker) -> None:
    """A percentage that is none stands beside its field."""
    sent = {"account_id": "1", "name": "City", "category": "levy", "valid_from": ""}
    got = await boss.post("/taxes/new", **sent, percent="seven")
    assert got.status == 422
    assert 'id="percent-errors"' in got.text
    assert "The tax is made." in (await boss.post("/taxes/new", **sent, percent="7.5")).words
    number = re.findall(r"/taxes/(\d+)/edit", (await boss.get("/taxes?name=City")).text)[0]
    assert "City" in (await boss.post("/accounts/2/billing/taxes", tax_ids=number)).words
    assert "what everybody pays" in (await boss.post("/accounts/2/billing/taxes")).words
    assert "The tax is gone." in (await boss.post(f"/taxes/{number}/removal")).words


async def test_a_run_tells_what_it_did(boss: Walker) -> None:
    """A second one finds nothing to do."""
    await boss.post("/invoices/run")
    got = await boss.post("/invoices/run")
    assert "The run is done" in got.words
    assert "Invoices 0" in got.words


async def test_a_product_is_offered_and_a_subscription_ends(walker: Walker) -> None:
    """By the seller; a price that is no amount is told."""
    await walker.sign_in(LOWER)
    sent = {"account_id": "4", "name": "Line", "kind": "subscription", "period": "month", "anchor": "start"}
    got = await walker.post("/products/new", **sent, price="much")
    assert got.status == 422
    assert 'id="price-errors"' in got.text
    got = await walker.post("/products/new", **sent, price="2.50")
    assert "The product is offered." in got.words
    assert "2.50 EUR" in got.words.replace("\u00a0", " ")
    form = await walker.get("/subscriptions/2/cancellation")
    more = {"_version": form.hidden("_version"), "_key": form.hidden("_key")}
    got = await walker.post("/subscriptions/2/cancellation", at="period_end", **more)
    assert "The subscription is cancelled." in got.words
    assert "Resume" in got.words


async def test_a_dispute_goes_its_way(boss: Walker) -> None:
    """A note, a step; one that doesn't come next is refused."""
    got = await boss.post("/disputes/1/note", text="They called back", internal="yes")
    assert "(internal) They called back" in got.words
    assert (await boss.post("/disputes/1/state", state="answered", text="?")).status == 409
    got = await boss.post("/disputes/1/state", state="sent", text="By mail")
    assert "By mail" in got.words
    assert "sent" in got.words


async def test_a_statement_is_looked_at_before(boss: Walker) -> None:
    """Nothing is issued by that; what is asked for goes on into the form that issues it."""
    until = datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    before = await boss.get("/statements")
    got = await boss.post("/statements/preview", account_id="3", until="1999-01-01T00:00")
    assert got.status == 422
    got = await boss.post("/statements/preview", account_id="3", until=until)
    assert "Nothing was issued" in got.words, got.words
    (link,) = re.findall(r'href="(/statements/new[^"]*)"', got.text)
    form = await boss.get(html.unescape(link))
    assert f'value="{until}"' in form.text
    assert (await boss.get("/statements")).words == before.words


SHEET = "number dialled;start;seconds;price\r\n4420;{start};60;0.5\r\n"


@pytest.mark.parametrize(
    ("text", "mapping", "status", "said"),
    [
        (SHEET, {"columns.called": "number dialled", "columns.duration": "seconds"}, 200, "What it came to"),
        (SHEET, {"columns.called": "no such title"}, 422, "no such title"),
        ("", {}, 422, "file-errors"),
    ],
)
async def test_a_file_is_compared(boss: Walker, text: str, mapping: dict[str, str], status: int, said: str) -> None:
    """Its columns are named by hand; what can't be read is told beside the field, and nothing is kept."""
    now_s = int(time.time())
    form: Any = aiohttp.FormData()
    raw = text.format(start=now_s - DAY_S).encode()
    form.add_field("file", raw, filename="cdrs.csv", content_type="text/csv")
    days = [datetime.fromtimestamp(now_s - ago * DAY_S, UTC).strftime("%Y-%m-%dT%H:%M") for ago in (2, 0)]
    fields = {"account_id": "3", "name": "By hand", "since": days[0], "until": days[1], "money": "0.0001"}
    for name, value in (fields | {"time_s": "5", "duration_s": "0"} | mapping).items():
        form.add_field(name, value)
    async with boss.session.post(f"{boss.address}/reconciliations/new", data=form, headers=SAME) as answer:
        found = await answer.text()
        assert answer.status == status, found
    assert said in found


async def test_the_menu_has_what_one_may(walkers: Callable[[], Walker]) -> None:
    """The catalogue is for sellers, statements for partners."""
    menus = {}
    for email in (BOSS, LOWER, CUSTOMER, CARRIER):
        walker = walkers()
        await walker.sign_in(email)
        menus[email] = (await walker.get("/")).text
    assert 'href="/products"' in menus[BOSS]
    assert 'href="/products"' in menus[LOWER]
    assert 'href="/products"' not in menus[CUSTOMER]
    assert 'href="/statements"' in menus[CARRIER]
    assert 'href="/statements"' not in menus[CUSTOMER]
