"""What carriers get for attempts that fail: in the books, in reports and on statements, and for each one's eyes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.answer import Callee, answered
from kemi.failover import fail_over
from kemi.identify import Source
from kemi.settlement import End, ended
from service.calls.browse import find_cdr
from service.calls.sums import rebuild
from service.cli.cdr import document
from service.database.engine import reading
from service.database.tables import cdrs
from service.interconnect.reconcile import api, worker
from service.interconnect.statements.sums import Wanted, sums_of
from service.ledger.storage import balances
from tests.service.again import by_account, rerate
from tests.service.company import Company, write_ratebook
from tests.service.interconnect.test_reconciliations import Desk, calls_of
from tests.service.sums import expected, stored
from tests.service.test_calls_api import hire
from tests.service.test_money import House

DAY = {"since": "2026-09-21T00:00:00Z", "until": "2026-09-23T00:00:00Z"}
TARIFF = 'currency: EUR\nrates:\n  - {{prefix: "", rate: {rate}, attempt_fee: {fee}}}\n'
FEES = {"carrier": ("0.012", "0.000777"), "second": ("0.018", "0.0015")}
_SECOND = "  - {name: second, tariff: second, gateways: [{name: gw2, host: 127.0.0.12}]}\n"


class Carriers(Company):
    """Two carriers, both paid for attempts."""

    setup = Company.setup.replace("plans:", f"{_SECOND}plans:").replace("[carrier/gw1]", "[carrier/gw1, second/gw2]")

    def write(self) -> None:
        """The usual ratebook, and the carriers' tariffs."""
        write_ratebook(self.config.ratebook)
        for name, (rate, fee) in FEES.items():
            (self.config.ratebook / "tariffs" / f"{name}.yaml").write_text(TARIFF.format(rate=rate, fee=fee))

    def fail(self, call: str) -> None:
        """The gateway at hand says 503, and the next one is asked."""
        with self.rooms() as rooms:
            assert fail_over(rooms, call, 503, self.now) is not None

    def talk_by_second(self, call: str, seconds: float) -> None:
        """The second carrier's gateway answers, and the caller hangs up later."""
        with self.rooms() as rooms:
            callee = Callee("t", "sip:2@c", (), "udp:127.0.0.1:5060", Source("127.0.0.12", 5060, "udp"), 1, 2)
            answered(rooms, call, callee, 0, self.now)
            self.wait(seconds)
            assert ended(rooms, call, End("caller", 200, "OK", 0), self.now)

    def give_up(self, call: str) -> None:
        """Nobody has answered."""
        with self.rooms() as rooms:
            assert ended(rooms, call, End("callee", 503, "Service Unavailable", 0), self.now)


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """One call that the second carrier answers for a minute when the first one has failed, and one that both fail."""
    house = House(engine, database, tmp_path)
    house.company = company = Carriers(engine, tmp_path)
    await house.open()
    call = company.ring()
    company.wait(2)
    company.fail(call)
    company.talk_by_second(call, 60)
    lost = company.ring()
    company.fail(lost)
    company.give_up(lost)
    await company.pump()
    return house


async def _records(house: House) -> list[Any]:
    async with reading(house.company.engine) as conn:
        return list(await conn.execute(sa.select(cdrs).order_by(cdrs.c.id)))


async def test_each_carrier_has_its_own(house: House) -> None:
    """Twice the first one's fee; of the second a minute and a fee. Store, books, sums and records agree."""
    company, ids = house.company, house.ids
    async with reading(company.engine) as conn:
        books = await balances(conn)
        assert await stored(conn) == await expected(conn)
    assert (books[ids["carrier"]], books[ids["second"]]) == (2 * 777, 18_000 + 1_500)
    assert company.store()[ids["carrier"]].balance == 2 * 777
    assert await company.broken() == {}
    kinds = [(row.kind, row.cost_account_id, row.cost_micros) for row in await _records(house)]
    first, second = ids["carrier"], ids["second"]
    assert kinds == [
        ("attempt", first, 777), ("call", second, 18_000), ("attempt", first, 777), ("call", second, 1_500),
    ]  # fmt: skip


