"""One portal for all tests of the pages, and who walks through it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from service.portal.wording import catalogue
from tests.portal.browser import BUSY_MS, Patience, chromium
from tests.portal.crawl import Crawls
from tests.portal.desk import Sit
from tests.portal.house import portal
from tests.portal.planted import Planted, planted_portal
from tests.portal.screens import Screens
from tests.service.office import PASSWORD

SAME = {"Sec-Fetch-Site": "same-origin"}
expect.set_options(timeout=BUSY_MS)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One page that doesn't come costs all of the patience, the next ones cost less."""
    if report.failed and report.duration * 1000 >= Patience.ms:
        Patience.lose()


class Got:
    """A page that came back."""

    def __init__(self, status: int, headers: dict[str, str], text: str, path: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.path = path
        """Where one ended up."""

    @property
    def words(self) -> str:
        """What can be read of it: without tags, blanks run together."""
        return " ".join(re.sub(r"<[^>]*>", " ", self.text).split())

    @property
    def prose(self) -> str:
        """Of the words those that are neither somebody's text nor data: headings, labels, hints, buttons."""
        text = re.sub(r"<(pre|textarea|code|td|dd|title)\b[^>]*>.*?</\1>", " ", self.text, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]*>", " ", text).split())

    def hidden(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name}: {self.words}"
        return found.group(1)


class Walker:
    """A browser without scripts: cookies, links and forms."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self.session = session
        self.address = address

    async def get(self, path: str, *, follow: bool = True, **headers: str) -> Got:
        """Looks at a page."""
        async with self.session.get(self.address + path, headers=headers, allow_redirects=follow) as answer:
            return Got(answer.status, dict(answer.headers), await answer.text(), answer.url.path_qs)

    async def post(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None, **form: str) -> Got:
        """Sends a form, as a browser does from one of our pages."""
        sent = SAME if headers is None else headers
        url = self.address + path
        async with self.session.post(url, data=form, headers=sent, allow_redirects=follow) as answer:
            return Got(answer.status, dict(answer.headers), await answer.text(), answer.url.path_qs)

    async def sign_in(self, email: str, **more: str) -> Got:
        """Opens a session."""
        return await self.post("/sign-in", email=email, password=PASSWORD, **more)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the portal."""
    with portal(tmp_path_factory.mktemp("town")) as found:
        yield found


@pytest.fixture
async def walker(address: str) -> AsyncIterator[Walker]:
    """Somebody who isn't signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Walker(session, address)


@pytest.fixture
async def walkers(address: str) -> AsyncIterator[Callable[[], Walker]]:
    """Several of them."""
    sessions: list[aiohttp.ClientSession] = []

    def another() -> Walker:
        sessions.append(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        return Walker(sessions[-1], address)

    yield another
    for session in sessions:
        await session.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all stories of a file."""
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screens(browser: Browser) -> Screens:
    """Of that browser."""
    return Screens(browser)


@pytest_asyncio.fixture(loop_scope="module")
async def sit(screens: Screens, address: str) -> AsyncIterator[Sit]:
    """Somebody sits down before a screen of their own."""
    async with screens.sitting(address) as down:
        yield down


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """The portal whose every text is meant to do harm."""
    with planted_portal(tmp_path_factory.mktemp("planted")) as found:
        yield found


@pytest.fixture(scope="session")
def crawls(planted: Planted) -> Crawls:
    """Where everybody gets by links; each crawls once."""
    return Crawls(planted)


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What was to be said in German, and wasn't known."""
    words: Any = catalogue("de")
    known, found = words.get, set()

    def get(text: str) -> Any:
        message = known(text)
        if (message is None or not message.string) and re.search(r"[A-Za-z]{2}", text):
            found.add(text)
        return message

    monkeypatch.setattr(words, "get", get)
    return found


@pytest.fixture
async def german(walker: Walker) -> AsyncIterator[Any]:
    """Signs somebody in who reads German from then on, and English again afterwards."""

    async def sign_in(email: str) -> Walker:
        await walker.sign_in(email)
        await _speak(walker, "de")
        return walker

    yield sign_in
    await _speak(walker, "en")


async def _speak(walker: Walker, language: str) -> None:
    page = await walker.get("/profile/edit")
    zone = re.findall(r'value="([^"]+)" selected[^>]*>[^<]*</option>', page.text)
    name = re.findall(r'id="name"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*id="name"', page.text)[0]
    form = {"name": name[0] or name[1], "language": language, "timezone": "UTC", "theme": "auto"}
    assert zone
    got = await walker.post("/profile/edit", **form)
    assert f'lang="{language}"' in got.text
