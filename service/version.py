"""Which release this is."""

from __future__ import annotations

import functools
import tomllib
from importlib import metadata
from pathlib import Path


@functools.cache
def release() -> str:
    """The installed release; in a clone that isn't installed, pyproject's."""
    try:
        return metadata.version("kambill")
    except metadata.PackageNotFoundError:
        pyproject = Path(__file__).parents[1] / "pyproject.toml"
        return str(tomllib.loads(pyproject.read_text())["project"]["version"])
