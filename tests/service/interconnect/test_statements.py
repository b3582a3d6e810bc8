"""Statements: both directions, each call once, to the micro-unit; settled by netting, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from ratebook.money import format_micros, parse_micros
from service.database.engine import reading
from service.database.interconnect_tables import statement_calls, statements
from service.database.tables import accounts
from service.doctor.statements import stated
from service.interconnect.adjustments import Adjusting, adjust
from service.interconnect.statements.issue import AlreadySettled
from service.ledger.by import By
from service.ledger.rules import check, netting_postings
from service.rerating.work import Rerater
from tests.service.office import Got
from tests.service.test_money import House, house

__all__ = ["house"]


class Trade:
    """A carrier that is a customer too: its trunk is the customer's in this market, moved to it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.boss = house.office.boss
        self.keys = 0

    async def calls(self, *seconds: int) -> None:
        """From the customer over the carrier."""
        for one in seconds:
            self.house.company.call(one)
            self.house.company.wait(60)
        await self.house.company.pump()

    def now(self) -> str:
        """The company's clock; the office follows it."""
        self.house.office.now_ms = self.house.company.now.wall_ms
        return text_of(self.house.company.now.wall_ms)

    async def issue(self, account: str = "carrier", **more: Any) -> Got:
        """Up to now."""
        values = {"account_id": self.house.ids[account], "until": self.now(), "since": "2026-09-01T00:00:00Z", **more}
        values = {name: value for name, value in values.items() if value is not None}
        return await self.boss.ask("statement.issue", **values)

    async def settle(self, statement: Any) -> Got:
        """Paid."""
        self.keys += 1
        return await self.boss.ask(
            "statement.settle", statement_id=statement["id"], reason="bank", key=f"settle {self.keys}"
        )

    async def plain(self, statement: str) -> list[tuple[Any, ...]]:
        """An independent look."""
        async with reading(self.house.company.engine) as conn:
            return [tuple(row) for row in await conn.execute(sa.text(statement))]


