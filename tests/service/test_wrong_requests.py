"""Wrong requests over real HTTP, and the exact problem that each gets: what is wrong, where, and what to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.clock import now
from kemi.store.carry import begin_store
from scripts.benchmarks.ports import free_port
from service.app import running
from service.config import Config, Listen
from tests.service.matrix.statement import SOURCE
from tests.service.office import Office

HERE = "/api/v1"
A, R, C, P, CLOSED = 1, 2, 3, 4, 5
"""Accounts: the operator, a reseller, its customer, a provider, a closed customer."""
TRUNK = {"account_id": C, "name": "t", "networks": ["192.0.2.9"]}
ACCOUNT = {"parent_id": R, "name": "n", "kind": "customer"}
MONEY = {"amount": "1", "reason": "r"}


class Wrong(NamedTuple):
    """A request, and the answer."""

    request: str
    """Method and path."""
    status: int
    kind: str
    said: str
    """The problem's detail; of `invalid`: pointer and detail of each field, a line each."""
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 -- never changed
    who: str = "boss"


KEY = {"Idempotency-Key": "k"}
JSON = {"Content-Type": "application/json"}
NO_ONE = "whoever stands above the account: nobody does it to their own"
SAME = "network, port, transport and tech prefix: callers could not be told apart"
AMOUNT = "an amount lies between 0.000001 and 1000000000"
TABLE = [
    # --- who asks
    Wrong("GET /accounts", 401, "signed-out", "", who=""),
    Wrong("GET /accounts", 401, "signed-out", "", who="nonsense"),
    Wrong("GET /accounts", 401, "signed-out", "", headers={"Authorization": "Basic Ym9zczpib3Nz"}, who=""),
    Wrong("GET /audit", 403, "forbidden", "this needs the permission audit.read", who="clerk"),
    Wrong("POST /trunks", 403, "forbidden", "this needs the permission trunks.change", TRUNK, who="clerk"),
    Wrong("POST /sessions", 401, "sign-in-failed", "no user has this address and password",
          {"email": "nobody@x.example", "password": "some password"}, who=""),
    Wrong("POST /passwords", 422, "invalid", "/link this link has expired, or was used: ask for another one",
          {"link": "x", "password": "a long enough password"}, who=""),
    Wrong("PUT /me/password", 403, "forbidden", "this is not your password",
          {"old": "not the old one", "new": "a long enough password"}),
    Wrong("POST /me/totp/confirmation", 409, "conflict", "begin with POST /me/totp", {"code": "123456"}),
    Wrong("POST /me/totp/confirmation", 422, "invalid", r"/code String should match pattern '^\d{6}$'",
          {"code": "12345"}),
    # --- what is not there
    Wrong("GET /nothing", 404, "not-found", ""),
    Wrong("GET /accounts/999", 404, "not-found", ""),
    Wrong("GET /accounts/none", 404, "not-found", ""),
    Wrong("GET /accounts/-1", 404, "not-found", ""),
    Wrong("GET /accounts/0", 404, "not-found", ""),
    Wrong("GET /accounts/99999999999999999999999", 404, "not-found", ""),
    Wrong("DELETE /trunks/999", 404, "not-found", ""),
    Wrong("POST /calls/00/cut", 404, "not-found", ""),
    Wrong(f"GET /accounts/{C}/mail-templates/birthday/en", 404, "not-found", ""),
    Wrong(f"GET /accounts/{C}/invoice-numbering", 404, "not-found", ""),
    Wrong("PUT /accounts", 405, "method", ""),
    Wrong("PATCH /accounts/import", 405, "method", ""),
    # --- the form of the whole
    Wrong("POST /accounts", 400, "not-json", "Invalid JSON: EOF while parsing an object at line 1 column 1", b"{"),
    Wrong("POST /accounts", 400, "not-json", "Invalid JSON: invalid unicode code point at line 1 column 3",
          b'{"\xff": 1}'),
    Wrong("POST /accounts", 400, "not-json", "Invalid JSON: recursion limit exceeded at line 1 column 202",
          b"[" * 100_000),
    Wrong("POST /accounts", 422, "invalid", " Input should be an object", b"[]"),
    Wrong("POST /accounts", 415, "not-a-json-request", "", b"{}", {"Content-Type": "text/plain"}),
    Wrong("POST /accounts", 415, "not-a-json-request", "send it without Content-Encoding", b"abcde",
          {"Content-Encoding": "gzip"}),
    Wrong("POST /accounts", 413, "too-large", "at most 1048576 bytes", b" " * (1 << 20) + b"{}"),
    Wrong("POST /accounts", 422, "invalid",
          "/parent_id Field required\n/name Field required\n/kind Field required", {}),
    Wrong("POST /accounts", 422, "invalid", "/owner Extra inputs are not permitted", ACCOUNT | {"owner": 1}),
    Wrong(f"PATCH /accounts/{C}", 422, "invalid",
          "/balance Extra inputs are not permitted\n/path Extra inputs are not permitted",
          {"balance": "1", "path": "/"}),
    Wrong("POST /trunks", 400, "bad-header", "an Idempotency-Key has 1 to 200 printable ASCII characters", TRUNK,
          {"Idempotency-Key": "k" * 201}),
    Wrong(f"POST /accounts/{C}/payments", 400, "key-missing",
          "send an Idempotency-Key of your own: repeated, it has its effect once", MONEY),
    Wrong(f"PATCH /accounts/{C}", 412, "changed", "it is at version 1 now: look at it again, then repeat your change",
          {"channels": 1}, {"If-Match": '"7"'}),
    # --- values
    Wrong("POST /accounts", 422, "invalid", "/parent_id Input should be a valid integer", ACCOUNT | {"parent_id": "2"}),
    Wrong("POST /accounts", 422, "invalid", "/parent_id there is no account 999", ACCOUNT | {"parent_id": 999}),
    Wrong("POST /accounts", 422, "invalid", "/kind Input should be 'reseller', 'customer' or 'provider'",
          ACCOUNT | {"kind": "root"}),
    Wrong("POST /accounts", 422, "invalid", r"/currency String should match pattern '^([A-Z]{3})?$'",
          ACCOUNT | {"currency": "eur"}),
    Wrong("POST /accounts", 422, "invalid",
          "/currency the account is in USD, its parent in EUR, and no rate of exchange USD/EUR holds now: the operator "
          "adds it to exchange.yaml and publishes it",
          ACCOUNT | {"currency": "USD"}),
    Wrong("POST /accounts", 422, "invalid",
          "/name '/x' is no name: begin with a letter or digit; then letters, digits, blanks and .,'&()@+- may follow",
          ACCOUNT | {"name": "/x"}),
    Wrong("POST /accounts", 422, "invalid", "/name text must not hold control characters",
          ACCOUNT | {"name": "a\u0000b"}),
    Wrong("POST /accounts", 422, "invalid", "/name text must not hold control characters",
          ACCOUNT | {"name": "a\u009b2Jb"}),
    *(Wrong("POST /tokens", 422, "invalid",
            "/name text must end each change of direction that it begins: what stands behind it would be turned",
            {"user_id": 1, "name": name}) for name in ("a\u202eb", "a\u2067\u202eb\u2069\u202c", "\u2066")),
    Wrong("POST /accounts", 422, "invalid", "/name String should have at most 200 characters",
          ACCOUNT | {"name": "n" * 201}),
    Wrong("POST /accounts", 422, "invalid", "/parent_id a provider stands below a root, and 'Reseller' is a reseller",
          ACCOUNT | {"kind": "provider"}),
    Wrong("POST /accounts", 422, "invalid", "/commission only a reseller earns commission, and 'n' is a customer",
          ACCOUNT | {"commission": True}),
    Wrong("POST /accounts", 422, "invalid", "/channels Input should be greater than or equal to 1",
          ACCOUNT | {"channels": 0}),
    Wrong("POST /accounts", 422, "invalid", '/credit_limit write an amount as text, such as "12.50"',
          ACCOUNT | {"credit_limit": 5}),
    Wrong("POST /accounts", 422, "invalid", "/credit_limit a credit limit lies between 0 and 1000000000",
          ACCOUNT | {"credit_limit": "-1"}),
    Wrong("POST /accounts", 422, "invalid", "/tariff_id this tariff is not published yet", ACCOUNT | {"tariff_id": 1}),
    Wrong("POST /accounts", 409, "conflict", "the parent has an account 'Customer' already",
          ACCOUNT | {"name": "Customer"}),
    Wrong("GET /accounts?limit=0", 422, "invalid", "/limit Input should be greater than or equal to 1"),
    Wrong("GET /accounts?limit=1&limit=2", 422, "invalid", "/limit give this once"),
    Wrong("GET /accounts?sort=colour", 422, "invalid",
          "/sort one of path, name, created, id, balance was expected, with or without - before it"),
    Wrong("GET /accounts?cursor=zz", 422, "invalid",
          "/cursor this is no cursor of this list in this order: begin again without it"),
    Wrong("GET /accounts?colour=red", 422, "invalid", "/colour Extra inputs are not permitted"),
    Wrong("GET /cdrs?since=2026-11-30", 422, "invalid", "/since a time needs its zone, such as 2026-11-30T12:00:00Z"),
    Wrong("POST /trunks", 422, "invalid",
          "/networks/0 192.0.2.1/24 has bits behind its mask: write 192.0.2.0/24, or 192.0.2.1 for the one "
          "address",
          TRUNK | {"networks": ["192.0.2.1/24"]}),
    Wrong("POST /trunks", 422, "invalid", "/networks at least one network was expected, or a certificate",
          TRUNK | {"networks": []}),
    Wrong("POST /trunks", 422, "invalid",
          f"/networks/0 another trunk has this {SAME}",
          TRUNK | {"networks": ["192.0.2.1"]}),
    Wrong("POST /trunks", 422, "invalid", "/port Input should be less than or equal to 65535",
          TRUNK | {"port": 70_000}),
    Wrong("POST /trunks", 422, "invalid", "/account_id a provider makes no calls", TRUNK | {"account_id": P}),
    Wrong("POST /trunks", 409, "conflict", "the account is closed: resume it first", TRUNK | {"account_id": CLOSED}),
    Wrong("POST /gateways", 422, "invalid", "/account_id this account is no provider: make it one (`provides`) first",
          {"account_id": C, "name": "g", "host": "192.0.2.3"}),
    Wrong("POST /numbers", 422, "invalid", r"/number String should match pattern '^[1-9][0-9]{4,14}$'",
          {"account_id": C, "number": "+442079460000"}),
    Wrong("POST /numbers", 422, "invalid", "/number this number is here already",
          {"account_id": C, "number": "442079460000"}),
    Wrong("POST /translations", 422, "invalid", "/length_max it is below length_min: no number has such a length",
          {"account_id": C, "subject": "called", "position": 1, "length_min": 9, "length_max": 3}),
    Wrong("POST /webhooks", 422, "invalid", "/url https:// was expected",
          {"account_id": R, "url": "http://x.example/", "events": ["payment.posted"]}),
    Wrong("POST /webhooks", 422, "invalid", "/url this address is in no public network",
          {"account_id": R, "url": "https://169.254.169.254/", "events": ["payment.posted"]}),
    Wrong("POST /tariffs", 422, "invalid",
          "/source source:3:24: rate '-1': an amount from zero to below 1000000000 was expected",
          {"account_id": R, "name": "x", "source": SOURCE.replace("0.05", "-1")}),
    # --- people and roles
    Wrong("POST /users", 422, "invalid", "/role_ids List should have at least 1 item after validation, not 0",
          {"account_id": R, "email": "a@b.example", "name": "A", "role_ids": []}),
    Wrong("POST /users", 409, "conflict", "boss@op.example is a user of this account already",
          {"account_id": A, "email": "Boss@op.example", "name": "A", "role_ids": [3]}),
    Wrong("POST /roles", 422, "invalid", "/permissions the account may not itself: routing.change",
          {"account_id": C, "name": "r", "permissions": ["routing.change"]}),
    Wrong("DELETE /roles/1", 409, "conflict", "this role is built in: change what it says instead"),
    Wrong("PATCH /roles/1", 409, "conflict", "this role says everything, always: define another one", {"note": "x"}),
    Wrong("DELETE /users/1", 409, "conflict", "this is the last active Super Admin: make another one first"),
    Wrong("POST /users/1/session", 403, "forbidden", "one acts as users of the accounts below only"),
    # --- money
    Wrong(f"POST /accounts/{A}/payments", 403, "forbidden", f"this is for {NO_ONE}", MONEY, KEY),
    Wrong(f"POST /accounts/{C}/payments", 422, "invalid", f"/amount {AMOUNT}.00", MONEY | {"amount": "0"}, KEY),
    Wrong(f"POST /accounts/{C}/refunds", 422, "invalid", f"/amount {AMOUNT}", MONEY | {"amount": "-1"}, KEY),
    Wrong(f"POST /accounts/{C}/payments", 422, "invalid",
          "/amount '0.0000001' has more than 6 decimals", MONEY | {"amount": "0.0000001"}, KEY),
    Wrong(f"POST /accounts/{C}/payments", 422, "invalid", "/amount 'NaN' is not a decimal number such as 0.0125",
          MONEY | {"amount": "NaN"}, KEY),
    Wrong(f"POST /accounts/{C}/payments", 422, "invalid", "/reason Field required", {"amount": "1"}, KEY),
    Wrong(f"POST /accounts/{C}/write-off", 409, "conflict",
          "only a suspended account's debt is written off: suspend it first", {"reason": "r"}, KEY),
    Wrong("POST /transfers", 422, "invalid", "/to_account_id the money is there already",
          {"from_account_id": C, "to_account_id": C, **MONEY}, KEY),
    Wrong(f"POST /accounts/{P}/refunds", 409, "conflict", "a provider is paid out: post a negative payment", MONEY,
          KEY),
    # --- the tree
    Wrong(f"POST /accounts/{R}/closure", 409, "conflict", "accounts below it are open: close them first", {}),
    Wrong(f"POST /accounts/{R}/move", 409, "conflict", "an account can't stand below itself", {"parent_id": R}),
    Wrong(f"POST /accounts/{C}/move", 422, "invalid", "/parent_id a customer stands below a reseller or root, and "
          "'Provider' is a provider", {"parent_id": P}),
    Wrong(f"PATCH /accounts/{CLOSED}", 409, "conflict", "the account is closed: resume it first", {"channels": 1}),
    Wrong(f"PATCH /accounts/{A}", 403, "forbidden", f"this is for {NO_ONE}", {"channels": 1}),
    # --- many at once
    Wrong("POST /trunks/import", 422, "invalid", "/rows rows or csv was expected, one of them", {"mode": "by_row"}),
    Wrong("POST /trunks/import", 422, "invalid", "/rows/1/name Field required",
          {"mode": "all_or_nothing", "rows": [TRUNK, {"account_id": C}]}),
]  # fmt: skip


