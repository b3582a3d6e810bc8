"""Notices of rates that change: each customer its own, in its seller's name, some days before, once, or not at all."""

from __future__ import annotations

import csv
import io
import zipfile
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from service.database.access_tables import mails, users
from service.database.engine import reading
from service.database.notice_tables import rate_notices
from service.messages.concerned import Concerned
from service.messages.sender import LEASE_MS
from service.notices import gathering, sheets
from service.notices.gathering import Gatherer
from service.notices.sheets import Sheets
from service.notices.telling import Changes, Told
from service.tariffs.notices import DAY_MS, MINUTE_MS
from service.tariffs.pending import carry_out_due
from tests.service.mailroom import Mailroom, part
from tests.service.office import NOW_MS, Person
from tests.service.test_mails import Desk, desk, room
from tests.service.test_sellers import trade

__all__ = ["desk", "room", "trade"]
CHEAP = 'currency: EUR\nrates:\n  - {prefix: "44", destination: UK, rate: 0.05}\n'
DEAR = 'currency: EUR\nrates:\n  - {prefix: "44", destination: UK, rate: 0.06, increments: 60/1}\n'
CHANGED = {"Prefix": "44", "Destination": "UK", "Direction": "Increase", "Old Rate/Min": "0.05", "Currency": "EUR"}
LATER = "2026-10-12T00:00:00Z"
LATER_MS = 1_791_763_200_000
"""Three weeks ahead."""


class Market:
    """A reseller's tariff, by which its customer pays; a seller that tells of changes; a queue that is sent."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.trade = desk.trade
        self.office = desk.trade.office
        self.boss, self.reseller = self.office.boss, self.trade.reseller
        self.changes = Changes(self.office.config)
        self.retail = 0

    async def open(self) -> None:
        """The customer pays by the reseller's tariff, the reseller by the operator's."""
        self.retail = await self.tariff(self.reseller, self.trade.reseller_id, "retail")
        wholesale = await self.tariff(self.boss, 1, "wholesale")
        await self.boss.do("account.edit", account_id=self.trade.reseller_id, tariff_id=wholesale)
        await self.reseller.do("account.edit", account_id=self.trade.customer_id, tariff_id=self.retail)
        await self.terms(self.reseller, self.trade.reseller_id, sends=True)
        await self.desk.empty()

    async def tariff(self, by: Person, seller_id: int, name: str) -> int:
        """Published."""
        made = await by.do("tariff.make", account_id=seller_id, name=name, source=CHEAP)
        await by.do("tariff.bring-into-force", tariff_id=made["id"])
        return int(made["id"])

    async def terms(self, by: Person, account_id: int, **more: Any) -> None:
        """How changes are told."""
        await by.do("notice-terms.edit", account_id=account_id, **more)

    async def publish(self, source: str = DEAR, at: str | None = None, by: Person | None = None) -> list[str]:
        """The retail tariff anew; what it warns of."""
        who = by or self.reseller
        await who.do("tariff.edit", tariff_id=self.retail, source=source)
        done = await who.do("tariff.bring-into-force", tariff_id=self.retail, at=at)
        return [one for one in done["warnings"] if "promised" in one]

    def wait(self, until_ms: int) -> None:
        """It is so late now."""
        self.desk.now_ms = until_ms

    async def work(self) -> None:
        """What a service does: with a memory of its own, as after each start."""
        config = self.office.config.model_copy(update={"mail": self.desk.config.mail})
        self.desk.config = config
        changes = Changes(config)
        gatherer = Gatherer(self.office.engine, "local", changes)
        while await gatherer.work(self.desk.now_ms):
            pass
        sender = self.desk.another(files=(Sheets(self.office.engine, changes).files_of,))
        while await sender.send_due():
            pass
        await sender.close()
        while await gatherer.work(self.desk.now_ms):
            pass

    async def notices(self, by: Person | None = None, **query: Any) -> list[dict[str, Any]]:
        """The latest first."""
        return list((await (by or self.boss).do("rate-notice.list", query=query))["items"])


@pytest.fixture
async def market(desk: Desk) -> Market:
    """Open."""
    market = Market(desk)
    await market.open()
    return market


def rows_of(letter: EmailMessage) -> list[dict[str, str]]:
    """Of the CSV beside a mail."""
    (file,) = letter.iter_attachments()
    assert file.get_content_type() == "text/csv"
    return list(csv.DictReader(io.StringIO(file.get_content(), newline="")))


async def test_a_customer_is_told_of_its_own_changes_days_before(market: Market, room: Mailroom) -> None:
    """In its seller's name; when they take effect, and not before the days that were promised."""
    await market.reseller.do("brand.edit", account_id=market.trade.reseller_id, company="R Ltd")
    assert await market.publish(at=LATER) == []
    (waiting,) = await market.notices()
    assert (waiting["state"], waiting["tariff"]) == ("waiting", "retail")
    assert (waiting["effective_at"], waiting["due_at"]) == ("2026-10-12T00:00:00.000Z", "2026-10-05T00:00:00.000Z")
    market.wait(LATER_MS - 7 * DAY_MS - 1)
    await market.work()
    assert room.got == []
    market.wait(LATER_MS - 7 * DAY_MS)
    for _ in range(2):
        await market.work()
    (letter,) = room.letters
    assert (letter["To"], letter["Subject"]) == ("c@c.example", "New rates from 2026-10-12 00:00 UTC")
    assert "R Ltd" in str(letter["From"])
    (row,) = rows_of(letter)
    assert CHANGED.items() <= row.items()
    assert (row["New Rate/Min"], row["Old Increments"], row["New Increments"]) == ("0.06", "1/1", "60/1")
    assert row["Effective From"] == "2026-10-12T00:00:00+00:00"
    raw = bytes(room.got[0].content or b"")
    assert not any(word in raw for word in (b"wholesale", b"Operator", b"Kambill"))
    (done,) = await market.notices()
    assert (done["state"], done["changes"], done["accounts"], done["unreached"]) == ("done", 1, 1, 0)
    listed = await market.reseller.do("rate-notice.recipients", rate_notice_id=done["id"])
    assert [(one["recipient"], one["state"]) for one in listed["items"]] == [("c@c.example", "sent")]
    market.wait(LATER_MS)
    await carry_out_due(market.office.engine, "local", LATER_MS)
    await market.work()
    assert len(room.got) == 1


