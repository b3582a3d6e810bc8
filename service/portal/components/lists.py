"""Lists: filters and order in the address, page by page by cursor, the same as a file. Columns are worked out whole."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from service.access.endpoints.filters import FilterView, MyFilters
from service.api.problems import Problem
from service.portal.components.choosing import can_choose, choices_of
from service.portal.components.fields import Choice, Field, errors_by_field, field, kinds, moment
from service.portal.components.files import FileColumn, Source, csv_of, hidden_from, xlsx_of
from service.portal.components.labels import label_of
from service.portal.components.trail import way_up
from service.portal.screen import Screen, Shown, filled
from service.portal.visit import BY_NAME, Visit

OF_PLACE = frozenset({"cursor", "limit"})
"""What says where one is in a list, not what one looks for."""
WORD_CHARACTERS_MAX = 26
"""Of words that stand in a column whatever room there is; longer ones may be broken."""


class Cell(NamedTuple):
    """What stands in a row's column."""

    text: str
    link: str = ""
    badge: str = ""
    """A colour's name: the text is a badge; empty: it is text."""
    title: str = ""
    """What the text stands for, where it is short."""

    @property
    def has_long_word(self) -> bool:
        """Whether something without blanks, such as an address, has to give way where there is little room."""
        return any(len(word) > WORD_CHARACTERS_MAX for word in self.text.split())


Cells = Callable[[Visit, Sequence[Any]], list[Cell]]


class Column(NamedTuple):
    """A column of a list."""

    title: str
    cells: Cells
    """Of all rows at once: so that points stand below each other."""
    sort: str = ""
    """The name by which the endpoint sorts; empty: it doesn't."""
    at_end: bool = False
    """Numbers: their ends stand below each other."""
    learns: tuple[tuple[str, str], ...] = ()
    """Nouns whose names it shows, with the row's field that holds their numbers."""
    is_wide: bool = False
    """Left out on a telephone."""
    needs: str = ""
    """The endpoints that it leads to: whoever may not has no such column; empty: everybody has it."""
    head: Callable[[Visit, str], str] = lambda _, title: title
    """The title as the visitor reads it, not put into their language yet."""
    has_currency: bool = False
    """Whether it needs the currency of the thing that the page is about."""


class Head(NamedTuple):
    """The head of a column as it is printed."""

    text: str
    link: str
    """Sorts by it; empty: it can't."""
    order: str
    """ascending, descending, or empty."""
    at_end: bool
    is_wide: bool


class Listed(NamedTuple):
    """A page with a list."""

    path: str
    endpoint: str
    title: str
    columns: tuple[Column, ...]
    filters: tuple[str, ...] = ()
    """Of the endpoint's query."""
    search: str = ""
    """The filter that is looked for while one types; empty: none."""
    empty: str = "There is nothing here yet."
    makes: tuple[tuple[str, str, str], ...] = ()
    """What one can do from here: text, path, and the endpoint that it needs."""
    back: tuple[str, str] | None = None
    """Text and path of the page above."""
    has_files: bool = True
    """Whether it can be had as a file."""
    file_columns: tuple[FileColumn, ...] = ()
    """What a file says beside the plain fields of the rows."""
    hands_on: bool = False
    """What one can do from here is given the filters."""
    offers: Mapping[str, Callable[[Visit], Awaitable[list[Choice]]]] = MappingProxyType({})
    """What can be chosen in filters by numbers that are no noun's, beside any of them."""
    of_sellers: frozenset[str] = frozenset()
    """Fields that whoever sells nothing has not: neither as columns, which are known by how they sort, nor in files."""
    plots: Callable[[Visit, Any], Awaitable[object]] | None = None
    """What is drawn above the rows, from the page that the endpoint has answered; None: nothing ever is."""
    led_to: frozenset[str] = frozenset()
    """Filters that rows lead to: they stand among the others only where the address says one."""
    not_handed: frozenset[str] = frozenset()
    """Filters that what can be made from here knows nothing of: with one of them it isn't offered."""


NARROW_COLUMNS, NARROW_CHARACTERS = 3, 34
"""What a telephone shows side by side: so many columns, whose longest texts have so many characters together."""


class Table(NamedTuple):
    """Rows as they are printed."""

    heads: list[Head]
    rows: list[list[Cell]]

    @property
    def is_cards(self) -> bool:
        """Whether its rows become cards on a telephone, each value beside its column's name: they are too wide."""
        shown = [number for number, head in enumerate(self.heads) if not head.is_wide]
        longest = [max(len(row[number].text) for row in [*self.rows, self._names]) for number in shown]
        return len(shown) > NARROW_COLUMNS or sum(longest) > NARROW_CHARACTERS

    @property
    def _names(self) -> list[Cell]:
        return [Cell(head.text) for head in self.heads]