class Wire(NamedTuple):
    """A running service, and who asks it."""

    url: str
    session: aiohttp.ClientSession
    credentials: dict[str, str]

    async def ask(self, wrong: Wrong) -> tuple[int, str, dict[str, Any]]:
        """Status, content type, body."""
        method, path = wrong.request.split(" ")
        headers = dict(wrong.headers)
        if wrong.who:
            headers["Authorization"] = f"Bearer {self.credentials.get(wrong.who, wrong.who)}"
        body = wrong.body if isinstance(wrong.body, bytes) or wrong.body is None else json.dumps(wrong.body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url + path, data=body, headers=headers) as response:
            return response.status, response.content_type, await response.json(content_type=None)


async def _furnish(office: Office) -> dict[str, str]:
    await office.open()
    boss = office.boss
    reseller = await office.account(boss, A, "Reseller", "reseller")
    customer = await office.account(boss, reseller, "Customer", "customer")
    provider = await office.account(boss, A, "Provider", "provider")
    closed = await office.account(boss, reseller, "Closed", "customer")
    assert [reseller, customer, provider, closed] == [R, C, P, CLOSED]
    await boss.do("account.close", account_id=closed)
    await boss.do("trunk.make", account_id=customer, name="first", networks=["192.0.2.1"])
    await boss.do("number.make", account_id=customer, number="442079460000")
    await boss.do("tariff.make", account_id=reseller, name="retail", source=SOURCE)
    role = await boss.do("role.define", account_id=reseller, name="clerk", permissions=["accounts.read"])
    clerk = await office.hire(boss, reseller, "clerk@x.example", [role["id"]])
    return {"boss": boss.credential, "clerk": clerk.credential}


