"""Publishing the ratebook: all of it or nothing, and twice is once."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.database.tables import plans, tariff_versions, tariffs
from service.peers.storage import named_plans
from service.tariffs.publisher import RatebookFaulty
from service.tariffs.switching import CurrencyChanged, Switched
from service.tariffs.watcher import Watcher
from tests.service.company import EURO, TARIFFS, Company, write_ratebook

CUSTOMER = 5


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


async def _versions(company: Company) -> list[tuple[str, str]]:
    async with reading(company.engine) as conn:
        query = sa.select(tariffs.c.name, tariff_versions.c.version).join(tariffs)
        return [(row.name, row.version) for row in await conn.execute(query.order_by(tariff_versions.c.id))]


async def test_twice_is_once(company: Company) -> None:
    """Nothing has changed: no version, no command."""
    before = await _versions(company)
    again = await company.publish()
    assert (again.done, again.warnings) == (Switched([], [], [], [], exchange=False), [])
    assert await _versions(company) == before


async def test_a_new_price_holds_for_new_calls_and_a_running_one_keeps_its_own(company: Company) -> None:
    """From 6 to 12 cents a minute."""
    old = company.talk()
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.12"})
    done = await company.publish()
    assert [one.name for one in done.done.tariffs] == ["retail"]
    await company.pump()
    new = company.talk()
    company.wait(10)
    company.hang_up(old)
    company.hang_up(new)
    assert company.store()[CUSTOMER].balance == 1000 * EURO - 10_000 - 20_000
    await company.pump()
    assert await company.broken() == {}


async def test_a_price_put_back_is_the_old_version(company: Company) -> None:
    """Its content is the same, and so is its name."""
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.12"})
    await company.publish()
    write_ratebook(company.config.ratebook)
    await company.publish()
    names = [version for name, version in await _versions(company) if name == "retail"]
    assert len(names) == 3
    assert names[0] == names[2]


async def test_a_fault_publishes_nothing(company: Company) -> None:
    """Two good files and a bad one: all faults are told, every pointer stays."""
    before = await _versions(company)
    write_ratebook(company.config.ratebook, {"retail": "0.12", "resale": "dear", "wholesale": "1.2.3"})
    with pytest.raises(RatebookFaulty) as told:
        await company.publish()
    assert [problem.place.file for problem in told.value.problems] == ["tariffs/resale.yaml", "tariffs/wholesale.yaml"]
    assert await _versions(company) == before


async def test_another_currency_needs_another_name(company: Company) -> None:
    """Accounts hold euros by it."""
    text = 'currency: USD\nrates: [{prefix: "", rate: 1}]\n'
    (company.config.ratebook / "tariffs" / "retail.yaml").write_text(text)
    with pytest.raises(CurrencyChanged, match="another name"):
        await company.publish()


async def test_plans_wait_for_their_gateways(company: Company) -> None:
    """One that is there, one that isn't."""
    (company.config.ratebook / "routing.yaml").write_text(
        "plans:\n"
        '  good: {routes: [{prefix: "", gateways: [carrier/gw1]}]}\n'
        '  early: {routes: [{prefix: "", gateways: [carrier/gw9]}]}\n'
    )
    done = await company.publish()
    assert done.done.plans == ["good"]
    assert done.warnings == [
        "routing.yaml:3:44: plan 'early' waits: there is no gateway 'carrier/gw9' (did you mean carrier/gw1?)"
    ]
    assert (await company.publish()).done.plans == []


async def test_plans_name_accounts_by_the_end_of_their_paths(company: Company) -> None:
    """The store gets their numbers; one that means nothing is told with what may be meant."""
    routing = """
plans:
  good:
    rules: [{exclude: [carrier/gw1], accounts: [lower/customer]}]
    routes: [{prefix: "", gateways: [carrier/gw1]}]
"""
    (company.config.ratebook / "routing.yaml").write_text(routing)
    assert (await company.publish()).done.plans == ["good"]
    async with company.engine.connect() as conn:
        record = (await conn.execute(sa.select(plans.c.record).where(plans.c.name == "good"))).scalar_one()
        named = await named_plans(conn)
    assert record["rules"] == [["exclude", [record["routes"][0][1][0][0]], [], [str(CUSTOMER)]]]
    assert named["good"].accounts() == {"customer"}
    assert (await company.publish()).done.plans == []
    (company.config.ratebook / "routing.yaml").write_text(routing.replace("lower/customer", "lower/costumer"))
    assert (await company.publish()).warnings == [
        "routing.yaml:4:49: plan 'good' waits: there is no account 'lower/costumer' (did you mean customer?)"
    ]


def test_the_watcher_speaks_once_and_only_of_what_is_still(tmp_path: Path) -> None:
    """A first look sees something new; it says so when nothing moves any more."""
    write_ratebook(tmp_path)
    watcher = Watcher(tmp_path)
    assert [watcher.has_changed() for _ in range(3)] == [False, True, False]
    write_ratebook(tmp_path, {"retail": "0.1234"})
    assert [watcher.has_changed() for _ in range(3)] == [False, True, False]
    watcher.forget()
    assert watcher.has_changed()
