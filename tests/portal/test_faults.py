"""Every form that there is, sent with what can't be right: it comes back, with what is wrong beside its field."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

import aiohttp

from service.portal.cookies import SESSION
from service.portal.screens import SCREENS
from service.portal.visit import BY_NAME
from tests.portal.conftest import SAME
from tests.portal.crawl import Crawls, Page, apart
from tests.portal.planted import OPERATOR, Planted

LONG = "x" * 40_000
"""More than any text may have."""
ASKS_NOTHING = {
    "/log-in-as/end", "/sign-out", "/filters", "/filters/{number}/removal", "/profile/second-factor",
}  # fmt: skip
"""Forms whose buttons are all of them."""


NEVER_TAKEN = {"/commitments/{commitment_id}/settlement": "the planted one is with no provider: that is told first"}


class Sent(NamedTuple):
    """A form of a page, filled in wrongly."""

    url: str
    fields: dict[str, str]
    wrong: set[str]
    """Names of fields that can't be right."""


class _Forms(HTMLParser):
    """The fields of the first form of a page's own that is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = self.is_done = False
        self.fields: dict[str, str] = {}
        self.wrong: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            is_ours = given.get("action", "").startswith(("/sign-out", "/log-in-as/end", "/filters"))
            self.is_open = given.get("method") == "post" and not is_ours and not self.is_done
        name = given.get("name", "")
        if self.is_open and name and tag in {"input", "select", "textarea"}:
            self._take(tag, name, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self.is_open:
            self.is_open, self.is_done = False, True

    def _take(self, tag: str, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "")
        if kind == "hidden":
            self.fields[name] = given.get("value", "")
        elif kind not in {"checkbox", "radio", "file"}:
            is_number = "inputmode" in given or kind in {"datetime-local", "email"} or tag == "select"
            self.fields[name] = "?!" if is_number else LONG
            self.wrong.add(name)


def wrongly(page: Page) -> Sent | None:
    """None: the page asks nothing."""
    parser = _Forms()
    parser.feed(page.text)
    return Sent(page.url, parser.fields, parser.wrong) if parser.wrong else None


async def _send(planted: Planted, forms: list[Sent]) -> list[str]:
    found = []
    async with aiohttp.ClientSession(cookies={SESSION: planted.sessions[OPERATOR]}) as client:
        for form in forms:
            url = planted.address + form.url
            async with client.post(url, data=form.fields, headers=SAME, allow_redirects=False) as answer:
                text = await answer.text()
                said = {name for name in form.wrong if f'id="{name.replace(".", "-")}-errors"' in text}
                is_there = answer.status in {400, 409, 422} and 'method="post" action="' in text
                if not is_there or not (said or re.search(r'id="[a-z-]+-errors"', text)):
                    found.append(f"{answer.status} {form.url}: {sorted(form.wrong)}")
    return found


BY_ITSELF = {
    "/profile/password": "the old one shows that nobody has changed it",
}


def test_what_changes_something_names_what_was_looked_at(crawls: Crawls) -> None:
    """Of every form of an endpoint that replaces or edits: with it, nobody's change is lost silently."""
    edits = {one.path for one in SCREENS if BY_NAME[one.endpoint].method in {"PUT", "PATCH"}} - BY_ITSELF.keys()
    pages = {page.pattern: page for page in crawls.of(OPERATOR).values() if page.pattern in edits and page.is_html}
    assert len(pages) > 40
    assert [page.url for page in pages.values() if 'name="_version"' not in page.text] == []


def test_what_is_wrong_stands_beside_its_field(planted: Planted, crawls: Crawls) -> None:
    """Of every form, from the routes; none answers with a bare page, and none is taken."""
    acting = {screen.path for screen in SCREENS if screen.act is not None} - ASKS_NOTHING - NEVER_TAKEN.keys()
    pages = {page.pattern: page for page in crawls.of(OPERATOR).values() if page.pattern in acting and page.is_html}
    forms = [form for page in pages.values() if (form := wrongly(page)) is not None]
    assert len(forms) > 100
    assert apart(_send(planted, forms)) == []
