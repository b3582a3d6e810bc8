"""From what people write to the numbers that the API takes: a name, a path of names, or # and the number itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from service.accounts.naming import is_end_of, joined, last_of, told_apart
from service.api.endpoint import Endpoint
from service.api.problems import Problem
from service.cli.way import Request, Way
from service.faults import Fault

_NUMBER = re.compile(r"#([1-9]\d{0,17})", re.ASCII)
_PAGE_ROWS = "200"
_FIELDS = ("username", "name", "email", "number")
"""By which lists find what is named, the first that they have."""
_TELEPHONE = frozenset({"number", "special"})
"""Nouns whose numbers are digits; of invoices and receipts digits alone are the ledger's number."""


def _field_of(endpoint: Endpoint) -> str:
    """By which a list finds what is named; empty: by nothing."""
    return next((one for one in _FIELDS if one in endpoint.query.model_fields), "")


class Names:
    """Looks names up in the lists that the API has."""

    def __init__(self, way: Way, endpoints: Mapping[str, Endpoint]) -> None:
        self._way, self._endpoints = way, endpoints
        self._accounts: dict[int, tuple[str, int | None]] = {}
        """Name and parent."""

    async def number(self, noun: str, text: str) -> int:
        """What a word names. Raises Fault for nothing, and for several."""
        exact = _NUMBER.fullmatch(text)
        if exact:
            return int(exact[1])
        found, is_digits = await self._found(noun, text), text.isascii() and text.isdecimal()
        if is_digits and (found is None or (noun in _TELEPHONE and not found)):
            return int(text)
        if found is None:
            raise Fault(f"{text!r}: name a {noun} by # and its number, such as '#5'")
        if not found:
            raise Fault(f"no {noun} {text!r}{self._advice(noun, text)}")
        if len(found) > 1:
            raise Fault(told_apart(text, found, noun))
        return found[0][1]

    def _advice(self, noun: str, text: str) -> str:
        if text.isdecimal():
            return f": write '#{text}' if this is its number"
        return f": `kambill {noun} list` shows all" if f"{noun}.list" in self._endpoints else ""

    async def _found(self, noun: str, text: str) -> list[tuple[str, int]] | None:
        """Paths of names with numbers; None: such things have no names, or this is none."""
        endpoint = self._endpoints.get(f"{noun}.list")
        field = "" if endpoint is None else _field_of(endpoint)
        if endpoint is None or not field:
            rows = await self._way.listed(noun, text)
            return None if rows is None else [(row["name"], int(row["id"])) for row in rows]
        if field == "number" and noun not in _TELEPHONE and text.isdecimal():
            return None
        wanted = text.lower() if field == "email" else text
        listed = await self._named(noun, endpoint, field, {wanted, last_of(wanted)} - {""})
        found = [(path, number) for number, path in listed.items() if is_end_of(wanted, path)]
        return [one for one in found if one[0] == wanted] or found

    async def _named(self, noun: str, endpoint: Endpoint, field: str, names: set[str]) -> dict[int, str]:
        """Numbers with paths of whatever has one of these names."""
        rows = [row for name in sorted(names) for row in await self._rows(endpoint, field, name)]
        return {int(row["id"]): await self._path(noun, row, field) for row in rows if row[field] in names}

    async def _rows(self, endpoint: Endpoint, field: str, text: str) -> list[dict[str, Any]]:
        query = {field: text, "limit": _PAGE_ROWS}
        rows: list[dict[str, Any]] = []
        while True:
            page = await self._way.ask(Request(endpoint, query=query))
            rows += page["items"]
            if not page.get("next"):
                return rows
            query["cursor"] = page["next"]

    async def _path(self, noun: str, row: dict[str, Any], field: str) -> str:
        """Names from the topmost account that is seen down to the thing."""
        if noun == "account":
            self._accounts[row["id"]] = (row["name"], row["parent_id"])
            return await self.path_of(row["id"])
        owner = row.get("account_id") or row.get("owner_id")
        return joined([*([await self.path_of(owner)] if owner else []), row[field]])

    async def path_of(self, account_id: int) -> str:
        """Names of an account and those above it, as far as they are seen."""
        names: list[str] = []
        step: int | None = account_id
        while step is not None:
            if step not in self._accounts:
                request = Request(self._endpoints["account.show"], {"account_id": str(step)})
                try:
                    row = await self._way.ask(request)
                except Problem:
                    break
                self._accounts[step] = (row["name"], row["parent_id"])
            name, step = self._accounts[step]
            names.append(name)
        return joined(reversed(names))