async def table_of(
    visit: Visit, columns: Sequence[Column], rows: Sequence[Any], heads: list[Head] | None = None
) -> Table:
    """Learns the names that the columns show, and works the cells out. What can be done with none of the rows has no
    column.
    """
    if any(column.has_currency for column in columns):
        await visit.learn_currency()
    for column in columns:
        for noun, name in column.learns:
            await visit.learn(noun, [getattr(row, name) for row in rows])
    plain = [
        Head(visit.say(column.head(visit, column.title)), "", "", column.at_end, column.is_wide) for column in columns
    ]
    made = [(head, column.cells(visit, rows)) for head, column in zip(heads or plain, columns, strict=True)]
    kept = [
        (head, cells)
        for column, (head, cells) in zip(columns, made, strict=True)
        if not rows or not column.needs or any(cell.text for cell in cells)
    ]
    return Table([head for head, _ in kept], [list(row) for row in zip(*(cells for _, cells in kept), strict=True)])


def columns_for(visit: Visit, columns: Sequence[Column]) -> list[Column]:
    """Without those that lead to what the visitor may not do."""
    return [column for column in columns if visit.can(*column.needs.split())]


def screens(listed: Listed) -> list[Screen]:
    """The page, and its files."""

    async def show(visit: Visit) -> Shown:
        return await _shown(visit, listed)

    pages = [Screen(listed.path, listed.endpoint, show)]
    if listed.has_files:
        pages += [
            Screen(f"{listed.path}.csv", listed.endpoint, csv_of(_source(listed)), streams=True),
            Screen(f"{listed.path}.xlsx", listed.endpoint, xlsx_of(_source(listed)), streams=True),
        ]
    return pages


def _source(listed: Listed) -> Source:
    name = listed.path.rsplit("/", 1)[-1]
    query = functools.partial(asked, endpoint=listed.endpoint)
    return Source(name, listed.endpoint, query, listed.file_columns, listed.of_sellers)


def asked(visit: Visit, endpoint: str) -> dict[str, str]:
    """The query of an endpoint, from the address: what it doesn't know, and what is empty, is left out."""
    model = BY_NAME[endpoint].query
    known = kinds(model)
    found = {}
    for name in model.model_fields:
        text = visit.request.query.get(name, "").strip()
        if text:
            is_moment = name in known and known[name].shape == "moment"
            found[name] = moment(text, visit.formats) if is_moment else text
    return found


async def _shown(visit: Visit, listed: Listed) -> Shown:
    query = asked(visit, listed.endpoint)
    problem, plotted = None, None
    try:
        page: Any = (await visit.look_at(listed.endpoint, visit.path_of(listed.endpoint), query)).body
        rows, following = page.items, page.next
        plotted = None if listed.plots is None else await listed.plots(visit, page)
    except Problem as found:
        if found.kind != "invalid":
            raise
        problem, rows, following = found, [], None
    hidden = hidden_from(visit, listed.of_sellers)
    offered = [one for one in columns_for(visit, listed.columns) if one.sort not in hidden]
    table = await table_of(visit, offered, rows, heads(visit, offered))
    beside, above = errors_by_field(problem.errors if problem is not None else [], listed.filters)
    filters = [await _filter(visit, listed, name, beside.get(name, [])) for name in _filters(visit, listed)]
    values = {
        "listed": listed,
        "table": table,
        "plotted": plotted,
        "filters": filters,
        "above": above,
        "filtered": sum(name in query for name in listed.filters),
        "pages": _pages(visit, following),
        "goes_on": following is not None and len(rows) < _rows_of(listed, query),
        "files": _files(visit, listed),
        "makes": _makes(visit, listed),
        "empty": visit.say(listed.empty),
        "kept": await _kept(visit),
        "query": told_query(visit),
    }
    trail = (await way_up(visit, *listed.back),) if listed.back else ()
    return Shown("list.html", visit.say(listed.title), values, 200 if problem is None else 400, trail)


def _rows_of(listed: Listed, query: dict[str, str]) -> int:
    """Of a page that is full. One that has fewer, and goes on, is what a look has found that had to end."""
    return int(query.get("limit", BY_NAME[listed.endpoint].query.model_fields["limit"].default))


