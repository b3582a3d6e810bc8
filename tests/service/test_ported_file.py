"""Files of ported numbers: what is read, and every fault of one at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.edge.ported_file import FAULTS_MAX, FileFaulty, Ported, check_file, read_file


def written(folder: Path, text: str | bytes) -> Path:
    """A file of this text."""
    path = folder / "uk.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "447700900001,448811\n447700900002,44201\n",
        "number;routing\r\n+447700900001;+448811\r\n\r\n# a remark\r\n447700900002;44201;more\r\n",
        '\ufeffNumber,Routing\n"447700900001", 448811\n447700900002,44201',
    ],
)
def test_rows_with_and_without_titles(tmp_path: Path, text: str) -> None:
    """Commas or semicolons, a plus, blanks, remarks, a byte-order mark: the same numbers and the same version."""
    path = written(tmp_path, text)
    checked = check_file(path, "44")
    assert list(read_file(path, "44")) == [Ported("447700900001", "448811"), Ported("447700900002", "44201")]
    assert checked.numbers == 2
    other = written(tmp_path, "447700900001,448811\n447700900002,44202\n")
    assert check_file(other, "44").version != checked.version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no numbers in it"),
        ("number,routing\n", "no numbers in it"),
        ("447700900001\n", "uk.csv:1: a number and its routing number"),
        ("447700900001,448811\n0447,448811\n", "uk.csv:2: '0447' is no number"),
        ("33123456789,448811\n", "uk.csv:1: 33123456789 does not begin with 44"),
        ("447700900001,D1234\n", "'D1234' is no routing number"),
        (b"\xff\xfe4\x004\x00", "can't be read"),
    ],
)
def test_what_is_faulty(tmp_path: Path, text: str | bytes, said: str) -> None:
    """With file and line."""
    with pytest.raises(FileFaulty, match=said):
        check_file(written(tmp_path, text), "44")


def test_many_faults_are_told_at_once_and_no_more_than_enough(tmp_path: Path) -> None:
    """Of a thousand twenty."""
    with pytest.raises(FileFaulty) as told:
        check_file(written(tmp_path, "x,y\n" * 1000), "44")
    assert len(str(told.value).splitlines()) == FAULTS_MAX


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Says so."""
    with pytest.raises(FileFaulty, match=r"gone\.csv: can't be read"):
        check_file(tmp_path / "gone.csv", "44")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=st.one_of(st.binary(max_size=200), st.text("0123456789,;+\n\"'#ab ", max_size=200).map(str.encode)))
def test_whatever_bytes_come_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    """Never anything else; what is read again is what was counted."""
    path = written(tmp_path, raw)
    try:
        checked = check_file(path, "4")
    except FileFaulty:
        return
    rows = list(read_file(path, "4"))
    assert len(rows) == checked.numbers > 0
    assert all(row.number.isdigit() and row.number[0] == "4" and row.routing.isdigit() for row in rows)
