"""What a ratebook's folder brings by itself: each text once, whatever has come into force since."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.tables import gateways
from service.tariffs.publisher import Ask, publish
from tests.service.company import NOW_MS, TARIFFS, Company, write_ratebook


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


NEWS = Ask(only_news=True)


async def _watch(company: Company, now_ms: int = NOW_MS) -> list[str]:
    """What a service that starts brings by itself, its first look at the folder being news to it."""
    told = await publish(company.config, company.engine, by="watcher", note="", now_ms=now_ms, ask=NEWS)
    done = told.done
    return [*(one.name for one in done.tariffs), *done.plans, *done.groups, *(["exchange"] if done.exchange else [])]


async def test_a_folder_brings_its_text_once(company: Company, tmp_path: Path) -> None:
    """What came from elsewhere stays at the next start; what changes in the folder is brought, and nothing else."""
    book = company.config.ratebook
    (book / "routing.yaml").write_text('plans: {good: {routes: [{prefix: "", gateways: [carrier/gw1]}]}}')
    (book / "groups.yaml").write_text("groups: {uk: {prefixes: [44]}}\n")
    (book / "exchange.yaml").write_text("rates: [{from: EUR, to: USD, rate: 1.1}]\n")
    assert await _watch(company) == ["good", "uk", "exchange"]
    other = tmp_path / "other"
    write_ratebook(other, TARIFFS | {"retail": "0.12"})
    (other / "groups.yaml").write_text("groups: {uk: {prefixes: [4420]}}\n")
    (other / "exchange.yaml").write_text("rates: [{from: EUR, to: USD, rate: 1.2}]\n")
    told = {"by": "ann", "note": "", "now_ms": NOW_MS}
    done = await publish(company.config, company.engine, **told, ask=Ask(other))  # type: ignore[arg-type]
    assert ([one.name for one in done.done.tariffs], done.done.groups, done.done.exchange) == (["retail"], ["uk"], True)
    assert await _watch(company) == []
    write_ratebook(book, TARIFFS | {"resale": "0.05"})
    assert await _watch(company) == ["resale"]
    (book / "groups.yaml").unlink()
    assert await _watch(company) == ["uk"]
    by_hand = await company.publish()
    assert [one.name for one in by_hand.done.tariffs] == ["retail"]
    assert by_hand.done.exchange
    assert await _watch(company) == []


async def test_a_plan_that_waits_is_still_brought(company: Company) -> None:
    """Its gateways come later."""
    plan = 'plans: {early: {routes: [{prefix: "", gateways: [%s]}]}}'
    (company.config.ratebook / "routing.yaml").write_text(plan % "carrier/gw9")
    assert await _watch(company) == []
    async with company.engine.begin() as conn:
        await conn.execute(sa.update(gateways).where(gateways.c.name == "carrier/gw1").values(name="carrier/gw9"))
    assert await _watch(company) == ["early"]
    assert await _watch(company) == []
