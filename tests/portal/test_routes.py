"""What holds on every route of the pages, found in the application itself: who gets where, what each page carries, what
no other site can do, and that it says who acts as whom.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from service.app import Service, make_app
from service.config import Config
from service.database.engine import open_engine
from service.portal.cookies import HOME, SESSION
from service.portal.screens import SCREENS
from tests.portal.conftest import SAME
from tests.portal.crawl import Crawler, Crawls, Page, apart
from tests.portal.planted import BELOW, EVERYBODY, OPERATOR, READER, Planted

NO_LINK = {
    "/sign-in": "before anybody is signed in",
    "/forgotten-password": "before anybody is signed in",
    "/password": "from a mail",
    "/log-in-as/end": "a button's",
    "/filters": "a button's",
    "/live/stream": "a script's",
    "/overview/running": "a script's",
}
"""Pages' routes that no link of a page leads to, and who does."""
NO_PAGE = {
    "/healthz", "/readyz", "/metrics", "/brand.css", "/brand/logo", "/unsubscribe/{token}",
    "/unsubscribe/{token}/brand.css", "/unsubscribe/{token}/logo",
}  # fmt: skip
"""Routes beside the pages'. That of whoever wants no more mail is opened by its secret, by mail programs too."""
FOREIGN: tuple[dict[str, str], ...] = (
    {}, {"Origin": "https://evil.example"}, {"Origin": "null"},
    *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none")),
)  # fmt: skip


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Method and path of all that the application answers, without the API and its explorer and fixed files."""
    file = tmp_path_factory.mktemp("routes") / "x.db"
    app = make_app(Service(Config(), open_engine(f"sqlite:///{file}")))
    found = {(route.method, _canonical(route)) for route in app.router.routes()}
    return {(method, path) for method, path in found if not path.startswith(("/api/v1/", "/static/"))}


def _canonical(route: web.AbstractRoute) -> str:
    assert route.resource is not None
    return route.resource.canonical


def _plain(path: str) -> str:
    """Without the expressions of its names."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path)


def _wrong(pages: dict[str, Page]) -> list[str]:
    return [
        f"{one.status} {one.url} from {one.came_from}"
        for one in pages.values()
        if one.status != 200 and not _says_so(one)
    ]


def _says_so(page: Page) -> bool:
    """An electronic invoice that lacks something, a version whose rates are gone."""
    is_gone = page.status == 409 and page.pattern == "/tariffs/{tariff_id}/comparison"
    return is_gone or (page.status == 422 and page.url.endswith(("paper.ubl", "paper.cii")))


@pytest.mark.parametrize("who", EVERYBODY)
def test_every_link_that_one_meets_opens(crawls: Crawls, who: str) -> None:
    """Of menus, lists and pages: none leads to what isn't there, isn't theirs, or breaks."""
    assert _wrong(crawls.of(who)) == []


def test_every_route_is_come_to(crawls: Crawls, routes: set[tuple[str, str]]) -> None:
    """By somebody's clicks, or from where it is told: a page that nobody finds is told here."""
    pages = {_plain(screen.path): screen.path for screen in SCREENS}
    assert {path for method, path in routes if method == "GET"} == pages.keys() | NO_PAGE
    seen = {page.pattern for who in EVERYBODY for page in crawls.of(who).values() if page.status == 200}
    assert set(pages.values()) - seen == set(NO_LINK)


@pytest.mark.parametrize("who", EVERYBODY[1:])
def test_what_is_not_ones_own_has_no_link_and_does_not_open(crawls: Crawls, planted: Planted, who: str) -> None:
    """Pages of the operator that one has never met: by address 403 or 404, or they show no more than nothing of theirs.

    What both the page's endpoint and the menu allow is open to whoever knows the address: it lists their own things.
    """
    mine = crawls.of(who)
    met = {page.pattern for page in mine.values()}
    others = {page.pattern: page.url for page in crawls.of(OPERATOR).values() if page.pattern not in met}
    forbidden = {pattern: url for pattern, url in others.items() if not planted.can(who, pattern)}
    assert forbidden
    answers = crawls.look(who, forbidden.values())
    assert [f"{page.status} {page.url}" for page in answers if page.status not in {403, 404}] == []
    assert not {page.pattern for page in mine.values() if not planted.can(who, page.pattern)}


@pytest.mark.parametrize("who", EVERYBODY)
def test_every_page_is_strict(crawls: Crawls, who: str) -> None:
    """No frames, no scripts but ours, nothing in the page itself, nothing kept; a paper has its style."""
    for page in crawls.of(who).values():
        policy = page.headers["Content-Security-Policy"]
        is_paper = "/paper.html" in page.url
        assert "frame-ancestors 'none'" in policy, page.url
        assert ("script-src 'self'" in policy) is not is_paper, page.url
        assert "unsafe" not in (policy.replace("style-src 'unsafe-inline'", "") if is_paper else policy), page.url
        wanted = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        assert {name: page.headers.get(name) for name in wanted} == wanted, page.url


def test_who_only_reads_is_shown_no_form(crawls: Crawls) -> None:
    """But those about themselves, and what only asks."""
    own = ("/sign-out", "/profile", "/filters", "/log-in-as/end")
    asking = ("/preview", "/trial")
    found = {
        f"{form} on {page.url}"
        for page in crawls.of(READER).values()
        for form in (one or page.url for one in page.forms)
        if not form.startswith(own) and not form.partition("?")[0].endswith(asking)
    }
    assert found == set()