async def test_nobody_is_told_unless_the_seller_says_so(market: Market, room: Mailroom) -> None:
    """Nor of a first version, a name, another's tariff."""
    await market.terms(market.reseller, market.trade.reseller_id, sends=False)
    await market.publish()
    assert await market.notices() == []
    await market.terms(market.reseller, market.trade.reseller_id, sends=True)
    await market.tariff(market.reseller, market.trade.reseller_id, "fresh")
    await market.publish(DEAR.replace("destination: UK", "destination: Britain"))
    assert await market.notices() == []
    await market.publish(CHEAP)
    assert len(await market.notices()) == 1
    await market.terms(market.boss, market.trade.customer_id, gets=False)
    market.wait(NOW_MS + DAY_MS)
    await market.work()
    assert ((await market.notices())[0]["accounts"], room.got) == (0, [])


async def test_only_who_pays_by_it_is_told(market: Market, room: Mailroom) -> None:
    """By the account's tariff, a trunk's, a number's; not who stands beside, nor who is paid by it."""
    trade, office, boss = market.trade, market.office, market.boss
    for name, kind in (("beside", "customer"), ("trunked", "customer"), ("closed", "customer")):
        number = await office.account(boss, trade.reseller_id, name, kind)
        await office.hire(boss, number, f"{name}@x.example")
        if name == "trunked":
            made = {"name": "t", "networks": ["192.0.2.9"], "tariff_id": market.retail}
            await boss.do("trunk.make", account_id=number, **made)
        if name == "closed":
            await boss.do("account.edit", account_id=number, tariff_id=market.retail)
            await boss.do("account.close", account_id=number, reason="x")
    carrier = await office.account(boss, 1, "carrier", "provider")
    await office.hire(boss, carrier, "carrier@x.example")
    await office.hire(boss, trade.customer_id, "blind@c.example", [await _blind(market)])
    await market.desk.empty()
    await market.publish()
    (waiting,) = await market.notices()
    sample = await market.reseller.do("rate-notice.sample", rate_notice_id=waiting["id"])
    assert [(one["account"], one["recipients"]) for one in sample["sample"]] == [
        ("customer", ["c@c.example"]), ("trunked", ["trunked@x.example"]),
    ]  # fmt: skip
    assert sample["payers"] == 2
    market.wait(NOW_MS + DAY_MS)
    await market.work()
    assert sorted(room.recipients) == ["c@c.example", "trunked@x.example"]


