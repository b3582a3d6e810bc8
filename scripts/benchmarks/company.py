"""What Kambill is given for a bench: a chain of three, so many customers, so many rates at every level."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kemi.store.environment import open_reader
from kemi.store.inbox import InboxWriter
from ratebook.compiled.groups import compile_groups
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.groups import Group
from ratebook.model import Interval, Rate, Tariff, Terms
from scripts.benchmarks import telephones

ROOT, UPPER, LOWER, CARRIER, FIRST_CUSTOMER = 1, 2, 3, 4, 10
CUSTOMERS_TARIFF = 5
MONEY = 10**12
"""Micro-units on each account: no call of a bench is short of it."""
NANOS = {UPPER: 20_000_000, LOWER: 30_000_000, CARRIER: 10_000_000, CUSTOMERS_TARIFF: 40_000_000}
"""Per minute, by tariff."""
CARRIERS = 1_000_000
"""From here on: ids of the carriers beside the first one, and of their tariffs. Each is dearer than the one before."""
PREFIX_DIGITS = 8
GROUP = "everywhere"
LIMITS_MAX = 100
LIMITS: tuple[dict[str, Any], ...] = (
    {"measure": "spend", "group": "", "window_s": 3_600},
    {"measure": "minutes", "group": "", "window_s": 86_400},
    {"measure": "calls", "group": "", "window_s": 3_600},
    {"measure": "spend", "group": GROUP, "window_s": 86_400},
    {"measure": "destinations", "group": GROUP, "window_s": 3_600},
)
"""What limits there are, in turn."""
APPLY_S = 600.0
BATCH = 5000


class Size(NamedTuple):
    """How much Kambill is given; other proxies have nothing of it."""

    rates: int
    accounts: int
    limits: int = 0
    """Of each customer."""
    gateways: int = 1
    """Of the plan, each with a carrier and a tariff of its own."""
    devices: bool = False
    """Calls come from telephones that sign in (`scripts.benchmarks.telephones`), and not from trunks."""


def prefixes(count: int) -> list[str]:
    """So many prefixes, spread over all numbers, none of which begins with 0; every number that is dialled has one."""
    first = 10 ** (PREFIX_DIGITS - 1)
    step = max(1, 9 * first // count)
    return ["", *(str(first + at * step) for at in range(count - 1))]


def numbers(rates: int, accounts: int, wanted: int = 10_000) -> list[str]:
    """What to dial: a customer's tech prefix before a number, each of another customer, with another rate."""
    known = prefixes(rates)[1:] or ["44207123"]
    customers = accounts - 4
    return [f"{at % customers:06}#{known[at * 7919 % len(known)]}{at % 10_000:04}" for at in range(max(wanted, 1))]


def publish(folder: Path, rates: int, gateways: int = 1) -> list[dict[str, Any]]:
    """Writes the tariffs of every level and of each gateway's carrier; their commands."""
    env = open_for_writing(folder)
    found = []
    dearer = {CARRIERS + at: NANOS[CARRIER] + at for at in range(1, gateways)}
    for tariff, nanos in (NANOS | dearer).items():
        terms = Terms("EUR", (Interval(0, nanos, 1),))
        rows = tuple(Rate(prefix, "somewhere", None, None, terms) for prefix in prefixes(rates))
        compiled = compile_tariff(Tariff(f"tariff {tariff}", "EUR", "UTC", rows))
        write_version(env, compiled, 20_000)
        command = {"do": "tariff", "id": tariff, "version": compiled.version.hex(), "currency": "EUR"}
        found.append(command | {"name": f"tariff {tariff}"})
    env.close()
    return found


def publish_groups(folder: Path) -> dict[str, Any]:
    """Writes the destination group that limits name: every number; its command."""
    env = open_for_writing(folder)
    compiled = compile_groups([Group(GROUP, ("",))])
    write_version(env, compiled)
    env.close()
    return {"do": "groups", "version": compiled.version.hex()}


def limits_of(account: int, count: int) -> dict[str, Any]:
    """The command of so many limits of a customer, none of which is reached."""
    rules = [
        {"id": account * LIMITS_MAX + at, "trunk": 0, "limit": MONEY, "action": "block"} | LIMITS[at % len(LIMITS)]
        for at in range(count)
    ]
    return {"do": "precautions", "account": account, "rules": rules, "numbers": [], "opened": [], "closed": []}


