"""Whose examples a run of tests looks at: chance's, or the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOLD = "import tests.conftest, hypothesis; print(hypothesis.settings.default.derandomize)"


@pytest.mark.parametrize(("word", "told"), [("fixed", "True"), ("", "False")])
def test_examples_are_fixed_where_that_is_wanted(word: str, told: str) -> None:
    """By an environment variable, and by chance without it."""
    environ = os.environ | {"KAMBILL_HYPOTHESIS": word}
    done = subprocess.run(
        [sys.executable, "-c", TOLD], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == told
