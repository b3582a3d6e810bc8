"""The tree of accounts as the API tells it, in the lines that the ledger's own look gives."""

from __future__ import annotations

from typing import Any

from ratebook.money import parse_micros
from service.accounts.overview import AccountLine
from service.api.problems import Problem
from service.cli.options import fields_of
from service.cli.verbs import BY_NAME, Given, Refused, answer
from service.cli.way import way

_NOTHING = Given({}, {}, "", "", None, everything=True, wants_json=True)


async def lines_by_api(url: str, below: str | None) -> list[AccountLine]:
    """An account and all below it, parents first, siblings by name. Raises Fault."""
    endpoint = BY_NAME["account.list"]
    fields = fields_of(endpoint)
    values = {"sort": "path"} | ({} if below is None else {"below_id": below})
    async with way(url) as door:
        try:
            found = await answer(
                door, endpoint, fields, Given(values, {}, "", "", None, everything=True, wants_json=True)
            )
            tariffs = await _tariff_names(door)
        except Problem as problem:
            raise Refused(problem, fields) from problem
    return _ordered(found["items"], tariffs)


async def _tariff_names(door: Any) -> dict[int, str]:
    """By number, as far as the API lists them."""
    endpoint = BY_NAME.get("tariff.list")
    if endpoint is None:
        return {}
    try:
        found = await answer(door, endpoint, fields_of(endpoint), _NOTHING)
    except Problem:
        return {}
    return {row["id"]: row["name"] for row in found["items"]}


def _ordered(items: list[dict[str, Any]], tariffs: dict[int, str]) -> list[AccountLine]:
    by_id = {item["id"]: item for item in items}
    children: dict[int | None, list[dict[str, Any]]] = {}
    for item in sorted(items, key=lambda one: one["name"]):
        parent = item["parent_id"] if item["parent_id"] in by_id else None
        children.setdefault(parent, []).append(item)
    lines: list[AccountLine] = []
    waiting = [(item, 0) for item in reversed(children.get(None, []))]
    while waiting:
        item, depth = waiting.pop()
        lines.append(_line(item, depth, by_id, tariffs))
        waiting += [(below, depth + 1) for below in reversed(children.get(item["id"], []))]
    return lines


def _line(item: dict[str, Any], depth: int, by_id: dict[int, dict[str, Any]], tariffs: dict[int, str]) -> AccountLine:
    number = item["tariff_id"]
    parent = by_id.get(item["parent_id"])
    shared = ("id", "name", "kind", "billing", "currency", "channels", "cps", "commission", "state")
    return AccountLine(
        **{name: item[name] for name in shared},
        parent=parent["name"] if parent else "",
        depth=depth,
        balance_micros=parse_micros(item["balance"]),
        credit_limit_micros=parse_micros(item["credit_limit"]),
        tariff="" if number is None else tariffs.get(number, f"#{number}"),
    )
