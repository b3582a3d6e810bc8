"""Call records to whom they concern: each call in one file, whatever is killed, and never another one's price."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.sheets.write import FORMULAS, SEPARATORS
from service.access.tidy import CONTENT_MS, forget
from service.config import Webhooks
from service.database.access_tables import mails
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import open_engine, reading
from service.database.tables import cdrs
from service.delivery.carrier import Carrier
from service.delivery.columns import COLUMNS, _plain, columns_of
from service.delivery.cutter import Cutter
from service.delivery.folder import place
from service.delivery.periods import HOUR_MS, next_cut_ms
from service.delivery.rules import columns_problem, target_problem
from service.webhooks.posting import WAITS_S
from tests.service.test_money import House, house
from tests.service.test_rerating_once import Stopped, stopping_at
from tests.service.test_webhooks import Listener, listener

__all__ = ["house", "listener"]
DAY_MS = 24 * HOUR_MS


class Post:
    """A house whose records are delivered."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.config = house.config.model_copy(update={"webhooks": Webhooks(private_addresses=True)})
        house.office.api = house.office.api._replace(config=self.config)
        self.cutter = Cutter(house.company.engine)
        self.now_ms = house.office.now_ms
        self.carrier = self.new_carrier()

    async def wanted(self, account: str = "customer", **more: Any) -> Any:
        """A delivery into a folder, unless something else is said."""
        values = {"name": f"of {account}", "way": "folder", "target": account} | more
        made = await self.house.office.boss.do("delivery.make", account_id=self.house.ids[account], **values)
        return made["delivery"] | {"secret": made["secret"]}

    async def calls(self, *seconds: int) -> None:
        """Some calls of the customer's."""
        for one in seconds:
            self.house.company.call(one)
        await self.house.company.pump()

    async def later(self, ms: int = DAY_MS) -> None:
        """What is due then is cut and brought."""
        self.now_ms += ms
        await self.work()

    async def begin(self) -> None:
        """What is due is cut, and on its way."""
        while await self.cutter.cut_due(self.now_ms):
            pass
        await self.carrier.bring_due()

    async def work(self) -> None:
        """Until nothing is due."""
        await self.begin()
        await self.carrier.settle()

    async def die(self) -> None:
        """Whatever is on its way ends with the service; another one begins."""
        await self.carrier.close()
        self.carrier = self.new_carrier()

    def new_carrier(self) -> Carrier:
        """With the house's clock."""
        return Carrier(self.house.company.engine, self.config, lambda: self.now_ms)

    def files(self, folder: str = "customer") -> list[tuple[str, list[dict[str, str]]]]:
        """Names and rows of what is in a folder, in order."""
        found = sorted((self.config.cdr_folder / folder).glob("*"))
        return [
            (path.name, list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))) for path in found
        ]

    async def log(self, delivery: Any) -> list[Any]:
        """Its files, the oldest first."""
        listed = await self.house.office.boss.do("delivery.files", delivery_id=delivery["id"])
        return list(reversed(listed["items"]))

    async def everything(self) -> list[str]:
        """Keys of all calls."""
        async with reading(self.house.company.engine) as conn:
            return list((await conn.execute(sa.select(cdrs.c.call).order_by(cdrs.c.id))).scalars())


@pytest.fixture
async def post(house: House) -> AsyncIterator[Post]:
    """Ready."""
    post = Post(house)
    yield post
    await post.carrier.close()


async def test_each_call_is_in_one_file(post: Post) -> None:
    """What was there before isn't in any; late ones come into the next; a day without calls has none."""
    await post.calls(5)
    delivery = await post.wanted(columns=["call", "billed_s", "amount", "currency"])
    await post.calls(10, 20)
    await post.work()
    assert await post.log(delivery) == []
    await post.later()
    await post.later()
    await post.calls(30)
    await post.later()
    (first, rows), (second, more) = post.files()
    assert first.startswith(f"cdrs-{delivery['id']}-000001-")
    assert second.startswith(f"cdrs-{delivery['id']}-000002-")
    assert [row["call"] for row in rows + more] == (await post.everything())[1:]
    assert [(row["billed_s"], row["amount"], row["currency"]) for row in rows + more] == [
        ("10", "0.01", "EUR"),
        ("20", "0.02", "EUR"),
        ("30", "0.03", "EUR"),
    ]
    assert [(one["state"], one["calls"], one["fault"]) for one in await post.log(delivery)] == [
        ("sent", 2, ""),
        ("sent", 1, ""),
    ]


