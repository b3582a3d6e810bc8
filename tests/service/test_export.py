"""`kambill export` writes what `kambill apply` reads: a whole market goes round, and comes out the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.actor import local_actor
from service.api.dispatch import Inner
from service.config import Config
from service.database.access_tables import audit
from service.database.engine import open_engine, reading
from service.database.tables import tariffs
from service.setup.export import export
from service.setup.perform import perform, plan_setup
from service.start import ensure_first_rows
from tests.service.conftest import copy_sqlite
from tests.service.test_setup import ACTOR, NOW_MS, api_of, apply

MARKET = """
currency: EUR
accounts:
  - {name: North, kind: reseller, tariff: wholesale, billing: postpaid, credit_limit: 100, channels: 50}
  - {name: South, kind: reseller, parent: North, tariff: wholesale, commission: true}
  - {name: Ann, kind: customer, parent: North, tariff: retail, credit_limit: 0.000001, cut_on_suspend: false}
  - {name: Ann, kind: customer, parent: South, tariff: retail, roles: [North/desk, Read-only], default_role: false}
  - {name: both, kind: customer, tariff: retail, provides: true}
  - {name: asleep, kind: customer, parent: South, state: suspended}
  - {name: gone, kind: customer, parent: South, state: closed}
providers:
  - {name: carrier, tariff: carrier-a, cps: 5, gateways: [{name: gw1, host: 198.51.100.4, networks: [198.51.100.0/24]}]}
roles:
  - {name: desk, account: North, permissions: [trunks.read, devices.read], note: "at the desk: 1, 2, \\"3\\""}
  - {name: desk, account: South, permissions: [trunks.read]}
users:
  - {email: ann@north.example, account: North/Ann, name: Ann, roles: [Owner]}
  - {email: desk@north.example, account: North, name: "Desk, No. 1", roles: [desk], language: de,
     timezone: Europe/Berlin}
  - {email: off@south.example, account: South, name: Off, roles: [desk, North/desk], state: suspended}
gateways:
  - {name: gw1, account: both, host: "2001:db8::1", tariff: carrier-a, prefix: "0012", state: suspended}
plans:
  standard: {order: priority, no_loss: "off", routes: [{prefix: "", gateways: [carrier/gw1]}, {prefix: "44",
             gateways: [{gateway: both/gw1, priority: 7}, carrier/gw1]}]}
trunks:
  - {name: ann-1, account: North/Ann, networks: [192.0.2.7, "2001:db8:1::/48"], plan: standard, tariff: wholesale,
     caller_rule: listed, caller_numbers: ["44207946", "33123"], trusted: true}
  - {name: ann-2, account: North/South/Ann, networks: 192.0.2.7, tech_prefix: "0#", port: 5080, state: suspended}
  - {name: ann-1, account: North/South/Ann, networks: 192.0.2.8}
devices:
  - {username: ann-phone, account: North/Ann, name: "no", channels: 2, plan: standard}
numbers:
  - {number: "442079460000", account: North/Ann, device: ann-phone, note: "none", channels: 4, cps: 2}
  - {number: "442079460001", account: North/South/Ann, trunk: ann-2, state: suspended}
  - {number: "442079460002", account: North, trunk: South/Ann/ann-1}
translations:
  - {account: North/Ann, subject: called, position: 1, prefix: "0", strip: 1, prepend: "44"}
  - {account: North/South/Ann, trunk: ann-2, subject: caller, position: 5, length_max: 9}
  - {account: carrier, gateway: gw1, subject: called, position: 2, pattern: '44(\\d+)', replacement: '0\\1'}
brands:
  - {account: North, company: "North & Sons", address: "1 Quay\\nHarbour", host: portal.north.example}
numberings:
  - {account: North, prefix: N-, pattern: "{prefix}{year}-{number:05}", next_number: 70}
credit_note_numberings:
  - {account: North, prefix: NC-, next_number: 7}
receipt_numberings:
  - {account: North, pattern: "{prefix}{number:4}", restarts_yearly: false}
