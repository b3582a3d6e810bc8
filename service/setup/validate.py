"""What is wrong with a file beside what stands: references, parents, currencies, shared networks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.accounts.rules import DEPTH_MAX, AccountSpec, account_problems
from service.peers.rules import shared_doors
from service.setup.document import Item, Setup
from service.setup.sheet import Problem
from service.setup.standing import Standing

PUBLISH_FIRST = "publish the ratebook first: kambill tariff publish"
_FIXED = ("parent", "kind", "currency")
"""Of an account: what no file can change."""


def problems(standing: Standing, setup: Setup) -> list[Problem]:
    """Everything that can't be done as the file says; empty: all of it can."""
    everyone = standing.accounts | _specs(setup.accounts)
    everyone.pop(standing.root_name, None)
    return [
        *_currency(standing, setup),
        *(problem for item in setup.accounts.values() for problem in _account(standing, setup, everyone, item)),
        *_circles(setup, everyone),
        *_gateways(standing, setup),
        *_plans(standing, setup),
        *(problem for item in setup.trunks.values() for problem in _trunk(standing, setup, everyone, item)),
        *_doors(standing, setup),
    ]


def _specs(items: Mapping[str, Item]) -> dict[str, Any]:
    return {name: item.spec for name, item in items.items()}


def _currency(standing: Standing, setup: Setup) -> Iterator[Problem]:
    if setup.currency not in {None, standing.currency} and not standing.untouched:
        yield Problem(
            setup.currency_place,
            f"currency: the ledger keeps {standing.currency}, and accounts or entries stand in it: "
            f"write {standing.currency}, or begin a new ledger",
        )


def _account(standing: Standing, setup: Setup, everyone: Mapping[str, AccountSpec], item: Item) -> Iterator[Problem]:
    spec: AccountSpec = item.spec
    if spec.name == standing.root_name:
        yield Problem(item.row.place_of("name"), f"{spec.name!r} is the root: it stands already, leave it out")
        return
    parent = everyone.get(spec.parent)
    if parent is None and spec.parent != standing.root_name:
        yield Problem(item.row.place_of("parent"), f"parent: no account {spec.parent!r} here or in the ledger")
        return
    for field, text in account_problems(spec, parent).items():
        yield Problem(item.row.place_of(field), f"{field}: {text}")
    currency = parent.currency if parent is not None else setup.currency or standing.currency
    if spec.currency != currency:
        text = (
            f"currency: {spec.currency}, but the parent {spec.parent!r} has {currency}: both must be the same for now"
        )
        yield Problem(item.row.place_of("currency"), text)
    yield from _tariff(standing, item, spec.tariff, spec.currency)
    yield from _fixed(standing, item)


def _fixed(standing: Standing, item: Item) -> Iterator[Problem]:
    before = standing.accounts.get(item.spec.name)
    for field in _FIXED if before is not None else ():
        old, new = getattr(before, field), getattr(item.spec, field)
        if old != new:
            text = f"{field}: is {old} and can't become {new}: make a new account and close this one"
            yield Problem(item.row.place_of(field), text)


def _tariff(standing: Standing, item: Item, tariff: str | None, currency: str) -> Iterator[Problem]:
    if tariff is None:
        return
    place = item.row.place_of("tariff")
    if tariff not in standing.tariffs:
        known = ", ".join(sorted(standing.tariffs)[:10]) or "none"
        yield Problem(place, f"tariff: {tariff!r} is not published (published: {known}): {PUBLISH_FIRST}")
    elif standing.tariffs[tariff] != currency:
        yield Problem(place, f"tariff: {tariff!r} is in {standing.tariffs[tariff]}, the account in {currency}")


def _circles(setup: Setup, everyone: Mapping[str, AccountSpec]) -> Iterator[Problem]:
    for name, item in setup.accounts.items():
        seen = [name]
        step = item.spec.parent
        while step in everyone and step not in seen and len(seen) <= DEPTH_MAX:
            seen.append(step)
            step = everyone[step].parent
        place = item.row.place_of("parent")
        if step == name and name in everyone:
            yield Problem(place, f"parent: a circle: {' below '.join([*seen, name])}")
        elif len(seen) > DEPTH_MAX:
            yield Problem(place, f"parent: more than {DEPTH_MAX} levels below the root")


def _gateways(standing: Standing, setup: Setup) -> Iterator[Problem]:
    for name, item in setup.gateways.items():
        provider = item.spec.provider
        stands = standing.accounts.get(provider)
        if stands is not None and stands.kind != "provider":
            yield Problem(item.row.place_of("name"), f"gateway {name!r}: {provider!r} is a {stands.kind}, no provider")


def _plans(standing: Standing, setup: Setup) -> Iterator[Problem]:
    known = standing.gateways.keys() | setup.gateways.keys()
    for name, item in setup.plans.items():
        wanted = {route.gateway for routes in item.spec.routes.values() for route in routes}
        for gateway in sorted(wanted - known):
            text = f"plan {name!r}: no gateway {gateway!r} under `providers` or in the ledger"
            yield Problem(item.row.place, text)


def _trunk(standing: Standing, setup: Setup, everyone: Mapping[str, AccountSpec], item: Item) -> Iterator[Problem]:
    spec = item.spec
    account = everyone.get(spec.account)
    if account is None:
        text = f"account: no account {spec.account!r} here or in the ledger"
        yield Problem(item.row.place_of("account"), text)
        return
    if account.kind == "provider":
        text = f"account: {spec.account!r} is a provider: its traffic arrives over its gateways' networks"
        yield Problem(item.row.place_of("account"), text)
    if spec.plan is not None and spec.plan not in standing.plans and spec.plan not in setup.plans:
        known = ", ".join(sorted(standing.plans.keys() | setup.plans.keys())) or "none"
        text = f"plan: no routing plan {spec.plan!r} (known: {known}): {PUBLISH_FIRST}"
        yield Problem(item.row.place_of("plan"), text)
    yield from _tariff(standing, item, spec.tariff, account.currency)


def _doors(standing: Standing, setup: Setup) -> Iterator[Problem]:
    wanted = _specs(setup.trunks)
    merged = {name: trunk for name, trunk in standing.trunks.items() if name not in wanted} | wanted
    for door, owner, late in shared_doors(merged.values()):
        item = setup.trunks[late.name]
        text = f"networks: {door} is trunk {owner.name!r} of account {owner.account!r}: no call could tell them apart"
        yield Problem(item.row.place_of("networks"), text)