async def test_each_party_sees_its_own_side(post: Post) -> None:
    """The reseller's buying price, the provider's fee; no name and no price of anybody else."""
    for account in ("customer", "lower", "upper", "carrier"):
        await post.wanted(account)
    await post.calls(100)
    await post.later()
    seen = {account: post.files(account)[0][1] for account in ("customer", "lower", "upper", "carrier")}
    amounts = {account: rows[0]["amount"] for account, rows in seen.items()}
    assert amounts == {"customer": "0.10", "lower": "0.05", "upper": "0.04", "carrier": "0.02"}
    assert [seen[one][0]["account"] for one in ("customer", "lower", "upper")] == ["customer"] * 3
    assert list(seen["carrier"][0]) == columns_of("provider")
    hidden = {"account", "trunk", "device", "caller", "called", "destination", "call_id", "from_tag", "to_tag"}
    assert not hidden & set(seen["carrier"][0])
    rates = {account: (rows[0]["rate"], rows[0]["increments"]) for account, rows in seen.items()}
    assert rates == {
        "customer": ("0.06", "1"),
        "lower": ("0.03", "1"),
        "upper": ("0.024", "1"),
        "carrier": ("0.012", "1"),
    }
    assert (seen["customer"][0]["from_tag"], seen["customer"][0]["to_tag"]) == ("f", "t")
    assert len({rows[0]["tariff"] for rows in seen.values()}) == 4
    assert seen["carrier"][0]["gateway"] == "carrier/gw1"


async def test_refused_calls_too_unless_only_answered_ones_are_wanted(post: Post) -> None:
    """A refused one has no amount; whoever stands beside gets none of it."""
    await post.wanted(columns=["outcome", "amount"])
    await post.wanted(name="answered", target="answered", answered_only=True, columns=["outcome"])
    await post.wanted("carrier")
    await post.house.office.boss.do("account.suspend", account_id=post.house.ids["customer"])
    await post.house.company.pump()
    post.house.company.dial()
    await post.house.company.pump()
    await post.later()
    ((_, rows),) = post.files()
    assert rows == [{"outcome": "refused", "amount": ""}]
    assert post.files("answered") == post.files("carrier") == []


async def test_a_reseller_keeps_the_calls_of_who_has_moved_away(post: Post) -> None:
    """By the tree of the call, not by today's."""
    await post.wanted("lower", columns=["call"])
    await post.wanted("upper", columns=["call"])
    await post.calls(10)
    path = sa.select(cdrs.c.path)
    async with post.house.company.engine.begin() as conn:
        assert (await conn.execute(path)).scalar_one()[1] == post.house.ids["lower"]
        await conn.execute(sa.update(cdrs).values(path=[post.house.ids["customer"], post.house.ids["upper"], 1]))
    await post.later()
    assert (len(post.files("lower")), len(post.files("upper"))) == (0, 1)


async def test_every_so_many_calls(post: Post) -> None:
    """Not before there are enough; the rest waits."""
    delivery = await post.wanted(period="calls", every_calls=3, columns=["call"])
    await post.later(60_000)
    await post.calls(1, 2)
    await post.later(60_000)
    assert post.files() == []
    await post.calls(3, 4, 5, 6, 7)
    await post.later(60_000)
    assert [len(rows) for _, rows in post.files()] == [3, 3]
    await post.calls(8, 9)
    await post.later(60_000)
    assert [row["call"] for _, rows in post.files() for row in rows] == await post.everything()
    assert [one["number"] for one in await post.log(delivery)] == [1, 2, 3]


