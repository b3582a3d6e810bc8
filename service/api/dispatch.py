"""From a request to its answer: who asks, may they, does it exist for them, is it well formed; then the handler.

The command line and the tests come in here too: what HTTP adds stands in `service.api.http`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.actor import Actor
from service.api.call import Api, Asking, Call, Check, etag, forbidden
from service.api.endpoint import Answer, Endpoint, Key, Open, noun_of
from service.api.lines import Lines, LinesAsked
from service.api.lists import Paging
from service.api.problems import (
    ONLY_OF_PAID,
    FieldError,
    Problem,
    away,
    invalid,
    not_found,
    only_from_above,
    took_too_long,
)
from service.api.values import ID_MAX, Named, named_in
from service.commands.outbox import writing
from service.database.access_tables import answers
from service.database.again import until_alone
from service.database.away import is_away
from service.database.engine import TookTooLong, looking_within
from service.faults import Fault

KEY_CHARACTERS_MAX = 200
NOBODY = Actor(None, "", 0, "//", frozenset(), "")
"""Asks at public endpoints; its subtree is empty."""


class Reply(NamedTuple):
    """What goes back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Unaudited(Exception):
    """A handler changed something and told the audit nothing. Its transaction is undone."""


async def respond(api: Api, endpoint: Endpoint, asking: Asking, now_ms: int, actor: Actor | None = None) -> Reply:
    """Answers one request. `actor`: who asks, where that is known already. Raises Problem."""
    found = await answered(api, endpoint, asking, now_ms, actor)
    return found if isinstance(found, Reply) else _reply_of(endpoint, found)


async def answered(
    api: Api, endpoint: Endpoint, asking: Asking, now_ms: int, actor: Actor | None = None
) -> Answer | Reply:
    """As `respond`, before it becomes text: what the handler gave. Reply: what stood under the key. Raises Problem.

    A database that was restarted has left connections that are dead: what finds one is asked once more, by a new one,
    unless it may have changed something already.
    """
    with told_as_problems():
        try:
            return await _answered(api, endpoint, asking, now_ms, actor)
        except DBAPIError as fault:
            if endpoint.writes or not fault.connection_invalidated:
                raise
        return await _answered(api, endpoint, asking, now_ms, actor)


@contextmanager
def told_as_problems() -> Iterator[None]:
    """What the database can't do now is a problem; a statement that is wrong stays a fault, which goes to the log."""
    try:
        yield
    except TookTooLong as fault:
        raise took_too_long() from fault
    except SQLAlchemyError as fault:
        if is_away(fault):
            raise away() from fault
        raise


async def _answered(api: Api, endpoint: Endpoint, asking: Asking, now_ms: int, actor: Actor | None) -> Answer | Reply:
    try:
        async with looking_within(api.engine, api.look_s) as conn:
            known = actor or await _who(api, conn, endpoint, asking, now_ms)
            stood = await _stored(conn, known, endpoint, asking)  # before its path: a thing that it removed isn't there
            if stood is None:
                call = await _prepared(api, endpoint, asking, known, conn, now_ms)
                if not endpoint.writes and not endpoint.own_transaction:
                    return await _followed(endpoint, api, await _handled(endpoint, call))
        if stood is not None:
            return await _again(endpoint, api, stood)
        if endpoint.own_transaction:
            return await _followed(endpoint, api, await _handled(endpoint, call))
        return await _write(api, endpoint, asking, now_ms, actor)
    except IntegrityError as fault:
        raise Problem("conflict", "this stands already, or something still depends on it") from fault


async def _write(api: Api, endpoint: Endpoint, asking: Asking, now_ms: int, actor: Actor | None) -> Answer | Reply:
    stood, answer = await until_alone(lambda: _written(api, endpoint, asking, now_ms, actor))
    return await _followed(endpoint, api, answer) if stood is None else await _again(endpoint, api, stood)


async def _written(
    api: Api, endpoint: Endpoint, asking: Asking, now_ms: int, actor: Actor | None
) -> tuple[Stored | None, Answer]:
    """In one transaction under the node's lock; who asks is looked at again there, since meanwhile it may be nobody."""
    answer = Answer()
    async with writing(api.engine, api.config.node) as conn:
        known = actor or await _who(api, conn, endpoint, asking, now_ms)
        stood = await _stored(conn, known, endpoint, asking)
        if stood is None:
            call = await _prepared(api, endpoint, asking, known, conn, now_ms)
            answer = await _handled(endpoint, call)
            if not call.changes:
                raise Unaudited(endpoint.name)
            await _store(conn, known, endpoint, asking, answer, now_ms)
    return stood, answer