parties:
  - {account: Operator, legal_name: "Op AG", country: CH, iban: CH9300762011623852957, bank_holder: "Op: AG"}
  - {account: North, legal_name: North Ltd, country: GB, address_lines: ["1 Quay", "Harbour"], tax_number: GB123}
  - {account: North/Ann, legal_name: Ann, country: GB}
taxes:
  - {account: North, name: VAT, percent: 19, category: S, everybody: true, valid_until: "2027-01-01T00:00:00Z"}
  - {account: North, name: VAT, percent: 20.5, category: S, everybody: true, valid_from: "2027-01-01T00:00:00Z"}
  - {account: North, name: levy, percent: 0.000001, category: levy, services: [calls, messages], compound: true}
  - {account: Operator, name: none, percent: 0, category: E, exemption_reason: "small: §19"}
account_taxes:
  - {account: North/Ann, taxes: ["VAT from 2027-01-01T00:00:00.000Z", levy]}
  - {account: North, taxes: none}
terms:
  - {account: North, cycle: weekly, cycle_day: 3, zone: Europe/Berlin, due_days: 30, annex: true,
     starts_at: "2026-01-07T00:00:00+01:00"}
  - {account: North/Ann, language: de, tax_status: exempt, exemption_reason: "school"}
commission_rules:
  - {account: South, percent: 12.5, destination_group: ""}
  - {account: South, percent: 3, service: calls, tariff: wholesale, valid_from: "2026-01-01T00:00:00Z"}
commission_terms:
  - {account: South, cycle: weekly, handed_out: pay_out}
ranges:
  - {name: satellite, prefixes: ["882", "881"], open_for_existing: true}
  - {name: islands, prefixes: "247"}
range_choices:
  - {account: North, opened: islands, closed: [satellite]}
mail_templates:
  - {account: North, kind: welcome, language: en, subject: "Hello {{ name }}",
     text: "Dear {{ name }},\\n\\n- welcome\\n"}
webhooks:
  - {account: South, url: "https://hooks.example.net/x", events: [payment.posted], state: suspended}
products:
  - {account: Operator, name: line, kind: subscription, price: 9.9, setup: 5, offered: true, anchor: calendar, day: 3}
  - {account: Operator, name: hour, kind: package, price: 3, seconds: 60, tariffs: [wholesale], rollover_periods: 1}
  - {account: North, name: old, kind: package, price: 0.000001, money: 2.5, renews: false, state: withdrawn}
limits:
  - {account: North/Ann, name: a day, measure: spend, spend: 50, period: day, action: suspend}
  - {account: North/Ann, trunk: ann-1, name: first, measure: first_call, count: 60}
filters:
  - {account: North, digits: "449", note: dear}
  - {account: North/Ann, trunk: ann-1, subject: caller, digits: "442079460000", whole: true, kind: allow}
patterns:
  - {account: North/Ann, trunk: ann-1, name: rows, kind: sequential, calls_min: 9, action: block}
  - {account: carrier, gateway: gw1, name: short, kind: short_calls, minutes: 5, seconds: 3}
