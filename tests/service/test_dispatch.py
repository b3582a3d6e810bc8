"""From a request to its answer: what is repeated, what the database can't do, and what nobody foresaw."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.permissions import Permission
from service.access.sessions import Sessions
from service.api.call import Api, Asking, Call
from service.api.dispatch import respond, told_as_problems
from service.api.endpoint import Answer, Endpoint, Key
from service.api.problems import Problem
from service.api.values import WHEN_MAX_MS, moment_text, parse_moment
from service.config import Config
from service.database import engine as engines
from service.database.away import is_away
from service.database.engine import TookTooLong, open_engine
from service.faults import Fault
from service.urls import ENDPOINTS
from tests.service.office import BY_NAME, NOW_MS, Office


async def test_a_repeated_removal_gets_its_answer_again(office: Office) -> None:
    """What it removed is gone, and so is not looked for; without the key, or with another one, it isn't there."""
    account = await office.account(office.boss, 1, "c", "customer")
    trunk = (await office.boss.do("trunk.make", account_id=account, name="t", networks=["192.0.2.9"]))["id"]
    done = [await office.boss.ask("trunk.remove", trunk_id=trunk, key="k") for _ in range(2)]
    assert [one.status for one in done] == [204, 204]
    assert done[1].headers["Idempotent-Replay"] == "true"
    assert (await office.boss.ask("trunk.remove", trunk_id=trunk, key="another")).status == 404
    assert (await office.boss.ask("trunk.remove", trunk_id=trunk)).status == 404
    assert (await office.boss.ask("trunk.remove", trunk_id=trunk + 1, key="k")).body["type"].endswith("key-reused")


async def test_an_answer_is_not_repeated_to_whom_it_is_not_for(office: Office) -> None:
    """A colleague without the right, and somebody of another account, with the same key."""
    seller, other = [await office.account(office.boss, 1, name, "reseller") for name in ("s", "o")]
    customer = await office.account(office.boss, seller, "c", "customer")
    owner = await office.hire(office.boss, seller, "owner@s.example")
    stranger = await office.hire(office.boss, other, "owner@o.example")
    colleague = await office.hire(office.boss, seller, "colleague@s.example", [office.roles["read_only"]])
    trunk = (await owner.do("trunk.make", account_id=customer, name="t", networks=["192.0.2.9"]))["id"]
    got = [await one.ask("trunk.remove", trunk_id=trunk, key="k") for one in (owner, colleague, stranger, owner)]
    assert [one.status for one in got] == [204, 403, 404, 204]


def test_what_is_given_below_is_said_to_be_the_sellers() -> None:
    """So that no commission reseller between them gives it: whoever changes money, debts or products of an account
    below, or agrees on them with a partner.
    """
    theirs = {
        Permission.PAYMENTS_CHANGE, Permission.PAYMENTS_REFUND, Permission.PAYMENTS_TRANSFER,
        Permission.CREDIT_LIMITS_CHANGE, Permission.INVOICES_CHANGE, Permission.INVOICES_ISSUE,
        Permission.PRODUCTS_CHANGE, Permission.STATEMENTS_CHANGE, Permission.FRAUD_CHANGE,
    }  # fmt: skip
    silent = {one.name for one in ENDPOINTS if one.below and one.permission in theirs and not one.of_seller}
    assert silent == {"commission.edit-rule", "commission.remove-rule"}  # a part of what one earns oneself is one's own


def test_who_opens_transactions_themselves_promises_no_repeated_answer() -> None:
    """Their answers aren't kept under a key."""
    assert [one.name for one in ENDPOINTS if one.own_transaction and one.writes and one.key is not Key.NONE] == []


