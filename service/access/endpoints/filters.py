"""Filters of lists that people keep for themselves, each by a name."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from service.access.endpoints.me import myself
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Open
from service.api.problems import Problem, not_found
from service.api.values import Asked, Moment, Text, Told, Words
from service.database.portal_tables import saved_filters

FILTERS_MAX = 200
"""Of one user."""


class FilterView(Told):
    """A filter."""

    id: int
    page: Annotated[str, Field(description="The list's path in the portal")]
    name: str
    query: Annotated[str, Field(description="Behind the question mark")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class MyFilters(Told):
    """All of them."""

    items: list[FilterView]


class NewFilter(Asked):
    """A filter to keep; one of the same name is replaced."""

    page: Annotated[str, Field(max_length=200, pattern=r"^/([a-z0-9-]+(/[a-z0-9-]+)*)?$")]
    name: Words
    query: Text


async def my_filters(call: Call) -> Answer:
    """In order of their names."""
    query = sa.select(saved_filters).where(saved_filters.c.user_id == myself(call))
    rows = await call.conn.execute(query.order_by(saved_filters.c.page, saved_filters.c.name))
    return Answer(MyFilters(items=[FilterView.model_validate(row._mapping) for row in rows]))


async def keep_filter(call: Call) -> Answer:
    """For oneself alone."""
    body: NewFilter = call.body
    number = myself(call)
    mine = saved_filters.c.user_id == number
    same = mine & (saved_filters.c.page == body.page) & (saved_filters.c.name == body.name)
    await call.conn.execute(sa.delete(saved_filters).where(same))
    count = sa.select(sa.func.count()).select_from(saved_filters).where(mine)
    if (await call.conn.execute(count)).scalar_one() >= FILTERS_MAX:
        raise Problem("conflict", f"at most {FILTERS_MAX} filters: remove one first")
    values = {**body.model_dump(), "user_id": number, "created_ms": call.now_ms}
    made = await call.conn.execute(sa.insert(saved_filters).values(**values).returning(saved_filters))
    view = FilterView.model_validate(made.one()._mapping)
    await call.audit("user.keep_filter", "user", number, call.actor.account_id, None, view)
    return Answer(view)


async def drop_filter(call: Call) -> Answer:
    """One of one's own."""
    number = myself(call)
    text = call.asking.parameters["number"]
    wanted = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    mine = (saved_filters.c.id == wanted) & (saved_filters.c.user_id == number)
    gone = (await call.conn.execute(sa.delete(saved_filters).where(mine).returning(saved_filters))).first()
    if gone is None:
        raise not_found()
    view = FilterView.model_validate(gone._mapping)
    await call.audit("user.drop_filter", "user", number, call.actor.account_id, view, None)
    return Answer()


_ME = Open.SIGNED_IN
ENDPOINTS = [
    Endpoint("me.filters", "GET", "/me/filters", _ME, my_filters, "List the filters that I keep", answer=MyFilters),
    Endpoint(
        "me.keep-filter", "POST", "/me/filters", _ME, keep_filter, "Keep a filter of a list", NewFilter,
        answer=FilterView, status=201,
    ),
    Endpoint(
        "me.drop-filter", "DELETE", "/me/filters/{number}", _ME, drop_filter, "Drop a filter that I keep", status=204
    ),
]  # fmt: skip
