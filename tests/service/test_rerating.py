"""What was charged wrongly is corrected at every level, and everything still adds up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.commands.bodies import account_body
from service.commands.outbox import enqueue, lock_node
from service.database.engine import reading
from service.database.rerating_tables import corrections, reratings
from service.database.tables import accounts, charges
from service.rerating.work import Rerater
from service.tariffs.traffic import by_destination, calls_of
from tests.service import sums
from tests.service.again import PAID, PERIOD, by_account, count, finish, lines, look, own_tariff, publish, rerate, start
from tests.service.company import NOW_MS, TARIFFS, write_ratebook
from tests.service.test_money import House, house

__all__ = ["house"]


async def test_every_level_is_corrected_once(house: House) -> None:
    """Dearer and cheaper, by hand; ledger, store, records and hours agree; the second time nothing differs."""
    for seconds in (61.2, 10):
        house.company.call(seconds)
    await house.company.pump()
    await publish(house, retail="0.09", resale="0.02", carrier="0.006")
    looked = await look(house)
    ids = house.ids
    assert (looked["calls"], looked["changed_calls"], looked["left_alone"]) == (2, 2, {})
    assert by_account(looked) == {
        (ids["customer"], "charge"): ("0.036", "0.00"),
        (ids["lower"], "charge"): ("0.00", "-0.012"),
        (ids["carrier"], "cost"): ("0.00", "-0.0072"),
    }
    assert await count(house, corrections) == 0

    done = await rerate(house)
    assert (done["state"], done["calls"], done["changed"], done["rates"]) == ("done", 2, 6, "in force")
    assert by_account(done) == by_account(looked)
    assert await lines(house) == [
        (62, 93_000), (62, 20_667), (62, 24_800), (10, 15_000), (10, 3_333), (10, 4_000), (62, 6_200), (10, 1_000),
    ]  # fmt: skip
    balances = {
        "customer": PAID - 108_000, "lower": PAID - 24_000, "upper": PAID - 28_800, "carrier": 7_200,
    }  # fmt: skip
    assert {name: await house.balance(name) for name in balances} == balances
    assert {name: house.stored(name) for name in balances} == balances
    assert await house.balance("lower", "revenue") == 108_000
    async with reading(house.company.engine) as conn:
        found = await sums.stored(conn)
        assert found == await sums.expected(conn)
    assert {key[:2]: rest for key, rest in found.items()}[house.ids["lower"], "account"][-2:] == (108_000, 24_000)
    await house.sound()

    again = await look(house)
    assert (again["changed_calls"], again["sums"]) == (0, [])
    assert (await rerate(house))["changed"] == 0
    assert await count(house, corrections) == 6
    await house.sound()


async def test_corrections_are_found_by_account_and_call(house: House) -> None:
    """What it was, what it is, in which entry; the books and the audit say who and why."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12")
    done = await rerate(house)
    boss, customer = house.office.boss, house.ids["customer"]
    (call,) = [one["call"] for one in (await boss.do("cdr.list"))["items"]]
    (found,) = (await boss.do("correction.list", query={"account_id": customer, "call": call}))["items"]
    assert (found["before"], found["after"]) == (
        {"prefix": "", "billed_s": 10, "amount": "0.01"}, {"prefix": "", "billed_s": 10, "amount": "0.02"},
    )  # fmt: skip
    assert (found["difference"], found["seller_id"], found["rerating_id"]) == ("0.01", house.ids["lower"], done["id"])
    (line,) = [one for one in (await boss.do("payment.list", account_id=customer))["items"] if one["amount"] == "-0.01"
               and one["kind"] == "correction"]  # fmt: skip
    assert (line["reason"], line["actor"]) == (f"re-rating {done['id']}: wrong deck", "boss@op.example")
    assert line["entry_id"] == found["entry_id"]
    (told,) = (await boss.do("audit.list", query={"action": "rerating.start"}))["items"]
    assert (told["after"]["reason"], told["after"]["rates"]) == ("wrong deck", "in force")
    none = await boss.do("correction.list", query={"account_id": house.ids["upper"]})
    assert none["items"] == []


