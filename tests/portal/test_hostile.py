"""What somebody puts into addresses and hidden fields, or sends too late: a page answers, nothing is done."""

from __future__ import annotations

import asyncio
from urllib.parse import quote_plus, urlsplit

import pytest

from service.portal.cookies import SESSION
from tests.portal.conftest import SAME, Walker
from tests.service.office import PASSWORD

BOSS = "boss@op.example"
ENDLESS = "9" * 5_000
"""More digits than Python reads."""


@pytest.mark.parametrize("path", ["/accounts/{}/refund", "/accounts/{}/top-ups/new", "/accounts/{}/billing/taxes"])
async def test_a_number_that_no_ledger_has_is_no_thing(walker: Walker, path: str) -> None:
    """As many digits as the largest one, and larger."""
    await walker.sign_in(BOSS)
    assert (await walker.get(path.format("9" * 19))).status == 404
    assert (await walker.post(path.format("9" * 19), name="x")).status == 404


@pytest.mark.parametrize("path", ["/devices/new", "/users/new", "/limits/new"])
async def test_a_number_without_end_in_an_address_is_no_thing(walker: Walker, path: str) -> None:
    """The form is shown as if nothing was named."""
    await walker.sign_in(BOSS)
    assert (await walker.get(f"{path}?account_id={ENDLESS}")).status == 200
    assert (await walker.get(f"{path}?account_id=5")).status == 200


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/accounts/2/edit", {"_version": ENDLESS, "name": "other"}, 412),
        ("/tariffs/new", {"account_id": ENDLESS, "name": "x", "source": "currency: EUR\nrates: []\n"}, 422),
        ("/roles/new", {"account_id": ENDLESS, "name": "", "_key": "k-roles"}, 422),
        ("/invoices/1/credit/lines", {f"left-{ENDLESS}": "1", "reason": "x", "_key": "k-credit"}, 422),
    ],
)
async def test_a_number_without_end_in_a_form_is_refused(
    walker: Walker, path: str, form: dict[str, str], status: int
) -> None:
    """With the form, and what is wrong with it."""
    await walker.sign_in(BOSS)
    got = await walker.post(path, **form)
    assert got.status == status, got.words
    assert 'method="post"' in got.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\nno header"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\r\n--x--\r\n',
        ),
        ("application/x-www-form-urlencoded; charset=none", b"email=x"),
        ("application/x-www-form-urlencoded", b"email=\xff"),
    ],
)
async def test_a_form_that_is_none_is_no_fault_of_ours(walker: Walker, kind: str, body: bytes) -> None:
    """A stranger would fill the log with them."""
    async with walker.session.post(
        f"{walker.address}/sign-in", data=body, headers={**SAME, "Content-Type": kind}
    ) as got:
        assert (got.status, "can&#39;t be read" in await got.text()) == (400, True)


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("POST /sign-in", b"Host: x\r\nOrigin: http://[\r\nContent-Length: 0\r\n", 403),
        ("GET /sign-in", b"Host: \xe9\r\n", 200),
        ("GET /accounts", b"Host: x\r\nHX-Request: true\r\nHX-Current-URL: http://[\r\n", 200),
        ("GET /accounts", b"Host: x\r\nHX-Request: true\r\nHX-Current-URL: \xe9\r\n", 200),
    ],
)
async def test_a_header_that_nobody_can_read_is_no_fault_of_ours(
    walker: Walker, line: str, headers: bytes, status: int
) -> None:
    """Of strangers, who would fill the log with them."""
    assert await _status(walker, f"{line} HTTP/1.1\r\n".encode() + headers + b"Connection: close\r\n\r\n") == status


async def test_who_has_a_browser_with_a_strange_name_signs_in(walker: Walker) -> None:
    """Its sessions say it, with a mark for what can't be read."""
    body = f"email={BOSS}&password={quote_plus(PASSWORD)}".encode()
    head = "POST /sign-in HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\nContent-Type: "
    head += f"application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nUser-Agent: Caf"
    assert await _status(walker, head.encode() + b"\xe9\r\n\r\n" + body) == 303
    await walker.sign_in(BOSS)
    assert "Caf?" in (await walker.get("/profile/sessions")).words


async def _status(walker: Walker, request: bytes) -> int:
    """Of an answer to bytes that no library sends."""
    address = urlsplit(walker.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request)
    first = await reader.readline()
    writer.close()
    return int(first.split()[1])


DEAD = {**SAME, "Cookie": f"{SESSION}=over"}


async def test_a_form_of_a_session_that_is_over_leads_back_to_itself(walker: Walker) -> None:
    """It says that nothing was done, and after the door the form stands there again."""
    lost = await walker.post("/devices/new?account_id=5", headers=DEAD, username="zz-late")
    assert lost.path == "/sign-in?next=/devices/new?account_id%3D5"
    assert "nothing was done" in lost.words
    back = await walker.sign_in("owner@lower.example", next=lost.hidden("next"))
    assert back.path == "/devices/new?account_id=5"
    assert "zz-late" not in (await walker.get("/devices")).words


@pytest.mark.parametrize("path", ["/sign-out", "/filters", "/log-in-as/end"])
async def test_nobody_comes_back_to_what_is_no_page(walker: Walker, path: str) -> None:
    """What was pressed in the bar or above a list is no place to go on from."""
    assert (await walker.post(path, headers=DEAD)).path == "/sign-in"


async def test_who_was_never_signed_in_is_told_of_no_end(walker: Walker) -> None:
    """Only a session that there was can have ended."""
    assert "session has ended" not in (await walker.get("/accounts")).words
    assert "session has ended" in (await walker.get("/accounts", Cookie=f"{SESSION}=over")).words


async def test_a_piece_of_a_page_brings_the_whole_page_to_the_door(walker: Walker) -> None:
    """A list that is looked through while one types doesn't become empty: the browser goes, and comes back there."""
    here = f"{walker.address}/accounts?kind=customer"
    piece = {"HX-Request": "true", "HX-Current-URL": here}
    got = await walker.get("/accounts?name=x", follow=False, **piece)
    assert got.headers["HX-Redirect"] == "/sign-in?next=%2Faccounts%3Fkind%3Dcustomer"
    elsewhere = await walker.get("/accounts", follow=False, **{**piece, "HX-Current-URL": "https://evil.example"})
    assert elsewhere.headers["HX-Redirect"] == "/sign-in"
    assert "HX-Redirect" not in (await walker.get("/accounts", follow=False)).headers
