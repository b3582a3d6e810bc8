"""A command for each endpoint of the API: its noun a group, its verb a command, its fields options."""

from __future__ import annotations

import json
import uuid
from typing import Any, NamedTuple

import click

from service.api.endpoint import Endpoint, Key, noun_of
from service.api.problems import Problem
from service.cli.answers import show
from service.cli.names import Names
from service.cli.options import Wanted, as_query, fields_of, json_of, option, pointed, value_of
from service.cli.output import as_json
from service.cli.progress import Progress
from service.cli.session import run
from service.cli.way import Request, Way, way
from service.faults import Fault
from service.urls import ENDPOINTS

PAGING = frozenset({"cursor"})
_PAGE_ROWS = "200"
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


class Refused(Fault):
    """The API said no: what it is, what more is said, and each value that is wrong, a line each."""

    def __init__(self, problem: Problem, fields: list[Wanted]) -> None:
        head = problem.title + (f": {problem.detail}" if problem.detail else "")
        lines = [f"{pointed(fields, one.pointer)}: {one.detail}" for one in problem.errors]
        super().__init__("\n".join([head, *lines]))


class Given(NamedTuple):
    """What stands on a command line."""

    values: dict[str, Any]
    """By field."""
    parameters: dict[str, str]
    """Of the path, as written."""
    body: str
    key: str
    version: int | None
    everything: bool
    wants_json: bool


def nouns() -> dict[str, dict[str, Endpoint]]:
    """Endpoints by noun, then by verb."""
    found: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        noun, _, verb = endpoint.name.partition(".")
        found.setdefault(noun, {})[verb] = endpoint
    return found


def command_of(endpoint: Endpoint, url: str) -> click.Command:
    """The command of an endpoint; it asks the service at an address, or this machine's ledger."""
    is_list = "cursor" in endpoint.query.model_fields
    fields = fields_of(endpoint, but=PAGING if is_list else frozenset())
    taken = {field.name for field in fields}
    own = {one: one if one not in taken else f"request_{one}" for one in ("json", "all", "body", "key", "if_version")}

    def callback(**given: Any) -> None:
        _check_secrets(fields, given, has_body=bool(given.get(own["body"])))
        asked = Given(
            values={name: given[name] for name in taken if given[name] not in {None, ()}},
            parameters={name: given[_argument(name)] for name in endpoint.parameters},
            body=given.get(own["body"]) or "",
            key=given.get(own["key"]) or "",
            version=given.get(own["if_version"]),
            everything=bool(given.get(own["all"])),
            wants_json=given[own["json"]],
        )
        run(_perform(endpoint, fields, asked, url))

    params: list[click.Parameter] = [
        click.Argument([_argument(name)], metavar=(noun_of(name) or name).upper()) for name in endpoint.parameters
    ]
    params += [option(field) for field in fields]
    params += _own_options(endpoint, own, is_list=is_list)
    return click.Command(endpoint.name.partition(".")[2], params=params, callback=callback, help=_help(endpoint))


def _argument(parameter: str) -> str:
    return f"path_{parameter}"


def _own_options(endpoint: Endpoint, own: dict[str, str], *, is_list: bool) -> list[click.Parameter]:
    def made(name: str, text: str, **more: Any) -> click.Option:
        return click.Option(["--" + own[name].replace("_", "-"), own[name]], help=text, **more)

    found: list[click.Parameter] = []
    if is_list:
        found.append(made("all", "Every page.", is_flag=True))
    if endpoint.body is not None:
        found.append(made("body", "The whole body as JSON; `@FILE`, or `-` for standard input.", metavar="JSON"))
    if endpoint.writes and endpoint.key is not Key.NONE:
        found.append(made("key", "Idempotency key: the same one again has no second effect.", metavar="TEXT"))
    if endpoint.method in {"PATCH", "PUT", "DELETE"}:
        found.append(made("if_version", "Only if it is still at this version.", type=int, metavar="NUMBER"))
    found.append(made("json", "One JSON document.", is_flag=True))
    return found


def _help(endpoint: Endpoint) -> str:
    said = (endpoint.handler.__doc__ or "").strip()
    needs = f"Needs {endpoint.permission.value}." if hasattr(endpoint.permission, "area") else ""
    return "\n\n".join(part for part in (f"{endpoint.summary}.", said, needs) if part)


def _check_secrets(fields: list[Wanted], given: dict[str, Any], *, has_body: bool) -> None:
    """Asks for what nobody should read in a list of processes."""
    for field in fields:
        if field.is_secret and field.required and given[field.name] is None and not has_body:
            given[field.name] = click.prompt(field.name.capitalize(), hide_input=True, err=True)


async def _perform(endpoint: Endpoint, fields: list[Wanted], asked: Given, url: str) -> None:
    async with way(url) as door:
        try:
            document = await answer(door, endpoint, fields, asked)
        except Problem as problem:
            raise Refused(problem, fields) from problem
        zone = door.zone
    if asked.wants_json:
        as_json(document)
        return
    show(document, zone)
    if isinstance(document, dict) and document.get("next"):
        click.echo("there is more: --all shows every page", err=True)


async def answer(door: Way, endpoint: Endpoint, fields: list[Wanted], asked: Given) -> Any:
    """The document that the API answers with; every page of it if asked for. Raises Problem or Fault."""
    names = Names(door, BY_NAME)
    query: dict[str, str] = {}
    body: Any = {}
    if asked.body:
        body = json_of(asked.body, "--body")
        if not isinstance(body, dict):
            raise Fault("--body: a JSON object was expected: {…}")
    for field in fields:
        if field.name not in asked.values:
            continue
        value = await value_of(field, asked.values[field.name], names)
        if field.place == "body":
            body[field.name] = value
        else:
            query[field.name] = as_query(value)
    request = Request(
        endpoint,
        {name: await _in_path(names, name, text) for name, text in asked.parameters.items()},
        query,
        body,
        asked.key or (str(uuid.uuid4()) if endpoint.key is Key.NEEDED else ""),
        "" if asked.version is None else json.dumps(str(asked.version)),
    )
    with Progress(endpoint.summary) as progress:
        return await (_every_page if asked.everything else _one_page)(door, request, progress)


async def _in_path(names: Names, parameter: str, text: str) -> str:
    noun = noun_of(parameter)
    return str(await names.number(noun, text)) if noun else text


async def _one_page(door: Way, request: Request, progress: Progress) -> Any:
    return await progress.watch(door.ask(request))


async def _every_page(door: Way, request: Request, progress: Progress) -> Any:
    items: list[Any] = []
    query = {"limit": _PAGE_ROWS, **request.query}
    while True:
        page = await progress.watch(door.ask(request._replace(query=query)))
        items += page["items"]
        progress.advance(len(page["items"]))
        if not page["next"]:
            return {"items": items, "next": None}
        query["cursor"] = page["next"]