async def test_what_the_new_rates_refuse_stays(house: House) -> None:
    """No rate, blocked: told with the call; the other levels are corrected."""
    house.company.call(10)
    await house.company.pump()
    folder = house.config.ratebook / "tariffs"
    await publish(house, wholesale="0.012")
    (folder / "retail.yaml").write_text('currency: EUR\nrates: [{prefix: "49", rate: 1}]\n')
    (folder / "resale.yaml").write_text('currency: EUR\nrates: [{prefix: "44", blocked: yes}]\n')
    await house.company.publish()
    looked = await look(house)
    assert looked["left_alone"] == {"no_rate": 1, "blocked": 1}
    assert [(one["account_id"], one["reason"]) for one in looked["left"]] == [
        (house.ids["customer"], "no_rate"), (house.ids["lower"], "blocked"),
    ]  # fmt: skip
    done = await rerate(house)
    assert (done["changed"], done["left_alone"]) == (1, {"no_rate": 1, "blocked": 1})
    assert await lines(house) == [(10, 10_000), (10, 5_000), (10, 2_000), (10, 2_000)]
    await house.sound()


async def test_rates_are_those_of_the_answer_and_attempts_pay_their_fee(house: House) -> None:
    """A rate that takes effect between two calls; a call that nobody answered."""
    house.company.call(10)
    house.company.wait(60)
    border = datetime.fromtimestamp(house.company.now.wall_ms // 1000, UTC)
    house.company.call(10)
    unanswered = house.company.ring()
    house.company.hang_up(unanswered)
    await house.company.pump()
    (house.config.ratebook / "tariffs" / "retail.yaml").write_text(
        "currency: EUR\nattempt_fee: 0.007\nrates:\n"
        '  - {prefix: "", rate: 0.06}\n'
        f'  - {{prefix: "", rate: 0.12, effective: {border:%Y-%m-%dT%H:%M:%SZ}}}\n'
    )
    await house.company.publish()
    assert (await rerate(house))["changed"] == 2
    async with reading(house.company.engine) as conn:
        own = sa.select(charges.c.charge_micros).where(charges.c.level == 0).order_by(charges.c.cdr_id)
        assert list((await conn.execute(own)).scalars()) == [10_000, 20_000, 7_000]
    await house.sound()


async def test_what_is_chosen(house: House) -> None:
    """Period, account, number, destination, tariff: what doesn't fit is not touched."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12", resale="0.06")
    listed = await house.office.boss.do("tariff.list", query={"limit": 200})
    tariff = {one["name"]: one["id"] for one in listed["items"]}
    other = await house.office.account(house.office.boss, 1, "other", "reseller")
    for wanted, changed in (
        ({"account_id": house.ids["upper"]}, 1),
        ({"account_id": other}, 0),
        ({"prefix": "442"}, 1),
        ({"prefix": "49"}, 0),
        ({"destination": "nowhere"}, 0),
        ({"tariff_id": tariff["retail"]}, 1),
        ({"tariff_id": tariff["wholesale"]}, 0),
        ({"since": "2026-09-29T00:00:00Z"}, 0),
        ({"until": "2026-09-02T00:00:00Z"}, 0),
    ):
        found = await house.office.boss.do("rerating.preview", **PERIOD | wanted)
        assert found["changed_calls"] == changed, wanted
    done = await rerate(house, tariff_id=tariff["resale"])
    assert [one["account_id"] for one in done["sums"]] == [house.ids["lower"]]
    assert (await look(house))["sums"][0]["account_id"] == house.ids["customer"]
    await house.sound()


async def test_a_version_of_before_a_draft_another_tariff(house: House) -> None:
    """And back again: the charges are what they were, the corrections stand."""
    house.company.call(10)
    await house.company.pump()
    boss = house.office.boss
    tariff = {one["name"]: one for one in (await boss.do("tariff.list", query={"limit": 200}))["items"]}
    retail, first = tariff["retail"]["id"], tariff["retail"]["published"]
    folder = house.config.ratebook
    write_ratebook(folder, TARIFFS | {"retail": "0.12"})
    assert (await look(house, tariff_id=retail, draft=True))["sums"][0]["net"] == "0.01"
    assert (await rerate(house, tariff_id=retail, draft=True))["rates"] == "draft"
    assert await house.balance("customer") == PAID - 20_000
    period = (NOW_MS - 10**9, NOW_MS + 10**9)
    found = await by_destination(calls_of(house.company.engine, "retail", *period, costs=False), [], "EUR")
    assert [(one.calls, one.before_micros) for one in found.values()] == [(1, 20_000)]
    assert (await rerate(house, tariff_id=retail, by_tariff_id=tariff["resale"]["id"]))["changed"] == 1
    assert await house.balance("customer") == PAID - 5_000
    resale = tariff["resale"]["id"]
    assert (await look(house, tariff_id=retail, version=first))["changed_calls"] == 0
    assert (await rerate(house, tariff_id=resale, by_tariff_id=retail, version=first))["changed"] == 2
    assert await house.balance("customer") == PAID - 10_000
    assert await count(house, corrections) == 4
    await house.sound()


@pytest.mark.parametrize(
    ("wanted", "pointer", "said"),
    [
        ({"until": "2026-09-01T00:00:00Z"}, "/until", "before the period"),
        ({"draft": True}, "/draft", "name the tariff"),
        ({"version": "0" * 16}, "/version", "name the tariff"),
        ({"tariff_id": 1, "version": "0" * 16}, "/version", "never had"),
        ({"tariff_id": 999}, "/tariff_id", "there is no tariff 999"),
        ({"by_tariff_id": 1}, "/by_tariff_id", "name the tariff"),
        ({"prefix": "+44"}, "/prefix", "pattern"),
        ({"since": "2026-09-01T00:00:00"}, "/since", "zone"),
        ({"reason": ""}, "/reason", "at least 1"),
    ],
)
async def test_what_can_not_be_asked(house: House, wanted: dict[str, Any], pointer: str, said: str) -> None:
    """The value is named; nothing is begun."""
    got = await house.office.boss.ask("rerating.start", **PERIOD | {"reason": "x"} | wanted)
    assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    assert said in got["errors"][0]["detail"]
    assert await count(house, reratings) == 0


async def test_a_faulty_draft_prices_nothing(house: House) -> None:
    """Its faults are told."""
    (house.config.ratebook / "tariffs" / "retail.yaml").write_text("currency: EUR\nrates: [{prefix: x, rate: 1}]\n")
    got = await start(house, tariff_id=1, draft=True)
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/draft")
    assert "retail.yaml:2" in got["errors"][0]["detail"]


async def test_a_run_keeps_the_rates_that_it_began_with(house: House) -> None:
    """Published meanwhile, and looked at by the next one."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.09")
    number = (await start(house)).ok()["id"]
    await publish(house, retail="0.12")
    await finish(house, number)
    assert await house.balance("customer") == PAID - 15_000
    await rerate(house)
    assert await house.balance("customer") == PAID - 20_000
    await house.sound()


