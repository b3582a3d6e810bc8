"""Which calls a product's packages are for. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kemi.store import layout


class Content(NamedTuple):
    """Which calls a product is for."""

    groups: frozenset[str]
    """Destination groups; empty: every number."""
    tariffs: frozenset[int]
    """By which the account pays for the call; empty: any."""

    def fits(self, tariff: int, groups: tuple[str, ...]) -> bool:
        """Whether a call by a tariff to a number of these groups may take of it."""
        return (not self.tariffs or tariff in self.tariffs) and (not self.groups or not self.groups.isdisjoint(groups))


def content_of(raw: bytes) -> Content:
    """Of a record in `config`."""
    record = layout.unpack_json(raw)
    return Content(frozenset(record["groups"]), frozenset(record["tariffs"]))
