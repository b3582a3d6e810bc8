"""Lists, forms and files of the pages, without a browser: P3, P1, and what people type to do harm."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import struct
import time
import zlib
from collections.abc import Callable

import aiohttp
import openpyxl
import pytest

from service.access.sessions import SESSION_MS
from service.calls import pages
from service.portal import streams
from service.portal.components import files
from service.portal.visit import BY_NAME
from tests.portal.conftest import SAME, Walker
from tests.portal.house import FORMULA, LONG_NAME, WICKED
from tests.waiting import PATIENCE_S

Walkers = Callable[[], Walker]


def _rows(text: str) -> list[str]:
    return re.findall(r"<tr[^>]*>(.*?)</tr>", text.rsplit("<tbody", maxsplit=1)[-1], re.DOTALL)


@pytest.mark.parametrize("who", ["boss@op", "owner@upper", "owner@lower", "owner@customer", "owner@carrier"])
async def test_a_quick_file_says_what_the_list_says(walker: Walker, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """Calls, put together by the database, and row by row from the list: the same for everybody, in both forms."""
    await walker.sign_in(f"{who}.example")
    listed = BY_NAME["cdr.list"]
    for query in ("", "?outcome=answered", "?sort=id", "?account_id=5", "?called=44&until=2999-01-01T00:00:00Z"):
        found = []
        for endpoint in (listed, listed._replace(lines=None)):
            monkeypatch.setitem(BY_NAME, "cdr.list", endpoint)
            got = await walker.get(f"/calls.csv{query}")
            async with walker.session.get(f"{walker.address}/calls.xlsx{query}") as answer:
                read = await answer.read()
            if answer.status == 200:
                read = [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(read)).active.rows]
            found.append((got.status, got.text, answer.status, read))
        assert found[0] == found[1]


async def _id(walker: Walker, noun: str, **query: str) -> int:
    """A thing's number, by the API."""
    cookies = {cookie.key: cookie.value for cookie in walker.session.cookie_jar}
    headers = {"Authorization": f"Bearer {cookies['kambill_session']}"}
    url = f"{walker.address}/api/v1/{noun}"
    async with walker.session.get(url, headers=headers, params=query) as answer:
        return int(json.loads(await answer.text())["items"][0]["id"])


async def test_filters_and_order_stand_in_the_address(walker: Walker) -> None:
    """So they can be kept and sent on; a filter that is nonsense is told beside it."""
    await walker.sign_in("boss@op.example")
    page = await walker.get("/accounts?kind=customer&sort=-name")
    assert 'aria-sort="descending"' in page.text
    names = [re.sub(r"<[^>]*>", "", row.partition("</td>")[0]) for row in _rows(page.text)]
    assert names.index("recruited") < names.index("customer")
    assert not {"upper", "carrier", "agent"} & {*names}, "others are not"
    assert "Nothing fits these filters" in (await walker.get("/accounts?name=zzz")).words
    wrong = await walker.get("/accounts?kind=nonsense")
    assert wrong.status == 400
    assert "invalid-feedback" in wrong.text


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("/accounts", "balance"), ("/invoices", "total"), ("/invoices", "open"), ("/receipts", "amount"),
        ("/bank-lines", "amount"), ("/statements", "net"), ("/disputes", "amount"), ("/reports", "earned"),
        ("/reports", "margin"),
    ],
)  # fmt: skip
async def test_lists_are_sorted_by_money(walker: Walker, path: str, sort: str) -> None:
    """By the link in the head, which says which way it goes; the same rows, the other way round."""
    await walker.sign_in("boss@op.example")
    assert re.search(rf'<th[^>]*>\s*<a[^>]*href="{path}\?sort=-?{sort}"', (await walker.get(path)).text)
    rises, falls = [await walker.get(f"{path}?sort={one}&limit=200") for one in (sort, f"-{sort}")]
    assert (rises.status, falls.status) == (200, 200), rises.words
    assert ('aria-sort="ascending"' in rises.text, 'aria-sort="descending"' in falls.text) == (True, True)
    assert _rows(rises.text) == _rows(falls.text)[::-1]