def _cursor(*said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


@pytest.mark.parametrize("name", ["\ud800", "a\0b", 5, None, ["n"]])
async def test_a_cursor_that_no_row_can_have_is_none(office: Office, name: object) -> None:
    """Neither engine is asked to compare with it."""
    got = await office.boss.ask("account.list", query={"sort": "name", "cursor": _cursor("name", name, 1)})
    assert (got.status, got.body["errors"][0]["pointer"]) == (422, "/cursor")


@pytest.mark.parametrize("name", ["", "Ä\u00a0\u2028", "😀", "\n"])
async def test_a_cursor_behind_any_name_is_one(office: Office, name: str) -> None:
    """Whatever a row may be called."""
    got = await office.boss.ask("account.list", query={"sort": "name", "cursor": _cursor("name", name, 1)})
    assert got.status == 200


@given(st.integers(1, WHEN_MAX_MS - 1))
def test_a_time_that_we_tell_comes_back_as_it_was(wall_ms: int) -> None:
    """To the millisecond: a float had lost one now and then."""
    assert parse_moment(moment_text(wall_ms)) == wall_ms


@pytest.mark.parametrize(
    ("text", "wall_ms"),
    [
        ("1987-05-19T02:54:45.818Z", 548391285818),
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1969-12-31T23:59:59.999Z", -1),
        ("1970-01-01T02:00:00+02:00", 0),
    ],
)
def test_a_time_is_its_millisecond(text: str, wall_ms: int) -> None:
    """Whatever its zone; what is finer is left out."""
    assert parse_moment(text) == wall_ms


# --- what the database can't do


async def _fault_of(engine: AsyncEngine, statement: str, **values: Any) -> BaseException:
    with pytest.raises(DBAPIError) as caught:
        async with engine.connect() as conn:
            await conn.execute(sa.text(statement), values)
    return caught.value


async def test_a_statement_that_is_wrong_is_no_database_that_is_away(engine: AsyncEngine) -> None:
    """It would be wrong the next time, too."""
    assert not is_away(await _fault_of(engine, "SELECT nothing_of_this_name"))
    assert not is_away(await _fault_of(engine, "SELEC"))
    assert not is_away(await _fault_of(engine, "INSERT INTO accounts (id) VALUES (5)"))
    assert not is_away(ValueError())


async def test_a_fault_tells_no_values(engine: AsyncEngine) -> None:
    """It goes to the log."""
    fault = await _fault_of(engine, "UPDATE users SET nothing_of_this_name = :secret", secret="a hash")
    assert "nothing_of_this_name" in str(fault)
    assert "a hash" not in str(fault)


def _api(tmp_path: Path, url: str) -> Api:
    config = Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "ratebook")
    return Api(config, open_engine(url), Sessions())


@pytest.mark.parametrize("url", ["postgresql://me:secret@127.0.0.1:1/kambill", "sqlite:////nowhere/kambill.db"])
async def test_a_database_that_is_away_is_told(tmp_path: Path, url: str) -> None:
    """It is no fault of ours: whoever asks comes again."""
    api = _api(tmp_path, url)
    with pytest.raises(Problem, match="try again in a moment") as caught:
        await respond(api, BY_NAME["account.list"], Asking({}, credential="somebody"), NOW_MS)
    assert caught.value.status == 503
    await api.engine.dispose()


async def test_a_busy_sqlite_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process writes for longer than one waits."""
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 1)
    engine = open_engine(f"sqlite:///{tmp_path / 'kambill.db'}")
    await _make_file(engine)
    with closing(sqlite3.connect(tmp_path / "kambill.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DBAPIError) as caught:
            async with engine.begin():
                pass
    assert is_away(caught.value)
    await engine.dispose()


async def _make_file(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(sa.text("CREATE TABLE t (n INTEGER)"))


def test_connections_that_are_all_taken_are_away() -> None:
    """One of them comes free again."""
    assert is_away(PoolExhausted())


@pytest.mark.parametrize("fault", [PoolExhausted(), TookTooLong()])
def test_what_the_database_cant_do_now_is_told_on_pages_too(fault: Exception) -> None:
    """Around each look of a page, of a file and of what is sent again and again."""
    with pytest.raises(Problem) as caught, told_as_problems():
        raise fault
    assert caught.value.kind == "unavailable"


def test_whatever_else_happens_there_stays_what_it_is() -> None:
    """The edge writes it down."""
    with pytest.raises(ValueError, match="ours"), told_as_problems():
        raise ValueError("ours")


# --- what nobody foresaw


async def _fails(_call: Call) -> Answer:
    raise Fault("this stands already: take another one")


async def _asks_wrongly(call: Call) -> Answer:
    await call.conn.execute(sa.text("SELECT nothing_of_this_name"))
    return Answer()


@pytest.mark.parametrize(
    "how",
    [{"method": "GET"}, {"method": "POST"}, {"method": "GET", "own_transaction": True},
     {"method": "POST", "own_transaction": True}],
)  # fmt: skip
async def test_what_people_can_act_on_is_told_by_every_kind_of_endpoint(office: Office, how: dict[str, Any]) -> None:
    """A fault that says what to do is a conflict, whoever opens the transaction."""
    endpoint = Endpoint("x.y", path="/x", permission=Permission.ACCOUNTS_READ, handler=_fails, summary="x", **how)
    with pytest.raises(Problem, match="take another one") as caught:
        await respond(office.api, endpoint, Asking({}, credential=office.boss.credential), NOW_MS)
    assert caught.value.kind == "conflict"


async def test_a_wrong_statement_is_a_fault_of_ours(office: Office) -> None:
    """Not a database that is away: it goes to the log, and whoever asks need not come again."""
    endpoint = Endpoint("x.y", "GET", "/x", Permission.ACCOUNTS_READ, _asks_wrongly, "x")
    with pytest.raises(DBAPIError):
        await respond(office.api, endpoint, Asking({}, credential=office.boss.credential), NOW_MS)