class Inner(NamedTuple):
    """Whoever asks several endpoints on one connection, in one transaction."""

    api: Api
    actor: Actor
    conn: AsyncConnection
    now_ms: int
    later: list[Check] | None = None
    """Where what must hold in the end is kept; None: each has its own end."""

    async def ask(self, endpoint: Endpoint, asking: Asking) -> Answer:
        """With the right, the look-up and the form that the endpoint has by itself. Raises Problem."""
        call = await _prepared(self.api, endpoint, asking, self.actor, self.conn, self.now_ms)
        call.later = self.later
        answer = await _handled(endpoint, call)
        if endpoint.writes and not call.changes:
            raise Unaudited(endpoint.name)
        return answer

    async def read_lines(self, endpoint: Endpoint, asking: Asking, asked: LinesAsked) -> Lines:
        """A batch of a list as lines of a file, by the same checks. Raises Problem."""
        assert endpoint.lines is not None, endpoint.name
        call = await _prepared(self.api, endpoint, asking, self.actor, self.conn, self.now_ms)
        return await endpoint.lines(call, asked)


async def perform(call: Call, endpoint: Endpoint, parameters: dict[str, str], body: bytes) -> Answer:
    """One endpoint inside another one's request, asked by the same person in the same transaction. Raises Problem."""
    asking = call.asking._replace(parameters=parameters, query=(), body=body, key="", if_match="")
    return await Inner(call.api, call.actor, call.conn, call.now_ms).ask(endpoint, asking)


async def _handled(endpoint: Endpoint, call: Call) -> Answer:
    try:
        return await endpoint.handler(call)
    except Fault as fault:
        raise Problem("conflict", str(fault)) from fault


async def _who(api: Api, conn: AsyncConnection, endpoint: Endpoint, asking: Asking, now_ms: int) -> Actor:
    if endpoint.permission is Open.PUBLIC:
        return NOBODY._replace(address=asking.address)
    actor = await api.sessions.actor_of(conn, asking.credential, asking.address, now_ms)
    if actor is None:
        raise Problem("signed-out", headers={"WWW-Authenticate": "Bearer"})
    return actor


async def _prepared(
    api: Api, endpoint: Endpoint, asking: Asking, actor: Actor, conn: AsyncConnection, now_ms: int
) -> Call:
    """Right, then existence, then form. Raises Problem."""
    _check_right(endpoint, actor)
    call = Call(api, actor, conn, now_ms, asking, None, None)
    await _look_up_path(endpoint, call)
    _check_key(endpoint, asking)
    call.query, errors = _parsed_query(endpoint, asking)
    if asking.rows and isinstance(call.query, Paging):
        call.query = call.query.model_copy(update={"limit": asking.rows})
    call.body, more = _parsed_body(endpoint, asking)
    named = [("query", one) for one in named_in(call.query)] + [("body", one) for one in named_in(call.body)]
    errors += more + await _unknown(call, named)
    if errors:
        raise Problem("invalid", errors=errors)
    if endpoint.of_seller:
        for one in [one for one in named_in(call.body) if one.noun == "account"]:
            await _check_asker(endpoint, call, await call.find("account", one.id, to_change=True))
    if endpoint.for_paid and endpoint.writes:
        await _check_paid(endpoint, call)
    return call


def _check_right(endpoint: Endpoint, actor: Actor) -> None:
    if not isinstance(endpoint.permission, Open) and endpoint.permission not in actor.permissions:
        raise forbidden([endpoint.permission])


async def _look_up_path(endpoint: Endpoint, call: Call) -> None:
    for parameter in endpoint.parameters:
        noun = noun_of(parameter)
        if not noun:
            continue
        text = call.asking.parameters[parameter]
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        if not 0 < number <= ID_MAX:
            raise not_found()
        call.subject = await call.find(noun, number, to_change=endpoint.writes)
        if call.account is None:
            call.account = await call.owner_of(call.subject)
    if call.account is not None:
        await _check_asker(endpoint, call, call.account)


async def _check_asker(endpoint: Endpoint, call: Call, account: Row[Any]) -> None:
    """Raises Problem: the account is the asker's own, or another one's to sell to, and the endpoint for neither."""
    if endpoint.below and account.id == call.actor.account_id:
        raise only_from_above()
    if endpoint.of_seller:
        await call.need_seller(account.path)


async def _check_paid(endpoint: Endpoint, call: Call) -> None:
    """Raises Problem: the seller that the body names, or the path, is a commission reseller."""
    named = getattr(call.body, "account_id", None)
    if named is not None and (await call.find("account", named, to_change=True)).commission:
        raise invalid("/account_id", ONLY_OF_PAID)
    if "account_id" in endpoint.parameters and call.of.commission:
        raise Problem("conflict", ONLY_OF_PAID)


