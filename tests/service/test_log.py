"""The service's log: a JSON document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from service.app import set_log_up


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Other tests read what structlog says by itself."""
    yield
    structlog.reset_defaults()


def test_a_fault_of_ours_says_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads "it is in the log" finds it there."""
    set_log_up()
    try:
        json.loads("{")
    except ValueError:
        structlog.get_logger().exception("portal", path="/")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["path"], line["level"]) == ("portal", "/", "error")
    assert "test_log.py" in line["exception"]
    assert "JSONDecodeError" in line["exception"]