@pytest.fixture
async def wire(engine: AsyncEngine, database: str, tmp_path: Path) -> AsyncIterator[Wire]:
    """On both databases."""
    folders = {"run_dir": tmp_path / "run", "data_dir": tmp_path / "data", "ratebook": tmp_path / "ratebook"}
    config = Config(listen=Listen(port=free_port()), database=database, **folders)
    office = Office(engine, config)
    office.now_ms = now().wall_ms
    credentials = await _furnish(office)
    begin_store(config.run_dir, config.data_dir, "boot", 0, now()).close()
    async with running(config), aiohttp.ClientSession() as session:
        yield Wire(f"http://127.0.0.1:{config.listen.port}{HERE}", session, credentials)


def _said(told: dict[str, Any]) -> str:
    if told.get("errors"):
        return "\n".join(f"{error['pointer']} {error['detail']}" for error in told["errors"])
    return str(told.get("detail", ""))


async def test_each_gets_its_problem(wire: Wire) -> None:
    """Exactly; and every one is a problem document."""
    assert len(TABLE) >= 60
    differing = []
    for wrong in TABLE:
        status, content_type, told = await wire.ask(wrong)
        got = (status, str(told.get("type", "")).rpartition("/")[2], _said(told))
        if got != (wrong.status, wrong.kind, wrong.said) or content_type != "application/problem+json":
            differing.append(f"{wrong.request} {str(wrong.body)[:80]}\n  expected {wrong[1:4]}\n  got      {got}")
    assert not differing, "\n".join(differing)