async def test_a_seller_rates_again_what_it_sells_by_its_own_tariff(house: House) -> None:
    """Equal rates of the operator's tariff don't confuse; what is above is neither changed nor shown."""
    lower, tariff = await own_tariff(house)
    await publish(house, retail="0.5", resale="0.06", wholesale="0.03", carrier="0.01")
    source = 'currency: EUR\nrates: [{prefix: "", rate: 0.12}]\n'
    await lower.do("tariff.edit", tariff_id=tariff, source=source)
    drafted = await look(house, lower, tariff_id=tariff, draft=True)
    assert by_account(drafted) == {(house.ids["customer"], "charge"): ("0.01", "0.00")}
    assert (await look(house, lower))["changed_calls"] == 0
    await lower.do("tariff.bring-into-force", tariff_id=tariff)
    done = await rerate(house, lower)
    assert by_account(done) == by_account(drafted)
    assert (done["account_id"], done["changed"]) == (house.ids["lower"], 1)
    assert [await house.balance(name) for name in ("customer", "lower", "upper", "carrier")] == [
        PAID - 20_000, PAID - 5_000, PAID - 4_000, 2_000,
    ]  # fmt: skip
    assert await house.balance("lower", "revenue") == 20_000
    await house.sound()


async def test_nobody_rates_again_outside_the_subtree(house: House) -> None:
    """Neither another seller's accounts nor tariffs; a customer nothing; runs and corrections are not seen."""
    lower, tariff = await own_tariff(house)
    other = await house.office.account(house.office.boss, house.ids["upper"], "other", "reseller")
    stranger = await house.office.hire(house.office.boss, other, "o@other.example")
    customer = await house.office.hire(house.office.boss, house.ids["customer"], "c@customer.example")
    for wanted, pointer in (
        ({"account_id": house.ids["customer"]}, "/account_id"),
        ({"tariff_id": tariff}, "/tariff_id"),
        ({"tariff_id": 1, "by_tariff_id": tariff}, "/by_tariff_id"),
    ):
        got = await start(house, stranger, **wanted)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer)
    above = await start(house, lower, account_id=house.ids["upper"])
    assert (above.status, above["errors"][0]["detail"]) == (422, f"there is no account {house.ids['upper']}")
    assert (await start(house, customer)).status == 403
    await lower.do("tariff.edit", tariff_id=tariff, source='currency: EUR\nrates: [{prefix: "", rate: 0.12}]\n')
    await lower.do("tariff.bring-into-force", tariff_id=tariff)
    assert (await rerate(house, stranger))["changed"] == 0
    done = await rerate(house, lower)
    assert (await stranger.ask("rerating.show", rerating_id=done["id"])).status == 404
    assert (await stranger.do("correction.list"))["items"] == []
    (seen,) = (await customer.do("correction.list"))["items"]
    assert (seen["difference"], seen["seller_id"], seen["rerating_id"]) == ("0.01", None, None)
    assert (await customer.do("rerating.list"))["items"] == []
    await house.sound()


