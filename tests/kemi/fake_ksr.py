"""A strict stand-in for Kamailio's KSR module: it knows what Kamailio 5.6.3 exports, by name and arity, no more.

`ksr_api.json` is what `app_python.api_list` of a real Kamailio said. A function that a test has not prepared raises; a
pseudo-variable that is not set is None, as Kamailio gives it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

API: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "ksr_api.json").read_text())
TYPES = {"str": str, "int": int}


class NotPrepared(AssertionError):
    """The code under test called something that the test did not expect."""


class Function:
    """One exported function: checks its arguments, then answers as the test said."""

    def __init__(self, fake: FakeKsr, name: str, signature: str) -> None:
        self._fake, self._name = fake, name
        self._types = [] if signature == "none" else [TYPES[word] for word in signature.split(", ")]

    def __call__(self, *args: Any) -> Any:
        """Calls it."""
        if [type(arg) for arg in args] != self._types:
            raise TypeError(f"KSR.{self._name} takes {self._types}, got {args!r}")
        return self._fake.call(self._name, args)


class Module:
    """`KSR.tm` and the like."""

    def __init__(self, fake: FakeKsr, name: str) -> None:
        self._fake, self._name = fake, name

    def __getattr__(self, name: str) -> Function:
        if name not in API[self._name]:
            raise AttributeError(f"Kamailio exports no KSR.{self._name}.{name}")
        return Function(self._fake, f"{self._name}.{name}", API[self._name][name])


class FakeKsr:
    """The module. `pv`: pseudo-variables; `headers`: of the message; `answers`: what functions return, by name."""

    def __init__(self) -> None:
        self.pv_values: dict[str, Any] = {}
        self.headers: dict[str, list[str]] = {}
        self.answers: dict[str, Any] = {}
        self.limit = 8192
        """Characters that several values may have as one."""
        self.asked = 0
        """How often something was called, reads among them."""
        self.calls: list[tuple[Any, ...]] = []
        """What was called, in order, without reads."""

    def __getattr__(self, name: str) -> Module | Function:
        if name in API and name != "core":
            return Module(self, name)
        if name in API["core"]:
            return Function(self, f"core.{name}", API["core"][name])
        raise AttributeError(f"Kamailio exports no KSR.{name}")

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """One call of an exported function."""
        self.asked += 1
        reader = _READERS.get(name)
        if reader is not None:
            return reader(self, *args)
        self.calls.append((name, *args))
        if name in _SILENT:
            return 1
        if name not in self.answers:
            raise NotPrepared(f"KSR.{name}{args!r}")
        answer = self.answers[name]
        return answer(*args) if callable(answer) else answer

    def called(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of a function."""
        return [call[1:] for call in self.calls if call[0] == name]

    def _get(self, name: str) -> Any:
        if name.startswith("$_s("):
            written = "\x1f".join([self._written(one) for one in name[4:-1].split("\x1f")])
            return written if len(written) <= self.limit else None
        value = self.pv_values.get(name)
        if value is None and name.startswith("$hdr("):
            return self._header(name[5:-1], 0)
        if name == "$msg(hdrs)" and value is None:
            return "".join(f"{one}: {body}\r\n" for one, bodies in self.headers.items() for body in bodies)
        if isinstance(value, bytes):
            return value.decode()
        return value

    def _written(self, name: str) -> str:
        value = self._get(name)
        return "<null>" if value is None else str(value)

    def _header(self, name: str, at: int) -> str | None:
        found = self.headers.get(name, [])
        return found[at] if at < len(found) else None

    def _present(self, name: str) -> int:
        return 1 if self.headers.get(name) else -1


_READERS: dict[str, Callable[..., Any]] = {
    "pv.get": lambda fake, name: fake._get(name),
    "hdr.get_idx": FakeKsr._header,
    "hdr.is_present": FakeKsr._present,
}
_SILENT = frozenset(
    {
        "core.crit",
        "core.notice",
        "jsonrpcs.exec",
        "core.set_drop",
        "sl.send_reply",
        "tm.t_reply",
        "hdr.remove",
        "textopsx.keep_hf_re",
    }
)
"""What always works and says nothing."""


def stand_in() -> None:
    """Lets `kemi.sip` be imported where there is no Kamailio."""
    sys.modules.setdefault("KSR", ModuleType("KSR"))


def put(monkeypatch: pytest.MonkeyPatch, fake: FakeKsr) -> FakeKsr:
    """For one test, into all that knows KSR."""
    for name, module in list(sys.modules.items()):
        if name.startswith("kemi.sip.") and hasattr(module, "KSR"):
            monkeypatch.setattr(module, "KSR", fake)
    return fake
