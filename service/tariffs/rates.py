"""The rates environment as the service writes and reads it: versions, of which a pointer makes one hold.

An environment is open once in a process: whoever wants it waits for its turn.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ratebook.bands import terms_at
from ratebook.collector import without_collector
from ratebook.compare import Difference, counts, differences
from ratebook.compiled.groups import compile_groups
from ratebook.compiled.layout import UnknownLayout
from ratebook.compiled.read import RatesReader
from ratebook.compiled.unpack import changed_rates, rates_of, version_rows
from ratebook.compiled.write import CompiledTariff, open_for_writing, write_version
from ratebook.groups import Group
from ratebook.jumps import Jump, jumps
from ratebook.model import Rate, Terms
from ratebook.notice import first_effect_s
from ratebook.price import charge
from service.config import Config

T = TypeVar("T")
RATES_FOLDER = "rates"
MINUTE_MS = 60_000
PAUSE_S = 0.002
"""Between two slices of rows: the calls' processors come first."""


class Release(NamedTuple):
    """A version as a pointer may move to it."""

    version: str
    """16 hex digits."""
    digest: str
    currency: str
    rates: int
    changes: dict[str, int]
    """How many prefixes change in which way, from the version before it; empty: there was none, or it is gone."""
    jumps: list[Jump]
    """From the version before it."""
    first_s: int | None = None
    """When the first price moves, from the version before it; None: none does."""


async def write_rates(
    config: Config, compiled: list[tuple[CompiledTariff, str | None]], at_s: int, *, only_look: bool = False
) -> list[Release]:
    """Into the rates environment, in slices, beside everything else: nothing of it holds until a pointer moves.

    Each with the version that holds now (None: none does). One at a time: an environment is open once in a process.
    `at_s`: when they are to hold. `only_look`: nothing is written.
    """
    async with _turn():
        return await asyncio.to_thread(_write, config, compiled, at_s, only_look=only_look)


async def write_groups(config: Config, groups: Sequence[Group]) -> None:
    """Destination groups into the rates environment: they hold when the pointer names them."""
    if groups:
        async with _turn():
            await asyncio.to_thread(_write_groups, config.data_dir / RATES_FOLDER, groups)


def _write_groups(folder: Path, groups: Sequence[Group]) -> None:
    env = open_for_writing(folder)
    try:
        write_version(env, compile_groups(groups), pause_s=PAUSE_S)
    finally:
        env.close()


async def published_rates(config: Config, version: str) -> list[Rate] | None:
    """The rates of a version; None: it isn't there."""
    async with _turn():
        rows = await asyncio.to_thread(_rows, config.data_dir / RATES_FOLDER, version)
    return None if rows is None else await asyncio.to_thread(lambda: rates_of(rows))


class FoundRate(NamedTuple):
    """The rate of a number at a moment."""

    prefix: str
    destination: str
    terms: Terms
    """Of the band that holds then."""
    minute_micros: int
    """What the first minute costs."""


async def found_rates(config: Config, versions: Sequence[str], number: str, at_s: int) -> dict[str, FoundRate]:
    """By version; those that are gone or have no rate for the number are left out."""
    async with _turn():
        return await asyncio.to_thread(_find, config.data_dir / RATES_FOLDER, versions, number, at_s)


def _find(folder: Path, versions: Sequence[str], number: str, at_s: int) -> dict[str, FoundRate]:
    env = open_for_writing(folder)
    try:
        with RatesReader(env).snapshot() as rates:
            found = {version: rates.find(bytes.fromhex(version), number, at_s) for version in versions}
    finally:
        env.close()
    return {
        version: FoundRate(
            one.prefix, one.destination, terms_at(one.terms, at_s), charge(one.terms, MINUTE_MS, at_s).micros
        )
        for version, one in found.items()
        if one is not None
    }


@asynccontextmanager
async def reading_rates() -> AsyncIterator[None]:
    """Whoever opens the environment otherwise, for a moment."""
    async with _turn():
        yield


async def in_rates(config: Config, do: Callable[[Any], T]) -> T:
    """What somebody does with the open environment, in a thread, when it is their turn. Short: publishing waits."""
    async with _turn():
        return await asyncio.to_thread(_opened, config.data_dir / RATES_FOLDER, do)


def _opened(folder: Path, do: Callable[[Any], T]) -> T:
    env = open_for_writing(folder)
    try:
        return do(env)
    finally:
        env.close()


def _turn() -> asyncio.Lock:
    return _writing.setdefault(asyncio.get_running_loop(), asyncio.Lock())


_writing: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()


def _write(
    config: Config, compiled: list[tuple[CompiledTariff, str | None]], at_s: int, *, only_look: bool
) -> list[Release]:
    env = open_for_writing(config.data_dir / RATES_FOLDER)
    try:
        releases = []
        for one, before in compiled:
            found = [] if before in {None, one.version.hex()} else _differences(env, before or "", one)
            if not only_look:
                write_version(env, one, pause_s=PAUSE_S)
            changes = {change.value: count for change, count in counts(found).items()}
            header, moved = one.header, jumps(found, config.jump_percent)
            release = Release(one.version.hex(), one.digest, header["currency"], header["rates"], changes, moved)
            releases.append(release._replace(first_s=first_effect_s(found, at_s)))
        return releases
    finally:
        env.close()


def _differences(env: Any, before: str, compiled: CompiledTariff) -> list[Difference]:
    try:
        with without_collector():
            rows = version_rows(env, bytes.fromhex(before))
            return [] if rows is None else differences(*changed_rates(rows, compiled.rows))
    except UnknownLayout:
        return []  # of another release


def _rows(folder: Path, version: str) -> list[tuple[bytes, bytes]] | None:
    env = open_for_writing(folder)
    try:
        return version_rows(env, bytes.fromhex(version))
    finally:
        env.close()
