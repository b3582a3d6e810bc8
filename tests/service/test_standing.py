"""What is kept of an opening serves whoever opens alike, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.database.engine import open_engine
from tests.service.company import EURO, NOW_MS
from tests.service.conftest import copy_sqlite
from tests.service.test_money import House

OPENED: list[str] = []
"""Whoever opened, and didn't stand at once."""


class Early(House):
    """Opens a while after the house did."""

    async def open(self) -> None:
        """And knows something."""
        await self.stand(self._open_early)

    async def _open_early(self) -> None:
        await super().open()
        OPENED.append(type(self).__name__)
        self.office.now_ms += self.later_ms()
        self.paper = {"id": 7}

    def later_ms(self) -> int:
        """How long after it."""
        return 5


class Alike(Early):
    """Does more when it is open."""

    def more(self) -> None:
        """Nothing that an opening knows of."""


class Later(Early):
    """Opens otherwise, by what its opening calls."""

    def later_ms(self) -> int:
        """Longer."""
        return 6


async def opened(kind: type[Early], template: Path, folder: Path) -> Early:
    """In a ledger of its own."""
    await copy_sqlite(template, folder / "kambill.db")
    url = f"sqlite:///{folder / 'kambill.db'}"
    house = kind(open_engine(url), url, folder)
    await house.open()
    return house


async def test_who_opens_alike_stands_alike(template: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Opened once: what it knows, when it is, its money and its store are there; who opens otherwise opens anew."""
    for kind, later_ms in ((Early, 5), (Alike, 5), (Later, 6), (Later, 6)):
        house = await opened(kind, template, tmp_path_factory.mktemp("opened"))
        assert (house.office.now_ms, house.paper) == (NOW_MS + later_ms, {"id": 7})
        assert (await house.balance("customer"), house.stored("customer")) == (1000 * EURO, 1000 * EURO)
        await house.company.engine.dispose()
    assert OPENED == ["Early", "Later"]