async def test_a_day_with_more_than_a_file_holds(post: Post) -> None:
    """Several files, at once."""
    await post.wanted(columns=["call"])
    await post.calls(1, 2, 3, 4, 5)
    post.cutter = Cutter(post.house.company.engine, calls_max=2)
    await post.later()
    assert [len(rows) for _, rows in post.files()] == [2, 2, 1]
    assert [row["call"] for _, rows in post.files() for row in rows] == await post.everything()


async def test_killed_at_any_statement_nothing_is_missing_or_twice(post: Post) -> None:
    """One statement further each time, until a whole round comes to its end, while calls come in."""
    into_folder = await post.wanted(columns=["call"])
    by_mail = await post.wanted(name="mailed", way="mail", target="calls@x.example", columns=["call"])
    number, killed = 0, 0
    while True:
        number += 1
        if number % 5 == 1:
            await post.calls(5)
        post.now_ms += DAY_MS
        try:
            with stopping_at(post.house.company.engine, number) as seen:
                await post.work()
        except Stopped:
            killed += 1
            await post.die()
            continue
        assert seen[0] < number
        break
    await post.later()
    assert killed > 10
    rows = [row["call"] for _, rows in post.files() for row in rows]
    assert rows == await post.everything()
    async with reading(post.house.company.engine) as conn:
        queued = [row.fields["file_id"] for row in await conn.execute(sa.select(mails).order_by(mails.c.id))]
        of = sa.select(cdr_files.c.id).where(cdr_files.c.delivery_id == by_mail["id"])
        assert sorted(queued) == list((await conn.execute(of.order_by(cdr_files.c.id))).scalars())
        told = (cdr_files.c.after_id, cdr_files.c.last_id)
        spans = sa.select(*told).where(cdr_files.c.delivery_id == into_folder["id"]).order_by(cdr_files.c.number)
        ends = [tuple(row) for row in await conn.execute(spans)]
    assert all(before[1] <= behind[0] for before, behind in pairwise(ends))
    assert {one["state"] for one in await post.log(into_folder)} == {"sent"}


async def test_two_services_at_once(post: Post, database: str) -> None:
    """Each with its own connections: a file is cut once, brought once."""
    delivery = await post.wanted(period="calls", every_calls=2, columns=["call"])
    by_mail = await post.wanted(name="mailed", way="mail", target="a@b.example", period="calls", every_calls=1)
    await post.calls(*range(1, 9))
    other = open_engine(database)
    post.now_ms += DAY_MS

    async def serve(engine: AsyncEngine) -> None:
        cutter, carrier = Cutter(engine), Carrier(engine, post.config, lambda: post.now_ms)
        while await cutter.cut_due(post.now_ms):
            await carrier.bring_due()
        await carrier.settle()  # while its own are on their way it begins nothing, and closing breaks them off
        while await carrier.bring_due():
            await carrier.settle()
        await carrier.close()

    await asyncio.gather(serve(post.house.company.engine), serve(other))
    await other.dispose()
    assert [row["call"] for _, rows in post.files() for row in rows] == await post.everything()
    assert [one["number"] for one in await post.log(delivery)] == [1, 2, 3, 4]
    assert [one["calls"] for one in await post.log(by_mail)] == [1] * 8
    async with reading(post.house.company.engine) as conn:
        assert len((await conn.execute(sa.select(mails))).all()) == 8


async def test_a_record_that_is_being_written_is_waited_for(post: Post, database: str) -> None:
    """Whoever writes records holds a node's lock; the border is taken when it is free."""
    if database.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")
    await post.wanted(columns=["call"])
    await post.calls(1)
    other = open_engine(database)
    async with other.connect() as writer:
        await writer.begin()
        await writer.execute(sa.text("SELECT id FROM nodes FOR UPDATE"))
        early = dict((await writer.execute(sa.select(cdrs))).mappings().one())
        number = (await writer.execute(sa.text("SELECT nextval(pg_get_serial_sequence('cdrs', 'id'))"))).scalar_one()
        cutting = asyncio.create_task(post.later())
        await asyncio.sleep(0.3)
        assert not cutting.done()
        late = early | {"id": number, "call": "f" * 32, "sequence": early["sequence"] + 1}
        await writer.execute(sa.insert(cdrs).values(**late))
        await writer.commit()
    await cutting
    await other.dispose()
    assert [row["call"] for _, rows in post.files() for row in rows] == await post.everything()