async def _blind(market: Market) -> int:
    """A role that may not see tariffs."""
    made = await market.boss.do(
        "role.define", account_id=market.trade.customer_id, name="calls", permissions=["cdrs.read"]
    )
    return int(made["id"])


async def test_it_is_looked_at_before(market: Market, room: Mailroom) -> None:
    """The mail with somebody's data, and the lines of its file; sent earlier if one wants."""
    await market.publish(at=LATER)
    (waiting,) = await market.notices()
    number = waiting["id"]
    ask: dict[str, Any] = {"rate_notice_id": number}
    mail = await market.reseller.do("rate-notice.preview", **ask, account_id=market.trade.customer_id)
    assert (mail["subject"], "all 1 of them" in mail["text"]) == ("New rates from 2026-10-12 00:00 UTC", True)
    assert (await market.boss.ask("rate-notice.preview", **ask, account_id=market.trade.other_id)).status == 409
    shown = await market.reseller.do("rate-notice.changes", **ask)
    assert (shown["total"], shown["counts"], shown["items"][0]["after"]) == (1, {"Increase": 1}, "0.06")
    assert (await market.reseller.do("rate-notice.start", **ask))["payers"] == 1
    await market.work()
    assert (len(room.got), (await market.notices())[0]["state"]) == (1, "done")
    for verb in ("start", "cancel"):
        assert (await market.reseller.ask(f"rate-notice.{verb}", **ask)).status == 409
    for nobody in (market.trade.customer, await market.office.hire(market.boss, market.trade.other_id, "o@o.example")):
        assert await market.notices(nobody) == []
        assert (await nobody.ask("rate-notice.show", **ask)).status == 404


async def test_publishing_warns_of_a_short_notice(market: Market) -> None:
    """By the promise of who sells; a rate's own date counts."""
    assert await market.publish() == [
        "tariff 'retail': prices move at 2026-09-21 14:13 UTC, and customers are promised 7 days' notice"
    ]
    dated = CHEAP.replace("rate: 0.05}", 'rate: 0.05, until: 2026-10-12}\n  - {prefix: "44", rate: 0.07, effective: ')
    assert len(await market.publish(dated + "2026-10-12}\n")) == 1  # back to the old price at once
    await market.terms(market.reseller, market.trade.reseller_id, sends=True, days=0)
    assert await market.publish(CHEAP) == []


async def test_what_is_replaced_before_it_was_told_is_told_with_the_rest(market: Market, room: Mailroom) -> None:
    """From the prices that customers know; what was put back changes nothing."""
    await market.publish()
    await market.publish(DEAR.replace("0.06", "0.09"))
    later, first = await market.notices()
    assert (first["state"], first["reason"]) == ("cancelled", "another version was published")
    assert (later["state"], later["before"]) == ("waiting", first["before"])
    market.wait(NOW_MS + 15 * MINUTE_MS)
    await market.work()
    assert [(row["Old Rate/Min"], row["New Rate/Min"]) for row in rows_of(room.letters[0])] == [("0.05", "0.09")]
    await market.publish(DEAR)
    await market.reseller.do("tariff.revert", tariff_id=market.retail, version=later["after"])
    market.wait(NOW_MS + DAY_MS)
    await market.work()
    assert (len(room.got), [one["state"] for one in await market.notices(state="waiting")]) == (1, [])


