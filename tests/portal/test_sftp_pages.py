"""A seller has its call records delivered by SFTP, by clicks and keys; a real server takes the file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config, Webhooks
from tests.portal.desk import Clerk, Sit
from tests.portal.house import Town, portal
from tests.service.sftp_server import FileServer, file_server
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")
SELLER = "owner@lower.example"


async def _furnish(engine: AsyncEngine, url: str, folder: Path) -> Config:
    """A call, and a seller; servers may stand on this machine."""
    town = Town(engine, url, folder)
    await town.open()
    await town.office.hire(town.office.boss, town.ids["lower"], SELLER)
    town.company.call(30)
    await town.company.pump()
    return town.config.model_copy(update={"webhooks": Webhooks(private_addresses=True)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of its ledger."""
    return tmp_path_factory.mktemp("sftp")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """A portal of a service that cuts and brings files."""
    with portal(folder, furnish=_furnish, tasks=("cdr files",)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A partner's."""
    async with file_server(tmp_path) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def seller(sit: Sit) -> Clerk:
    """Before a narrow screen: keys are long."""
    return await sit(SELLER, 360)


async def test_a_seller_sees_a_file_sent(seller: Clerk, server: FileServer, folder: Path) -> None:
    """A fault beside its field; our key is copied, the server's looked at and trusted; then the file is there."""
    await seller.go("/deliveries/new")
    await seller.fill(account_id="lower", name="daily", way="SFTP", target="sftp://127.0.0.1/in")
    await seller.press("Make")
    await seller.reads("an address such as sftp://kambill@files.example.net:22/in/calls was expected")
    await seller.fill(target=server.target)
    await seller.press("Make")
    await seller.reads("The delivery is made.", "ssh-ed25519 AAAA", "Nothing is sent before somebody has confirmed")
    assert await seller.width() <= 360
    server.authorized.append(await seller.main.get_by_text("ssh-ed25519 AAAA").inner_text())
    await seller.follow("Ask for its key")
    await seller.press("Ask")
    await seller.reads("Nothing is trusted yet.", "by telephone or on paper")
    assert await seller.page.locator("#fingerprint").input_value() == server.fingerprint
    await seller.press("Trust it")
    await seller.reads("The key is trusted.", server.fingerprint)
    await seller.follow("Try the connection")
    await seller.press("Try")
    await seller.reads("Signing in works, and the folder is there.")
    with closing(sqlite3.connect(folder / "kambill.db", PATIENCE_S)) as ledger, ledger:
        ledger.execute("UPDATE cdr_deliveries SET position = 0, due_ms = 1")  # the day is over, and the call is of it
    while not any(name.endswith(".csv") for name in server.files()):
        await seller.page.wait_for_timeout(100)
    await seller.follow("Files")
    while not await seller.main.get_by_text("sent").count():
        await seller.page.reload()
    await seller.reads(*server.files())
    assert [line for line in seller.wrong if "422" not in line] == []


async def test_a_password_is_forgotten(seller: Clerk, server: FileServer) -> None:
    """By a button that is there only while there is one; then one signs in with our key again."""
    await seller.go("/deliveries/new")
    await seller.fill(account_id="lower", name="by password", way="SFTP", target=server.target, password="secret one")
    await seller.press("Make")
    await seller.reads("Not used: a password is set.")
    await seller.follow("Forget the password")
    await seller.reads("From now on one signs in with our key")
    await seller.press("Forget")
    await seller.reads("The password is forgotten.", "Have it put among the authorized keys")
    assert not await seller.main.get_by_text("Forget the password").count()


async def test_a_server_that_is_away_is_said(seller: Clerk, server: FileServer) -> None:
    """On the page of the trial, in words."""
    await server.stop()
    await seller.go("/deliveries/new")
    await seller.fill(account_id="lower", name="other", way="SFTP", target=server.target, host_key=server.line)
    await seller.press("Make")
    await seller.follow("Try the connection")
    await seller.press("Try")
    await seller.reads("nothing takes connections at 127.0.0.1")
