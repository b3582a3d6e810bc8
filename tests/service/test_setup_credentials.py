"""Passwords in a set-up file: kept as hashes, changed only where they differ, shown to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.access_tables import audit
from service.database.peer_tables import devices
from service.database.tables import commands, gateways
from service.peers.devices_api import hashes
from service.setup.perform import SetupFault, do_setup
from service.start import ensure_first_rows
from tests.service.test_setup import ACTOR, NOW_MS, api_of, apply

FIRST, SECOND = "correct-horse-1", "battery-staple-2"


def file(device: str = "", gateway: str = "") -> str:
    """An account with a telephone, and a provider with a gateway."""
    return f"""
accounts: [{{name: ann, kind: customer}}]
devices: [{{username: desk, account: ann{device}}}]
providers: [{{name: carrier, gateways: [{{name: gw1, host: 192.0.2.4{gateway}}}]}}]
"""


@pytest.fixture
async def ledger(engine: AsyncEngine) -> AsyncEngine:
    """Empty."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    return engine


async def row(engine: AsyncEngine, table: sa.Table) -> Any:
    """The only one."""
    async with engine.connect() as conn:
        return (await conn.execute(sa.select(table))).one()


async def test_a_device_is_given_its_password(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Once; the same again changes nothing, another one does; without one it stays as it is."""
    lines = await apply(ledger, tmp_path, file(f", password: {FIRST}"))
    assert "+ device desk: account ann, password (not shown)" in lines
    made = await row(ledger, devices)
    assert {name: getattr(made, name) for name in ("ha1_md5", "ha1_sha256")} == hashes("desk", made.realm, FIRST)
    assert await apply(ledger, tmp_path, file(f", password: {FIRST}")) == []
    assert await apply(ledger, tmp_path, file()) == []
    lines = await apply(ledger, tmp_path, file(f", password: {SECOND}"))
    assert lines == ["~ device desk: password none -> (not shown)"]
    assert (await row(ledger, devices)).ha1_md5 == hashes("desk", made.realm, SECOND)["ha1_md5"]


async def test_one_that_nobody_chose_is_shown_once(ledger: AsyncEngine, tmp_path: Path) -> None:
    """A given one isn't."""
    path = tmp_path / "setup.yaml"
    path.write_text(file())
    done = await do_setup(api_of(ledger), ACTOR, path, NOW_MS)
    (secret,) = done.secrets
    made = await row(ledger, devices)
    assert (secret.noun, secret.name, secret.what) == ("device", "desk", "password")
    assert hashes("desk", made.realm, secret.value)["ha1_md5"] == made.ha1_md5
    path.write_text(file(f", password: {FIRST}"))
    assert (await do_setup(api_of(ledger), ACTOR, path, NOW_MS)).secrets == []


async def test_a_gateway_is_given_its_credentials(ledger: AsyncEngine, tmp_path: Path) -> None:
    """As a whole; left alone where the row says nothing of them; taken away by `none`."""
    said = f", username: us, realm: carrier.example, password: {FIRST}, register_s: 300"
    lines = await apply(ledger, tmp_path, file(gateway=said))
    assert "~ gateway carrier/gw1: credentials none -> us" in lines
    stands = await row(ledger, gateways)
    assert (stands.username, stands.realm, stands.register_s) == ("us", "carrier.example", 300)
    assert stands.ha1_md5 == hashes("us", "carrier.example", FIRST)["ha1_md5"]
    assert await apply(ledger, tmp_path, file(gateway=said)) == []
    assert await apply(ledger, tmp_path, file()) == []
    again = said.replace(FIRST, SECOND)
    assert await apply(ledger, tmp_path, file(gateway=again)) == ["~ gateway carrier/gw1: credentials us -> us"]
    assert await apply(ledger, tmp_path, file(gateway=", username: none")) == [
        "~ gateway carrier/gw1: credentials us -> none"
    ]
    assert (await row(ledger, gateways)).ha1_md5 == ""


@pytest.mark.parametrize(
    ("device", "gateway", "said"),
    [
        (", password: short", "", "password: String should have at least 12 characters"),
        (', password: "with a blank in it"', "", "password: String should match pattern"),
        ("", ", username: us", "password: a user name goes with its realm and password"),
        ("", f", username: us, password: {FIRST}", "realm: Field required"),
        ("", f", username: us, realm: x, password: {FIRST}, register_s: 5", "register_s: 0 (no registration)"),
        ("", f", realm: x, password: {FIRST}", "username: Field required"),
    ],
)
async def test_what_is_no_password(ledger: AsyncEngine, tmp_path: Path, device: str, gateway: str, said: str) -> None:
    """With its line; nothing is changed."""
    with pytest.raises(SetupFault) as fault:
        await apply(ledger, tmp_path, file(device, gateway))
    assert said in str(fault.value)
    assert "setup.yaml:" in str(fault.value)


async def test_no_password_stands_anywhere(ledger: AsyncEngine, tmp_path: Path) -> None:
    """Neither in the audit nor in what the call path is told."""
    said = f", username: us, realm: carrier.example, password: {SECOND}"
    await apply(ledger, tmp_path, file(f", password: {FIRST}", said))
    async with ledger.connect() as conn:
        texts = [str(one) for table in (audit, commands) for one in await conn.execute(sa.select(table))]
    assert texts
    assert not [text for text in texts if FIRST in text or SECOND in text]