async def test_a_folder_that_is_away_or_full(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried again after growing waits, the same bytes; never half a file."""
    delivery = await post.wanted()
    await post.calls(5)
    post.config = post.config.model_copy(update={"cdr_files": post.config.data_dir / "mounted"})
    await post.die()
    await post.later()
    (line,) = await post.log(delivery)
    assert (line["state"], line["attempts"]) == ("waiting", 1)
    assert "FileNotFoundError" in line["fault"]
    post.config.cdr_folder.mkdir()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("service.delivery.folder.os.fsync", full)
        await post.later(WAITS_S[0] * 1000)
    assert "No space left" in (await post.log(delivery))[0]["fault"]
    assert post.files() == []
    await post.later(WAITS_S[1] * 1000)
    assert [(one["state"], one["attempts"]) for one in await post.log(delivery)] == [("sent", 3)]
    assert len(post.files()) == 1


async def test_given_up_and_sent_again_with_the_same_bytes(post: Post, listener: Listener) -> None:
    """Signed, under the same id each time; what was corrected since does not change it."""
    delivery = await post.wanted(way="webhook", target=listener.url, zone="Europe/Berlin", separator="semicolon")
    assert delivery["secret"].startswith("whsec_")
    await post.calls(5)
    listener.answers = [500] * (len(WAITS_S) + 1)
    await post.later()
    for wait_s in WAITS_S:
        await post.later(wait_s * 1000)
    (line,) = await post.log(delivery)
    assert (line["state"], line["status"], line["attempts"]) == ("failed", 500, len(WAITS_S) + 1)
    async with post.house.company.engine.begin() as conn:
        await conn.execute(sa.update(cdrs).values(caller="changed"))
    boss = post.house.office.boss
    await boss.do("delivery.send-again", file_id=line["id"])
    await post.work()
    assert [one["state"] for one in await post.log(delivery)] == ["sent"]
    assert len({body for _, body in listener.got}) == len({headers["webhook-id"] for headers, _ in listener.got}) == 1
    headers, body = listener.got[-1]
    assert headers["webhook-signature"].startswith("v1,")
    assert headers["Content-Disposition"] == f'attachment; filename="{line["name"]}"'
    assert ";" in body
    assert "+02:00;" in body
    assert (await boss.do("delivery.show-file", file_id=line["id"]))["content"] == body
    await forget(post.house.company.engine, "local", post.now_ms + CONTENT_MS + 1)
    boss = await post.house.office.sign_in("boss@op.example")
    assert (await boss.ask("delivery.send-again", file_id=line["id"])).status == 409


async def test_a_suspended_one_loses_nothing(post: Post) -> None:
    """Resumed, it goes on where it stood; changes hold from the next file on."""
    delivery = await post.wanted(columns=["call"])
    boss = post.house.office.boss
    await boss.do("delivery.edit", delivery_id=delivery["id"], state="suspended")
    await post.calls(5)
    await post.later()
    assert post.files() == []
    await boss.do("delivery.edit", delivery_id=delivery["id"], state="active", columns=["outcome", "call"])
    await post.later(1)
    ((_, rows),) = post.files()
    assert list(rows[0]) == ["outcome", "call"]
    assert (await boss.ask("delivery.remove", delivery_id=delivery["id"])).status == 204
    async with reading(post.house.company.engine) as conn:
        for table in (cdr_deliveries, cdr_files):
            assert (await conn.execute(sa.select(table))).first() is None


@pytest.mark.parametrize(
    ("account", "body", "status", "said"),
    [
        ("customer", {"side": "provider"}, 422, "no provider"),
        ("carrier", {"side": "customer"}, 422, "pays for no calls"),
        ("root", {}, 422, "pays for no calls"),
        ("customer", {"columns": ["cost"]}, 422, "no column 'cost'"),
        ("carrier", {"columns": ["destination"]}, 422, "no column 'destination'"),
        ("customer", {"columns": ["call", "call"]}, 422, "twice"),
        ("customer", {"period": "calls"}, 422, "how many"),
        ("customer", {"every_calls": 5}, 422, "only where"),
        ("customer", {"zone": "Moon/Base"}, 422, "no time zone"),
        ("customer", {"target": "../x"}, 422, "folder's name"),
        ("customer", {"target": ".."}, 422, "folder's name"),
        ("customer", {"way": "mail", "target": "nobody"}, 422, "an address such as"),
        ("customer", {"way": "webhook", "target": "ftp://x.example/"}, 422, "https:// was expected"),
    ],
)
async def test_what_no_delivery_can_be(post: Post, account: str, body: dict[str, Any], status: int, said: str) -> None:
    """Each says what would be one."""
    post.house.ids["root"] = 1
    values = {"account_id": post.house.ids[account], "name": "x", "way": "folder", "target": "x"} | body
    got = await post.house.office.boss.ask("delivery.make", **values)
    assert got.status == status
    assert said in str(got.body)


async def test_who_stands_below_chooses_no_folder(post: Post) -> None:
    """Nor goes to another one's calls; mail and webhooks are theirs."""
    boss, ids = post.house.office.boss, post.house.ids
    lower = await post.house.office.hire(boss, ids["lower"], "l@lower.example")
    body = {"account_id": ids["customer"], "name": "x"}
    folder = await lower.ask("delivery.make", **body, way="folder", target="x")
    assert (folder.status, "folders" in folder["detail"]) == (403, True)
    assert (await lower.ask("delivery.make", **body, way="mail", target="a@b.example")).status == 201
    above = await lower.ask("delivery.make", account_id=ids["upper"], name="x", way="mail", target="a@b.example")
    assert above.status == 422
    theirs = await post.wanted("upper")
    for endpoint in ("delivery.show", "delivery.edit", "delivery.remove", "delivery.files"):
        assert (await lower.ask(endpoint, delivery_id=theirs["id"])).status == 404


def test_a_part_that_was_left_behind_goes(tmp_path: Path) -> None:
    """Of a process that was killed; other files stay."""
    (tmp_path / ".a.csv.1.part").write_bytes(b"half")
    (tmp_path / ".b.csv.1.part").write_bytes(b"half")
    place(tmp_path, "a.csv", b"whole", "2")
    place(tmp_path, "a.csv", b"whole", "3")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.csv.1.part", "a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"whole"


@given(
    after_ms=st.integers(0, 4_000_000_000_000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"]),
    period=st.sampled_from(["hourly", "daily", "calls"]),
)
def test_a_border_is_ahead_and_near(after_ms: int, zone: str, period: str) -> None:
    """Also where clocks are changed or a day is left out."""
    due_ms = next_cut_ms(period, zone, after_ms)
    assert after_ms < due_ms <= after_ms + (HOUR_MS if period != "daily" else 2 * DAY_MS)


def test_midnight_is_the_zones() -> None:
    """2026-03-28 22:30 UTC in Berlin is half past eleven; the day after has 23 hours."""
    at_ms = 1_774_737_000_000
    first = next_cut_ms("daily", "Europe/Berlin", at_ms)
    assert first - at_ms == HOUR_MS // 2
    assert next_cut_ms("daily", "Europe/Berlin", first) - first == 23 * HOUR_MS


@given(st.text(max_size=20))
def test_no_cell_is_a_formula(text: str) -> None:
    """And what is none stays as it is."""
    cell = _plain(text)
    assert not cell.startswith(FORMULAS)
    assert cell.replace("'", "") == text.replace("'", "")
    if not any(one in text for one in SEPARATORS):
        assert cell.removeprefix("'") == text.removeprefix("'")


def test_columns_are_told_apart() -> None:
    """Each belongs to somebody."""
    assert all(column.sides for column in COLUMNS.values())
    assert columns_problem("customer", columns_of("customer")) is None
    assert columns_problem("provider", ["account"]) is not None


@pytest.mark.parametrize("target", ["a/b", "..", ".x", "", "a\n", "ä", "x" * 101])
def test_no_folder(target: str) -> None:
    """Nothing leads out of the one place."""
    assert target_problem("folder", target, private=False) is not None
