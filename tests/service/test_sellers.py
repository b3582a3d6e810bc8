"""Brands, numbers of invoices and mail templates: of a seller's own, or inherited."""

from __future__ import annotations

import asyncio
import base64

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.billing_tables import invoices
from service.sellers.mail import template_of
from service.sellers.numbers import number_text, pattern_problem, take_numbers
from service.sellers.taken import Coming
from service.sellers.templates import KINDS, built_in, fill, fill_subject, places_in, text_problem
from service.start import ensure_first_rows
from tests.service.office import NOW_MS, Office, Person
from tests.service.papers import png
from tests.service.wanted import ON_SQLITE

PNG = png(2, 1)
YEAR_MS = 365 * 24 * 3_600_000


class Trade:
    """A reseller with a customer, and their people."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.reseller_id = self.customer_id = self.other_id = 0
        self.reseller = self.customer = office.nobody

    async def open(self) -> None:
        """Two resellers, one customer."""
        boss = self.office.boss
        self.reseller_id = await self.office.account(boss, 1, "reseller", "reseller")
        self.other_id = await self.office.account(boss, 1, "other", "reseller")
        self.customer_id = await self.office.account(boss, self.reseller_id, "customer", "customer")
        self.reseller = await self.office.hire(boss, self.reseller_id, "r@r.example")
        self.customer = await self.office.hire(boss, self.customer_id, "c@c.example")


@pytest.fixture
async def trade(office: Office) -> Trade:
    """Open."""
    trade = Trade(office)
    await trade.open()
    return trade


async def test_a_brand_is_inherited(trade: Trade) -> None:
    """From the nearest seller above that has one."""
    boss = trade.office.boss
    assert (await boss.do("brand.show", account_id=trade.customer_id))["company"] == ""
    await boss.do("brand.edit", account_id=1, company="Operator Inc", address="1 Street\nTown")
    shown = await boss.do("brand.show", account_id=trade.customer_id)
    assert (shown["company"], shown["inherited"], shown["version"]) == ("Operator Inc", True, 0)
    await trade.reseller.do("brand.edit", account_id=trade.reseller_id, company="Reseller Ltd", host="Tel.Example.net")
    shown = await boss.do("brand.show", account_id=trade.customer_id)
    assert (shown["company"], shown["host"], shown["address"]) == ("Reseller Ltd", "tel.example.net", "")
    await trade.reseller.do("brand.remove", account_id=trade.reseller_id)
    assert (await boss.do("brand.show", account_id=trade.reseller_id))["company"] == "Operator Inc"


async def test_who_sends_a_sellers_mails(trade: Trade) -> None:
    """By its own brand; of one that is only inherited neither name nor address; the server is the operator's to see."""
    office, own = trade.office, trade.reseller_id
    mail = office.api.config.mail.model_copy(update={"host": "mx.example", "port": 25, "sender": "no-reply@op.example"})
    office.api = office.api._replace(config=office.api.config.model_copy(update={"mail": mail}))
    await office.boss.do("brand.edit", account_id=1, company="Operator Inc", sender_address="op@op.example")
    shown = await trade.reseller.do("mail-sender.show", account_id=own)
    assert (shown["name"], shown["address"], shown["is_own_address"]) == ("reseller", "no-reply@op.example", False)
    assert (shown["sends"], shown["server"]) == (True, None)
    brand = {"company": "Reseller Ltd", "sender_name": "Billing", "sender_address": "bill@r.example"}
    await trade.reseller.do("brand.edit", account_id=own, body=brand)
    shown = await office.boss.do("mail-sender.show", account_id=own)
    assert (shown["name"], shown["address"], shown["is_own_address"]) == ("Billing", "bill@r.example", True)
    assert shown["server"] == "mx.example:25"
    assert (await office.boss.ask("mail-sender.show", account_id=trade.customer_id)).status == 409