def text_of(wall_ms: int) -> str:
    """As the API takes it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat()


@pytest.fixture
def trade(house: House) -> Trade:
    """Ready."""
    return Trade(house)


async def mirrored(trade: Trade) -> None:
    """The customer carries calls too: half of those that there are were its own to deliver."""
    customer = trade.house.ids["customer"]
    async with trade.house.company.engine.begin() as conn:
        await conn.execute(sa.text(f"UPDATE cdrs SET cost_account_id = {customer} WHERE id % 2 = 0"))


async def test_every_call_is_on_one_statement(trade: Trade) -> None:
    """A late one on the next; totals are what the records say."""
    await trade.calls(60, 70, 80)
    first = (await trade.issue()).ok()
    assert (first["theirs"]["calls"], first["theirs"]["total"], first["net"]) == (3, "0.042", "-0.042")
    assert (await trade.issue(since=None)).status == 422
    await trade.calls(100)
    second = (await trade.issue(since=None)).ok()
    assert (second["number"], second["theirs"]["calls"], second["since"]) == ("S-000002", 1, first["until"])
    sums = await trade.plain("SELECT count(*), sum(cost_micros) FROM cdrs WHERE outcome = 'answered'")
    stated = await trade.plain("SELECT count(*), sum(micros) FROM statement_calls")
    assert [tuple(map(int, row)) for row in sums] == [tuple(map(int, row)) for row in stated] == [(4, 62_000)]
    shown = await trade.boss.do("statement.show", statement_id=first["id"])
    assert [(line["direction"], line["calls"], line["amount"], line["billed_s"]) for line in shown["lines"]] == [
        ("out", 3, "0.042", 210)
    ]
    calls = await trade.boss.do("statement.calls", statement_id=first["id"], query={"limit": 2})
    rest = await trade.boss.do("statement.calls", statement_id=first["id"], query={"limit": 2, "cursor": calls["next"]})
    assert [one["theirs"] for one in calls["items"] + rest["items"]] == ["0.012", "0.014", "0.016"]
    assert (await trade.boss.do("statement.calls", statement_id=first["id"], query={"direction": "in"}))["items"] == []


async def test_a_late_call_is_on_the_next_statement(trade: Trade) -> None:
    """Though it ended in the time of the one before."""
    await trade.calls(60)
    late = trade.house.company.talk()
    trade.house.company.wait(30)
    trade.house.company.hang_up(late)  # the ledger hears of it later
    trade.house.company.wait(60)
    first = (await trade.issue()).ok()
    assert first["theirs"]["calls"] == 1
    await trade.house.company.pump()
    trade.house.company.wait(60)
    second = (await trade.issue(since=None)).ok()
    assert (second["theirs"]["calls"], second["theirs"]["total"]) == (1, "0.006")


async def test_both_directions_net_to_one_amount(trade: Trade) -> None:
    """And settling it brings the balance to what it was without the traffic, once, adding up to nothing."""
    await trade.calls(60, 70, 80, 90)
    await mirrored(trade)
    looked = await trade.boss.do(
        "statement.preview", account_id=trade.house.ids["customer"], until=trade.now(), since="2026-09-01T00:00:00Z"
    )
    made = (await trade.issue("customer")).ok()
    assert {name: made[name] for name in looked} == looked
    assert (made["ours"]["calls"], made["ours"]["total"]) == (4, "0.30")
    assert (made["theirs"]["calls"], made["theirs"]["total"], made["net"]) == (2, "0.032", "0.268")
    before, cash = await trade.house.balance("customer"), await trade.house.balance("lower", "cash")
    settled = (await trade.settle(made)).ok()
    assert settled["settled_at"] is not None
    assert await trade.house.balance("customer") - before == 268_000
    assert await trade.house.balance("lower", "cash") - cash == -268_000
    lines = await trade.plain(
        f"SELECT book, amount_micros FROM postings WHERE entry_id = {settled['entry_id']} ORDER BY id"
    )
    assert lines == [("balance", 300_000), ("cash", -300_000), ("balance", -32_000), ("cash", 32_000)]
    again = await trade.settle(made)
    assert (again.status, "settled already" in again["detail"]) == (409, True)
    await trade.house.company.pump()
    assert trade.house.stored("customer") == await trade.house.balance("customer")
    shown = await trade.boss.do("payment.list", account_id=trade.house.ids["customer"])
    assert [(one["kind"], one["amount"]) for one in shown["items"][:2]] == [("netting", "-0.032"), ("netting", "0.30")]


async def test_a_page_of_lines_may_begin_within_an_entry(trade: Trade) -> None:
    """Netting has two lines of an account: each says the balance right after it, wherever the page is cut."""
    await trade.calls(60, 70, 80, 90)
    await mirrored(trade)
    await trade.settle((await trade.issue("customer")).ok())
    whole = await trade.boss.do("payment.list", account_id=trade.house.ids["customer"])
    pages, cursor = [], None
    while cursor is not None or not pages:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = await trade.boss.do("payment.list", account_id=trade.house.ids["customer"], query=query)
        pages, cursor = pages + page["items"], page["next"]
    assert pages == whole["items"]


async def test_what_is_rated_again_is_on_the_next_statement(trade: Trade) -> None:
    """By its difference; the issued one stays. What was rated again before is stated as it is."""
    await trade.calls(60, 60)
    (trade.house.config.ratebook / "tariffs" / "carrier.yaml").write_text(
        'currency: EUR\nrates:\n  - {prefix: "", rate: 0.018}\n'
    )
    first = (await trade.issue()).ok()
    await trade.house.company.publish()
    await rerated(trade)
    trade.house.company.wait(60)
    second = (await trade.issue(since=None)).ok()
    assert (second["theirs"]["calls"], second["theirs"]["corrected"], second["net"]) == (0, "0.012", "-0.012")
    trade.house.company.wait(60)
    assert (await trade.issue(since=None)).status == 409
    assert (await trade.boss.do("statement.show", statement_id=first["id"]))["theirs"]["total"] == "0.024"
    stated = await trade.plain("SELECT sum(out_micros) + sum(out_corrected_micros) FROM statements")
    assert int(stated[0][0]) == int((await trade.plain("SELECT sum(cost_micros) FROM cdrs"))[0][0]) == 36_000


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("", ""),
        ("UPDATE cdrs SET cost_micros = cost_micros + 1 WHERE id = 1", "record 1: it said"),
        (
            "INSERT INTO statement_calls (cdr_id, level, statement_id, micros) SELECT 1, 9, max(id), 1 FROM statements",
            "its calls come to something else",
        ),
        ("UPDATE charges SET charge_micros = 7 WHERE cdr_id = 1 AND level = 0", "and the call says 7"),
        ("UPDATE postings SET amount_micros = amount_micros + 1 WHERE entry_id = {settlement}", "was settled"),
        ("UPDATE postings SET amount_micros = 0 WHERE entry_id = {adjustment}", "or are not posted"),
        ("UPDATE cdrs SET destination = 'Elsewhere' WHERE id = 1", "its line says"),
    ],
)
async def test_the_doctor_explains_statements(trade: Trade, tampering: str, said: str) -> None:
    """Of both directions, rated again, adjusted and settled; not of what was changed behind everybody's back."""
    await trade.calls(60, 60)
    for account in ("carrier", "customer"):
        await trade.issue(account)
    (trade.house.config.ratebook / "tariffs" / "carrier.yaml").write_text(
        'currency: EUR\nrates:\n  - {prefix: "", rate: 0.018}\n'
    )
    await trade.house.company.publish()
    await rerated(trade)
    trade.house.company.wait(60)
    async with trade.house.company.engine.begin() as conn:
        carrier = (await conn.execute(sa.select(accounts).where(accounts.c.id == trade.house.ids["carrier"]))).one()
        wanted = Adjusting("out", "dispute", "as agreed", 700, "k")
        adjustment = await adjust(
            conn, trade.house.config.node, carrier, wanted, By("test", 0), trade.house.office.now_ms
        )
    second = (await trade.issue(since=None)).ok()
    settlement = (await trade.settle(second)).ok()["entry_id"]
    does = tampering.format(settlement=settlement, adjustment=adjustment)
    async with trade.house.company.engine.begin() as conn:
        if does:
            await conn.execute(sa.text(does))
        found = await stated(conn)
    assert found.ok is not bool(said), found
    assert said in found.detail


