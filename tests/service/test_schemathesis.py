"""What schemathesis makes of the OpenAPI document, sent to a running service: every answer is one that it states.

The edges of a kind of value are sent to the operation that takes the most kinds that nobody before took: what is alike
is read by the same model, field by field. With KAMBILL_EDGES=all they go to every operation that takes it, as
`scripts/torture api` does it; there KAMBILL_EXAMPLES says how many requests chance makes of each.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kemi.clock import now
from kemi.store.carry import begin_store
from scripts.benchmarks.ports import free_port
from service.api.openapi import document
from service.app import running
from service.config import ApiRates, Config, Listen
from service.database.access_tables import tokens
from service.database.engine import open_engine
from service.urls import ENDPOINTS
from tests.service.conftest import copy_sqlite
from tests.service.matrix.statement import SOURCE
from tests.service.office import Office

EXAMPLES = os.environ.get("KAMBILL_EXAMPLES", "3")
EVERYWHERE = os.environ.get("KAMBILL_EDGES", "") == "all"
WORDS = frozenset({"title", "description", "default", "examples"})
"""Of a schema what makes no other value."""
Values = dict[str, set[str]]
"""By operation: what it takes."""
THERE = """
[parameters]
"path.account_id" = 2
"path.user_id" = 1
"path.role_id" = 3
"path.trunk_id" = 1
"path.device_id" = 1
"path.number_id" = 1
"path.gateway_id" = 1
"path.translation_id" = 1
"path.special_id" = 1
"path.tariff_id" = 1
"path.webhook_id" = 1
"path.delivery_id" = 1
"path.kind" = "welcome"
"path.language" = "en"
"""
"""What paths name is there, so that bodies are looked at; the matrix looks at the numbers themselves."""
UNFIT = {
    "positive_data_acceptance": "a number of the right form may name nothing, and then it is 422",
    "negative_data_rejection": "what an endpoint without a body is sent as one is not looked at",
}
"""Checks that are left out, and why."""


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    return (
        {name: _bare(one) for name, one in schema.items() if name not in WORDS} if isinstance(schema, dict) else schema
    )


def _kinds(operation: dict[str, Any], models: dict[str, Any]) -> set[str]:
    """Of values: where they stand, whether they are needed, and their schema."""
    found = [(one["in"], one.get("required", False), one["schema"]) for one in operation["parameters"]]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        model = models[content["schema"]["$ref"].rpartition("/")[2]]
        needed = model.get("required", ())
        found += [("body", name in needed, schema) for name, schema in model.get("properties", {}).items()]
    return {json.dumps(_bare(one), sort_keys=True) for one in found}


def taken(api: dict[str, Any]) -> Values:
    """By each operation of an OpenAPI document."""
    models = api["components"]["schemas"]
    operations = [one for path in api["paths"].values() for one in path.values()]
    return {one["operationId"]: _kinds(one, models) for one in operations}


def chosen(values: Values) -> list[str]:
    """Operations that take between them all that any takes; first those that take the most."""
    known: set[str] = set()
    found = []
    for name in sorted(values, key=lambda name: (-len(values[name]), name)):
        found += [name] if values[name] - known else []
        known |= values[name]
    return found


def _settings(values: Values) -> str:
    """What paths name, and who is spared the edges."""
    spared = [] if EVERYWHERE else sorted(values.keys() - chosen(values))
    operations = f"\n[[operations]]\ninclude-operation-id = {json.dumps(spared)}\nphases.coverage.enabled = false\n"
    return THERE + (operations if spared else "")


def test_every_kind_of_value_has_its_edges_sent() -> None:
    """By fewer than half of the operations; those of each method that takes more than a path."""
    values = taken(document(ENDPOINTS, "0"))
    names = chosen(values)
    assert set[str]().union(*(values[name] for name in names)) == set[str]().union(*values.values())
    assert 100 < len(names) < len(ENDPOINTS) // 2
    assert {one.method for one in ENDPOINTS if one.name in names} == {"GET", "POST", "PUT", "PATCH"}


async def _furnish(config: Config) -> str:
    """One thing of most kinds; the Super Admin's token."""
    engine = open_engine(config.database)
    office = Office(engine, config)
    office.now_ms = time.time_ns() // 1_000_000
    await office.open()
    boss = office.boss
    reseller = await office.account(boss, 1, "Reseller", "reseller")
    customer = await office.account(boss, reseller, "Customer", "customer")
    provider = await office.account(boss, 1, "Provider", "provider")
    await boss.do("trunk.make", account_id=customer, name="trunk", networks=["192.0.2.1"])
    await boss.do("device.make", account_id=customer)
    await boss.do("number.make", account_id=customer, number="442079460000")
    await boss.do("gateway.make", account_id=provider, name="gw", host="192.0.2.2")
    await boss.do("translation.make", account_id=customer, subject="called", position=1)
    await boss.do("tariff.make", account_id=reseller, name="retail", source=SOURCE)
    hook = {"url": "https://hooks.example.net/x", "events": ["payment.posted"]}
    await boss.do("webhook.make", account_id=reseller, **hook)
    files = {"name": "daily", "way": "mail", "target": "calls@x.example"}
    await boss.do("delivery.make", account_id=reseller, **files)
    token = await boss.do("token.make", user_id=boss.user["id"], name="schemathesis")
    async with engine.begin() as conn:  # out of reach of whoever revokes tokens by chance
        await conn.execute(sa.update(tokens).values(id=2**62))
    await engine.dispose()
    return str(token["token"])


async def test_schemathesis_finds_nothing(template: Path, tmp_path: Path) -> None:
    """Examples, the edges of every value, and what chance makes, right and wrong."""
    await copy_sqlite(template, tmp_path / "kambill.db")
    folders = {"run_dir": tmp_path / "run", "data_dir": tmp_path / "data", "ratebook": tmp_path / "ratebook"}
    often = ApiRates(requests_per_minute=1_000_000, unknown_per_minute=1_000_000)
    config = Config(listen=Listen(port=free_port()), api=often, database=f"sqlite:///{tmp_path}/kambill.db", **folders)
    token = await _furnish(config)
    begin_store(config.run_dir, config.data_dir, "boot", 0, now()).close()
    url = f"http://127.0.0.1:{config.listen.port}/api/v1/openapi.json"
    (tmp_path / "schemathesis.toml").write_text(_settings(taken(document(ENDPOINTS, "0"))))
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", url, "-H", f"Authorization: Bearer {token}"]
    command += ["--exclude-checks", ",".join(UNFIT), "--max-examples", EXAMPLES, "--generation-deterministic"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--exclude-path", "/sessions/current", "--no-color"]
    async with running(config):
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=1_500, check=False, cwd=tmp_path
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert f"{len(ENDPOINTS) - 1} selected / {len(ENDPOINTS)} total" in done.stdout, done.stdout[:2_000]
