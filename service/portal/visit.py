"""Somebody at a page: who they are, what they may, what they ask for. The one door from pages to endpoints."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple, TypeVar

from aiohttp import web
from multidict import MultiDict, MultiDictProxy
from pydantic import BaseModel
from sqlalchemy import Row

from service.access.actor import Actor
from service.access.endpoints.me import Me
from service.api.call import Api, Asking, Call, etag
from service.api.dispatch import NOBODY, Inner, Reply, answered, told_as_problems
from service.api.endpoint import Answer, Endpoint, Open, noun_of
from service.api.http import Rates, address_of, agent_of
from service.api.lines import Lines, LinesAsked
from service.api.nouns import NOUNS
from service.api.problems import Problem, only_from_above
from service.api.values import ID_MAX, number_in
from service.database.engine import looking_within
from service.doctor.sentences import Sentence
from service.portal.branding import Look, look_of
from service.portal.cookies import SESSION
from service.portal.doors import Doors
from service.portal.formats import Formats, formats_of
from service.portal.plain import plain
from service.portal.static import File
from service.portal.wording import Say, language_asked, language_for, refusal_in, say_in, sentence_in
from service.tariffs.exchange import in_force
from service.urls import ENDPOINTS

BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
OPERATOR = "operator"
"""Beside names of endpoints: what `can` asks of the visitor's account."""
ONESELF = frozenset({
    "me.edit", "me.password", "me.totp-begin", "me.totp-confirm", "me.totp-remove", "me.sessions", "me.end-session",
    "me.filters", "me.keep-filter", "me.drop-filter", "token.make", "user.impersonate",
})  # fmt: skip
"""Endpoints that refuse whoever acts as somebody else."""
FROM_ABOVE = frozenset({"payment.transfer"})
"""Endpoints for whoever stands above an account that the body names, not the path."""
T = TypeVar("T", bound=BaseModel)
Fields = MultiDictProxy[str] | MultiDict[str]


class Portal(NamedTuple):
    """What all visits share."""

    api: Api
    rates: Rates
    files: Mapping[str, File]
    doors: Doors