async def test_the_store_and_the_ledger_agree_while_it_rings(house: House) -> None:
    """The fee is in both before the call has ended, whatever of it has been collected."""
    company = house.company
    assert isinstance(company, Carriers)
    call = company.ring()
    company.fail(call)
    assert await company.broken() == {}
    company.clerk()
    assert await company.broken() == {}
    await company.pump()
    assert await company.broken() == {}
    assert company.is_running(call)


async def test_taken_twice_it_is_there_once(house: House) -> None:
    """The journal is read again from its beginning, and all sums are made anew."""
    company = house.company
    before = len(await _records(house))
    assert [day async for day in rebuild(company.engine)]
    await company.pump()
    assert len(await _records(house)) == before
    async with reading(company.engine) as conn:
        assert await stored(conn) == await expected(conn)


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("destination", {"": (2, 1, "0.021054")}),
        ("provider", {"carrier": (2, 0, "0.001554"), "second": (2, 1, "0.0195")}),
        ("gateway", {"carrier/gw1": (2, 0, "0.001554"), "second/gw2": (2, 1, "0.0195")}),
        ("account", {"Operator": (2, 0, "0.001554"), "customer": (2, 1, "0.0195")}),
        ("day", {"": (2, 1, "0.021054")}),
    ],
)
async def test_reports_have_the_money_and_count_calls_once(house: House, by: str, told: dict[str, Any]) -> None:
    """By what calls are told apart: two; by gateway and carrier each attempt that was paid. The operator spent it."""
    rows = (await house.office.boss.do("report.summary", query={**DAY, "by": by}))["items"]
    assert {one["name"]: (one["attempts"], one["answered"], one["spent"]) for one in rows} == told
    assert sum(Decimal(one["earned"]) for one in rows) == Decimal("0.024")


async def test_by_code_there_is_money_where_no_call_ended_so(house: House) -> None:
    """The carrier's own report: an hour later it fails once more, and no call ends with its 503."""
    company = house.company
    assert isinstance(company, Carriers)
    company.wait(3_600)
    call = company.ring()
    company.fail(call)
    company.talk_by_second(call, 60)
    await company.pump()
    hours = {"since": "2026-09-21T15:00:00Z", "until": "2026-09-21T18:00:00Z"}
    rows = (await house.office.boss.do("report.summary", query={**hours, "by": "code"}))["items"]
    assert {one["name"]: (one["attempts"], one["asr_percent"], one["spent"]) for one in rows} == {
        "200": (1, 100, "0.018"), "503": (0, 0, "0.000777"),
    }  # fmt: skip


async def test_a_statement_has_the_fees(house: House) -> None:
    """What the first carrier may ask for: two attempts."""
    wanted = Wanted(house.ids["carrier"], "EUR", house.company.now.wall_ms + 1)
    async with reading(house.company.engine) as conn:
        theirs = (await sums_of(conn, wanted)).theirs
    assert (theirs.calls, theirs.micros) == (2, 2 * 777)


async def test_a_partners_file_is_compared_with_paid_attempts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each at its own INVITE's moment: of a call that two failed to carry the second one's is seconds later. A file
    that has no amounts has no attempts either, and one that lacks an attempt lacks money.
    """
    monkeypatch.setattr(api, "work_apart", worker.work)
    desk, company = Desk(house), house.company
    assert isinstance(company, Carriers)
    slow = company.ring()
    company.wait(20)
    company.fail(slow)
    company.give_up(slow)
    await company.pump()
    rows = {"carrier": [], "second": []}
    for row in await _records(house):
        name = "carrier" if row.cost_account_id == house.ids["carrier"] else "second"
        began = row.attempts[-1][2] if row.outcome != "answered" else row.answer_ms
        amount = f"{row.cost_micros / 10**6:.6f}"
        at_s = {"called": row.called_sent, "start": began // 1000, "duration": row.duration_ms // 1000}
        rows[name].append({**at_s, "amount": amount})
    day = {"since": "2026-09-21T00:00:00Z", "until": "2026-09-23T00:00:00Z"}
    assert calls_of((await desk.compare(rows["carrier"], **day)).ok()) == {"matched": 3}
    assert calls_of((await desk.compare(rows["second"], "second", **day)).ok()) == {"matched": 3}
    lacking = (await desk.compare([*rows["second"][:-1], *rows["carrier"][:1]], "second", **day)).ok()
    stakes = {one["kind"]: one["at_stake"] for one in lacking["classes"] if one["calls"]}
    assert stakes == {"matched": "0.00", "only_ours": "-0.0015", "only_theirs": "0.000777"}
    columns = {name: name for name in ("called", "start", "duration")}
    lines = [",".join(str(row[name]) for name in columns) for row in rows["second"]]
    text = "\n".join([",".join(columns), *lines])
    told = (await desk.send(text.encode(), "second", columns=columns, **day)).ok()
    assert (calls_of(told), told["unanswered"]) == ({"matched": 1}, 2)


async def test_a_fee_that_was_wrong_is_rated_again(house: House) -> None:
    """By the tariff as it is now: each attempt's, and nothing else of the calls."""
    tariffs = house.config.ratebook / "tariffs"
    (tariffs / "carrier.yaml").write_text(TARIFF.format(rate="0.012", fee="0.001"))
    await house.company.publish()
    done = await rerate(house)
    assert (done["changed"], by_account(done)) == (2, {(house.ids["carrier"], "cost"): ("0.000446", "0.00")})
    assert (await house.balance("carrier"), house.stored("carrier")) == (2_000, 2_000)
    await house.sound()
    assert (await rerate(house))["changed"] == 0


