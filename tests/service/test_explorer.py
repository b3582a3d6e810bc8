"""The explorer: it works without the Internet and under its own policy, in a real browser."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import aiohttp
import pytest

from scripts.benchmarks.ports import free_port
from service.api.explorer import CONTENT_SECURITY_POLICY
from service.app import running
from service.config import Config, Listen
from service.urls import ENDPOINTS


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service of its own."""
    folders = {"run_dir": tmp_path / "run", "data_dir": tmp_path / "data", "ratebook": tmp_path / "ratebook"}
    return Config(listen=Listen(port=free_port()), **folders)


async def test_its_files_are_ours(config: Config) -> None:
    """Page, scripts and style from this server, under a policy that lets nothing else in; no other file is served."""
    url = f"http://127.0.0.1:{config.listen.port}/api/v1"
    async with running(config), aiohttp.ClientSession() as session:
        for name in ("", "swagger-ui-bundle.js", "swagger-ui.css", "explorer.js", "explorer.css", "favicon-32x32.png"):
            async with session.get(f"{url}/explorer/{name}") as response:
                assert response.status == 200, name
                assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(f"{url}/explorer/") as response:
            page = await response.text()
        assert "http:" not in page
        assert "https:" not in page
        assert "<script>" not in page
        for name in ("LICENSE", "..%2fexplorer.py", "README.md"):
            async with session.get(f"{url}/explorer/{name}") as response:
                assert response.status == 404
        async with session.get(f"{url}/explorer", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (308, "/api/v1/explorer/")
        async with session.get(f"{url}/openapi.json") as response:
            operations = json.loads(await response.text())["paths"]
    assert sum(len(methods) for methods in operations.values()) == len(ENDPOINTS)


async def test_a_browser_shows_every_noun(config: Config) -> None:
    """Chromium, with nobody else to ask; its console is silent."""
    async with running(config):
        url = f"http://127.0.0.1:{config.listen.port}/api/v1/explorer/"
        command = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000"]
        command += [
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--dump-dom",
            url,
        ]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=600, check=True)
    for noun in {endpoint.name.partition(".")[0] for endpoint in ENDPOINTS}:
        assert f'data-tag="{noun}"' in done.stdout, noun
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "127.0.0.1" in line]
    assert told == []
