"""Reading the journal from where the ledger is, in order and without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kemi.store.journal import TornLine, journal_files, read_lines
from service.faults import Fault

Event = dict[str, Any]


class JournalGap(Fault):
    """Lines are missing: nothing after them may be posted."""

    def __init__(self, path: Path, epoch: int, expected: int, found: int) -> None:
        super().__init__(
            f"{path}: after line {expected - 1} of store {epoch} comes line {found}: a file of the journal is missing; "
            "put it back, the collector then goes on by itself"
        )


class Position(NamedTuple):
    """How far the ledger has read."""

    epoch: int
    sequence: int
    file: str
    """Name of a journal file; empty: from the first one. A hint."""
    offset: int


class Batch(NamedTuple):
    """Lines to post together, and where the next ones are."""

    events: list[Event]
    position: Position


def read_batch(folder: Path, position: Position, limit: int) -> Batch:
    """The next lines after `position`, `limit` at most; an `opened` line ends its batch.

    Raises JournalGap, TornLine.
    """
    events: list[Event] = []
    for path, offset, event in _lines(folder, position):
        epoch, sequence = event["epoch"], event["seq"]
        at = position._replace(file=path.name, offset=offset)
        if event["e"] == "carried" or (epoch, sequence) <= (position.epoch, position.sequence):
            position = at
            continue
        expected = position.sequence + 1 if epoch == position.epoch else 1
        if sequence != expected:
            raise JournalGap(path, epoch, expected, sequence)
        events.append(event)
        position = at._replace(epoch=epoch, sequence=sequence)
        if event["e"] == "opened" or len(events) >= limit:
            break
    return Batch(events, position)


def _lines(folder: Path, position: Position) -> Iterator[tuple[Path, int, Event]]:
    files = journal_files(folder)
    names = [path.name for path in files]
    start = names.index(position.file) if position.file in names else 0
    for index, path in enumerate(files[start:], start):
        offset = position.offset if path.name == position.file else 0
        if offset > path.stat().st_size:
            offset = 0  # the hint is of another file of that name
        try:
            for next_offset, event in read_lines(path, offset):
                yield path, next_offset, event
        except TornLine:
            if index == len(files) - 1:
                raise  # the newest file grows whole lines only; a crash tears the end of an older one


def removable(folder: Path, position: Position, keep: int = 2) -> list[Path]:
    """Files that are wholly collected and that no restart needs: older than the one being read, but the last few."""
    files = journal_files(folder)
    names = [path.name for path in files]
    if position.file not in names:
        return []
    return files[: max(0, min(names.index(position.file), len(files) - keep))]
