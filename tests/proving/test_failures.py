"""The short form of what failed: enough to understand it where the rest of a log is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.proving.failures import END_LINES, LINE_CHARACTERS_MAX, LINES_MAX, NAMED_MAX, excerpt

WHOLE = ("-p", "no:cacheprovider", "-p", "tests.programs", "-o", "verbosity_assertions=2")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that fail."""
    return tmp_path_factory.mktemp("failing")


def told(folder: Path, text: str) -> list[str]:
    """Of a run of a file of tests."""
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", *WHOLE, "test_it.py"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return excerpt(subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True).stdout)


def test_an_assertion_has_both_values_whole(folder: Path) -> None:
    """And the test's name, what it says of itself, its place, and its last words."""
    lines = told(
        folder,
        """
def test_sum():
    print("seven calls")
    found = [f"call {number} costs {number * 1000} micro-units" for number in range(15)]
    assert found == [*found[:10], "call 10 is free", *found[11:]], "of the customer"

def test_good():
    pass
""",
    )
    assert lines[0] == "-- test_sum"
    assert lines[1] == '>       assert found == [*found[:10], "call 10 is free", *found[11:]], "of the customer"'
    assert lines[2] == "E       AssertionError: of the customer"
    assert "'call 14 costs 14000 micro-units'] == ['call 0 costs 0 micro-units', " in lines[3]
    assert "E         At index 10 diff: 'call 10 costs 10000 micro-units' != 'call 10 is free'" in lines
    differing = [line.split() for line in lines if line.startswith(("E         -", "E         +"))]
    assert [" ".join(words[1:]) for words in differing] == [
        "- 'call 10 is free',", "+ 'call 10 costs 10000 micro-units',"
    ]  # fmt: skip
    assert "test_it.py:5: AssertionError" in lines
    assert lines[-1] == "seven calls"
    assert not [line for line in lines if "test_good" in line]


def test_whatever_breaks_is_told(folder: Path) -> None:
    """Before a test and after it, in what it calls, and by its own words."""
    lines = told(
        folder,
        """
import pytest

@pytest.fixture
def bad():
    raise OSError("no port")

@pytest.fixture
def left():
    yield
    assert "calls" == "none", "is left"

def deep():
    raise ValueError("far down")

def test_a(bad): pass
def test_b(left): pass
def test_c(): deep()
def test_d(): pytest.fail("no PostgreSQL", pytrace=False)
""",
    )
    text = "\n".join(lines)
    assert "-- ERROR at setup of test_a\n>       raise OSError" in text
    assert "E       OSError: no port\ntest_it.py:6: OSError" in text
    assert "-- ERROR at teardown of test_b" in text
    assert "E       AssertionError: is left" in text
    assert "-- test_c\n>   def test_c(): deep()" in text
    assert "E       ValueError: far down\ntest_it.py:14: ValueError" in text
    assert "-- test_d\nno PostgreSQL" in text


def test_a_program_is_heard(folder: Path) -> None:
    """One that fails, and one that does not end, whether it is read as text or not."""
    lines = told(
        folder,
        """
import subprocess

def test_fails():
    subprocess.run(["sh", "-c", "echo no port >&2; exit 3"], check=True, capture_output=True)

def test_hangs():
    raise subprocess.TimeoutExpired("sleep", 1, output="begun")
""",
    )
    text = "\n".join(lines)
    assert "returned non-zero exit status 3." in text
    assert "program's errors call -----" in text
    assert "no port" in lines
    assert "begun" in lines


def test_many_failures_have_room(folder: Path) -> None:
    """Whichever have no lines of their own are named, or counted; of a page in an assertion both ends are told."""
    lines = told(
        folder,
        """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_page(number):
    page = "<p>\\n" + "word " * 1_000 + "</p>"
    assert f"<b>{number}</b>" in page
""",
    )
    named = [line for line in lines if line.startswith("-- test_")]
    assert named == [f"-- test_page[{number}]" for number in range(NAMED_MAX)]
    assert lines[-1] == f"-- and {40 - NAMED_MAX} more"
    assert len(lines) <= LINES_MAX + NAMED_MAX
    longest = max(lines, key=len)
    assert LINE_CHARACTERS_MAX < len(longest) < LINE_CHARACTERS_MAX + 10
    assert longest.startswith("E       AssertionError: assert '<b>")
    assert longest.endswith("word </p>'")


def test_a_log_without_tests_is_told_by_its_end() -> None:
    """A linter's, for one."""
    assert excerpt("\n".join(map(str, range(1_000)))) == [str(number) for number in range(1_000 - END_LINES, 1_000)]
    assert excerpt("") == []