"""


async def _fresh(engine: AsyncEngine) -> None:
    await ensure_first_rows(engine, Config(), NOW_MS)
    async with engine.begin() as conn:
        for name in ("wholesale", "retail", "carrier-a"):
            await conn.execute(sa.insert(tariffs).values(name=name, currency="EUR", version="0" * 16))


async def _exported(engine: AsyncEngine) -> str:
    async with reading(engine) as conn:
        return await export(Inner(api_of(engine), local_actor("test"), conn, NOW_MS))


@pytest.fixture
async def market(engine: AsyncEngine, tmp_path: Path) -> AsyncEngine:
    """With one thing of each kind at least."""
    await _fresh(engine)
    await apply(engine, tmp_path, MARKET)
    return engine


async def test_the_second_time_there_is_nothing_to_do(market: AsyncEngine, tmp_path: Path) -> None:
    """Neither with the file itself nor with what is exported."""
    assert await apply(market, tmp_path, MARKET) == []
    assert await apply(market, tmp_path, await _exported(market)) == []


async def test_it_goes_round(market: AsyncEngine, template: Path, tmp_path: Path) -> None:
    """Applied to an empty ledger it makes what exports the same again."""
    first = await _exported(market)
    for table in ("accounts", "roles", "users", "gateways", "plans", "trunks", "devices", "numbers", "translations"):
        assert f"\n{table}:\n" in first
    for table in ("brands", "numberings", "mail_templates", "webhooks", "products", "limits", "filters", "patterns"):
        assert f"\n{table}:\n" in first
    for table in ("parties", "taxes", "terms", "commission_rules", "commission_terms", "ranges", "range_choices"):
        assert f"\n{table}:\n" in first
    for table in ("account_taxes", "credit_note_numberings", "receipt_numberings"):
        assert f"\n{table}:\n" in first
    (tmp_path / "other").mkdir()

    await copy_sqlite(tmp_path / "template.db", tmp_path / "other" / "kambill.db")
    other = open_engine(f"sqlite:///{tmp_path}/other/kambill.db")
    await _fresh(other)
    lines = await apply(other, tmp_path, first)
    assert len(lines) > 20
    assert await _exported(other) == first
    await other.dispose()


async def test_secrets_are_shown_once(engine: AsyncEngine, tmp_path: Path) -> None:
    """Links, passwords and keys of what was made; never in the export."""
    await _fresh(engine)
    path = tmp_path / "setup.yaml"
    path.write_text(MARKET)
    wanted = await plan_setup(api_of(engine), ACTOR, path, NOW_MS)
    secrets = await perform(api_of(engine), ACTOR, wanted, NOW_MS)
    told = {(secret.noun, secret.name, secret.what) for secret in secrets}
    assert ("device", "ann-phone", "password") in told
    assert ("user", "ann@north.example", "link") in told
    assert ("webhook", "South/https://hooks.example.net/x", "secret") in told
    text = await _exported(engine)
    assert not [secret for secret in secrets if secret.value in text]


async def test_everything_is_in_the_audit(market: AsyncEngine) -> None:
    """With the name of who applied it."""
    async with reading(market) as conn:
        rows = list(await conn.execute(sa.select(audit.c.noun, audit.c.actor)))
    assert {row.actor for row in rows} == {"cli:test"}
    assert {row.noun for row in rows} >= {
        "account", "role", "user", "gateway", "plan", "trunk", "device", "number", "translation", "brand", "numbering",
        "mail-template", "webhook", "product", "limit", "filter", "pattern",
    }  # fmt: skip


async def test_what_is_removed_is_gone(market: AsyncEngine, tmp_path: Path) -> None:
    """By its state; the second time there is nothing to do."""
    text = """
numbers: [{number: "442079460000", account: North/Ann, state: removed}]
translations: [{account: North/Ann, subject: called, position: 1, state: removed}]
webhooks: [{account: South, url: "https://hooks.example.net/x", state: removed}]
brands: [{account: North, company: x, state: removed}]
roles: [{name: desk, account: South, state: removed}]
"""
    assert sorted(await apply(market, tmp_path, text)) == [
        "- brand North", "- number 442079460000", "- role South/desk", "- translation North/Ann/called/1",
        "- webhook South/https://hooks.example.net/x",
    ]  # fmt: skip
    assert await apply(market, tmp_path, text) == []


async def test_an_account_wakes_and_moves_nowhere(market: AsyncEngine, tmp_path: Path) -> None:
    """Resumed first, so that what it lacks can be given; one of two of a name says which."""
    lines = await apply(market, tmp_path, "accounts: [{name: gone, kind: customer, parent: South, channels: 3}]")
    assert lines == ["~ account gone: state closed -> active", "~ account gone: channels any -> 3"]
    path = tmp_path / "setup.yaml"
    path.write_text("accounts: [{name: Ann, kind: customer}]")
    with pytest.raises(Exception, match="'Ann' stands below Operator/North, Operator/North/South: write `parent:`"):
        await plan_setup(api_of(market), ACTOR, path, NOW_MS)
