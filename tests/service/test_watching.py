"""Who may look at metrics and readiness: this machine and whom the operator names, never by a proxy."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.app import running
from service.config import Config, Listen
from service.watching import FORWARDED, may_watch
from tests.service.test_app import _config

HERE = {"Host": "127.0.0.1:8660"}
NAMED = ["10.0.0.7", "10.1.0.0/24", "2001:db8::/64"]


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("127.0.0.1", "127.0.0.1:8660"), ("127.0.0.9", "localhost"), ("::1", "[::1]:8660"),
        ("::ffff:127.0.0.1", "localhost:8660"), ("10.0.0.7", "kambill.internal:8660"), ("10.1.0.200", "10.0.0.5"),
        ("::ffff:10.0.0.7", "10.0.0.5"), ("2001:db8::5", "[2001:db8::1]"),
    ],
)  # fmt: skip
def test_this_machine_and_whom_the_operator_names(peer: str, host: str) -> None:
    """By either kind of address."""
    assert may_watch(peer, {"Host": host}, NAMED)


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("10.0.0.8", "127.0.0.1"), ("203.0.113.5", "localhost"), ("10.2.0.1", "10.0.0.5"), ("2001:db8:0:1::1", "x"),
        ("127.0.0.1", "portal.example.net"), ("127.0.0.1", "203.0.113.5"), ("127.0.0.1", "localhost.example.net"),
        ("127.0.0.1", ""), ("127.0.0.1", "["), ("", "localhost"), ("unix:", "localhost"),
    ],
)  # fmt: skip
def test_nobody_else(peer: str, host: str) -> None:
    """Nor by a proxy on this machine that only passes the host name on."""
    assert not may_watch(peer, {"Host": host}, NAMED)


@given(st.sampled_from(FORWARDED), st.sampled_from(["127.0.0.1", "for=127.0.0.1", "https", "", "1.1 proxy"]))
def test_what_was_passed_on_opens_nothing(header: str, says: str) -> None:
    """Whatever it says of who asks: whether the proxy stands here, or is named itself."""
    for peer in ("127.0.0.1", "10.0.0.7"):
        assert may_watch(peer, HERE, NAMED)
        assert not may_watch(peer, {**HERE, header: says}, NAMED)


def test_the_configuration_takes_addresses_and_networks() -> None:
    """And says what is none."""
    assert Listen(metrics_from=["10.0.0.7", "10.1.0.0/24"]).metrics_from == NAMED[:2]
    for wrong in ("prometheus", "10.0.0.7/8", "10.0.0.0/33"):
        with pytest.raises(ValidationError, match="is no address or network: write"):
            Listen(metrics_from=[wrong])


async def _ask(config: Config, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    url = f"http://{host}:{config.listen.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_stranger_finds_nothing_there(tmp_path: Path, database: str) -> None:
    """The same that any path says that isn't there; that the process lives it may know."""
    config = _config(tmp_path, database)
    proxied = {"X-Forwarded-Proto": "https", "Host": "portal.example.net"}
    async with running(config):
        nothing = await _ask(config, "/nothing", **proxied)
        assert nothing[0] == 404
        for path in ("/metrics", "/readyz"):
            assert (await _ask(config, path))[0] in {200, 503}
            for headers in (proxied, {"Host": "portal.example.net"}, {"X-Forwarded-For": "127.0.0.1"}):
                status, text = await _ask(config, path, **headers)
                assert (status, "kambill_" in text, "faults" in text) == (404, False, False)
            assert (await _ask(config, path, **proxied))[1] == nothing[1]
        assert (await _ask(config, "/healthz", **proxied))[0] == 200