async def test_tariffs_of_others_are_not_rated_again(house: House) -> None:
    """What a seller sells by the operator's tariff, or buys by one, is for whoever wrote it."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12", resale="0.06")
    lower = await house.office.hire(house.office.boss, house.ids["lower"], "l@lower.example")
    assert (await look(house, lower))["changed_calls"] == 0
    (buying,) = (await lower.do("tariff.list"))["items"]
    assert (await start(house, lower, tariff_id=buying["id"])).status == 422
    assert (await rerate(house, lower))["changed"] == 0
    assert (await rerate(house))["changed"] == 2


async def test_a_commission_resellers_tariff_moves_nobody_elses_revenue(house: House) -> None:
    """Its customers pay the seller above: that one rates again, not the agent who wrote the tariff."""
    boss = house.office.boss
    async with house.company.engine.begin() as conn:
        await conn.execute(sa.update(accounts).where(accounts.c.name == "lower").values(commission=True))
        row = (await conn.execute(sa.select(accounts).where(accounts.c.name == "lower"))).one()
        await lock_node(conn, "local")
        await enqueue(conn, "local", account_body(row), now_ms=NOW_MS)
    rights = ["tariffs.read", "tariffs.change", "tariffs.publish"]
    role = await boss.do("role.define", account_id=1, name="Own prices", permissions=rights)
    lower = house.ids["lower"]
    await boss.do("account.set-ceiling", account_id=lower, default_role=True, role_ids=[role["id"]])
    agent, tariff = await own_tariff(house)
    upper = await house.office.hire(boss, house.ids["upper"], "u@upper.example")
    await agent.do("tariff.edit", tariff_id=tariff, source='currency: EUR\nrates: [{prefix: "", rate: 0.12}]\n')
    await agent.do("tariff.bring-into-force", tariff_id=tariff)
    assert (await rerate(house, agent))["changed"] == 0
    assert (await rerate(house, upper))["changed"] == 1
    assert await house.balance("upper", "revenue") == 20_000
    await house.sound()


async def test_an_account_that_left_the_subtree_is_let_be(house: House) -> None:
    """Though its old seller's customer made the call: it is the operator's to correct."""
    boss, ids = house.office.boss, house.ids
    upper = await house.office.hire(boss, ids["upper"], "u@upper.example")
    source = 'currency: EUR\nrates: [{prefix: "", rate: 0.05}]\n'
    made = await upper.do("tariff.make", account_id=ids["upper"], name="own", source=source)
    await upper.do("tariff.bring-into-force", tariff_id=made["id"])
    await upper.do("account.edit", account_id=ids["lower"], tariff_id=made["id"])
    await house.company.pump()
    house.company.call(12)
    await house.company.pump()
    await upper.do("tariff.edit", tariff_id=made["id"], source=source.replace("0.05", "0.10"))
    await upper.do("tariff.bring-into-force", tariff_id=made["id"])
    assert by_account(await look(house, upper)) == {(ids["lower"], "charge"): ("0.01", "0.00")}
    await boss.do("account.move", account_id=ids["customer"], parent_id=ids["upper"])
    resale = next(one["id"] for one in (await boss.do("tariff.list"))["items"] if one["name"] == "resale")
    await boss.do("account.edit", account_id=ids["lower"], tariff_id=resale)
    await boss.do("account.move", account_id=ids["lower"], parent_id=1)
    assert (await rerate(house, upper))["changed"] == 0
    assert (await rerate(house))["changed"] == 1
    assert await house.balance("upper", "revenue") == 20_000
    await house.sound()


async def test_costs_are_for_who_may_see_providers(house: House) -> None:
    """Who may rate calls again but not see providers leaves their costs alone."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12", carrier="0.006")
    boss = house.office.boss
    role = await boss.do("role.define", account_id=1, name="rater", permissions=["cdrs.change", "cdrs.read"])
    rater = await house.office.hire(boss, 1, "r@op.example", [role["id"]])
    done = await rerate(house, rater)
    assert [one["kind"] for one in done["sums"]] == ["charge"]
    await rerate(house)
    assert [one["kind"] for one in (await rater.do("correction.list"))["items"]] == ["charge"]
    assert [one["kind"] for one in (await boss.do("correction.list"))["items"]] == ["cost", "charge"]
    carrier = await house.office.hire(boss, house.ids["carrier"], "c@carrier.example")
    assert [one["difference"] for one in (await carrier.do("correction.list"))["items"]] == ["-0.001"]


