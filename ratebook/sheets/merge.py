"""A sheet's rates into a deck: what changes, from when, and what the carrier's contract says to that. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import NamedTuple

from ratebook.compare import Change
from ratebook.sheets.codes import country_of
from ratebook.sheets.deck import ALWAYS, DeckRow
from ratebook.sheets.mapping import Kind, Mapping, Past
from ratebook.sheets.read import LeftOut, Question, SheetRate
from ratebook.sheets.values import Status

JUMP_PERCENT = 50
"""A price that moves by more is worth a look."""
NAMED_MAX = 5


class Changed(NamedTuple):
    """One code's change."""

    kind: Change
    code: str
    destination: str
    before: DeckRow | None
    after: DeckRow | None
    effective: str | None
    """None: always was."""
    line: int
    """Of the sheet; 0: it does not name the code."""


class Merged(NamedTuple):
    """What importing comes to."""

    rows: list[DeckRow]
    changes: list[Changed]
    left_out: list[LeftOut]
    notices: list[str]
    questions: list[Question]

    @property
    def counts(self) -> dict[Change, int]:
        """Of each kind that occurs."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in Change if found[kind]}


def merge_sheet(rows: list[DeckRow], rates: list[SheetRate], mapping: Mapping, today: date) -> Merged:
    """The deck after the import. `today`: in the tariff's zone; nothing that is over is changed."""
    return _Merger(rows, mapping, today).merge(rates)


class _Merger:
    def __init__(self, rows: list[DeckRow], mapping: Mapping, today: date) -> None:
        self._rows: dict[str, list[DeckRow]] = {}
        for row in sorted(rows, key=lambda row: row.begins):
            self._rows.setdefault(row.prefix, []).append(row)
        self._mapping = mapping
        self._today = today.isoformat()
        self._due = None if mapping.notice_days is None else (today + timedelta(days=mapping.notice_days)).isoformat()
        self._changes: list[Changed] = []
        self._left_out: list[LeftOut] = []
        self._short: list[Changed] = []
        self._past: list[Changed] = []
        self._renamed: list[str] = []
        self._questions: list[Question] = []

    def merge(self, rates: list[SheetRate]) -> Merged:
        named: dict[str, set[str]] = {}
        for rate in rates:
            named.setdefault(rate.code, set()).add(rate.effective or self._today)
        for rate in sorted(rates, key=lambda rate: (rate.status is not Status.WITHDRAWN, rate.effective or ALWAYS)):
            if rate.status is Status.WITHDRAWN:
                self._withdraw_named(rate)
            else:
                self._take(rate)
        if any(self._rows[code] for code in self._rows if code not in named):
            self._withdraw_missing(rates, named)
        rows = [row for found in self._rows.values() for row in found]
        return Merged(rows, self._changes, self._left_out, self._notices(), self._questions)

    def _at(self, code: str, moment: str) -> DeckRow | None:
        held = [row for row in self._rows.get(code, []) if row.holds(moment)]
        return held[-1] if held else None

    def _take(self, rate: SheetRate) -> None:
        moment = max(rate.effective or self._today, self._today)
        before = self._at(rate.code, moment)
        after = _row_of(rate)
        if before is not None and before.price == after.price:
            if after.destination and after.destination != before.destination:
                self._rename(rate.code, before, after.destination)
            self._note(Change.UNCHANGED, rate, before, before)
            return
        if before is not None:
            after = self._dated(rate, before, after)
        others = [row for row in self._rows.get(rate.code, []) if row.effective != after.effective]
        following = next((row for row in others if row.begins > after.begins), None)
        if before is None and following is None and any(row.until and row.until > after.begins for row in others):
            others = [row._replace(until=min(row.until or after.begins, after.begins)) for row in others]
        self._rows[rate.code] = sorted([*others, after], key=lambda row: row.begins)
        self._note(_kind(before, after), rate, before, after)

    def _dated(self, rate: SheetRate, before: DeckRow, after: DeckRow) -> DeckRow:
        """The date from which a new price of a code holds that has one."""
        if rate.effective is None:
            return after._replace(effective=self._today)
        if rate.effective >= self._today:
            return after
        if self._mapping.past is Past.STOP:
            said = f"code {rate.code} in line {rate.line} has a new price since {rate.effective}, which is over"
            self._questions.append(Question("past", said, (Past.NOW.value, Past.KEEP.value)))
        if self._mapping.past is not Past.NOW:
            return after
        after = after._replace(effective=self._today)
        self._past.append(
            Changed(_kind(before, after), rate.code, rate.destination, before, after, self._today, rate.line)
        )
        return after

    def _rename(self, code: str, before: DeckRow, name: str) -> None:
        self._renamed.append(f"{before.destination} → {name}")
        self._rows[code] = [row._replace(destination=name) if row == before else row for row in self._rows[code]]

    def _withdraw_named(self, rate: SheetRate) -> None:
        moment = max(rate.effective or self._today, self._today)
        if not self._withdraw(rate.code, moment, rate.line):
            since = f"from {rate.effective}" if rate.effective else "at once"
            reason = f"withdrawn {since}, and the deck has no rate for it"
            self._left_out.append(LeftOut(rate.line, f"{rate.code} {rate.destination}", reason))

    def _withdraw(self, code: str, moment: str, line: int) -> bool:
        """Ends a code's rates at a moment; False: it has none then."""
        rows = self._rows.get(code, [])
        before = self._at(code, moment) or next((row for row in rows if row.begins >= moment), None)
        if before is None:
            return False
        kept = [row for row in rows if row.begins < moment]
        self._rows[code] = [
            row._replace(until=moment) if row.until is None or row.until > moment else row for row in kept
        ]
        self._changes.append(Changed(Change.WITHDRAWN, code, before.destination, before, None, moment, line))
        return True

    def _withdraw_missing(self, rates: list[SheetRate], named: dict[str, set[str]]) -> None:
        """What a sheet that tells all does not name any more; future prices that it does not repeat."""
        kind = self._mapping.kind
        if kind is None:
            said = (
                "the deck has codes that the sheet does not name: full (withdraw them), country (withdraw those of the "
                "countries that it names), or partial (leave them)?"
            )
            self._questions.append(Question("kind", said, tuple(Kind)))
        if kind in {None, Kind.PARTIAL}:
            return
        countries = {country_of(rate.code) for rate in rates}
        dates = {rate.effective for rate in rates}
        only = next(iter(dates)) if len(dates) == 1 else None
        moment = max(only or self._today, self._today)
        for code in list(self._rows):
            if kind is Kind.COUNTRY and country_of(code) not in countries:
                continue
            if code not in named:
                self._withdraw(code, moment, 0)
            else:
                told = named[code]
                self._rows[code] = [
                    row for row in self._rows[code] if row.begins <= self._today or row.effective in told
                ]

    def _note(self, kind: Change, rate: SheetRate, before: DeckRow | None, after: DeckRow) -> None:
        change = Changed(kind, rate.code, rate.destination, before, after, after.effective, rate.line)
        self._changes.append(change)
        if kind is Change.INCREASED and self._due is not None and (after.effective or ALWAYS) < self._due:
            self._short.append(change)

    def _notices(self) -> list[str]:
        found = []
        if self._short:
            days = self._mapping.notice_days
            found.append(f"{len(self._short)} increases come with less than {days} days' notice: {_named(self._short)}")
        if self._past:
            found.append(
                f"{len(self._past)} new prices had a date that is over and hold from today: {_named(self._past)}"
            )
        jumps = [change for change in self._changes if _jumps(change)]
        if jumps:
            found.append(f"{len(jumps)} prices move by more than {JUMP_PERCENT} %: {_named(jumps)}")
        if self._renamed:
            names = list(dict.fromkeys(self._renamed))
            found.append(f"{len(names)} destinations have another name: {'; '.join(names[:NAMED_MAX])}")
        return found