async def test_a_logo_is_what_it_says(trade: Trade) -> None:
    """PNG or JPEG by its bytes; never a text that a browser would run."""
    me, own = trade.reseller, trade.reseller_id
    early = await me.ask("brand.set-logo", account_id=own, type="image/png", data=base64.b64encode(PNG).decode())
    assert "a brand first" in early["detail"]
    await me.do("brand.edit", account_id=own, company="Reseller Ltd")
    made = await me.do("brand.set-logo", account_id=own, type="image/png", data=base64.b64encode(PNG).decode())
    assert (made["has_logo"], made["company"]) == (True, "Reseller Ltd")
    shown = await trade.office.boss.do("brand.show-logo", account_id=trade.customer_id)
    assert base64.b64decode(shown["data"]) == PNG
    await me.do("brand.edit", account_id=own, company="Renamed Ltd")
    assert (await me.do("brand.show", account_id=own))["has_logo"]
    for kind, data, said in (
        ("image/png", b"<svg onload=alert(1)>", "not a picture of type image/png"),
        ("image/jpeg", PNG, "not a picture of type image/jpeg"),
        ("image/svg+xml", PNG, "'image/png' or 'image/jpeg'"),
        ("image/png", PNG + bytes(256 * 1024), "at most"),
        ("image/png", PNG[:16] + bytes([0, 0, 255, 255]) + PNG[20:], "65535 x 1 pixels"),
    ):
        got = await me.ask("brand.set-logo", account_id=own, type=kind, data=base64.b64encode(data).decode())
        assert (got.status, said in str(got.body)) == (422, True), got


@ON_SQLITE
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("company", "", "at least 1"),
        ("host", "no host", "portal.example.net"),
        ("host", "10.0.0.1", "portal.example.net"),
        ("primary_colour", "red", "pattern"),
        ("accent_colour", "#12345", "pattern"),
        ("sender_address", "a@b\nBcc: c@d", "pattern"),
        ("sender_address", "nobody", "pattern"),
        ("address", "a\n" * 20, "at most 10 lines"),
        ("address", "a\x00", "at most 10 lines"),
    ],
)
async def test_what_is_no_brand(trade: Trade, field: str, value: str, said: str) -> None:
    """Each value with what was expected."""
    got = await trade.reseller.ask("brand.edit", account_id=trade.reseller_id, **{"company": "A", field: value})
    assert (got.status, got["errors"][0]["pointer"]) == (422, f"/{field}")
    assert said in got["errors"][0]["detail"]


async def test_the_operators_own_host_is_no_resellers(trade: Trade) -> None:
    """Whoever comes by it to sign in would see the reseller's name and logo; the operator's own brand may name it."""
    office = trade.office
    mail = office.api.config.mail.model_copy(update={"portal": "https://Portal.op.example:8443"})
    office.api = office.api._replace(config=office.api.config.model_copy(update={"mail": mail}))
    brand = {"company": "A", "host": "portal.OP.example"}
    got = await trade.reseller.ask("brand.edit", account_id=trade.reseller_id, body=brand)
    assert [one["pointer"] for one in got["errors"]] == ["/host"]
    assert (await office.boss.do("brand.edit", account_id=1, body=brand))["host"] == "portal.op.example"


async def test_who_may_not_brand(trade: Trade) -> None:
    """A customer sells nothing; another's host name is taken, without saying whose."""
    reseller, boss = trade.reseller, trade.office.boss
    await boss.do("brand.edit", account_id=trade.other_id, company="Other", host="a.example.net")
    taken = await reseller.ask("brand.edit", account_id=trade.reseller_id, company="Mine", host="a.example.net")
    assert taken["errors"] == [
        {"in": "body", "pointer": "/host", "detail": "this host name can't be used: take another one"}
    ]
    sold = await reseller.ask("brand.edit", account_id=trade.customer_id, company="Mine")
    assert (sold.status, "only the operator and resellers" in sold["detail"]) == (409, True)
    assert (await reseller.ask("brand.edit", account_id=trade.other_id, company="Mine")).status == 404
    assert (await trade.customer.ask("brand.edit", account_id=trade.customer_id, company="Mine")).status == 403
    old = await reseller.ask("brand.edit", account_id=trade.reseller_id, company="Mine", match='"7"')
    assert old.status == 412


