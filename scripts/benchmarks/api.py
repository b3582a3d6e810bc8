"""How quickly the API answers: a ledger of many accounts, the service on it as operators run it, people who ask."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from scripts.benchmarks.postgres import cluster
from scripts.demo.children import Children
from scripts.demo.sockets import Address, is_bound
from service.access.actor import local_actor
from service.access.first import create_super_admin
from service.access.passwords import hash_password
from service.access.sessions import Visit, open_session
from service.config import Config
from service.database.tables import accounts
from service.start import open_ledger

HOST, PORT = "127.0.0.1", 27070
DEPTH = 40
FANOUT = 100
"""Accounts below each reseller, and below the deepest one of the chain."""
ROWS = 5_000
AT_ONCE = 8
"""People who ask, each again once it has its answer."""
FIRST_ID = 10
MANY = 1_000_000


class Latency(NamedTuple):
    """Of one kind of request."""

    what: str
    per_second: float
    median_ms: float
    p99_ms: float
    failed: int


def tree(count: int, now_ms: int) -> Iterator[dict[str, Any]]:
    """A chain of resellers down to DEPTH with customers at its end, then resellers with customers: enough of them."""
    number, path, parent = FIRST_ID, "/1/", 1
    for depth in range(1, DEPTH):
        path = f"{path}{number}/"
        yield _row(number, parent, "reseller", depth, path, now_ms)
        parent, number = number, number + 1
    seller, above, depth = parent, path, DEPTH
    while number < FIRST_ID + count:
        for _ in range(FANOUT):
            yield _row(number, seller, "customer", depth, f"{above}{number}/", now_ms)
            number += 1
        seller, above, depth = number, f"/1/{number}/", 2
        yield _row(number, 1, "reseller", 1, above, now_ms)
        number += 1


def _row(number: int, parent: int, kind: str, depth: int, path: str, now_ms: int) -> dict[str, Any]:
    row = {"id": number, "name": f"account {number}", "parent_id": parent, "kind": kind, "billing": "prepaid"}
    return row | {"currency": "EUR", "depth": depth, "path": path, "created_ms": now_ms}


async def furnish(config: Config, count: int) -> str:
    """Fills the ledger; a session of a Super Admin."""
    now_ms = time.time_ns() // 1_000_000
    async with open_ledger(config, now_ms) as engine:
        rows = list(tree(count, now_ms))
        async with engine.begin() as conn:
            for at in range(0, len(rows), ROWS):
                await conn.execute(sa.insert(accounts), rows[at : at + ROWS])
            if engine.dialect.name != "sqlite":
                await conn.execute(sa.text("ANALYZE accounts"))
            kept = await hash_password(secrets.token_urlsafe())
            user = await create_super_admin(conn, config.node, local_actor("bench"), "a@b.example", "A", kept, now_ms)
            return (await open_session(conn, user, Visit("", "bench"), now_ms)).text


def request(token: str, kind: str, count: int, at: int) -> bytes:
    """One request, as it goes over the wire."""
    number = FIRST_ID + DEPTH + at * 7919 % (count - DEPTH)
    head = f"HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
    if kind == "read":
        return f"GET /api/v1/accounts/{number} {head}\r\n".encode()
    if kind == "list at depth 40":
        return f"GET /api/v1/accounts?parent_id={FIRST_ID + DEPTH - 2}&limit=50 {head}\r\n".encode()
    if kind == "subtree at depth 40":
        return f"GET /api/v1/accounts?below_id={FIRST_ID + DEPTH - 2}&limit=50 {head}\r\n".encode()
    body = json.dumps({"amount": "1.00", "reason": "bench"})
    more = f"Idempotency-Key: {secrets.token_hex(8)}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"POST /api/v1/accounts/{number}/payments {head}{more}\r\n\r\n{body}".encode()


async def answer(reader: asyncio.StreamReader) -> int:
    """Its status, when all of it is here. Plain sockets: a client as dear as the service would measure itself."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


async def load(token: str, kind: str, requests: int, count: int) -> Latency:
    """So many requests, AT_ONCE at a time, each person on a connection of its own."""
    taken: list[float] = []
    failed = 0
    turns = iter(range(requests))

    async def person() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(HOST, PORT)
        for at in turns:
            started = time.perf_counter()
            writer.write(request(token, kind, count, at))
            failed += await answer(reader) >= 300
            taken.append((time.perf_counter() - started) * 1000)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(person() for _ in range(AT_ONCE)))
    seconds = time.perf_counter() - started
    taken.sort()
    at_99 = taken[int(len(taken) * 0.99)]
    return Latency(kind, round(requests / seconds, 1), round(taken[len(taken) // 2], 2), round(at_99, 2), failed)


KINDS = {"read": 4_000, "list at depth 40": 1_000, "subtree at depth 40": 1_000, "payment": 1_000}
"""What is asked, and how often."""


def bench(folder: Path, url: str, count: int) -> list[Latency]:
    """On one database."""
    folder.mkdir(parents=True)
    settings = {
        "run_dir": str(folder / "run"),
        "data_dir": str(folder / "data"),
        "ratebook": str(folder / "ratebook"),
        "database": url,
        "listen": {"host": HOST, "port": PORT},
        "api": {"requests_per_minute": MANY, "unknown_per_minute": MANY},
    }
    (folder / "ratebook").mkdir()
    (folder / "kambill.yaml").write_text(json.dumps(settings))
    token = asyncio.run(furnish(Config.model_validate(settings), count))
    with Children() as children:
        environment = {"KAMBILL_CONFIG": str(folder / "kambill.yaml")}
        command: list[str | Path] = [sys.executable, "-m", "service.cli", "serve"]
        service = children.start("the service", command, folder / "service.log", environment)
        service.wait_until(lambda: is_bound(Address(HOST, PORT, "tcp")), 20)
        return [asyncio.run(load(token, kind, requests, count)) for kind, requests in KINDS.items()]


def run(folder: Path, count: int) -> int:
    """A line for each kind of request, on SQLite and on a PostgreSQL of its own. 1: a request failed."""
    failed = _told("sqlite", bench(folder / "sqlite", "", count), count)
    with cluster() as url:
        return 1 if failed + _told("postgresql", bench(folder / "postgresql", url, count), count) else 0


def _told(database: str, latencies: list[Latency], count: int) -> int:
    for latency in latencies:
        print(json.dumps({"database": database, "accounts": count, **latency._asdict()}), flush=True)
    return sum(latency.failed for latency in latencies)
