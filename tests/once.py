"""What a run of tests makes once, also where several processes share the run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def folder_of_the_run(factory: pytest.TempPathFactory) -> Path:
    """The one that all of its processes see."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(file: Path, make: Callable[[Path], None]) -> Path:
    """The file, which `make` writes for who comes first; the others wait for it."""
    if not file.exists():
        with file.with_name(f"{file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                half = file.with_name(f"{file.name}.half")
                make(half)
                half.rename(file)
    return file