def _row_of(rate: SheetRate) -> DeckRow:
    return DeckRow(
        rate.code, rate.destination, rate.rate_nanos, rate.first_rate_nanos, rate.increments, rate.connect_fee_nanos,
        rate.effective, rate.until, rate.status is Status.BLOCKED,
    )  # fmt: skip


def _kind(before: DeckRow | None, after: DeckRow) -> Change:
    if before is None:
        return Change.BLOCKED if after.blocked else Change.NEW
    if before.blocked != after.blocked:
        return Change.BLOCKED if after.blocked else Change.UNBLOCKED
    costs = [_costs(row) for row in (before, after)]
    dearer = [now > then for then, now in zip(*costs, strict=True)]
    cheaper = [now < then for then, now in zip(*costs, strict=True)]
    if any(dearer) == any(cheaper):
        return Change.CHANGED
    return Change.INCREASED if any(dearer) else Change.DECREASED


def _costs(row: DeckRow) -> list[int]:
    """Of a second, half a minute and three minutes and a second, in sixtieths of nano-units."""
    first_s, next_s = row.increments or (1, 1)
    first_nanos = row.rate_nanos if row.first_rate_nanos is None else row.first_rate_nanos
    fee = (row.connect_fee_nanos or 0) * 60
    return [
        fee + first_s * first_nanos + max(0, -(-(seconds - first_s) // next_s) * next_s) * row.rate_nanos
        for seconds in (1, 30, 181)
    ]


def _jumps(change: Changed) -> bool:
    if change.kind not in {Change.INCREASED, Change.DECREASED} or change.before is None or change.after is None:
        return False
    then, now = change.before.rate_nanos, change.after.rate_nanos
    return abs(now - then) * 100 > then * JUMP_PERCENT


def _named(changes: list[Changed]) -> str:
    codes = ", ".join(change.code for change in changes[:NAMED_MAX])
    return codes + (", …" if len(changes) > NAMED_MAX else "")