async def rerated(trade: Trade) -> None:
    """All calls, by the rates in force."""
    period = {"since": "2026-09-01T00:00:00Z", "until": "2026-10-01T00:00:00Z", "reason": "dearer"}
    await trade.boss.do("rerating.start", account_id=1, **period)
    rerater = Rerater(trade.house.company.engine, trade.house.company.config)
    while await rerater.work(trade.house.company.now.wall_ms):
        pass


async def test_the_position_is_live(trade: Trade) -> None:
    """Books, holds and limits in both directions; what is stated and what is not; gone with the settlement."""
    ids = trade.house.ids
    await trade.boss.do("account.edit", account_id=ids["carrier"], exposure_limit="1")
    await trade.calls(60)
    first = (await trade.issue()).ok()
    await trade.calls(100)
    call = trade.house.company.talk()
    shown = await trade.boss.do("account.position", account_id=ids["carrier"])
    held = shown["held_out"]
    assert held != "0.00"
    assert (shown["net"], shown["theirs"], shown["unsettled"], shown["live"]) == ("0.032", "0.02", "-0.012", True)
    assert shown["room_out"] == format_micros(1_000_000 - 32_000 - parse_micros(held))
    trade.house.company.hang_up(call)
    await trade.house.company.pump()
    await trade.settle(first)
    shown = await trade.boss.do("account.position", account_id=ids["carrier"])
    assert (shown["held_out"], shown["unsettled"], shown["exposure_limit"]) == ("0.00", "0.00", "1.00")
    assert shown["room_in"] == (await trade.boss.do("account.funds", account_id=ids["carrier"]))["available"]
    other = await trade.boss.do("account.position", account_id=ids["customer"])
    assert (other["room_out"], other["theirs"], other["ours"] != "0.00") == (None, "0.00", True)


async def test_two_at_once_share_no_call(trade: Trade) -> None:
    """One has them all, the other nothing to state."""
    await trade.calls(60, 70)
    got = await asyncio.gather(trade.issue(), trade.issue())
    assert sorted(one.status for one in got) in ([201, 409], [201, 422])
    assert await trade.plain("SELECT count(*) FROM statement_calls") == [(2,)]


async def test_what_is_issued_stays(trade: Trade) -> None:
    """The database itself refuses."""
    await trade.calls(60)
    await trade.issue()
    for does in (
        sa.delete(statement_calls),
        sa.update(statement_calls).values(micros=1),
        sa.delete(statements),
        sa.update(statements).values(net_micros=1),
    ):
        with pytest.raises(DBAPIError, match="only grows"):
            async with trade.house.company.engine.begin() as conn:
                await conn.execute(does)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"since": None}, 422, "needs its beginning"),
        ({"until": "2026-08-01T00:00:00Z"}, 422, "ends after it begins"),
        ({"until": "2036-08-01T00:00:00Z"}, 422, "is over by now"),
        ({"until": "2026-09-02T00:00:00Z"}, 409, "no call has ended"),
    ],
)
async def test_what_is_wrong_is_told(trade: Trade, more: dict[str, Any], status: int, said: str) -> None:
    """Nothing is issued."""
    await trade.calls(60)
    got = await trade.issue(**more)
    assert got.status == status, got
    assert said in str(got.body)
    assert (await trade.boss.do("statement.list"))["items"] == []


async def test_periods_don_t_overlap(trade: Trade) -> None:
    """Another beginning than the last one's end is refused."""
    await trade.calls(60)
    await trade.issue()
    await trade.calls(60)
    got = await trade.issue(since="2026-09-05T00:00:00Z")
    assert (got.status, "leave `since` out" in got["detail"]) == (409, True)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_netting_adds_up_to_nothing(ours: int, theirs: int) -> None:
    """Whatever is owed either way; the balance moves by the net."""
    lines = netting_postings(7, 1, ours, theirs, "EUR")
    if ours or theirs:
        check(lines)
    assert sum(line.amount_micros for line in lines if line.book == "balance") == ours - theirs
    assert all(line.amount_micros for line in lines)
    assert "S-1" in str(AlreadySettled("S-1"))
