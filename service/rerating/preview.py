"""What a re-rating would change: the same judgement, and nothing is written."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.rerating.changes import Change, Judged, Left, judge
from service.rerating.lines import Page, Position, Selection, page_of
from service.rerating.rates import Pins, Rates, owners_of

PAGE_CALLS = 500
"""Looked at in one go: others wait for the event loop as long as that."""
SHOWN_MAX = 50
"""Lines that are told one by one, of those that change and of those that are left."""


class Sum(NamedTuple):
    """What changes for an account, its charges and what it gets as a provider apart."""

    lines: int = 0
    more_micros: int = 0
    """By which charges or costs rise."""
    less_micros: int = 0
    """By which others fall: never above zero."""

    def add(self, micros: int) -> Sum:
        """With one line more."""
        return Sum(self.lines + 1, self.more_micros + max(0, micros), self.less_micros + min(0, micros))


class SumKey(NamedTuple):
    """Whose, what, in which currency."""

    account_id: int
    is_cost: bool
    currency: str


class Preview:
    """Grows page by page."""

    def __init__(self) -> None:
        self.calls = 0
        self.changed_calls = 0
        self.sums: dict[SumKey, Sum] = {}
        self.left_alone: Counter[str] = Counter()
        self.changes: list[Change] = []
        """The first ones."""
        self.left: list[Left] = []
        """Likewise."""

    def add(self, page: Page, judged: Judged) -> None:
        """A page."""
        self.calls += len(page.cdr_ids)
        self.changed_calls += len({change.line.call.id for change in judged.changes})
        for change in judged.changes:
            key = SumKey(change.line.account_id, change.line.is_cost, change.line.currency)
            self.sums[key] = self.sums.get(key, Sum()).add(change.delta_micros)
        self.left_alone.update(one.why.value for one in judged.left)
        self.changes += judged.changes[: SHOWN_MAX - len(self.changes)]
        self.left += judged.left[: SHOWN_MAX - len(self.left)]


async def preview(engine: AsyncEngine, chosen: Selection, pins: Pins, rates: Rates) -> Preview:
    """Of all pages. No transaction is long, and nobody waits for it."""
    found = Preview()
    position = Position(chosen.from_ms, 0)
    given = Counter[int]()
    while True:
        async with reading(engine) as conn:
            page = await page_of(conn, chosen, position, PAGE_CALLS)
            owners = await owners_of(conn, [line.price.tariff for line in page.lines])
        found.add(page, await judge(page, owners, pins, rates, given))
        if page.is_last:
            return found
        position = page.end
