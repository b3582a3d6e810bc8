"""Every field of every request, asked by people who must leave some money alone: it stays where it is.

The market of the matrix, in which lower earns commission: all that customer pays is upper's. Beside what the statement
sends, each field that takes a few values, an amount, or the number of a thing is sent with each of them, one at a time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from service.api.values import noun_in
from tests.service.matrix import asking
from tests.service.matrix.statement import ROUTES, Case, held
from tests.service.matrix.world import Place, Somebody, World
from tests.service.office import BY_NAME

BUYS = {"subscription.start", "offer.take"}
"""What is on offer is taken, by who may, at the seller's price: that is no hole."""
OWED = {
    "book_balances WHERE amount_micros != 0": "account_id, book, currency, amount_micros",
    "accounts": "id, path, billing, commission, currency, provides",
    "accounts WHERE credit_limit_micros > 0 OR exposure_limit_micros > 0": "id, credit_limit_micros",
    "accounts WHERE tariff_id NOT IN (SELECT tariff_id FROM accounts WHERE id = :asker)": "id, tariff_id",
    "trunks WHERE tariff_id NOT IN (SELECT tariff_id FROM accounts WHERE id = :asker)": "account_id, id, tariff_id",
    "devices WHERE tariff_id NOT IN (SELECT tariff_id FROM accounts WHERE id = :asker)": "account_id, id, tariff_id",
    "numbers WHERE tariff_id > 0 OR without_funds = 'allow'": "account_id, id, tariff_id, without_funds",
    "invoices": "account_id, id, state, number, total_micros, paid_micros, credited_micros",
    "billing_terms": "account_id, cycle, due_days, tax_status, reviewed, prepaid_invoices",
    "account_taxes": "account_id, tax_id",
    "dunning_exemptions": "account_id",
    "package_grants": "account_id, id, amount, state",
    "operations": "account_id, id, state",
    "commission_rules": "account_id, id, share_of, percent_millionths, valid_until_ms",
    "commission_terms": "account_id, handed_out, cycle",
    "commission_payouts": "account_id, id",
    "statements": "account_id, id",
    "disputes WHERE agreed_micros > 0 OR state = 'closed'": "account_id, id, agreed_micros",
    "commitments": "account_id, id, state, until_ms",
    "partner_adjustments": "account_id, id",
}
"""Of each account what it owes and will owe; first the account. The asker's own tariff may be handed down."""
OFFERED = {
    "taxes": "account_id, id, percent_millionths, everybody, valid_until_ms",
    "dunning_steps": "account_id, kind, days",
    "products": "account_id, id, price_micros, setup_micros, state",
    "voucher_batches": "account_id, id, amount_micros",
    "tariffs": "owner_id, id, version",
    "payment_gateways": "account_id, id, link, secret",
    "risk_ranges": "1, id, prefixes",
    "plans": "1, id, source",
}
"""Of each seller what it asks of those below, which is its own affair."""
TAKINGS = ("revenue", "cash", "cost", "tax")
"""Books of what a seller has of those below."""


def money(world: World, asker: Place, *, sells: bool) -> set[str]:
    """What those tables say of everybody whom the asker must leave alone. `sells`: all but those below it."""
    found = set()
    with sqlite3.connect(world.file) as conn:
        paths = conn.execute("SELECT id, path FROM accounts").fetchall()
        below = {number for number, path in paths if path.startswith(asker.path) and number != asker.id}
        for tables, own in ((OWED, below if sells else set()), (OFFERED, {asker.id, *below})):
            for table, what in tables.items():
                rows = conn.execute(f"SELECT {what} FROM {table}", {"asker": asker.id} if ":asker" in table else {})
                found |= {f"{table} {row}" for row in rows if row[0] not in own}
    return {one for one in found if not (sells and _is_taking(one, asker))}


def _is_taking(line: str, asker: Place) -> bool:
    return any(f"({asker.id}, '{book}'," in line for book in TAKINGS)


@cache
def _properties(model: type[BaseModel]) -> dict[str, Any]:
    """Schemas by field: hundreds of models, asked field by field about thing after thing."""
    found: dict[str, Any] = model.model_json_schema()["properties"]
    return found


def values_of(model: type[BaseModel], name: str, world: World) -> Iterator[Any]:
    """What a field is tried with."""
    field = model.model_fields[name]
    noun = noun_in(field.annotation, field.metadata)
    if noun:
        yield from (place.things[noun] for place in world.places.values() if noun in place.things)
    schema = _properties(model)[name]
    for one in [schema, *schema.get("anyOf", ())]:
        yield from one.get("enum", ())
        if one.get("type") == "boolean":
            yield from (True, False)
        if one.get("examples") == ["12.50"]:
            yield from ("5.00", "-5.00")


def requests(world: World, who: Somebody, places: list[Place]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All of them, about things of these accounts."""
    may = held(world, who)
    for name, route in ROUTES.items():
        if not BY_NAME[name].writes or route.needs not in may or name in BUYS:
            continue
        for place in places:
            case = Case(world, who, place, may)
            base = route.body(case) if route.body is not None else {}
            for body in bodies(world, name, base):
                yield name, asking.parameters(name, case) | {"key": "k", "body": body}


def bodies(world: World, name: str, base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The base, and the base with each other value of each field."""
    yield base
    model = BY_NAME[name].body
    for field in [] if model is None else model.model_fields:
        assert model is not None
        yield from (base | {field: value} for value in values_of(model, field, world) if base.get(field) != value)


async def complaints(world: World, who: Somebody, names: list[str], *, sells: bool = False) -> list[str]:
    """Requests about things of these places that have moved what is none of theirs."""
    before, found, done = money(world, who.place, sells=sells), [], 0
    for name, given in requests(world, who, [world.places[one] for one in names]):
        version = world.version()
        got = await who.person.ask(name, **json.loads(json.dumps(given)))
        done += got.status < 300
        if world.version() == version:
            continue
        after = money(world, who.place, sells=sells)
        fresh = {one for one in after - before if not (name == "account.make" and one.startswith("accounts ("))}
        if before - after or fresh:
            found.append(f"{name} {given}: {sorted((before - after) | fresh)}")
        world.restore()
    assert done > 5, "nobody did anything"
    return found


async def test_an_agent_moves_no_money_of_its_seller(world: World) -> None:
    """Neither its own nor its customer's."""
    lower = world.places["lower"]
    agent = Somebody("owner@lower", lower, "owner", await world.sign_in(lower.things["user"]))
    with sqlite3.connect(world.file) as conn:
        conn.execute("UPDATE accounts SET commission = 1 WHERE id = ?", (lower.id,))
    world.keep()
    found = await complaints(world, agent, ["lower", "customer"])
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("prepaid_customer@customer", "customer"), ("postpaid_customer@beside", "beside"),
        ("provider@carrier", "carrier"), ("support@upper", "customer"),
    ],
)  # fmt: skip
async def test_who_sells_nothing_moves_no_money(world: World, name: str, about: str) -> None:
    """Customers, providers, and those who only help."""
    found = await complaints(world, world.people[name], [about])
    assert not found, "\n".join(found)


async def test_a_distributor_moves_the_money_of_those_below_alone(world: World) -> None:
    """Its own price, limit and debt are its seller's; others' are nobody's of it."""
    found = await complaints(world, world.people["owner@upper"], ["upper", "lower"], sells=True)
    assert not found, "\n".join(found)