async def test_who_sees_what(house: House) -> None:
    """The operator the fee beside the attempt; the carrier its own records; those who called nothing of it."""
    listed = (await house.office.boss.do("cdr.list"))["items"]
    assert sorted(one["kind"] for one in listed) == ["attempt", "attempt", "call", "call"]
    talked = next(one for one in listed if one["outcome"] == "answered")
    fees = [(one["gateway_id"], one["sip_code"], one["fee"], one["currency"]) for one in talked["attempts"]]
    assert fees == [(1, 503, "0.000777", "EUR"), (2, 200, None, "")]
    mine = (await (await hire(house, "carrier")).do("cdr.list"))["items"]
    told = [(one["kind"], one["cost"]["cost"], one["account_id"]) for one in mine]
    assert told == [("attempt", "0.000777", None)] * 2
    for name in ("customer", "lower", "upper"):
        seen = (await (await hire(house, name)).do("cdr.list"))["items"]
        assert [(one["kind"], one["attempts"]) for one in seen] == [("call", [])] * 2, name
    second = (await (await hire(house, "second")).do("cdr.list"))["items"]
    assert [[attempt["fee"] for attempt in one["attempts"]] for one in second] == [[None], [None]]


async def test_the_command_tells_the_fee_with_the_attempt(house: House) -> None:
    """Of the gateway that was left; the last one's is the call's own cost."""
    talked = next(row for row in await _records(house) if row.outcome == "answered")
    async with reading(house.company.engine) as conn:
        told = document(await find_cdr(conn, talked.call))
    fees = [(one["gateway_id"], one["fee_micros"], one["fee_currency"]) for one in told["attempts"]]
    assert fees == [(1, 777, "EUR"), (2, None, None)]
    assert told["cost"]["micros"] == 18_000


async def test_the_last_attempt_is_rated_by_its_own_second(house: House) -> None:
    """Begun after a time band's border, in a call that had begun before it: settled so, and rated again the same."""
    company, tariffs = house.company, house.config.ratebook / "tariffs"
    assert isinstance(company, Carriers)
    border_s = company.now.wall_s // 60 * 60 + 120
    hours = "-".join(f"{second // 3600 % 24:02}:{second // 60 % 60:02}" for second in (border_s, border_s + 3600))
    late = f'bands: {{late: {{hours: "{hours}"}}}}\n' + TARIFF.format(rate="0.018", fee="0.0015")
    late += '  - {prefix: "", band: late, rate: 0.018, attempt_fee: 0.004}\n'
    (tariffs / "second.yaml").write_text(late)
    await company.publish()
    await company.pump()
    company.wait(border_s - 1 - company.now.wall_ms / 1000)
    call = company.ring()
    company.wait(2)
    company.fail(call)
    company.wait(2)
    company.give_up(call)
    await company.pump()
    assert [row.cost_micros for row in await _records(house)][-2:] == [777, 4_000]
    assert (await rerate(house))["changed"] == 0
    await house.sound()
