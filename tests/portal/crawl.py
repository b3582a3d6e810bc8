"""Everything that can be come to by links, and every page that there is, from the routes of the application."""

from __future__ import annotations

import asyncio
import functools
import html
import re
from collections import Counter, deque
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from service.portal.cookies import HOME, SESSION
from service.portal.screens import SCREENS
from tests.portal.planted import OPERATOR, Planted

T = TypeVar("T")
LIKE_MAX = 2
"""Pages of one pattern that are looked at."""
DEEP_MAX = 9
"""Of things' own pages, by the operator: what can be done with them hangs on their states."""
ASKING_MAX = 1
"""And of those with the same names in their query, or that are files."""
FILES = (".csv", ".xlsx", ".pdf", ".html", ".ubl", ".cii")
OF_PLACE = {"sort", "cursor", "limit"}
STARTS = (
    "/broadcasts?state=running", "/broadcasts?state=paused", "/broadcasts?state=done", "/mails?state=sent",
    "/users?email=owner@zzother", "/accounts?name=zzbeside", "/accounts/4/mail-templates/welcome/en",
    "/gateways?name=zzcarrier", "/disputes?state=accepted",
    "/alarms?action=suspend", "/choices/account?field=account_id&account_id=zz",
    "/reratings/new?since=2026-09-01T00:00&until=2026-09-02T00:00",
)  # fmt: skip
"""Where filters and forms of the operator's pages lead to."""
_PATTERNS = [(re.compile(re.sub(r"{\w+:([^{}]*)}|{\w+}", r"(\1)", one.pattern).replace("()", "([^/]+)")), one.path)
             for one in SCREENS]  # fmt: skip


@functools.cache
def pattern_of(path: str) -> str:
    """The route of a page's path, as it is declared; empty: it is no page's."""
    exact = [one.path for one in SCREENS if one.path == path]
    return next(iter(exact), "") or next((name for match, name in _PATTERNS if match.fullmatch(path)), "")


MORE = {"/rate-notices/{rate_notice_id}": "/recipients", "/subscriptions/{subscription_id}": "/fees"}
"""By the page of a thing: the page of all its rows, which it leads to where it can't show them all."""


class Page(NamedTuple):
    """What was found at an address."""

    url: str
    pattern: str
    status: int
    headers: dict[str, str]
    text: str
    """Empty of what is no HTML."""
    data: bytes
    """Of what is none."""
    came_from: str

    @property
    def is_html(self) -> bool:
        """Whether it is a page, not a file."""
        return self.headers.get("Content-Type", "").startswith("text/html")

    @property
    def forms(self) -> list[str]:
        """Where its forms are sent to."""
        return list(_links(self.text).forms)

    @property
    def words(self) -> str:
        """What can be read of it."""
        return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", self.text).split()))


_TAG = re.compile(r"""<(?:a|form)\s(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
"""All that the parser is given: it takes as long for a page as the portal does."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}
        self.forms: dict[str, None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.found[str(given["href"])] = None
        if tag == "form" and given.get("method") == "post":
            self.forms[given.get("action") or ""] = None


def _links(text: str) -> _Links:
    parser = _Links()
    parser.feed("".join(_TAG.findall(text)))
    return parser


def links_of(text: str) -> list[str]:
    """Local ones, in their order, without what stands behind #."""
    found = _links(text).found
    return [link.partition("#")[0] for link in found if link.startswith("/") and not link.startswith("//")]


class Crawler:
    """Somebody who follows every link, from the front page on."""

    def __init__(
        self, address: str, session: str, home: str = "", *, like_max: int = LIKE_MAX, has_files: bool = True
    ) -> None:
        self.address = address
        self.like_max = like_max
        self.files_max = ASKING_MAX if has_files else 0
        self.cookies = {SESSION: session} | ({HOME: home} if home else {})
        self.pages: dict[str, Page] = {}

    async def crawl(self, *starts: str) -> dict[str, Page]:
        """Pages by their address; `starts`: where forms lead to, beside the front page."""
        waiting, known = deque([("/", ""), *((one, "") for one in starts)]), {"/", *starts}
        like = Counter[tuple[str, frozenset[str]]]()
        async with aiohttp.ClientSession(cookies=self.cookies) as client:
            while waiting:
                url, came_from = waiting.popleft()
                page = self.pages[url] = await self._get(client, url, came_from)
                more = [url + MORE[page.pattern]] if page.pattern in MORE else []
                for link in (*more, *links_of(page.text)) if page.status == 200 else ():
                    kind, most = self._kind(link)
                    if link not in known and like[kind] < most:
                        like[kind] += 1
                        known.add(link)
                        waiting.append((link, url))
        return self.pages

    async def look(self, urls: list[str]) -> list[Page]:
        """At addresses that are named."""
        async with aiohttp.ClientSession(cookies=self.cookies) as client:
            return [await self._get(client, url, "") for url in urls]

    async def _get(self, client: aiohttp.ClientSession, url: str, came_from: str) -> Page:
        async with client.get(self.address + url, allow_redirects=False) as answer:
            is_text = answer.content_type == "text/html"
            text, data = (await answer.text(), b"") if is_text else ("", await answer.read())
            return Page(url, pattern_of(urlsplit(url).path), answer.status, dict(answer.headers), text, data, came_from)

    def _kind(self, url: str) -> tuple[tuple[str, frozenset[str]], int]:
        """What is alike, and how many of it are enough."""
        parts = urlsplit(url)
        pattern = pattern_of(parts.path)
        if parts.query or parts.path.endswith(FILES):
            names = frozenset(name for name, _ in parse_qsl(parts.query)) - OF_PLACE
            suffix = parts.path.rpartition(".")[2]
            return (f"{pattern} {suffix}", names), self.files_max if parts.path.endswith(FILES) else ASKING_MAX
        return (pattern or parts.path, frozenset()), self.like_max if pattern.endswith("}") else LIKE_MAX


class Crawls:
    """Of all people of a planted portal."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self._found: dict[str, dict[str, Page]] = {}

    def of(self, who: str) -> dict[str, Page]:
        """What somebody gets to see."""
        if who not in self._found:
            crawler = Crawler(
                self.planted.address, self.planted.sessions[who], like_max=DEEP_MAX if who == OPERATOR else LIKE_MAX
            )
            starts = STARTS if who == OPERATOR else ()
            self._found[who] = apart(crawler.crawl(*starts))
        return self._found[who]

    def look(self, who: str, urls: Iterable[str]) -> list[Page]:
        """Somebody looks at addresses."""
        return apart(Crawler(self.planted.address, self.planted.sessions[who]).look(list(urls)))


def apart(doing: Coroutine[Any, Any, T]) -> T:
    """Done in a loop of its own, whatever runs here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, doing).result()
