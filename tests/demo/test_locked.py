"""Requirements for machines without uv: exactly what uv.lock says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
LOCK = """
version = 1
[[package]]
name = "kambill"
version = "0.1.0"
dependencies = [{ name = "web" }, { name = "old", version = "1.0", marker = "python_version < '3.12'" }]
[package.dev-dependencies]
dev = [{ name = "tester" }]
[[package]]
name = "web"
version = "2.0"
dependencies = [{ name = "shared", marker = "sys_platform == 'win32'" }]
optional-dependencies = { fast = [{ name = "never" }] }
wheels = [{ url = "u", hash = "sha256:aa" }, { url = "u", hash = "sha256:bb" }]
[[package]]
name = "old"
version = "1.0"
sdist = { url = "u", hash = "sha256:cc" }
[[package]]
name = "old"
version = "2.0"
[[package]]
name = "shared"
version = "3.0"
[[package]]
name = "tester"
version = "4.0"
dependencies = [{ name = "shared" }]
[[package]]
name = "never"
version = "5.0"
"""


def locked(lock: str, *options: str) -> list[str]:
    command = [sys.executable, str(HOME / "scripts" / "lib" / "locked.py"), *options]
    return subprocess.run(command, input=lock, capture_output=True, text=True, check=True).stdout.splitlines()


def test_only_what_the_service_needs() -> None:
    """Versions, markers and hashes of the lock; nothing of the tests, no extra that nobody asked for."""
    assert locked(LOCK) == [
        "web==2.0 --hash=sha256:aa --hash=sha256:bb",
        "old==1.0 ; (python_version < '3.12') --hash=sha256:cc",
        "shared==3.0 ; (sys_platform == 'win32')",
    ]


def test_with_the_tests_tools() -> None:
    """What is needed always has no marker, whoever else needs it under one."""
    assert locked(LOCK, "--test")[2:] == ["shared==3.0", "tester==4.0"]


def test_the_real_lock_is_complete() -> None:
    """Every requirement of ours has a hash; the environment of this test has the same versions."""
    lines = locked((HOME / "uv.lock").read_text(), "--test")
    assert len(lines) > 30
    assert all("--hash=sha256:" in line for line in lines)
    assert any(line.startswith("aiohttp==") for line in lines)