@pytest.mark.parametrize("who", EVERYBODY)
def test_every_form_says_whose_it_is(crawls: Crawls, who: str) -> None:
    """But those that end a session: else it would be done as whoever signs in by another tab."""
    lacking = {
        page.pattern
        for page in crawls.of(who).values()
        for form in re.findall(r'<form method="post".*?</form>', page.text, re.DOTALL)
        if 'name="_whose" value="' not in form and not re.search('action="/(sign-out|log-in-as/end)"', form)
    }
    assert lacking <= {"/sign-out", "/password", "/forgotten-password"}


# --- other sites


def _version(file: Path) -> Iterator[int]:
    """Another one after each change that anybody commits."""
    with sqlite3.connect(file) as watch:
        while True:
            yield int(watch.execute("PRAGMA data_version").fetchone()[0])


async def _send(planted: Planted, paths: list[str]) -> list[str]:
    found = []
    async with aiohttp.ClientSession(cookies={SESSION: planted.sessions[OPERATOR]}) as client:
        for path in paths:
            for headers in FOREIGN:
                url = planted.address + path
                async with client.post(url, data={"name": "x"}, headers=headers, allow_redirects=False) as answer:
                    if answer.status != 403 or "this form was not sent by a page" not in await answer.text():
                        found.append(f"{answer.status} {path} {headers}")
    return found


def test_no_other_site_sends_a_form(planted: Planted, crawls: Crawls, routes: set[tuple[str, str]]) -> None:
    """CSRF, over every route that takes one: neither by Sec-Fetch-Site nor by Origin nor without both. Nothing changes.

    There is no token that another session's could stand in for: the browser itself says whose page sends a form.
    """
    known = {_plain(page.pattern): page.url for page in crawls.of(OPERATOR).values()}
    posts = sorted(path for method, path in routes if method == "POST" and path not in NO_PAGE)
    assert len(posts) > 150
    version = _version(planted.file)
    before = next(version)
    assert apart(_send(planted, [known.get(path, re.sub(r"{\w+}", "1", path)) for path in posts])) == []
    assert next(version) == before


def test_the_sessions_cookie_opens_no_endpoint(planted: Planted) -> None:
    """A form of another site that is sent to the API would come with it."""

    async def ask() -> int:
        url, cookies = f"{planted.address}/api/v1/bans", {SESSION: planted.sessions[OPERATOR]}
        async with aiohttp.ClientSession(cookies=cookies) as client, client.post(url, json={}) as answer:
            return answer.status

    assert apart(ask()) == 401


# --- log in as


async def _become(planted: Planted, email: str) -> dict[str, str]:
    """The cookies of the operator who acts as somebody."""
    cookies = {SESSION: planted.sessions[OPERATOR]}
    async with aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        async with client.get(f"{planted.address}/users", params={"email": email}) as answer:
            number = re.search(r'href="/users/(\d+)"', await answer.text())
            assert number is not None
        url = f"{planted.address}/users/{number[1]}/log-in-as"
        async with client.post(url, headers=SAME, allow_redirects=False) as answer:
            return {name: kept.value for name, kept in answer.cookies.items()}


@pytest.mark.parametrize(
    "email", ["owner@zzlowerzz.example", "owner@zzcustomerzz.example", "owner@zzcarrierzz.example"]
)
def test_logged_in_as_somebody_every_page_says_so(planted: Planted, email: str) -> None:
    """Each one that the other person can come to, with the way back; papers are as they are sent."""
    cookies = apart(_become(planted, email))
    crawler = Crawler(planted.address, cookies[SESSION], cookies[HOME], has_files=False)
    pages = apart(crawler.crawl())
    assert _wrong(pages) == []
    told = [page for page in pages.values() if page.is_html and "/paper." not in page.url]
    assert len(told) > 80
    assert [page.url for page in told if f"You are logged in as {email}" not in page.text] == []
    assert [page.url for page in told if "/log-in-as/end" not in page.forms] == []


def test_what_one_does_as_somebody_is_in_the_audit_with_both_names(planted: Planted, crawls: Crawls) -> None:
    """Beginning, deed; told to the operator, and to the other's own people without naming who stands above."""
    email = "owner@zzlowerzz.example"

    async def act() -> None:
        cookies = await _become(planted, email)
        async with aiohttp.ClientSession(cookies=cookies) as client:
            form = {"account_id": "4", "name": "While acting", "permissions": "trunks.read"}
            async with client.post(f"{planted.address}/roles/new", data=form, headers=SAME) as answer:
                assert answer.status == 200

    apart(act())
    (mine,) = crawls.look(OPERATOR, ["/audit?action=role.define"])
    assert f"boss@op.example → {email}" in mine.words
    assert "While acting" in mine.words
    (begun,) = crawls.look(OPERATOR, ["/audit?action=user.impersonate"])
    assert email in begun.words
    (theirs,) = crawls.look(BELOW, ["/audit?action=role.define"])
    assert "While acting" in theirs.words
    assert "boss@op.example" not in theirs.words