def _check_key(endpoint: Endpoint, asking: Asking) -> None:
    if endpoint.key is Key.NEEDED and not asking.key:
        raise Problem("key-missing", "send an Idempotency-Key of your own: repeated, it has its effect once")
    if not _is_key(asking.key):
        raise Problem("bad-header", f"an Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} printable ASCII characters")


def _is_key(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= KEY_CHARACTERS_MAX


def _parsed_query(endpoint: Endpoint, asking: Asking) -> tuple[Any, list[FieldError]]:
    given: dict[str, Any] = {}
    for name, value in asking.query:
        if name in given:
            return None, [FieldError("query", f"/{name}", "give this once")]
        given[name] = value
    try:
        return endpoint.query.model_validate(given), []
    except ValidationError as faults:
        return None, field_errors("query", faults)


def _parsed_body(endpoint: Endpoint, asking: Asking) -> tuple[Any, list[FieldError]]:
    if endpoint.body is None:
        return None, []
    try:
        return endpoint.body.model_validate_json(asking.body or b"{}", strict=True), []
    except ValidationError as faults:
        if any(fault["type"] == "json_invalid" for fault in faults.errors()):
            raise Problem("not-json", faults.errors()[0]["msg"]) from faults
        return None, field_errors("body", faults)


def field_errors(place: str, faults: ValidationError) -> list[FieldError]:
    """What a model found, field by field."""
    return [
        FieldError(place, "".join(f"/{step}" for step in fault["loc"]), fault["msg"].removeprefix("Value error, "))
        for fault in faults.errors(include_url=False)
    ]


async def _unknown(call: Call, named: list[tuple[str, Named]]) -> list[FieldError]:
    """Those that name nothing in the asker's subtree."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for _, one in named:
        wanted[one.noun].add(one.id)
    found = {noun: await call.find_all(noun, numbers) for noun, numbers in wanted.items()}
    return [
        FieldError(place, one.pointer, f"there is no {one.noun} {one.id}")
        for place, one in named
        if one.id not in found[one.noun]
    ]


def _digest(endpoint: Endpoint, asking: Asking) -> str:
    told = json.dumps([endpoint.name, sorted(asking.parameters.items()), asking.query, asking.body.decode("latin-1")])
    return hashlib.sha256(told.encode()).hexdigest()


class Stored(NamedTuple):
    """An answer that stands under a key."""

    reply: Reply
    follow: int | None


async def _stored(conn: AsyncConnection, actor: Actor, endpoint: Endpoint, asking: Asking) -> Stored | None:
    """The answer that stands under the key; None: there is none. Raises Problem: forbidden; another request's key."""
    _check_right(endpoint, actor)
    if not (endpoint.writes and asking.key and _is_key(asking.key)) or endpoint.key is Key.NONE:
        return None
    where = (answers.c.account_id == actor.account_id) & (answers.c.key == asking.key)
    row = (await conn.execute(sa.select(answers).where(where))).first()
    if row is None:
        return None
    if row.digest != _digest(endpoint, asking):
        raise Problem("key-reused", "take a new key for a new request")
    kept = json.loads(row.body)
    reply = Reply(row.status, kept["headers"] | {"Idempotent-Replay": "true"}, kept["body"].encode())
    return Stored(reply, kept["follow"])


async def _store(
    conn: AsyncConnection, actor: Actor, endpoint: Endpoint, asking: Asking, answer: Answer, now_ms: int
) -> None:
    if not asking.key or endpoint.key is Key.NONE:
        return
    reply = _reply_of(endpoint, answer)
    kept = {"headers": reply.headers, "body": reply.body.decode(), "follow": answer.follow}
    row = {"account_id": actor.account_id, "key": asking.key, "digest": _digest(endpoint, asking)}
    insert = sa.insert(answers).values(**row, status=reply.status, body=json.dumps(kept), created_ms=now_ms)
    await conn.execute(insert)


async def _again(endpoint: Endpoint, api: Api, stood: Stored) -> Answer | Reply:
    if stood.follow is None or endpoint.follow is None:
        return stood.reply
    return await endpoint.follow(api, stood.follow)


async def _followed(endpoint: Endpoint, api: Api, answer: Answer) -> Answer:
    if answer.follow is not None and endpoint.follow is not None:
        return await endpoint.follow(api, answer.follow)
    return answer


def _reply_of(endpoint: Endpoint, answer: Answer) -> Reply:
    headers = {} if answer.version is None else {"ETag": etag(answer.version)}
    if answer.location:
        headers["Location"] = answer.location
    body = b"" if answer.body is None else answer.body.model_dump_json().encode()
    return Reply(answer.status or endpoint.status, headers, body)
