"""The API of what a tariff says, page by page: by a number, a prefix, or a destination's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ratebook.compiled.browse import Browsed, browse
from ratebook.model import Rate, Terms
from ratebook.money import format_nanos
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Page, Paging
from service.api.problems import invalid
from service.api.values import Moment, Text, Told
from service.tariffs.rates import in_rates


class RatesQuery(Paging):
    """Which rates. They come by their prefixes; those of one prefix stand on one page."""

    look_for: Annotated[Text, Field(description="A prefix or number, or part of a destination's name")] = ""


class RateLine(Told):
    """A rate, or what it says in a time band, as its buyer reads it."""

    prefix: Annotated[str, Field(description="Empty: every number")]
    destination: str
    rate: Annotated[str, Field(description="A minute; several, where it changes while a call lasts")]
    blocked: bool
    increments: Annotated[str, Field(description="Seconds of the first and of each further step")]
    fee: Annotated[str, Field(description="Of each answered call; empty: none")]
    effective_at: Annotated[Moment, Field(description="null: always")]
    until: Annotated[Moment, Field(description="Exclusive; null: for good")]
    band: Annotated[str, Field(description="Empty: at any other time")]


async def list_rates(call: Call) -> Answer:
    """Those in force, and those to come, as they are published; where nothing is, none."""
    query: RatesQuery = call.query
    if query.sort:
        raise invalid("/sort", "rates come by their prefixes: leave it out", "query")
    after = _opened(query.cursor)
    version = bytes.fromhex(call.row.version or "")
    wanted = query.look_for.removeprefix("+")
    found = Browsed([], None)
    if version:
        found = await in_rates(call.api.config, lambda env: browse(env, version, wanted, after, query.limit))
    lines = [line for rate in found.rates for line in _lines(rate)]
    return Answer(Page[RateLine](items=lines, next=None if found.next is None else f"p{found.next}"))


def _opened(cursor: str) -> str | None:
    """The last prefix of the page before. Raises Problem."""
    if not cursor:
        return None
    if not re.fullmatch(r"p[0-9]{0,40}", cursor):
        raise invalid("/cursor", "this is no cursor of this list in this order: begin again without it", "query")
    return cursor[1:]


def _lines(rate: Rate) -> Iterator[RateLine]:
    yield _line(rate, rate.terms, "")
    timetable = rate.terms.timetable
    for band, terms in timetable.bands if timetable else ():
        yield _line(rate, terms, band.name)


def _line(rate: Rate, terms: Terms, band: str) -> RateLine:
    steps = terms.intervals
    return RateLine(
        prefix=rate.prefix,
        destination=rate.destination,
        rate=" / ".join(dict.fromkeys(format_nanos(step.rate_nanos) for step in steps)),
        blocked=terms.blocked,
        increments=f"{steps[0].increment_s}/{steps[-1].increment_s}",
        fee=format_nanos(terms.connect_fee_nanos) if terms.connect_fee_nanos else "",
        effective_at=None if rate.effective_s is None else rate.effective_s * 1000,
        until=None if rate.until_s is None else rate.until_s * 1000,
        band=band,
    )


ENDPOINTS = [
    Endpoint(
        "tariff.rates", "GET", "/tariffs/{tariff_id}/rates", Permission.TARIFFS_READ, list_rates,
        "List a tariff's rates", query=RatesQuery, answer=Page[RateLine],
    ),
]  # fmt: skip