async def test_what_is_called_off_is_not_told(market: Market, room: Mailroom) -> None:
    """The publication with its notice; the notice alone; mails that wait for their turn."""
    await market.publish(at=LATER)
    (publication,) = (await market.reseller.do("publication.list"))["items"]
    await market.reseller.do("publication.cancel", publication_id=publication["id"])
    (gone,) = await market.notices()
    assert (gone["state"], gone["reason"]) == ("cancelled", "the publication was called off")
    await market.publish(at=LATER)
    market.wait(LATER_MS - 7 * DAY_MS)
    gatherer = Gatherer(market.office.engine, "local", market.changes)
    while await gatherer.work(market.desk.now_ms):
        pass
    (sending, _) = await market.notices()
    assert sending["state"] == "sending"
    await market.reseller.do("rate-notice.cancel", rate_notice_id=sending["id"])
    await market.work()
    assert room.got == []
    shown = await market.reseller.do("rate-notice.show", rate_notice_id=sending["id"])
    assert (shown["mails"], shown["notice"]["reason"]) == ({"cancelled": 1}, "by r@r.example")


async def test_two_publications_that_wait_are_told_one_from_the_other(market: Market, room: Mailroom) -> None:
    """The second one's old prices are the first one's new ones, whether that is done already or not."""
    await market.publish(at=LATER)
    await market.publish(DEAR.replace("0.06", "0.09"), at="2026-10-14T00:00:00Z")
    market.wait(LATER_MS - 5 * DAY_MS)
    await market.work()
    found = [[(row["Old Rate/Min"], row["New Rate/Min"]) for row in rows_of(letter)] for letter in room.letters]
    assert found == [[("0.05", "0.06")], [("0.06", "0.09")]]


async def test_one_whose_publication_was_done_meanwhile_tells_what_was_before(market: Market, room: Mailroom) -> None:
    """Even if the service slept over it."""
    await market.terms(market.reseller, market.trade.reseller_id, sends=True, days=0)
    await market.publish(at=LATER)
    market.wait(LATER_MS + DAY_MS)
    await carry_out_due(market.office.engine, "local", LATER_MS + DAY_MS)
    await market.work()
    assert [(row["Old Rate/Min"], row["New Rate/Min"]) for row in rows_of(room.letters[0])] == [("0.05", "0.06")]


async def test_format_language_and_zone_are_the_readers(market: Market, room: Mailroom) -> None:
    """The account's format before its seller's; the template of its seller in its language."""
    trade, engine = market.trade, market.office.engine
    await market.terms(market.boss, trade.customer_id, gets_format="xlsx")
    german = {"subject": "Neue Preise ab {{ effective }}", "text": "{{ tariff }}: {{ changes }}"}
    of = {"account_id": trade.reseller_id, "kind": "rate_change", "language": "de"}
    await market.reseller.do("mail-template.edit", **of, **german)
    async with engine.begin() as conn:
        mine = users.c.email == "c@c.example"
        await conn.execute(sa.update(users).where(mine).values(language="de", timezone="Europe/Berlin"))
    await market.publish(at=LATER)
    market.wait(LATER_MS)
    await market.work()
    (letter,) = room.letters
    assert (letter["Subject"], part(letter, "plain").strip()) == ("Neue Preise ab 12.10.2026, 02:00 CEST", "retail: 1")
    (file,) = letter.iter_attachments()
    assert file.get_filename() == "retail-2026-10-12.xlsx"
    sheet = load_workbook(io.BytesIO(file.get_content())).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert (rows[3][0], rows[4][2], rows[4][3]) == ("Ziel", "Teurer", 0.05)


