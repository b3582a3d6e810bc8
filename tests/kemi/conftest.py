"""A fresh company for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kemi.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The company of `World`, with 1000 euros for each that pays."""
    company = World(tmp_path)
    yield company
    company.close()
