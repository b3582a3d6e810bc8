"""People at work on the API, without HTTP in between: who they are, what they ask, what they get."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from service.access.actor import local_actor
from service.access.first import create_super_admin
from service.access.passwords import hash_password
from service.access.sessions import Sessions
from service.api.call import Api, Asking
from service.api.dispatch import respond
from service.api.endpoint import Endpoint
from service.api.problems import Problem
from service.config import Config
from service.start import ensure_first_rows
from service.urls import ENDPOINTS

NOW_MS = 1_790_000_000_000
PASSWORD = "the horse eats its battery"
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}


class Got:
    """An answer."""

    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def __repr__(self) -> str:
        return f"{self.status} {json.dumps(self.body)}"

    def ok(self) -> Any:
        """The body of an answer that was hoped for."""
        assert self.status < 300, self
        return self.body


class Person:
    """Somebody with a session or a token; an empty one: nobody."""

    def __init__(self, office: Office, credential: str = "", user: dict[str, Any] | None = None) -> None:
        self.office = office
        self.credential = credential
        self.user = user or {}

    async def ask(self, endpoint_name: str, /, *, key: str = "", match: str = "", **given: Any) -> Got:
        """Does what an endpoint is for. Names of its path, then `query`, then `body`; the rest is the body."""
        endpoint = BY_NAME[endpoint_name]
        parameters = {one: str(given.pop(one)) for one in endpoint.parameters if one in given}
        query = given.pop("query", {})
        raw = given.pop("raw", None)
        body = given.pop("body", given)
        asking = Asking(
            parameters=parameters,
            query=tuple((field, str(value)) for field, value in query.items()),
            body=raw if raw is not None else json.dumps(body).encode() if endpoint.body is not None else b"",
            credential=self.credential,
            address="192.0.2.1",
            agent="test",
            key=key,
            if_match=match,
        )
        try:
            reply = await respond(self.office.api, endpoint, asking, self.office.now_ms)
        except Problem as problem:
            return Got(problem.status, problem.headers, problem.to_json())
        return Got(reply.status, reply.headers, json.loads(reply.body) if reply.body else None)

    async def do(self, endpoint_name: str, /, **given: Any) -> Any:
        """As `ask`, where it must succeed."""
        return (await self.ask(endpoint_name, **given)).ok()


class Office:
    """A ledger with its API and people."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self.engine = engine
        self.config = config
        self.api = Api(config, engine, Sessions())
        self.now_ms = NOW_MS
        self.nobody = Person(self)
        self.roles: dict[str, int] = {}
        self.boss = self.nobody
        self.hash = ""

    async def open(self) -> None:
        """A Super Admin, signed in."""
        await ensure_first_rows(self.engine, self.config, self.now_ms)
        self.hash = await hash_password(PASSWORD)
        async with self.engine.begin() as conn:
            await create_super_admin(conn, "local", local_actor("test"), "boss@op.example", "Boss", self.hash, NOW_MS)
        self.boss = await self.sign_in("boss@op.example")
        listed = await self.boss.do("role.list", query={"limit": 200})
        self.roles = {role["built_in"]: role["id"] for role in listed["items"] if role["built_in"]}

    def kept(self) -> tuple[str, Person, dict[str, int], int]:
        """The Super Admin's session, the roles, and when it is."""
        return self.hash, self.boss, dict(self.roles), self.now_ms

    def take(self, kept: tuple[str, Person, dict[str, int], int]) -> None:
        """As it stood."""
        self.hash, boss, roles, self.now_ms = kept
        self.boss, self.roles = Person(self, boss.credential, boss.user), dict(roles)

    async def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> Person:
        """A new session."""
        got = await self.nobody.do("session.open", email=email, password=password, **more)
        return Person(self, got["session"], got["user"])

    async def account(self, by: Person, parent_id: int, name: str, kind: str, **more: Any) -> int:
        """A new account's id."""
        made = await by.do("account.make", parent_id=parent_id, name=name, kind=kind, **more)
        return int(made["id"])

    async def hire(self, by: Person, account_id: int, email: str, role_ids: list[int] | None = None) -> Person:
        """A new user, signed in; of all that the account may, unless roles are named."""
        roles = [self.roles["owner"]] if role_ids is None else role_ids
        invited = await by.do("user.invite", account_id=account_id, email=email, name=email, role_ids=roles)
        await self.nobody.do("password.choose", link=invited["link"], password=PASSWORD)
        return await self.sign_in(email)
