"""Notices of rates that change are planned with what makes them change, in its transaction, and fall with it.

One is planned for each tariff's new version, if its seller tells of such things. Who is told is asked when it is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.access_tables import mails
from service.database.notice_tables import notice_terms, rate_notices
from service.database.tables import tariffs
from service.tariffs.rates import Release

DAY_MS = 86_400_000
MINUTE_MS = 60_000
UNSENT = ("waiting", "gathering", "sending")
"""States of those that may have somebody left to tell."""


class News(NamedTuple):
    """What a notice tells of."""

    row: Row[Any]
    """The tariff, as it stood before."""
    release: Release
    takes_ms: int
    """When it comes into force."""
    actor: str
    now_ms: int


class Terms(NamedTuple):
    """How a seller tells of rates that change."""

    sends: bool
    days: int
    format: str
    wait_minutes: int

    def due_ms(self, effective_ms: int, now_ms: int) -> int:
        """When a notice is sent: so many days ahead, but never before somebody could look at it."""
        return max(effective_ms - self.days * DAY_MS, now_ms + self.wait_minutes * MINUTE_MS)


SILENT = Terms(sends=False, days=7, format="csv", wait_minutes=15)
"""Of a seller that has said nothing."""


async def terms_of(conn: AsyncConnection, seller_id: int) -> Terms:
    """A seller's."""
    columns = [notice_terms.c[name] for name in Terms._fields]
    row = (await conn.execute(sa.select(*columns).where(notice_terms.c.account_id == seller_id))).first()
    return SILENT if row is None else Terms(*row)


async def tell_switched(conn: AsyncConnection, news: News) -> None:
    """A tariff has switched at once. What nobody was told of yet is told with it, from where they know it."""
    columns = rate_notices.c
    told_late = (columns.tariff_id == news.row.id) & (columns.state == "waiting") & columns.publication_id.is_(None)
    told_late &= columns.payer_id.is_(None)
    query = sa.select(rate_notices).where(told_late).order_by(columns.id)
    waiting = (await conn.execute(query)).all()
    await stop(conn, told_late, "another version was published", news.now_ms)
    before = waiting[0].before if waiting else news.row.version
    if before is None or before == news.release.version:
        return
    effects = [one.effective_ms for one in waiting] + _effects(news)
    if effects:
        await _plan(conn, news, before, max(news.now_ms, min(effects)))


async def tell_waiting(conn: AsyncConnection, news: News, number: int) -> None:
    """A publication of this number waits for its moment."""
    effects = _effects(news)
    if news.row.version is not None and effects:
        await _plan(conn, news, "", effects[0], number)


async def tell_carried_out(conn: AsyncConnection, row: Row[Any], number: int) -> None:
    """A publication that waited is done: whoever is told of it later is told from the version that it has ended."""
    columns = rate_notices.c
    mine = (columns.publication_id == number) & (columns.tariff_id == row.id) & (columns.state == "waiting")
    update = sa.update(rate_notices).where(mine & (columns.before == ""))
    await conn.execute(update.values(before=row.version or "", version=columns.version + 1))


async def withdraw(conn: AsyncConnection, number: int, now_ms: int) -> None:
    """A publication will not be carried out: whoever was not told of it yet never is."""
    await stop(conn, rate_notices.c.publication_id == number, "the publication was called off", now_ms)


async def stop(conn: AsyncConnection, which: sa.ColumnElement[bool], reason: str, now_ms: int) -> None:
    """Ends notices that have somebody left to tell."""
    which &= rate_notices.c.state.in_(UNSENT)
    ended = {"state": "cancelled", "reason": reason, "done_ms": now_ms, "version": rate_notices.c.version + 1}
    numbers = list((await conn.execute(sa.select(rate_notices.c.id).where(which))).scalars())
    if not numbers:
        return
    await conn.execute(sa.update(rate_notices).where(rate_notices.c.id.in_(numbers)).values(**ended))
    left = mails.c.notice_id.in_(numbers) & (mails.c.state == "waiting")
    await conn.execute(sa.update(mails).where(left).values(state="cancelled", done_ms=now_ms))


async def short_notice(
    conn: AsyncConnection, seller_id: int, news: Mapping[str, Release], takes_ms: int, now_ms: int
) -> list[str]:
    """A line for each tariff whose customers are told later than their seller has promised."""
    terms = await terms_of(conn, seller_id)
    if not terms.sends:
        return []
    query = sa.select(tariffs.c.name).where((tariffs.c.owner_id == seller_id) & tariffs.c.name.in_([*news]))
    sold = set((await conn.execute(query.where(tariffs.c.version.is_not(None)))).scalars())
    late = {name: _effect_ms(one, takes_ms) for name, one in news.items() if name in sold}
    return [
        f"tariff {name!r}: prices move at {_moment(at_ms)}, and customers are promised {terms.days} days' notice"
        for name, at_ms in late.items()
        if at_ms is not None and at_ms < now_ms + terms.days * DAY_MS
    ]


def _moment(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _effect_ms(release: Release, takes_ms: int) -> int | None:
    return None if release.first_s is None else max(takes_ms, release.first_s * 1000)


def _effects(news: News) -> list[int]:
    """When the first price moves; none: it doesn't."""
    found = _effect_ms(news.release, news.takes_ms)
    return [] if found is None else [found]


async def _plan(conn: AsyncConnection, news: News, before: str, effective_ms: int, number: int | None = None) -> None:
    terms = await terms_of(conn, news.row.owner_id)
    if not terms.sends:
        return
    values = {
        "account_id": news.row.owner_id, "tariff_id": news.row.id, "publication_id": number, "before": before,
        "after": news.release.version, "takes_ms": news.takes_ms, "effective_ms": effective_ms,
        "due_ms": terms.due_ms(effective_ms, news.now_ms), "actor": news.actor, "created_ms": news.now_ms,
    }  # fmt: skip
    await conn.execute(sa.insert(rate_notices).values(**values))
