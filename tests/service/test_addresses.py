"""Whom a request comes from, and how many pages a stranger may look at."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from scripts.benchmarks.postgres import free_port
from service.api.addresses import address_of, site_of
from service.api.http import PAGES_EACH, Rates
from service.api.problems import Problem
from service.app import running
from service.config import ApiRates, Config, Listen

MOST = 5
OURS = ["127.0.0.1", "10.0.0.0/24"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("::ffff:127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["10.0.0.7"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, nobody"], "127.0.0.1"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_only_what_a_proxy_of_ours_has_added_counts(peer: str, forwarded: list[str], address: str) -> None:
    """Whoever sends such a header themselves is who they are."""
    assert address_of(peer, forwarded, OURS) == address
    assert address_of(peer, forwarded, []) == peer


def test_a_site_is_one() -> None:
    """Its addresses are more than there are requests."""
    assert site_of("2001:db8:1:2:3::4") == site_of("2001:db8:1:2::9") != site_of("2001:db8:1:3::4")
    assert site_of("192.0.2.1") != site_of("192.0.2.2")
    assert site_of("::ffff:192.0.2.1") == "::ffff:192.0.2.1"


async def test_pages_of_strangers_are_counted() -> None:
    """By site; those of this machine aren't, where a proxy may stand of which nobody told."""
    rates = Rates(1_000, MOST)
    for number in range(MOST * PAGES_EACH):
        await rates.check_page(f"2001:db8::{number}")
    with pytest.raises(Problem) as told:
        await rates.check_page("2001:db8::ffff")
    assert told.value.kind == "too-many"
    await rates.check_page("2001:db8:0:1::1")
    for _ in range(MOST * PAGES_EACH + 1):
        await rates.check_page("127.0.0.1")


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nothing", "/brand.css", "/unsubscribe/x"])
async def test_a_stranger_wears_nobody_down(tmp_path: Path, database: str, path: str) -> None:
    """A page that says so costs no look at the ledger; whoever comes through the same proxy goes on."""
    port = free_port()
    folder = tmp_path / "ratebook"
    folder.mkdir()
    config = Config(
        run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=folder, database=database,
        listen=Listen(port=port, proxies=["127.0.0.1"]), api=ApiRates(unknown_per_minute=MOST),
    )  # fmt: skip
    async with running(config), aiohttp.ClientSession() as session:

        async def look(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            url = f"http://127.0.0.1:{port}{path}"
            async with session.get(url, headers=headers, allow_redirects=False) as answer:
                assert ("Retry-After" in answer.headers) == (answer.status == 429)
                return answer.status

        said = [await look("203.0.113.9") for _ in range(MOST * PAGES_EACH + 5)]
        assert said[-5:] == [429] * 5
        assert 429 not in said[:-5]
        assert await look("203.0.113.10") != 429
