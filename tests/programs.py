"""What a program said that failed, or did not end: its exception tells neither."""

from __future__ import annotations

import subprocess

import pytest

SAID_MAX = 3_000
"""Characters, of its end."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Beside what the test itself wrote."""
    fault = call.excinfo.value if call.excinfo else None
    if isinstance(fault, subprocess.CalledProcessError | subprocess.TimeoutExpired):
        for name, said in (("program's output", fault.output), ("program's errors", fault.stderr)):
            text = said.decode(errors="replace") if isinstance(said, bytes) else said
            if text:
                item.add_report_section(call.when, name, text[-SAID_MAX:])
