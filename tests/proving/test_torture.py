"""scripts/torture says what there is."""

from __future__ import annotations

import subprocess
from pathlib import Path

TORTURE = Path(__file__).resolve().parents[2] / "scripts" / "torture"


def told(*words: str) -> subprocess.CompletedProcess[str]:
    """What it answers."""
    return subprocess.run([TORTURE, *words], check=False, capture_output=True, text=True)


def test_help_names_every_proof() -> None:
    """All that it runs without a name."""
    help_text = told("--help")
    names = told("no such proof").stderr.strip().partition(": ")[2].partition(": ")[2].replace(" or ", ", ").split(", ")
    assert help_text.returncode == 0
    assert len(names) == 13
    assert [name for name in names if f"  {name} " not in help_text.stdout] == []


def test_what_is_no_proof_is_told() -> None:
    """Nothing is run."""
    answer = told("no such proof")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "no proof is called no such proof: billing, " in answer.stderr
