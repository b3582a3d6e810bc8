"""A PostgreSQL 15 cluster of its own, on a free loopback port: in a temporary folder, gone at the end; or kept."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmarks.ports import free_port

BINARIES = Path("/usr/lib/postgresql/15/bin")
WAIT = ("-w", "-t", "600")
"""Of pg_ctl: its own minute says how busy the machine is."""


def is_installed() -> bool:
    """Whether there is a PostgreSQL 15."""
    return (BINARIES / "initdb").exists()


def _run(*command: str) -> None:
    """PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def cluster(*options: str, folder: Path | None = None) -> Iterator[str]:
    """The URL of its maintenance database. `options`: such as fsync=off. `folder`: where it is kept."""
    kept, folder = folder is not None, folder or Path(tempfile.mkdtemp(prefix="kambill-pg-"))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    port = free_port()
    data = str(folder / "data")
    given = " ".join(f"-c {option}" for option in options)
    if not (folder / "data").exists():
        _run(str(BINARIES / "initdb"), "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync")
    start = ["-o", f"-p {port} -h 127.0.0.1 -k {folder} {given}", *WAIT, "start"]
    _run(str(BINARIES / "pg_ctl"), "-D", data, "-l", str(folder / "log"), *start)
    try:
        yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    finally:
        how = "fast" if kept else "immediate"
        _run(str(BINARIES / "pg_ctl"), "-D", data, "-m", how, *WAIT, "stop")
        if not kept:
            shutil.rmtree(folder)
