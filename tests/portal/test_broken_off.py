"""What is broken off: a file in its middle, which nobody takes for a whole one; and what isn't read at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.api.lines import Lines
from service.api.problems import Problem
from service.portal.components import files
from service.portal.cookies import SESSION
from tests.portal.conftest import Walker
from tests.waiting import PATIENCE_S

BOSS = "boss@op.example"


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The right to see a list is taken away behind its first batch."""

    async def ahead(read: Callable[[str, Any], Awaitable[Lines]], cursor: str) -> AsyncIterator[Lines]:
        yield await read(cursor, lambda _: None)
        raise Problem("forbidden", "this needs the permission accounts.read")

    monkeypatch.setattr(files, "ahead", ahead)


async def raw(walker: Walker, path: str, version: str) -> tuple[bytes, bool]:
    """All that comes, and whether the connection ended as it should."""
    where = urlsplit(walker.address)
    (cookie,) = [one.value for one in walker.session.cookie_jar if one.key == SESSION]
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"GET {path} HTTP/{version}\r\nHost: {where.netloc}\r\nCookie: {SESSION}={cookie}\r\n\r\n".encode())
    found = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while part := await reader.read(65_536):
                found += part
    except ConnectionResetError:
        return found, False
    else:
        return found, True
    finally:
        writer.close()


async def test_nothing_is_read_of_what_a_stranger_sends(walker: Walker) -> None:
    """To a page that takes large files: the answer comes before them."""
    where = urlsplit(walker.address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"POST /tariffs/1/import HTTP/1.1\r\nHost: {where.netloc}\r\nSec-Fetch-Site: same-origin\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n--x\r\n"
    writer.write((head + kind).encode())
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 303")
    writer.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_file_that_may_not_be_seen_any_more_is_broken_off(walker: Walker, version: str, revoked: None) -> None:
    """By the connection: a proxy that speaks HTTP/1.0 knows no other sign."""
    await walker.sign_in(BOSS)
    found, is_whole = await raw(walker, "/accounts.csv", version)
    assert found.startswith(b"HTTP/1.")
    assert b"text/csv" in found
    assert found.count(b"HTTP/1.") == 1
    assert b"<html" not in found
    assert not found.endswith(b"0\r\n\r\n")
    assert not is_whole