def test_a_number_as_it_stands_on_the_invoice() -> None:
    """Prefix, year, digits."""
    assert number_text("{prefix}{year}-{number:5}", "R/", 2026, 42) == "R/2026-00042"
    assert number_text("{number}/{yy}", "", 2026, 1234567) == "1234567/26"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{prefix}{year}", "once"),
        ("{number}{number}{year}", "once"),
        ("{year}{number:13}", "at most 12"),
        ("{number}", "{year} or {yy}"),
        ("{year}{number}{x}", "only {prefix}"),
        ("{year}{number}}", "only {prefix}"),
    ],
)
def test_what_is_no_pattern(pattern: str, said: str) -> None:
    """Each with what is wrong."""
    assert said in str(pattern_problem(pattern, restarts_yearly=True))


async def test_numbers_have_no_gap_and_come_once(engine: AsyncEngine, office: Office) -> None:
    """Forty at once, a third of which fail afterwards; then a new year."""
    await ensure_first_rows(engine, office.config, NOW_MS)
    taken: list[str] = []

    async def one(number: int) -> None:
        try:
            async with engine.begin() as conn:
                (text,) = await take_numbers(conn, 1, NOW_MS, "UTC", 1)
                await asyncio.sleep(0)
                if number % 3 == 0:
                    raise LookupError  # noqa: TRY301 -- the transaction is to be undone
            taken.append(text)
        except LookupError:
            return

    await asyncio.gather(*(one(number) for number in range(40)))
    assert sorted(taken) == [f"2026-{number:05}" for number in range(1, len(taken) + 1)]
    assert len(taken) == 26
    async with engine.begin() as conn:
        assert await take_numbers(conn, 1, NOW_MS + YEAR_MS, "UTC", 1) == ["2027-00001"]
        assert await take_numbers(conn, 1, NOW_MS, "UTC", 1) == [
            "2027-00002"
        ]  # the clock went back: no number comes again


async def test_the_next_number_never_falls(trade: Trade) -> None:
    """What was issued can't come again."""
    me, own, engine = trade.reseller, trade.reseller_id, trade.office.engine
    edited = await me.do("numbering.edit", account_id=own, prefix="R", pattern="{prefix}{yy}{number:3}", next_number=7)
    assert (edited["example"], edited["version"]) == ("R26007", 1)
    async with engine.begin() as conn:
        assert await take_numbers(conn, own, NOW_MS, "UTC", 1) == ["R26007"]
    again = await me.ask("numbering.edit", account_id=own, pattern="{year}{number}", next_number=7)
    assert (again.status, "up to 7 are taken" in again["detail"]) == (409, True)
    shown = await me.do("numbering.edit", account_id=own, prefix="S", pattern="{prefix}{number}", restarts_yearly=False)
    assert (shown["example"], shown["next_number"]) == ("S8", 8)
    bad = await me.ask("numbering.edit", account_id=own, pattern="x")
    assert bad["errors"][0]["pointer"] == "/pattern"
    assert (await me.ask("numbering.edit", account_id=trade.customer_id)).status == 409
    assert (await me.ask("numbering.show", account_id=trade.other_id)).status == 404
    assert (await trade.customer.ask("numbering.edit", account_id=trade.customer_id)).status == 403


async def test_a_number_that_stands_comes_by_no_other_pattern(trade: Trade) -> None:
    """Refused when the pattern is set: a run that came to such a number would bill nobody any more."""
    me, own, engine = trade.reseller, trade.reseller_id, trade.office.engine
    plain = {"pattern": "{prefix}{number}", "restarts_yearly": False}
    await me.do("numbering.edit", account_id=own, prefix="1", **plain)
    async with engine.begin() as conn:
        (number,) = await take_numbers(conn, own, NOW_MS, "UTC", 1)
        seller = {"seller_id": own, "account_id": trade.customer_id, "currency": "EUR", "kind": "invoice"}
        seller |= {"period_from_ms": 0, "period_to_ms": 1, "seller": {}, "buyer": {}, "actor": "", "created_ms": NOW_MS}
        shown = {"state": "issued", "language": "en", "zone": "UTC", "issued_ms": NOW_MS, "due_ms": NOW_MS}
        await conn.execute(sa.insert(invoices).values(number=number, **seller, **shown))
    assert number == "11"
    refused = await me.ask("numbering.edit", account_id=own, next_number=11, **plain)
    assert (refused.status, "11 stands already" in refused["detail"]) == (409, True)
    assert (await me.do("numbering.edit", account_id=own, next_number=12, **plain))["example"] == "12"