@pytest.mark.parametrize(("zone", "day"), [("UTC", "12"), ("Europe/Berlin", "12"), ("America/New_York", "11")])
def test_a_file_is_named_by_the_day_of_its_reader(zone: str, day: str) -> None:
    """As its mail says it: midnight of UTC is the evening before in New York."""
    wanted = sheets.Wanted(Told("a", "b", LATER_MS // 1000), "re tail", "EUR", "csv", zone, "en", Concerned())
    assert wanted.name == f"re-tail-2026-10-{day}"


async def test_a_large_file_is_packed(market: Market, room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CSV, whatever was asked for: mailboxes take no workbook of a continent."""
    monkeypatch.setattr(sheets, "PLAIN_BYTES_MAX", 10)
    monkeypatch.setattr(sheets, "XLSX_LINES_MAX", 0)
    await market.terms(market.boss, market.trade.customer_id, gets_format="xlsx")
    await market.publish(at=LATER)
    market.wait(LATER_MS)
    await market.work()
    (file,) = room.letters[0].iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("retail-2026-10-12.csv.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(file.get_content())) as archive:
        assert b"44,Increase" in archive.read("retail-2026-10-12.csv")


async def test_a_file_that_takes_longer_than_the_claim_is_sent_in_another_round(market: Market, room: Mailroom) -> None:
    """Since somebody else may have the mail by then."""
    rounds: list[int] = []

    async def slow(_mail: object) -> tuple[()]:
        rounds.append(market.desk.now_ms)
        if len(rounds) == 1:
            market.desk.now_ms += LEASE_MS
        return ()

    await market.desk.put(market.trade.customer_id, "c@c.example")
    sender = market.desk.another(files=(slow,))
    assert (await sender.send_due(), room.got) == (0, [])
    assert (await sender.send_due(), len(room.got), len(rounds)) == (1, 1, 2)
    await sender.close()


async def test_many_get_one_each_though_the_service_dies_between(
    market: Market, room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some accounts at a time; what was written stands, and is not written again."""
    monkeypatch.setattr(gathering, "ACCOUNTS_AT_ONCE", 4)
    trade, office = market.trade, market.office
    for number in range(10):
        made = await office.account(market.boss, trade.reseller_id, f"c{number}", "customer", tariff_id=market.retail)
        person = {"account_id": made, "email": f"p{number}@x.example", "name": "P", "role_ids": [office.roles["owner"]]}
        await market.boss.do("user.invite", **person)
    async with office.engine.begin() as conn:
        await conn.execute(sa.update(users).values(state="active"))
    await market.desk.empty()
    await market.publish()
    market.wait(NOW_MS + DAY_MS)
    for _ in range(3):  # begins, and two steps
        await Gatherer(office.engine, "local", Changes(office.config)).work(market.desk.now_ms)
    async with reading(office.engine) as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(mails))).scalar_one() == 8
        assert (await conn.execute(sa.select(rate_notices.c.state))).scalar_one() == "gathering"
    await market.work()
    assert sorted(room.recipients) == sorted(["c@c.example", *(f"p{number}@x.example" for number in range(10))])
    (done,) = await market.notices()
    assert (done["state"], done["accounts"]) == ("done", 11)


async def test_an_account_that_comes_to_another_tariff_is_told(market: Market, room: Mailroom) -> None:
    """At once but for the look: from the prices that it knew, by whatever way; nobody else, and not back to them."""
    other = (await market.reseller.do("tariff.make", account_id=market.trade.reseller_id, name="b", source=DEAR))["id"]
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    third = await market.tariff(market.reseller, market.trade.reseller_id, "c")
    customer = market.trade.customer_id

    async def move(tariff_id: int) -> dict[str, Any]:
        await market.reseller.do("account.edit", account_id=customer, tariff_id=tariff_id)
        return (await market.notices())[0]

    planned = await move(other)
    assert (planned["payer_id"], planned["tariff"], planned["state"]) == (customer, "b", "waiting")
    assert planned["effective_at"] < planned["due_at"]
    assert (await move(third))["state"] == "cancelled"  # c says what retail said
    planned = await move(other)
    sample = await market.reseller.do("rate-notice.sample", rate_notice_id=planned["id"])
    assert [one["account_id"] for one in sample["sample"]] == [customer]
    await market.publish()  # of the tariff that it left
    market.wait(NOW_MS + 15 * MINUTE_MS)
    for _ in range(2):
        await market.work()
    (letter,) = room.letters
    assert letter["To"] == "c@c.example"
    (row,) = rows_of(letter)
    assert (row["Old Rate/Min"], row["New Rate/Min"], row["Direction"]) == ("0.05", "0.06", "Increase")
    await market.reseller.do("account.edit", account_id=customer, name="renamed", tariff_id=other)
    assert [one["payer_id"] for one in await market.notices(state="waiting")] == []


@pytest.mark.parametrize("noun", ["trunk", "device", "number"])
async def test_what_comes_to_another_tariff_is_told_to_its_account(market: Market, room: Mailroom, noun: str) -> None:
    """Once, however many go the same way; from the prices that it knew; what stays has its notice still."""
    other = (await market.boss.do("tariff.make", account_id=1, name="b", source=DEAR))["id"]
    await market.boss.do("tariff.bring-into-force", tariff_id=other)
    known = await market.tariff(market.boss, 1, "known")
    await market.terms(market.boss, 1, sends=True)
    things = [await _thing(market, noun, number, known) for number in (1, 2)]
    assert await market.notices() == []
    for thing in things:
        await market.boss.do(f"{noun}.edit", **{f"{noun}_id": thing}, tariff_id=other)
    (planned,) = await market.notices()
    assert (planned["payer_id"], planned["tariff"], planned["state"]) == (market.trade.customer_id, "b", "waiting")
    await market.boss.do(f"{noun}.edit", **{f"{noun}_id": things[0]}, tariff_id=known)
    assert [one["state"] for one in await market.notices() if one["tariff"] == "b"] == ["waiting"]
    await market.boss.do(f"{noun}.edit", **{f"{noun}_id": things[0]}, tariff_id=other)
    market.wait(NOW_MS + 15 * MINUTE_MS)
    for _ in range(2):
        await market.work()
    assert [letter["To"] for letter in room.letters] == ["c@c.example"]
    (row,) = rows_of(room.letters[0])
    assert (row["Old Rate/Min"], row["New Rate/Min"], row["Direction"]) == ("0.05", "0.06", "Increase")
    called = {"trunk": "trunk t{}", "device": "device desk{}", "number": "number +44207946000{}"}[noun]
    named = ", ".join(called.format(number) for number in (1, 2))
    assert row["Applies To"] == named
    assert f"rates of {named} change (b)" in part(room.letters[0], "plain")


async def test_only_what_comes_to_the_tariff_is_named(market: Market, room: Mailroom) -> None:
    """Not what pays by it already, nor what has gone again; of nothing nobody is told."""
    other = await market.tariff(market.reseller, market.trade.reseller_id, "b")
    await market.reseller.do("tariff.edit", tariff_id=other, source=DEAR)
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    first, second = [await _thing(market, "trunk", number, market.retail) for number in (1, 2)]
    await _thing(market, "trunk", 3, other)
    market.wait(NOW_MS + 15 * MINUTE_MS)
    await market.work()  # what the new tariff's version told the third
    room.got.clear()

    async def move(thing: int, tariff_id: int | None) -> None:
        await market.reseller.do("trunk.edit", trunk_id=thing, tariff_id=tariff_id)

    await move(first, other)
    await move(second, other)
    await move(first, None)
    (planned,) = await market.notices(state="waiting")
    sample = await market.reseller.do("rate-notice.sample", rate_notice_id=planned["id"])
    assert [one["things"] for one in sample["sample"]] == [[{"noun": "trunk", "name": "t2"}]]
    of = {"rate_notice_id": planned["id"], "account_id": market.trade.customer_id}
    assert "rates of trunk t2 change" in (await market.reseller.do("rate-notice.preview", **of))["text"]
    await market.reseller.do("trunk.remove", trunk_id=second)
    assert (await market.reseller.do("rate-notice.sample", rate_notice_id=planned["id"]))["payers"] == 0
    market.wait(NOW_MS + DAY_MS)
    await market.work()
    assert room.got == []


async def test_a_notice_of_the_account_names_no_trunk(market: Market, room: Mailroom) -> None:
    """It came the same way after its trunk: all of it is concerned, and a workbook has no line of it."""
    other = (await market.reseller.do("tariff.make", account_id=market.trade.reseller_id, name="b", source=DEAR))["id"]
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    thing = await _thing(market, "trunk", 1, market.retail)
    await market.reseller.do("trunk.edit", trunk_id=thing, tariff_id=other)
    await market.reseller.do("account.edit", account_id=market.trade.customer_id, tariff_id=other)
    market.wait(NOW_MS + 15 * MINUTE_MS)
    await market.work()
    (letter,) = room.letters
    assert "rates of customer change (b)" in part(letter, "plain")
    assert rows_of(letter)[0]["Applies To"] == ""


async def test_whoever_pays_by_a_trunk_reads_of_it_in_german(market: Market, room: Mailroom) -> None:
    """In the mail and above the table; of many the first ones are named, and the others counted."""
    trade, engine = market.trade, market.office.engine
    await market.reseller.do("account.edit", account_id=trade.customer_id, tariff_id=None)
    await market.terms(market.boss, trade.customer_id, gets_format="xlsx")
    for number in range(1, 13):
        await _thing(market, "device" if number == 12 else "trunk", number, market.retail)
    async with engine.begin() as conn:
        await conn.execute(sa.update(users).where(users.c.email == "c@c.example").values(language="de"))
    await market.publish(at=LATER)
    market.wait(LATER_MS)
    await market.work()
    (letter,) = room.letters
    named = ", ".join(f"Trunk t{number}" for number in range(1, 11)) + " und 2 weitere"
    assert f"Preise von {named} (retail)" in part(letter, "plain").replace("\n", " ")
    (file,) = letter.iter_attachments()
    sheet = load_workbook(io.BytesIO(file.get_content())).active
    assert sheet is not None
    assert sheet["A2"].value.endswith(f"Gilt für: {named}")


async def _thing(market: Market, noun: str, number: int, tariff_id: int) -> int:
    """Of the customer's, charged by a tariff of its own."""
    more = {
        "trunk": {"name": f"t{number}", "networks": [f"198.51.100.{number}"]},
        "device": {"username": f"desk{number}"},
        "number": {"number": f"44207946000{number}"},
    }[noun]
    own = {"account_id": market.trade.customer_id, "tariff_id": tariff_id}
    made = await market.boss.do(f"{noun}.make", **own, **more)
    return int(made.get("device", made)["id"])


async def test_a_trunk_that_goes_with_its_account_is_no_news(market: Market) -> None:
    """A tariff of its own that is the account's, and another name; back to the account's from elsewhere is told."""
    thing = await _thing(market, "trunk", 1, market.retail)
    await market.reseller.do("trunk.edit", trunk_id=thing, tariff_id=None)
    await market.reseller.do("trunk.edit", trunk_id=thing, name="renamed", tariff_id=market.retail)
    assert await market.notices() == []
    other = (await market.reseller.do("tariff.make", account_id=market.trade.reseller_id, name="b", source=DEAR))["id"]
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    thing = await _thing(market, "trunk", 2, other)
    assert await market.notices() == []
    await market.reseller.do("trunk.edit", trunk_id=thing, tariff_id=None)
    assert [one["tariff"] for one in await market.notices()] == ["retail"]


async def test_a_trunk_that_goes_back_before_the_notice_is_no_news(market: Market) -> None:
    """Nobody was told, and nothing has changed."""
    thing = await _thing(market, "trunk", 1, market.retail)
    other = (await market.reseller.do("tariff.make", account_id=market.trade.reseller_id, name="b", source=DEAR))["id"]
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    for tariff_id in (other, market.retail):
        await market.reseller.do("trunk.edit", trunk_id=thing, tariff_id=tariff_id)
    assert [one["state"] for one in await market.notices()] == ["cancelled"]


async def test_nobody_is_told_of_a_tariff_that_cannot_be_compared(market: Market) -> None:
    """The first one, none any more, and one whose seller tells nobody."""
    customer = market.trade.customer_id
    other = (await market.reseller.do("tariff.make", account_id=market.trade.reseller_id, name="b", source=DEAR))["id"]
    await market.reseller.do("tariff.bring-into-force", tariff_id=other)
    await market.reseller.do("account.edit", account_id=customer, tariff_id=None)
    await market.reseller.do("account.edit", account_id=customer, tariff_id=other)
    await market.terms(market.reseller, market.trade.reseller_id, sends=False)
    await market.reseller.do("account.edit", account_id=customer, tariff_id=market.retail)
    assert [one for one in await market.notices() if one["payer_id"] is not None] == []


async def test_only_who_sells_can_say_that_customers_are_told(market: Market) -> None:
    """And nobody of somebody outside."""
    trade = market.trade
    assert (await market.boss.ask("notice-terms.edit", account_id=trade.customer_id, sends=True)).status == 409
    assert (await trade.customer.ask("notice-terms.edit", account_id=trade.customer_id, gets=False)).status == 403
    assert (await market.reseller.ask("notice-terms.edit", account_id=trade.other_id, sends=True)).status == 404
    shown = await trade.customer.do("notice-terms.show", account_id=trade.customer_id)
    assert (shown["gets"], shown["version"]) == (True, 0)
    assert (await market.reseller.ask("notice-terms.edit", account_id=trade.reseller_id, days=400)).status == 422