def bodies(
    accounts: int, caller_port: int, gateway_port: int, limits: int = 0, gateways: int = 1
) -> Iterator[dict[str, Any]]:
    """The commands of everything else: the root, two resellers, a carrier for each gateway, and the rest customers with
    a trunk and so many limits each.
    """
    yield _account(ROOT, 0, "root", 0)
    yield _account(UPPER, ROOT, "reseller", UPPER)
    yield _account(LOWER, UPPER, "reseller", LOWER)
    yield _account(CARRIER, ROOT, "provider", CARRIER)
    for reseller in (UPPER, LOWER):
        yield {"do": "credit", "account": reseller, "micros": MONEY}
    yield from _carriers(gateway_port, gateways)
    plan = {"do": "plan", "id": 1, "name": "plan", "order": "cost", "no_loss": "strict", "failover_codes": [408, 503]}
    plan |= {"try_timeout_ms": 5000, "attempts_max": 4, "ring_timeout_s": 60, "expected_call_s": 180}
    yield plan | {"routes": [["", [[at, 1] for at in range(1, gateways + 1)]]]}
    for at in range(accounts - 4):
        customer = FIRST_CUSTOMER + at
        yield _account(customer, LOWER, "customer", CUSTOMERS_TARIFF)
        yield {"do": "credit", "account": customer, "micros": MONEY}
        if limits:
            yield limits_of(customer, limits)
        trunk = {"do": "trunk", "id": customer, "account": customer, "networks": ["127.0.0.1/32"], "transport": "any"}
        trunk |= {"port": caller_port, "tech_prefix": f"{at:06}#", "state": "active", "channels": 0, "cps": 0}
        yield trunk | {
            "plan": 1,
            "tariff": 0,
            "name": f"trunk {at}",
            "international_prefix": "",
            "country": "",
            "national_prefix": "",
            "caller_rule": "pass",
            "caller_numbers": [],
            "trusted": False,
        }
    yield {"do": "ready"}


def devices(accounts: int) -> Iterator[dict[str, Any]]:
    """The commands of the telephones: one of each customer, as far as there are names."""
    for at, name in enumerate(telephones.names(accounts - 4)):
        device = {"do": "device", "id": FIRST_CUSTOMER + at, "account": FIRST_CUSTOMER + at, "username": name}
        device |= telephones.hashes_of(name) | {"state": "active", "plan": 1, "tariff": 0, "channels": 0, "cps": 0}
        device |= {"international_prefix": "", "national_prefix": "", "country": "", "call_max_s": 0}
        yield device | {"contacts_max": 1, "caller_number": "", "caller_numbers": []}


def _carriers(port: int, gateways: int) -> Iterator[dict[str, Any]]:
    """The gateways, all of them the same telephones; the first one's carrier is there."""
    for at in range(1, gateways + 1):
        provider = CARRIER if at == 1 else CARRIERS + at - 1
        if provider != CARRIER:
            yield _account(provider, ROOT, "provider", provider)
        gateway = {"do": "gateway", "id": at, "provider": provider, "host": "127.0.0.1", "port": port}
        gateway |= {"transport": "udp", "name": f"gw{at}", "networks": [], "prefix": "", "strip": 0, "channels": 0}
        yield gateway | {"cps": 0, "number_format": "plain", "trusted": False, "state": "active", "tariff": 0}


def _account(account: int, parent: int, kind: str, tariff: int) -> dict[str, Any]:
    charged = kind in {"reseller", "customer"}
    values = {"do": "account", "id": account, "parent": parent, "kind": kind, "charged": charged, "state": "active"}
    values |= {"prepaid": True, "currency": "EUR", "tariff": tariff, "credit_limit": 0, "channels": 0, "cps": 0}
    return values | {"name": f"account {account}"}


def send(run_dir: Path, data_dir: Path, commands: list[dict[str, Any]]) -> None:
    """Puts commands into the inbox of a running Kamailio and waits until they are applied."""
    reader = open_reader(run_dir)
    with reader.snapshot() as snapshot:
        epoch = snapshot.epoch
    inbox = InboxWriter(data_dir)
    for start in range(0, len(commands), BATCH):
        batch = commands[start : start + BATCH]
        inbox.put((start + at, {"epoch": epoch, **body}) for at, body in enumerate(batch, start=1))
    inbox.close()
    end = time.monotonic() + APPLY_S
    applied = 0
    while applied < len(commands):
        if time.monotonic() > end:
            raise TimeoutError(f"only {applied} of {len(commands)} commands were applied")
        time.sleep(0.1)
        with reader.snapshot() as snapshot:
            applied = snapshot.applied_command
    reader.close()