@pytest.mark.parametrize(
    ("coming", "text", "gives"),
    [
        (Coming("", "{number}", 1, 2027, restarts_yearly=False), "1", True),
        (Coming("", "{number}", 2, 2027, restarts_yearly=False), "1", False),
        (Coming("", "{number:5}", 1, 2027, restarts_yearly=False), "1", False),
        (Coming("A", "{prefix}{year}-{number}", 9, 2026, restarts_yearly=True), "A2026-8", False),
        (Coming("A", "{prefix}{year}-{number}", 9, 2026, restarts_yearly=True), "A2027-8", True),
        (Coming("A", "{prefix}{year}-{number}", 9, 2026, restarts_yearly=False), "A2027-8", False),
        (Coming("A", "{prefix}{year}-{number}", 1, 2026, restarts_yearly=True), "A2025-8", False),
        (Coming("", "{yy}{number}", 5, 2026, restarts_yearly=True), "265", True),
    ],
)
def test_which_numbers_come(coming: Coming, text: str, gives: bool) -> None:
    """Of this year those behind the next one, and all of later years if they begin anew."""
    assert coming.gives(text) is gives


async def test_invoices_and_credit_notes_have_no_number_in_common(trade: Trade) -> None:
    """Neither by one pattern nor by a prefix that makes one of the other."""
    me, own = trade.reseller, trade.reseller_id
    for prefix, pattern in (("CN", "{prefix}{year}-{number:5}"), ("", "CN{year}-{number}")):
        got = await me.ask("numbering.edit", account_id=own, prefix=prefix, pattern=pattern)
        assert (got.status, "both be CN2026-" in got["detail"]) == (409, True)
    await me.do("numbering.edit", account_id=own, prefix="R", pattern="{prefix}{year}-{number:5}")
    got = await me.ask("numbering.edit-credit-notes", account_id=own, pattern="R{year}-{number:5}")
    assert got.status == 409
    own_prefix = await me.do("numbering.edit-credit-notes", account_id=own, prefix="R")  # the pattern is its own
    assert own_prefix["example"] == "RCN2026-00001"
    assert (await me.ask("numbering.edit-receipts", account_id=own, pattern="R{year}-{number:5}")).status == 200


async def test_receipts_are_told_apart_by_a_pattern_of_their_own(trade: Trade) -> None:
    """Whoever says a prefix alone doesn't number receipts as invoices are numbered."""
    me, own = trade.reseller, trade.reseller_id
    before = await me.do("numbering.show-receipts", account_id=own)
    said = [await me.do(f"numbering.edit{which}", account_id=own, prefix="A") for which in ("-receipts", "")]
    assert [one["example"] for one in (before, *said)] == ["R2026-00001", "AR2026-00001", "A2026-00001"]


def test_every_template_that_comes_along_is_sound() -> None:
    """No unknown placeholder, nothing left open, and each can be filled."""
    for name, kind in KINDS.items():
        for text in (kind.subject, kind.text):
            assert text_problem(name, text) is None
            assert "{" not in fill(text, kind.placeholders)


def test_a_placeholder_is_a_name_and_nothing_else() -> None:
    """No expression, no attribute; values are not looked at again; a subject stays one line."""
    assert text_problem("welcome", "{{ nam }}") == "unknown placeholder 'nam': did you mean name?"
    assert "unknown placeholder" in str(text_problem("welcome", "{{ name.__class__ }}"))
    assert "unknown placeholder" in str(text_problem("welcome", "{{ 7*7 }}"))
    assert "not closed" in str(text_problem("welcome", "{{ name }"))
    assert fill("{{ name }}", {"name": "{{ link }}"}) == "{{ link }}"
    assert fill_subject("Hello {{name}}", {"name": "a\r\nBcc: b@c"}) == "Hello a Bcc: b@c"


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_mail_is_there_in_german(kind: str) -> None:
    """With the same placeholders as in English, and none that its mails have no value for."""
    english, german = built_in(kind, "en"), built_in(kind, "de")
    assert english is not None
    assert german is not None
    assert [text_problem(kind, text) for text in german] == [None, None]
    assert places_in(" ".join(german)) == places_in(" ".join(english))
    assert german[1] != english[1]
    assert built_in(kind, "fr") is None