class Visit:
    """One request of a page."""

    def __init__(self, portal: Portal, request: web.Request, now_ms: int) -> None:
        self.portal = portal
        self.request = request
        self.now_ms = now_ms
        self.credential = request.cookies.get(SESSION, "")
        self.actor: Actor | None = None
        """None: nobody is signed in."""
        self.me: Me | None = None
        self.look = Look()
        self.form: Fields = MultiDict()
        """What was sent; empty when the page is only looked at."""
        self.language = language_asked(request.headers.get("Accept-Language", ""))
        self.formats: Formats = formats_of(self.language, "UTC")
        self.currency = ""
        """Of the thing that the page is about (`learn_currency`); empty: it has none, or it wasn't asked for."""
        self._inner: Inner | None = None
        self._known: dict[tuple[str, int], str] = {}
        self._currencies: dict[int, str] = {}

    # --- who

    @asynccontextmanager
    async def looking(self, *, again: bool = False, as_one: bool = False) -> AsyncIterator[None]:
        """Around everything that a page reads: one connection, and who asks is looked up on it.

        Raises Problem: the ledger is away, or the look takes too long. `again`: what they may is asked anew, but not
        their language and their seller's colours. `as_one`: in one transaction, as a file's batch needs.
        """
        api = self.portal.api
        with told_as_problems():
            async with looking_within(api.engine, api.look_s, as_one=as_one) as conn:
                self.actor = await api.sessions.actor_of(conn, self.credential, self.address, self.now_ms)
                if self.credential:
                    await self.portal.rates.note(self._asking({}), is_known=self.actor is not None)
                self._inner = Inner(api, self.actor or NOBODY._replace(address=self.address), conn, self.now_ms)
                if not again:
                    await self._settle()
                try:
                    yield
                finally:
                    self._inner = None

    async def _settle(self) -> None:
        """How they are spoken to."""
        assert self._inner is not None, "only within looking()"
        if self.actor is not None:
            self.me = await self.ask("me.show", Me)
            if self.me.user is not None:
                self.language = language_for(self.me.user.language)
                self.formats = formats_of(self.me.user.language, self.me.user.timezone)
        path = None if self.actor is None else self.actor.path
        self.look = await look_of(self._inner.conn, path, self.request.host)

    async def check_rate(self) -> None:
        """Raises Problem: too many pages a minute, of one session, or of an address without one."""
        if self.credential:
            await self.portal.rates.check(BY_NAME["me.show"], self._asking({}))
        else:
            await self.portal.rates.check_page(self.address)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return address_of(self.request, self.portal.api.config.listen.proxies)

    @property
    def say(self) -> Say:
        """Puts a sentence of the code into the visitor's language."""
        return say_in(self.language)

    @property
    def account_id(self) -> int:
        """Of whom one is, or acts as."""
        return 0 if self.actor is None else self.actor.account_id

    def can(self, *names: str) -> bool:
        """Whether all these endpoints are open to the visitor. For what is offered; who does it is asked again.

        OPERATOR among them: only to the operator's people, who alone may do it whatever others' roles say.
        """
        return all(self.is_operator if name == OPERATOR else self._is_open(BY_NAME[name]) for name in names)

    def offers(self, link: str, *names: str) -> bool:
        """As `can`, of where a link leads: what is for whoever stands above an account isn't offered for one's own."""
        if not self.can(*names):
            return False
        is_own = re.search(rf"(^/accounts/|account_id=){self.account_id}\b", link) is not None
        return not (is_own and any(name in FROM_ABOVE or BY_NAME[name].below for name in names if name != OPERATOR))

    async def check_above(self, name: str) -> None:
        """Raises Problem: the endpoint is for whoever stands above the account that this page is about, not its own."""
        endpoint = BY_NAME[name]
        nouns = [one for one in endpoint.parameters if noun_of(one)] if endpoint.below else []
        if nouns and (await self._call().owner_of(await self.find(noun_of(nouns[0]), nouns[0]))).id == self.account_id:
            raise self.told(only_from_above())

    @property
    def is_operator(self) -> bool:
        """Whether the visitor is one of the operator's people."""
        return self.me is not None and self.me.account_kind == "root"

    @property
    def sells(self) -> bool:
        """Whether the visitor's account has others below it: the operator's, and resellers."""
        return self.is_operator or (self.me is not None and self.me.account_kind == "reseller")

    @property
    def earns(self) -> bool:
        """Whether the visitor's account is a commission reseller: who buys from it pays its seller."""
        return self.me is not None and self.me.account_kind == "reseller" and not self.me.buys

    @property
    def prices(self) -> bool:
        """Whether the visitor's account has prices of its own: a commission reseller only if it was given the right."""
        return not self.earns or self.can("tariff.make")

    def opens(self, link: str) -> bool:
        """Whether the visitor may see the page behind a link of this portal."""
        endpoint = self.portal.doors.endpoint_at(link)
        return endpoint == "" or self.can(endpoint)

    @property
    def is_acting(self) -> bool:
        """Whether the visitor is logged in as somebody else."""
        return self.actor is not None and self.actor.behalf_of_id is not None

    @property
    def whose(self) -> str:
        """Whose page this is, as its forms say: a browser's tabs have one session, whoever opened each of them."""
        actor = self.actor
        return "" if actor is None else f"{actor.user_id}-{actor.behalf_of_id or actor.user_id}"

    def _is_open(self, endpoint: Endpoint) -> bool:
        if endpoint.permission is Open.PUBLIC:
            return True
        if self.actor is None or (self.is_acting and endpoint.name in ONESELF):
            return False
        if self.earns and (endpoint.of_seller or endpoint.for_paid):
            return False
        return isinstance(endpoint.permission, Open) or endpoint.permission in self.actor.permissions

    # --- what

    def path_of(self, name: str) -> dict[str, str]:
        """An endpoint's parameters, from this page's own path."""
        return {one: self.parameter(one) for one in BY_NAME[name].parameters}

    def parameter(self, name: str) -> str:
        """A name of the page's path. Raises Problem for a number that nothing can have."""
        text = self.request.match_info[name]
        if name.endswith("_id") and len(text) > len(str(ID_MAX)):
            raise Problem("not-found")
        return text

    async def ask(
        self,
        name: str,
        kind: type[T],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        **parameters: object,
    ) -> T:
        """What an endpoint that changes nothing answers, by its own checks. Within `looking`. Raises Problem."""
        found = (await self.look_at(name, parameters, query, body)).body
        assert isinstance(found, kind), (name, type(found))
        return found

    async def look_at(
        self,
        name: str,
        parameters: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        rows: int = 0,
    ) -> Answer:
        """As `ask`, with the version of what is shown. `parameters`: of the endpoint's path; `rows`: as in Asking."""
        inner, endpoint = self._reader(name)
        asking = self._asking(parameters or {})._replace(query=tuple((query or {}).items()), rows=rows)
        if body is not None:
            asking = asking._replace(body=json.dumps(body).encode())
        with self._in_words():
            return await inner.ask(endpoint, asking)

    async def read_lines(
        self, name: str, parameters: Mapping[str, object], query: Mapping[str, str], asked: LinesAsked
    ) -> Lines:
        """A batch of a list as lines of a file, by the endpoint's own checks. Within `looking`. Raises Problem."""
        inner, endpoint = self._reader(name)
        return await inner.read_lines(endpoint, self._asking(parameters)._replace(query=tuple(query.items())), asked)

    def _reader(self, name: str) -> tuple[Inner, Endpoint]:
        """Who asks an endpoint that changes nothing. Raises Problem: nobody is signed in."""
        endpoint = BY_NAME[name]
        assert not endpoint.writes, name
        assert self._inner is not None, "only within looking()"
        if self.actor is None and endpoint.permission is not Open.PUBLIC:
            raise Problem("signed-out")
        return self._inner, endpoint

    async def do(
        self,
        name: str,
        body: Mapping[str, Any] | None = None,
        *,
        version: str = "",
        key: str = "",
        credential: str | None = None,
        **parameters: object,
    ) -> Answer:
        """Has an endpoint change something, as a request of its own. Raises Problem, and nothing was changed.

        `version`: that was looked at; `key`: the same one twice has its effect once, and the answer then has no body.
        """
        endpoint = BY_NAME[name]
        asking = self._asking(parameters)._replace(
            body=b"" if body is None else json.dumps(body).encode(),
            if_match=etag(number_in(version)) if version.isdecimal() else "",
            key=key,
        )
        if credential is not None:
            asking = asking._replace(credential=credential)
        with self._in_words():
            async with self.portal.rates.counted(endpoint, asking):
                found = await answered(self.portal.api, endpoint, asking, self.now_ms)
        return Answer(status=found.status) if isinstance(found, Reply) else found

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """A refusal is raised in the visitor's language."""
        try:
            yield
        except Problem as problem:
            raise self.told(problem) from problem

    def refuse(self, text: str) -> str:
        """A refusal of the API, in the visitor's language."""
        return refusal_in(self.language)(text)

    def tell(self, record: Sequence[Any]) -> str:
        """What the doctor says, in the visitor's language. `record`: `Sentence.to_record`."""
        return Sentence.from_record(record).told(sentence_in(self.language))

    def explain(self, steps: Sequence[str]) -> list[str]:
        """How a price came about, in the visitor's language, numbers too."""
        refuse = refusal_in(self.language)
        return [self.formats.decimals_in(refuse(step)) for step in steps]

    def told(self, problem: Problem) -> Problem:
        """The same refusal in the visitor's language, and in words for people."""
        refuse = refusal_in(self.language)
        errors = [one._replace(detail=refuse(plain(one.detail))) for one in problem.errors]
        return Problem(problem.kind, refuse(problem.detail), errors, problem.headers)

    def _asking(self, parameters: Mapping[str, object]) -> Asking:
        return Asking(
            parameters={name: str(value) for name, value in parameters.items()},
            credential=self.credential,
            address=self.address,
            agent=agent_of(self.request),
        )

    def new_key(self) -> str:
        """For a form: sent twice, it has its effect once."""
        return "portal-" + secrets.token_urlsafe(18)

    # --- names

    async def learn(self, noun: str, numbers: Collection[int | None]) -> None:
        """Looks up names of things, as far as the visitor may see such things."""
        wanted = {one for one in numbers if one and one <= ID_MAX and (noun, one) not in self._known}
        if not wanted or not self.can(f"{noun}.show"):
            return
        for number, row in (await self._call().find_all(noun, wanted)).items():
            self._known[noun, number] = NOUNS[noun].label_of(row)
            if noun == "account":
                self._currencies[number] = row.currency

    async def find(self, noun: str, parameter: str) -> Row[Any]:
        """A thing of the visitor's subtree, as it is kept, by its number in the page's path. Raises Problem."""
        return await self._call().find(noun, number_in(self.parameter(parameter)))

    async def learn_currency(self) -> None:
        """Of the last thing of the page's path: its own, else its account's."""
        named = [one for one in self.request.match_info if noun_of(one) in NOUNS]
        if named and not self.currency:
            row = await self.find(noun_of(named[-1]), named[-1])
            self.currency = row._mapping.get("currency") or (await self._call().owner_of(row)).currency

    async def currency_of(self, account_id: int) -> str:
        """Of an account; empty: it isn't one of the visitor's subtree."""
        rows = await self._call().find_all("account", [account_id])
        return str(rows[account_id].currency) if rows else ""

    async def currencies(self) -> list[str]:
        """Those that accounts can have: the own account's first, then all that there are rates of exchange for."""
        assert self._inner is not None, "only within looking()"
        own = await self.currency_of(self.account_id)
        pairs = (await in_force(self._inner.conn)).courses
        return [own, *sorted({one for pair in pairs for one in pair} - {own})]

    def _call(self) -> Call:
        assert self._inner is not None, "only within looking()"
        inner = self._inner
        return Call(inner.api, inner.actor, inner.conn, self.now_ms, self._asking({}), None, None)

    def name(self, noun: str, number: int | None) -> str:
        """The name of what was learned; else whose it is, or its number; empty: there is none."""
        if not number:
            return ""
        return self._known.get((noun, number)) or self._unseen(noun, number)

    def _unseen(self, noun: str, number: int) -> str:
        """What whoever may not look at a thing is told of it. An account that isn't below stands above."""
        if noun == "account" and number != self.account_id and self.can("account.show"):
            return self.say("above you")
        if noun == "tariff" and self.can("tariff.show"):
            return self.say("above you")  # that of whoever isn't above would have been learned
        return self.say("the operator's") if noun == "plan" else f"#{number}"

    def currency_known(self, account_id: int) -> str:
        """Of an account whose name was learned; empty: it wasn't, or stands elsewhere."""
        return self._currencies.get(account_id, "")

    def knows(self, noun: str, number: int | None) -> bool:
        """Whether its name was learned: then it can be looked at."""
        return (noun, number) in self._known