async def test_a_list_goes_on_page_by_page(walker: Walker) -> None:
    """By cursor; a cursor of another list is told."""
    await walker.sign_in("boss@op.example")
    first = await walker.get("/accounts?limit=3")
    link = re.search(r'href="(/accounts\?limit=3[^"]*cursor=[^"]*)"', first.text)
    assert link is not None
    second = await walker.get(link.group(1).replace("&amp;", "&"))
    assert not set(_rows(first.text)) & set(_rows(second.text))
    assert "First page" in second.words
    assert (await walker.get("/accounts?cursor=x")).status == 400


async def test_a_look_that_had_to_end_goes_on_with_the_next_page(
    walker: Walker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page says so; one that has all of it doesn't, nor one that is full."""
    await walker.sign_in("boss@op.example")
    told = "Not everything is looked through yet"
    for address in ("/calls?called=4&call=zz", "/calls?called=4", "/calls?limit=1"):
        assert told not in (await walker.get(address)).text, address
    monkeypatch.setattr(pages, "NEWEST", 1)
    first = await walker.get("/calls?called=4&call=")
    assert told in first.text
    following = re.search(r'href="(/calls\?[^"]+)">Next page', first.text)
    assert following
    assert (await walker.get(following.group(1).replace("&amp;", "&"))).status == 200
    assert told not in (await walker.get("/calls?called=zz")).text


async def test_a_list_is_had_whole_as_csv_and_xlsx(walker: Walker) -> None:
    """Beyond a page, with its filters; numbers are numbers, and text is never a formula."""
    await walker.sign_in("boss@op.example")
    got = await walker.get("/users.csv?account_id=5")
    lines = list(csv.DictReader(io.StringIO(got.text)))
    assert "attachment" in got.headers["Content-Disposition"]
    assert {line["name"] for line in lines} >= {f"'{FORMULA}", WICKED}
    assert {line["account"] for line in lines} == {"customer"}
    async with walker.session.get(walker.address + "/accounts.xlsx") as answer:
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
    rows = list(book.active.iter_rows(values_only=True))
    names, data = rows[0], [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert "balance" in names
    assert {row["name"] for row in data} >= {"upper", LONG_NAME}
    assert all(isinstance(row["balance"], int | float) for row in data)
    async with walker.session.get(walker.address + "/users.xlsx") as answer:
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
    assert all(cell.data_type != "f" for row in book.active.iter_rows() for cell in row)


async def test_a_file_is_read_batch_by_batch(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows a batch has, each is there once; a page has no more than ever."""
    await walker.sign_in("boss@op.example")
    whole = (await walker.get("/accounts.csv")).text.splitlines()
    monkeypatch.setattr(files, "BATCH_ROWS", 2)
    assert (await walker.get("/accounts.csv")).text.splitlines() == whole
    assert len(whole) == len(set(whole)) > 3
    assert (await walker.get("/accounts?limit=201")).status == 400


async def test_a_file_holds_no_more_than_the_list(walker: Walker) -> None:
    """Of a subtree only its own; without the right there is none."""
    await walker.sign_in("owner@lower.example")
    names = {line["name"] for line in csv.DictReader(io.StringIO((await walker.get("/accounts.csv")).text))}
    assert names >= {"lower", "customer"}
    assert not names & {"upper", "Operator", "carrier"}
    assert (await walker.get("/gateways.csv")).status == 403


async def test_calls_as_a_file_have_charge_and_margin(walker: Walker) -> None:
    """Each viewer's own side: a reseller its margin, a customer none."""
    await walker.sign_in("owner@lower.example")
    sold = [line for line in csv.DictReader(io.StringIO((await walker.get("/calls.csv")).text)) if line["charge"]]
    assert {line["margin"] == "" for line in sold} == {False}
    assert {line["cost"] for line in sold} == {""}


async def test_a_report_of_who_sells_nothing_has_no_margin(walker: Walker, walkers: Callable[[], Walker]) -> None:
    """No column, no line of a file, no order by it, and nothing offered that is refused; whoever sells has it."""
    seller = walkers()
    await walker.sign_in("owner@customer.example")
    await seller.sign_in("owner@lower.example")
    for who, has in ((walker, False), (seller, True)):
        page = await who.get("/reports?by=hour")
        assert ("Margin" in page.words, "sort=margin" in page.text) == (has, has)
        assert "Paid" in page.words
        head = (await who.get("/reports.csv?by=hour")).text.splitlines()[0]
        assert ("margin" in head, "spent" in head) == (has, True)
        assert ("margin" in (await who.get("/calls.csv")).text.splitlines()[0]) is has
        for way, endpoint_is_open in (("provider", False), ("gateway", False), ("trunk", True)):
            assert (f'value="{way}"' in page.text) is endpoint_is_open, way
    refused = await walker.get("/reports?by=hour&sort=margin")
    assert (refused.status, "sells nothing" in refused.words) == (400, True)


async def test_what_was_changed_is_sent_and_nothing_else(walker: Walker) -> None:
    """An edit that changes nothing says so, and no line of the audit is written."""
    await walker.sign_in("boss@op.example")
    number = await _id(walker, "accounts", name="agent")
    page = await walker.get(f"/accounts/{number}/edit")
    form = {"name": "agent", "billing": "prepaid", "commission": "yes", "cut_on_suspend": "yes"}
    version = {"_version": page.hidden("_version")}
    same = await walker.post(f"/accounts/{number}/edit", **form, **version)
    assert "Nothing was changed" in same.words
    changed = await walker.post(f"/accounts/{number}/edit", **{**form, "channels": "30"}, **version)
    assert changed.path == f"/accounts/{number}"
    assert "Calls at once 30" in changed.words


async def test_two_who_edit_the_same_are_told(walker: Walker) -> None:
    """The later one sees what the other made of it, and keeps what they typed."""
    await walker.sign_in("boss@op.example")
    number = await _id(walker, "accounts", name="agent")
    form = {"name": "agent", "billing": "prepaid", "commission": "yes", "cut_on_suspend": "yes"}
    old = {"_version": (await walker.get(f"/accounts/{number}/edit")).hidden("_version")}
    await walker.post(f"/accounts/{number}/edit", **form, **old, cps="7")
    late = await walker.post(f"/accounts/{number}/edit", **form, **old, cps="9")
    assert late.status == 412
    assert "It was changed meanwhile" in late.words
    assert "Meanwhile it became: 7" in late.words
    assert 'value="9"' in late.text
    again = await walker.post(f"/accounts/{number}/edit", **form, cps="9", _version=late.hidden("_version"))
    assert "New calls a second 9" in again.words


async def test_faults_stand_beside_the_fields_of_a_form(walker: Walker) -> None:
    """With what was typed, and nothing is made."""
    await walker.sign_in("boss@op.example")
    page = await walker.post("/trunks/new", account_id="5", name="", networks="10.0.0.0/8\nnonsense", transport="udp")
    assert page.status == 422
    assert 'id="networks-errors"' in page.text
    assert "2: " in page.text
    assert "nonsense</textarea>" in page.text
    many = await walker.post("/accounts/5/payment", amount="many", reason="x", _key="k1")
    assert many.status == 422
    assert 'id="amount-errors"' in many.text


async def test_a_payment_that_is_sent_twice_is_posted_once(walker: Walker) -> None:
    """By the key in the form."""
    await walker.sign_in("boss@op.example")
    page = await walker.get("/accounts/5/payment")
    form = {"amount": "12.5", "reason": "Twice", "_key": page.hidden("_key")}
    for _ in range(2):
        assert (await walker.post("/accounts/5/payment", **form)).path == "/accounts/5/lines"
    lines = await walker.get("/accounts/5/lines")
    assert lines.words.count("Twice") == 1


async def test_nobody_is_offered_what_others_do_to_their_account(walker: Walker) -> None:
    """Buttons of one's own books and receipts, and the forms themselves; of an account below they are there."""
    await walker.sign_in("owner@lower.example")
    deeds = ("payment", "adjustment", "refund", "reversal")
    own, below = await walker.get("/accounts/4/lines"), await walker.get("/accounts/5/lines")
    for deed in deeds:
        assert f'href="/accounts/4/{deed}"' not in own.text
        assert f'href="/accounts/5/{deed}"' in below.text
        closed = await walker.get(f"/accounts/4/{deed}")
        assert closed.status == 403
        assert "this is for whoever stands above the account" in closed.words
    assert "from_account_id" not in own.text
    assert 'href="/accounts/4/roles/edit"' not in (await walker.get("/accounts/4/roles")).text
    receipts = (await walker.get("/receipts")).text
    assert "/accounts/5/reversal?entry_id=" in receipts
    assert "/accounts/4/reversal" not in receipts
    assert "/numbers/new" not in (await walker.get("/numbers")).text


async def test_nobody_looks_for_numbers_of_what_they_do_not_see(walker: Walker) -> None:
    """Filters by such things are left out, unless the address says one; a provider has nothing to try a call with."""
    await walker.sign_in("owner@carrier.example")
    calls = await walker.get("/calls")
    assert 'id="filter-called"' in calls.text
    assert 'id="filter-trunk_id"' not in calls.text
    assert 'id="filter-trunk_id"' in (await walker.get("/calls?trunk_id=1")).text
    assert 'href="/calls/trial"' not in calls.text


async def test_a_calls_length_is_asked_as_what_it_is(walker: Walker) -> None:
    """Not as how far lengths may differ, which the same name means where calls are compared."""
    await walker.sign_in("owner@lower.example")
    assert "It lasts (seconds)" in (await walker.get("/tariffs/2/pricing")).words
    assert "Lengths: the same within (seconds)" in (await walker.get("/reconciliations/new")).words


async def test_nobody_posts_to_their_own_account(walker: Walker) -> None:
    """The API's refusal stands on the page; the button isn't offered there."""
    await walker.sign_in("owner@customer.example")
    assert (await walker.post("/accounts/5/payment", amount="1", reason="x", _key="k")).status == 403


@pytest.mark.parametrize("path", ["/users", "/users.csv", "/audit", "/accounts/5"])
async def test_what_was_typed_to_do_harm_is_text(walker: Walker, path: str) -> None:
    """Wherever a name is shown."""
    await walker.sign_in("boss@op.example")
    text = (await walker.get(path)).text
    if not path.endswith(".csv"):
        assert "<script>alert" not in text
        assert "<img src=x" not in text


async def test_a_devices_password_is_shown_once(walker: Walker) -> None:
    """With a QR code; its page doesn't have it."""
    await walker.sign_in("owner@customer.example")
    page = await walker.post("/devices/new", account_id="5", username="kitchen", contacts_max="1")
    assert page.status == 200
    password = re.search(r'Password</dt><dd class="kb-secret">([^<]+)<', page.text)
    assert password is not None
    assert "<svg" in page.text
    number = await _id(walker, "devices", username="kitchen")
    assert password.group(1) not in (await walker.get(f"/devices/{number}")).text
    taken = await walker.post("/devices/new", account_id="5", username="kitchen", contacts_max="1")
    assert 'id="username-errors"' in taken.text


async def test_roles_that_can_be_given_are_offered(walker: Walker, walkers: Callable[[], Walker]) -> None:
    """To users of the account that it is about: none beyond what the inviter may, and not the Super Admin's below."""

    async def offered(who: Walker, path: str) -> set[str]:
        text = (await who.get(path)).text
        return set(re.findall(r'<label class="form-check-label" for="role_ids-\d+">([^<]*)</label>', text))

    await walker.sign_in("boss@op.example")
    assert {"Super Admin", "Admin", "Owner"} <= await offered(walker, "/users/new?account_id=1")
    assert "Super Admin" not in await offered(walker, "/users/new?account_id=5")
    admin = walkers()
    await admin.sign_in("admin@op.example")
    own = await offered(admin, "/users/new?account_id=1")
    assert "Super Admin" not in own
    assert "Read-only" in own
    customer = walkers()
    await customer.sign_in("owner@customer.example")
    assert "Owner" in await offered(customer, "/users/new")
    held = await offered(walker, "/users/2/roles")
    assert "Admin" in held


@pytest.mark.parametrize(("path", "has"), [("/accounts/2/edit", True), ("/accounts/5/edit", False)])
async def test_a_form_asks_what_its_thing_can_have(walker: Walker, path: str, has: bool) -> None:
    """Only a reseller earns commission."""
    await walker.sign_in("boss@op.example")
    assert ('name="commission"' in (await walker.get(path)).text) is has


async def test_an_empty_list_says_what_to_do(walker: Walker) -> None:
    """What can be made, below what is said; with filters the way to all of it."""
    await walker.sign_in("boss@op.example")
    empty = (await walker.get("/patterns")).text.partition('class="kb-empty"')[2]
    assert 'href="/patterns/new"' in empty
    filtered = (await walker.get("/accounts?name=nobody-is-called-so")).text.partition('class="kb-empty"')[2]
    assert 'href="/accounts"' in filtered
    await walker.sign_in("reader@op.example")
    assert "/patterns/new" not in (await walker.get("/patterns")).text


async def test_a_role_gives_only_what_its_maker_has(walker: Walker) -> None:
    """A reseller's editor tells which rights those are; forced ones are refused."""
    await walker.sign_in("owner@lower.example")
    page = await walker.get("/roles/new")
    assert "you have it not" in page.words
    forced = await walker.post("/roles/new", name="Mighty", permissions="gateways.change")
    assert forced.status == 403
    made = await walker.post("/roles/new", name="Clerk", permissions="cdrs.read")
    assert made.path == "/roles"
    assert "Clerk" in made.words


async def test_an_invitation_is_accepted(walker: Walker, walkers: Walkers) -> None:
    """By its link, which opens once."""
    await walker.sign_in("boss@op.example")
    role = await _id(walker, "roles", name="Read-only")
    form = {"account_id": "1", "email": "new@op.example", "name": "New", "language": "en", "timezone": "UTC"}
    page = await walker.post("/users/new", **form, role_ids=str(role))
    link = re.search(r"/password\?link=([^<\s]+)", page.text)
    assert link is not None
    guest = walkers()
    weak = await guest.post("/password", link=link.group(1), password="short")
    assert weak.status == 422
    await guest.post("/password", link=link.group(1), password="the horse eats its battery")
    assert (await guest.sign_in("new@op.example")).path == "/"
    again = await guest.post("/password", link=link.group(1), password="another long password")
    assert "expired" in again.words


async def test_running_calls_come_as_events(walker: Walker) -> None:
    """A piece of the page, with the charge so far; not for who may not see them."""
    assert (await walker.get("/live/stream")).path.startswith("/sign-in")
    await walker.sign_in("owner@customer.example")
    async with walker.session.get(walker.address + "/live/stream") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        text = ""
        while "\n\n" not in text:
            text += (await answer.content.readany()).decode()
    assert all(line.startswith("data: ") for line in text.split("\n\n")[0].splitlines())
    assert "Charge so far" in text
    assert "gateway" not in text.lower()


async def test_events_end_with_their_session(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is at its own moment, not at the first one's: a session that is over sees nothing more."""
    monkeypatch.setattr(streams, "PAUSE_S", 0.05)
    ahead_ms = 0
    monkeypatch.setattr(streams, "now_ms", lambda: time.time_ns() // 1_000_000 + ahead_ms)
    await walker.sign_in("owner@customer.example")
    async with asyncio.timeout(PATIENCE_S), walker.session.get(walker.address + "/live/stream") as answer:
        for _ in range(2):
            assert await answer.content.readuntil(b"\n\n")
        ahead_ms = SESSION_MS
        rest = (await answer.content.read()).decode()
        assert answer.content.at_eof()
    assert "Sign in first" in rest
    assert "Charge so far" not in rest.rpartition("\n\ndata")[2]


async def test_a_right_that_is_taken_away_is_gone_at_the_next_click(walker: Walker, walkers: Walkers) -> None:
    """Menu and page."""
    boss = walkers()
    await boss.sign_in("boss@op.example")
    support, reader = await _id(boss, "roles", name="Support"), await _id(boss, "roles", name="Finance")
    number = await _id(boss, "users", email="reader@op.example")
    await walker.sign_in("reader@op.example")
    before = await _id(boss, "roles", name="Read-only")
    await boss.post(f"/users/{number}/roles", role_ids=str(support))
    assert "/devices/new" in (await walker.get("/devices")).text
    await boss.post(f"/users/{number}/roles", role_ids=str(reader))
    assert "/devices/new" not in (await walker.get("/devices")).text
    assert (await walker.get("/devices/new")).status == 403
    await boss.post(f"/users/{number}/roles", role_ids=str(before))


async def test_events_end_with_their_right(walker: Walker, walkers: Walkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one says so where the calls were, which nobody goes on looking at."""
    monkeypatch.setattr(streams, "PAUSE_S", 0.05)
    boss = walkers()
    await boss.sign_in("boss@op.example")
    number = await _id(boss, "users", email="reader@op.example")
    before = await _id(boss, "roles", name="Read-only")
    made = await boss.post("/roles/new", name="Sees no calls", permissions="accounts.read")
    role = re.search(r'href="/roles/(\d+)"[^>]*>Sees no calls<', made.text)
    assert role is not None
    await walker.sign_in("reader@op.example")
    async with asyncio.timeout(PATIENCE_S), walker.session.get(walker.address + "/live/stream") as answer:
        assert b"Charge so far" in await answer.content.readuntil(b"\n\n")
        await boss.post(f"/users/{number}/roles", role_ids=role[1])
        rest = (await answer.content.read()).decode()
    assert rest.endswith(
        '<p class="kb-empty" role="status">Not allowed. this needs the right: See running calls</p>\n\n'
    )
    await boss.post(f"/users/{number}/roles", role_ids=str(before))


async def test_a_filter_is_kept_by_a_name(walker: Walker, walkers: Walkers) -> None:
    """For oneself alone; nothing but a list of this portal can be kept."""
    await walker.sign_in("boss@op.example")
    kept = await walker.post("/filters", page="/accounts", name="Sellers <b>", query="kind=reseller")
    assert kept.path == "/accounts?kind=reseller"
    page = await walker.get("/accounts")
    assert 'href="/accounts?kind=reseller">Sellers &lt;b&gt;</a>' in page.text
    link = re.search(r'href="(/filters/\d+/removal)"', page.text)
    assert link is not None
    other = walkers()
    await other.sign_in("admin@op.example")
    assert "Sellers" not in (await other.get("/accounts")).words
    assert (await other.post(link.group(1))).status == 404
    assert (await walker.post("/filters", page="https://evil.example", name="x", query="")).status == 422
    assert (await walker.post(link.group(1))).path == "/accounts"
    assert "Sellers" not in (await walker.get("/accounts")).words


async def test_things_are_looked_for_where_they_are_too_many_to_choose_from(walker: Walker) -> None:
    """By their names, among what the visitor sees; without the right nothing."""
    await walker.sign_in("owner@lower.example")
    got = await walker.get("/choices/account?field=account_id&account_id=cust")
    assert re.findall(r">([^<]+)</option>", got.text) == ["customer"]
    assert "<option" not in (await walker.get("/choices/account?field=account_id&account_id=upper")).text
    assert "<option" not in (await walker.get("/choices/gateway?field=gateway_id&gateway_id=gw")).text
    assert "<option" not in (await walker.get("/choices/nonsense?field=x&x=y")).text


async def test_a_seller_sets_its_logo(walker: Walker) -> None:
    """A picture by what its bytes say; its people see it."""
    await walker.sign_in("owner@upper.example")
    png = _dot()
    for data, status in ((b"GIF89a", 422), (png, 200)):
        form = aiohttp.FormData()
        form.add_field("file", data, filename="logo.png", content_type="image/png")
        url = f"{walker.address}/accounts/2/logo"
        async with walker.session.post(url, data=form, headers=SAME) as answer:
            assert answer.status == status
    async with walker.session.get(f"{walker.address}/brand/logo") as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", png)


def _dot() -> bytes:
    """A picture of one dot."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ]
    found = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return found


async def test_a_number_is_tried_without_changing_anything(walker: Walker) -> None:
    """What the rules make of it; and what is wrong with the question stands beside its field."""
    await walker.sign_in("owner@customer.example")
    page = await walker.post("/translations/trial", account_id="5", subject="called", number="0044207946")
    assert page.status == 200
    assert "Tried" in page.words
    wrong = await walker.post("/translations/trial", account_id="5", subject="nonsense", number="1")
    assert 'id="subject-errors"' in wrong.text
    assert wrong.status == 422


async def test_many_are_made_from_csv(walker: Walker) -> None:
    """Row by row, with what each came to; what is wrong with the table stands beside its field."""
    await walker.sign_in("owner@customer.example")
    sample = await walker.get("/imports/device.csv")
    assert sample.text.startswith("id,account_id,username,")
    table = "account_id,username\n5,first\n5,first\n"
    page = await walker.post("/devices/import", mode="by_row", csv=table)
    assert "1 done, 1 not" in page.words
    wrong = await walker.post("/devices/import", mode="by_row", csv="colour\nred\n")
    assert wrong.status == 422
    assert "unknown column" in wrong.text
    assert (await walker.get("/accounts/import")).status == 403
