"""Stages beside each other: nothing hides a failure, and what runs in the background is counted."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from scripts.proving.lanes import Lanes, Outcome, Stage

WORK = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
"""Keeps a processor busy for a fifth of a second."""


def shell(name: str, *commands: str) -> Stage:
    """A stage of commands of a shell."""
    return Stage(name, [["sh", "-c", command] for command in commands])


def run(folder: Path, *lanes: list[Stage]) -> dict[str, Outcome]:
    """What became of each."""
    with Lanes(folder) as running:
        return {outcome.name: outcome for outcome in running.run(*lanes)}


def test_each_stage_tells_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On both its outputs, behind a line that says how it ended."""
    found = run(tmp_path, [shell("one", "echo good; echo bad >&2")])
    assert found["one"].code == 0
    heading, *wrote = capfd.readouterr().out.splitlines()
    assert heading.startswith("== one: ok after ")
    assert wrote == ["good", "bad"]


def test_a_failure_is_told_and_the_others_go_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The next stage of its lane, and the other lane; whatever failed has its words printed."""
    found = run(tmp_path, [shell("first", "echo why; exit 3"), shell("second", "true")], [shell("beside", "exit 4")])
    assert {name: outcome.code for name, outcome in found.items()} == {"first": 3, "second": 0, "beside": 4}
    said = capfd.readouterr().out
    assert "== first: FAILED with 3 after" in said
    assert "\nwhy\n" in said


def test_a_command_waits_for_the_success_of_the_one_before(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A report of what was not run would tell nothing."""
    found = run(tmp_path, [shell("good", "echo 1", "echo 2")], [shell("bad", "false", "echo never")])
    said = capfd.readouterr().out
    assert (found["good"].code, found["bad"].code) == (0, 1)
    assert "1\n2\n" in said
    assert "never" not in said


def test_lanes_run_beside_each_other(tmp_path: Path) -> None:
    """Each waits here for what the other one writes."""
    met = "touch {0}; for _ in $(seq 600); do [ -e {1} ] && exit 0; sleep 0.1; done; exit 1"
    one, other = tmp_path / "one", tmp_path / "other"
    found = run(tmp_path, [shell("a", met.format(one, other))], [shell("b", met.format(other, one))])
    assert [outcome.code for outcome in found.values()] == [0, 0]


def test_a_lanes_stages_do_not(tmp_path: Path) -> None:
    """What the first leaves is there for the second."""
    found = run(tmp_path, [shell("a", f"sleep 0.2; touch {tmp_path}/there"), shell("b", f"[ -e {tmp_path}/there ]")])
    assert found["b"].code == 0


def test_what_was_killed_has_failed(tmp_path: Path) -> None:
    """Its signal is its code."""
    assert run(tmp_path, [shell("killed", "kill -9 $$")])["killed"].code == -9


def test_work_is_counted(tmp_path: Path) -> None:
    """A stage's own, and apart from it that of whoever was left in the background, and ended by then."""
    work = Stage("work", [[sys.executable, "-c", WORK]])
    left = shell("left", f"{sys.executable} -c '{WORK}' & echo $! >{tmp_path}/pid")
    gone = shell("gone", f"while kill -0 $(cat {tmp_path}/pid); do sleep 0.05; done")
    with Lanes(tmp_path) as lanes:
        found = {outcome.name: outcome for outcome in lanes.run([work], [left, gone])}
        assert found["work"].cpu_s >= 0.2
        assert found["left"].cpu_s < 0.2 <= lanes.others_cpu_s


def test_leaving_ends_what_runs(tmp_path: Path) -> None:
    """With what it has started itself."""
    alive = tmp_path / "alive"
    slow = shell("slow", f"(while true; do touch {alive}; sleep 0.05; done) & wait")
    with Lanes(tmp_path) as lanes:
        outcome = next(lanes.run([shell("quick", f"until [ -e {alive} ]; do sleep 0.05; done")], [slow]))
    assert outcome.name == "quick"
    time.sleep(0.3)
    alive.unlink()
    time.sleep(0.3)
    assert not alive.exists()


def test_what_is_broken_off_says_how_far_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its last words, to the one that breaks it off."""
    begun = tmp_path / "begun"
    slow = shell("slow", f"echo the seventh test; touch {begun}; sleep 60")
    with Lanes(tmp_path) as lanes:
        next(lanes.run([shell("quick", f"until [ -e {begun} ]; do sleep 0.05; done")], [slow]))
    said = capfd.readouterr().out
    assert "== slow: broken off after " in said
    assert said.endswith("the seventh test\n")