async def test_a_reader_gets_the_language_that_they_chose(trade: Trade) -> None:
    """What the program brings along in it goes before what a seller has written in English alone."""
    path = f"/1/{trade.reseller_id}/{trade.customer_id}/"
    english = {"kind": "reset", "language": "en", "subject": "Hi", "text": "{{ link }}"}
    await trade.reseller.do("mail-template.edit", account_id=trade.reseller_id, **english)
    async with trade.office.engine.connect() as conn:
        for language, said in (("de-AT", "Ihr Passwort bei {{ company }}"), ("en-US", "Hi"), ("fr", "Hi")):
            assert (await template_of(conn, path, "reset", language))[0] == said


async def test_a_template_is_the_nearest_sellers(trade: Trade) -> None:
    """Own, else above, else built in; with the language before the distance."""
    me, boss, engine = trade.reseller, trade.office.boss, trade.office.engine
    path = f"/1/{trade.reseller_id}/{trade.customer_id}/"
    text = {"subject": "Hallo {{ name }}", "text": "{{ portal }}"}
    await boss.do("mail-template.edit", account_id=1, kind="welcome", language="de", **text)
    async with engine.connect() as conn:
        assert (await template_of(conn, path, "welcome", "de-AT"))[0] == "Hallo {{ name }}"
        assert (await template_of(conn, path, "welcome", "fr"))[0] == KINDS["welcome"].subject
    await me.do(
        "mail-template.edit",
        account_id=trade.reseller_id,
        kind="welcome",
        language="en",
        subject="Hi",
        text="{{ portal }}",
    )
    async with engine.connect() as conn:
        assert (await template_of(conn, path, "welcome", "fr"))[0] == "Hi"
        assert (await template_of(conn, path, "welcome", "de"))[0] == "Hallo {{ name }}"
    listed = await me.do("mail-template.list", account_id=trade.reseller_id)
    origins = {(one["kind"], one["language"]): one["origin"] for one in listed["items"]}
    assert (origins["welcome", "en"], origins["welcome", "de"], origins["reset", "en"]) == ("own", "above", "built-in")
    gone = await me.ask("mail-template.remove", account_id=trade.reseller_id, kind="welcome", language="en")
    assert gone.status == 204


async def ask_for(person: Person, endpoint: str, account_id: int, **more: str) -> int:
    """The status of a request about the welcome mail."""
    named = {"kind": "welcome", "language": "en"} | more
    return (await person.ask(endpoint, account_id=account_id, **named)).status


async def test_wrong_templates(trade: Trade) -> None:
    """Unknown kinds and languages don't exist; texts are told what is wrong with each."""
    me, own = trade.reseller, trade.reseller_id
    text = {"subject": "a", "text": "b"}
    assert await ask_for(me, "mail-template.edit", own, kind="nothing", **text) == 404
    assert await ask_for(me, "mail-template.edit", own, language="english", **text) == 404
    assert await ask_for(me, "mail-template.edit", trade.other_id, **text) == 404
    assert await ask_for(me, "mail-template.edit", trade.customer_id, **text) == 409
    assert await ask_for(trade.customer, "mail-template.edit", trade.customer_id, **text) == 403
    assert await ask_for(me, "mail-template.remove", own) == 404
    wrong = {"kind": "welcome", "language": "en", "subject": "{{ x }}", "text": "{{ y }}"}
    got = await me.ask("mail-template.edit", account_id=own, **wrong)
    assert [error["pointer"] for error in got["errors"]] == ["/subject", "/text"]
    preview = {"kind": "low_balance", "language": "en", "subject": "{{ balance }}", "text": "{{ account }}"}
    shown = await me.do("mail-template.preview", account_id=own, **preview)
    assert shown == {"subject": "4.20", "text": "Customer Ltd", "examples": ["account", "balance"]}