def _makes(visit: Visit, listed: Listed) -> list[tuple[str, str]]:
    told = told_query(visit) if listed.hands_on else ""
    is_other = any(visit.request.query.get(name) for name in listed.not_handed)
    offered = [one for one in listed.makes if not is_other or not BY_NAME[one[2].split()[0]].writes]
    return [(text, f"{link}?{told}" if told else link) for text, link in makes(visit, offered)]


async def _kept(visit: Visit) -> list[FilterView] | None:
    """The visitor's own filters of this list; None: whoever acts as somebody else keeps none."""
    if visit.actor is None or visit.is_acting:
        return None
    found = await visit.ask("me.filters", MyFilters)
    return [one for one in found.items if one.page == visit.request.path]


def told_query(visit: Visit) -> str:
    """What stands behind the question mark, without the place in the pages."""
    return urlencode({name: value for name, value in visit.request.query.items() if value and name not in OF_PLACE})


def makes(visit: Visit, offered: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Text and link of what the visitor may do. An offer may need several endpoints, with blanks between."""
    told = [(text, _with_names(visit, path), names.split()) for text, path, names in offered]
    return [(visit.say(text), link) for text, link, names in told if visit.offers(link, *names)]


def _with_names(visit: Visit, path: str) -> str:
    return filled(path, visit.request.match_info)


def _filters(visit: Visit, listed: Listed) -> list[str]:
    """Without those by things that the visitor doesn't see, unless the address says one: nobody knows their numbers."""
    known = kinds(BY_NAME[listed.endpoint].query)
    said = visit.request.query
    return [
        name for name in listed.filters
        if (said.get(name) if name in listed.led_to else name in said or can_choose(visit, known[name]))
    ]  # fmt: skip


async def _filter(visit: Visit, listed: Listed, name: str, errors: list[str]) -> Field:
    kind = kinds(BY_NAME[listed.endpoint].query)[name]
    value = visit.request.query.get(name, "")
    if kind.shape == "check":
        yes = [Choice("", visit.say("any")), Choice("true", visit.say("yes")), Choice("false", visit.say("no"))]
        return field(kind._replace(shape="choice", hint=""), visit.say(label_of(name)), (value,), errors, yes)
    if name in listed.offers:
        offered = [Choice("", visit.say("any")), *await listed.offers[name](visit)]
        return field(kind._replace(shape="choice", hint=""), visit.say(label_of(name)), (value,), errors, offered)
    found = await choices_of(visit, kind) if kind.shape == "choice" else []
    if found is None:
        kind = kind._replace(shape="number")
    return field(kind._replace(hint=""), visit.say(label_of(name)), (value,) if value else (), errors, found or [])


def heads(visit: Visit, columns: Sequence[Column]) -> list[Head]:
    """The heads of the columns, with links that sort by them."""
    by = visit.request.query.get("sort", "")
    return [_head(visit, column, by) for column in columns]


def _head(visit: Visit, column: Column, by: str) -> Head:
    text = visit.say(column.head(visit, column.title))
    if not column.sort:
        return Head(text, "", "", column.at_end, column.is_wide)
    is_by, falls = by.removeprefix("-") == column.sort, by.startswith("-")
    order = ("descending" if falls else "ascending") if is_by else ""
    link = same_page(visit, sort=column.sort if falls or not is_by else f"-{column.sort}", cursor="")
    return Head(text, link, order, column.at_end, column.is_wide)


def same_page(visit: Visit, **other: str) -> str:
    """The address of this page with other values; an empty one is left out."""
    values: Mapping[str, str] = {**visit.request.query, **other}
    told = urlencode({name: value for name, value in values.items() if value})
    return f"{visit.request.path}?{told}" if told else visit.request.path


def _pages(visit: Visit, following: str | None) -> list[tuple[str, str]]:
    """Links to the first page and to the next one, where there are such."""
    found = []
    if visit.request.query.get("cursor"):
        found.append((visit.say("First page"), same_page(visit, cursor="")))
    if following is not None:
        found.append((visit.say("Next page"), same_page(visit, cursor=following)))
    return found


def _files(visit: Visit, listed: Listed) -> list[tuple[str, str]]:
    """Links to the whole list as files."""
    if not listed.has_files:
        return []
    told = told_query(visit)
    rest = f"?{told}" if told else ""
    return [("CSV", f"{visit.request.path}.csv{rest}"), ("XLSX", f"{visit.request.path}.xlsx{rest}")]
