"""No sequence of definitions, assignments, moves and revocations gives anybody what its giver lacked; none makes a
cycle or an orphan. `KAMBILL_SEQUENCES` says how many are tried.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.access import people, rights
from service.access.endpoints import roles as roles_api
from service.access.permissions import ALL
from service.accounts import changes
from service.api import call as call_module
from service.database.engine import open_engine
from tests.service.conftest import copy_sqlite
from tests.service.matrix.sequences import KINDS, SOME, Play, Step
from tests.service.matrix.world import World
from tests.service.test_money import House

SEQUENCES = int(os.environ.get("KAMBILL_SEQUENCES", "40"))
STEPS = 30
_NUMBER = st.integers(0, 10_000)
_STEP = st.builds(Step, st.sampled_from(KINDS), _NUMBER, _NUMBER, _NUMBER, st.integers(0, 2 ** len(SOME) - 1))
_STEPS = st.lists(_STEP, min_size=STEPS, max_size=STEPS)
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


class Stage:
    """The market, on a loop of its own: each sequence begins with it as it was."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self.done = 0
        self.world = self._loop.run_until_complete(self._opened(template, folder))

    async def _opened(self, template: Path, folder: Path) -> World:
        file = folder / "kambill.db"
        await copy_sqlite(template, file)
        world = World(House(open_engine(f"sqlite:///{file}"), f"sqlite:///{file}", folder), file)
        await world.open()
        world.keep()
        return world

    def play(self, steps: list[Step]) -> None:
        """One sequence."""
        play = Play(self.world)
        try:
            self._loop.run_until_complete(play.run(steps))
        finally:
            self.done += play.done
            self.world.restore()

    def close(self) -> None:
        """Nothing is left open."""
        self.world.close()
        self._loop.run_until_complete(self.world.house.company.engine.dispose())
        self._loop.close()


@pytest.fixture
def stage(template: Path, tmp_path: Path) -> Stage:
    """Of one test."""
    return Stage(template, tmp_path)


def test_no_sequence_gives_what_its_giver_lacked(stage: Stage) -> None:
    """Thirty steps by anybody; the tree stays a tree."""

    @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=_QUIET, database=None, print_blob=False)
    @given(_STEPS)
    def tried(steps: list[Step]) -> None:
        stage.play(steps)

    tried()
    assert stage.done > SEQUENCES, "hardly anything was done: the sequences prove nothing"
    print(f"{SEQUENCES} sequences, {stage.done} steps were taken")
    stage.close()


async def _passes(*_: object, **__: object) -> None:
    """A check that is none."""


MUTATIONS = {
    "a definer's rights": (call_module, "beyond", lambda *_: []),
    "ceilings": (rights, "ceiling", lambda *_: ALL),
    "where a role holds": (rights, "usable", lambda *_: True),
    "who is given roles": (people, "check_given", _passes),
    "the definer's ceiling": (roles_api, "_check_ceiling", _passes),
    "an account below itself": (changes, "below", lambda path: changes.accounts.c.path == path),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_check_that_is_missing_is_noticed(stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a few hundred sequences; the seed is fixed, so that it always is."""
    monkeypatch.setattr(*MUTATIONS[name])

    @settings(
        max_examples=400, deadline=None, suppress_health_check=_QUIET, database=None, derandomize=True,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(_STEPS)
    def tried(steps: list[Step]) -> None:
        stage.play(steps)

    with pytest.raises(AssertionError):
        tried()
    stage.close()
