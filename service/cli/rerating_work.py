"""Carries a re-rating out from the command line, here or over HTTP, and shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click

from service.access.actor import local_actor
from service.access.sessions import Sessions
from service.api.call import Api
from service.api.problems import Problem
from service.api.values import moment_text
from service.cli.names import Names
from service.cli.options import fields_of
from service.cli.output import Column, as_json, table
from service.cli.progress import Progress
from service.cli.session import config, ledger, now_ms, user
from service.cli.verbs import BY_NAME, Refused
from service.cli.way import Here, Request, Way, way
from service.rerating.work import Rerater

POLL_S = 0.5
Document = dict[str, Any]
_REASONS = {
    "no_rate": "the rates have none for the number",
    "blocked": "the rates bar the number",
    "currency": "the rates are in another currency",
    "rates_gone": "the rates are not there any more: publish them again",
    "closed": "the account is closed",
    "credited": "all of it was credited",
    "unclear_tariff": "several tariffs had just these rates: name the account, or give the tariffs a difference",
}


class Door:
    """The API, and who carries a re-rating out: here this command does, elsewhere the service."""

    def __init__(self, door: Way, rerater: Rerater | None) -> None:
        self.way, self._rerater = door, rerater
        self.names = Names(door, BY_NAME)

    async def ask(self, name: str, body: Any = None, **parameters: str) -> Document:
        """An endpoint. Raises Refused."""
        endpoint = BY_NAME[name]
        try:
            found: Document = await self.way.ask(Request(endpoint, parameters, {}, body))
        except Problem as problem:
            raise Refused(problem, fields_of(endpoint)) from problem
        return found

    async def finish(self, started: Document, calls: int) -> Document:
        """Waits for the end of a run that looks at about so many calls."""
        number, run_ = str(started["id"]), started
        with Progress("Rate calls again", calls) as progress:
            while run_["state"] == "running":
                await self._go_on(int(number))
                before, run_ = run_["calls"], await self.ask("rerating.show", rerating_id=number)
                progress.advance(run_["calls"] - before)
        return run_

    async def _go_on(self, number: int) -> None:
        if self._rerater is None:
            await asyncio.sleep(POLL_S)
        else:
            await self._rerater.step(number, now_ms())


@asynccontextmanager
async def _door(url: str) -> AsyncIterator[Door]:
    if url:
        async with way(url) as door:
            yield Door(door, None)
        return
    settings = config()
    async with ledger(settings) as engine:
        here = Here(Api(settings, engine, Sessions()), local_actor(user()))
        yield Door(here, Rerater(engine, settings))


async def rerate(url: str, chosen: Document, reason: str | None, *, wants_json: bool) -> None:
    """`chosen`: the command's options. `reason` None: it is only looked at. Raises Fault."""
    async with _door(url) as door:
        body = await _body(door.names, chosen)
        with Progress("Look at calls") as progress:
            found = await progress.watch(door.ask("rerating.preview", body))
        done = None
        if reason is not None:
            started = await door.ask("rerating.start", body | {"reason": reason})
            done = await door.finish(started, found["calls"])
        names = await _accounts(door.names, found, done)
    if wants_json:
        as_json({"preview": found, "rerating": done})
    elif done is None:
        _show_preview(found, names)
    else:
        _show_done(done, names)


async def _body(names: Names, chosen: Document) -> Document:
    """What the API takes. Raises Fault for a name that means nothing."""
    since, until = chosen["period"]
    body: Document = {"since": moment_text(since), "until": moment_text(until)}
    for option, noun, field in (
        ("account", "account", "account_id"),
        ("tariff", "tariff", "tariff_id"),
        ("by", "tariff", "by_tariff_id"),
    ):
        if chosen[option]:
            body[field] = await names.number(noun, chosen[option])
    return body | {name: chosen[name] for name in ("prefix", "destination", "version", "draft") if chosen[name]}


async def _accounts(names: Names, *documents: Document | None) -> dict[int, str]:
    ids = {one["account_id"] for document in documents if document for one in document["sums"]}
    return {number: await names.path_of(number) or f"#{number}" for number in sorted(ids)}


def _show_preview(found: Document, names: dict[int, str]) -> None:
    click.echo(f"{found['calls']} calls, {found['changed_calls']} change")
    _show_sums(found["sums"], names)
    _show_left(found["left_alone"])
    for one in found["left"]:
        click.echo(f"  {one['call']}: {one['kind']} of #{one['account_id']}, {_REASONS[one['reason']]}")
    click.echo("nothing was changed: --yes does it")


def _show_done(done: Document, names: dict[int, str]) -> None:
    click.echo(f"re-rating {done['id']}: {done['calls']} calls, {done['changed']} corrections posted")
    _show_sums(done["sums"], names)
    _show_left(done["left_alone"])


def _show_sums(sums: list[Document], names: dict[int, str]) -> None:
    titles = ("account", "kind", "lines", "more", "less", "difference", "currency")
    fields = ("kind", "lines", "more", "less", "net", "currency")
    rows = [[names[one["account_id"]], *(str(one[field]) for field in fields)] for one in sums]
    columns = [Column(title, right=title in {"lines", "more", "less", "difference"}) for title in titles]
    table(columns, rows, empty="no charge and no cost differs")


def _show_left(left: dict[str, int]) -> None:
    for reason, count in sorted(left.items()):
        click.echo(f"{count} left as they are: {_REASONS[reason]}")