async def test_who_has_moved_takes_the_correction_along(house: House) -> None:
    """The old seller's revenue falls, and it hands the difference over to the new one."""
    house.company.call(10)
    await house.company.pump()
    boss = house.office.boss
    other = await house.office.account(boss, house.ids["upper"], "other", "reseller")
    house.ids["other"] = other
    await boss.do("account.move", account_id=house.ids["customer"], parent_id=other)
    await publish(house, retail="0.03")
    await rerate(house)
    assert await house.balance("customer") == house.stored("customer") == PAID - 5_000
    assert await house.balance("lower", "revenue") == 5_000
    assert await house.balance("lower", "cash") == -5_000
    assert await house.balance("other", "cash") == -(PAID - 5_000)
    await house.sound()


async def test_a_closed_account_owes_nothing_any_more(house: House) -> None:
    """It is left as it is, and told."""
    house.company.call(10)
    await house.company.pump()
    async with house.company.engine.begin() as conn:
        await conn.execute(sa.update(accounts).where(accounts.c.name == "customer").values(state="closed"))
    await publish(house, retail="0.03")
    done = await rerate(house)
    assert (done["changed"], done["left_alone"]) == (0, {"closed": 1})


async def test_equal_tariffs_are_told_apart_by_who_pays_by_them_now(house: House) -> None:
    """Else the line is left, and told."""
    await publish(house, resale="0.06")
    await house.company.pump()
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12", resale="0.03")
    looked = await look(house)
    assert by_account(looked) == {
        (house.ids["customer"], "charge"): ("0.01", "0.00"), (house.ids["lower"], "charge"): ("0.00", "-0.005"),
    }  # fmt: skip
    await house.office.boss.do("account.edit", account_id=house.ids["customer"], tariff_id=None)
    unclear = await look(house)
    assert unclear["left_alone"] == {"unclear_tariff": 1}
    assert by_account(unclear) == {(house.ids["lower"], "charge"): ("0.00", "-0.005")}


async def test_rates_that_are_gone(house: House, tmp_path: Path) -> None:
    """Nothing is made up."""
    house.company.call(10)
    await house.company.pump()
    await publish(house, retail="0.12")
    number = (await start(house)).ok()["id"]
    elsewhere = house.config.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    (tmp_path / "elsewhere").mkdir()
    await Rerater(house.company.engine, elsewhere).step(number, NOW_MS)
    done = await house.office.boss.do("rerating.show", rerating_id=number)
    assert (done["changed"], done["left_alone"]) == (0, {"rates_gone": 4})
