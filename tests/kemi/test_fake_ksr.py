"""The fake is as strict as it says."""

from __future__ import annotations

import pytest

from tests.kemi.fake_ksr import FakeKsr, NotPrepared


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`tmx.t_check_trans` is what a well-known script calls and no Kamailio has."""
    with pytest.raises(AttributeError, match=r"no KSR\.tmx\.t_check_trans"):
        FakeKsr().tmx.t_check_trans()
    with pytest.raises(AttributeError, match=r"no KSR\.nosuch"):
        FakeKsr().nosuch()


def test_a_wrong_argument_is_a_type_error() -> None:
    """Kamailio would return false and leave an exception behind."""
    with pytest.raises(TypeError, match=r"KSR\.tm\.t_set_fr takes"):
        FakeKsr().tm.t_set_fr("10")
    with pytest.raises(TypeError, match=r"got \(None,\)"):
        FakeKsr().pv.get(None)


def test_a_call_that_no_test_prepared_fails() -> None:
    """Nothing is true by default."""
    with pytest.raises(NotPrepared, match=r"KSR\.tm\.t_relay"):
        FakeKsr().tm.t_relay()


def test_what_is_not_set_is_none() -> None:
    """As Kamailio's Python has it."""
    ksr = FakeKsr()
    assert (ksr.pv.get("$ci"), ksr.hdr.get_idx("Route", 0), ksr.hdr.is_present("Route")) == (None, None, -1)


def test_bytes_that_are_no_text_raise() -> None:
    """As `KSR.pv.get` does."""
    ksr = FakeKsr()
    ksr.pv_values["$ci"] = b"\xff"
    with pytest.raises(UnicodeDecodeError):
        ksr.pv.get("$ci")
