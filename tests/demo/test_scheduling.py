"""What Kamailio's command begins with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scripts.demo import scheduling

ASKS = [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"]


@pytest.fixture(autouse=True)
def _asked_anew():
    scheduling.first.cache_clear()
    yield
    scheduling.first.cache_clear()


def test_who_may_goes_first_and_nobody_else_fails() -> None:
    begins = scheduling.first()
    said = subprocess.run([*begins, *ASKS], check=True, capture_output=True, text=True).stdout
    assert int(said) == (os.SCHED_RR if begins else os.SCHED_OTHER)


def test_who_may_not_starts_as_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "FIRST", ("false",))
    assert scheduling.first() == ()
