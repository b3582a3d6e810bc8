"""Callers and gateways by sipp, each call with logs of its own: the outside world's word on what happened."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

from scripts.demo.callsheet import Call, Gateway
from scripts.demo.children import Child, Children
from scripts.demo.sockets import Address, is_bound

START_S = 60.0
LAST_WORDS_S = 10.0
"""How long a gateway may take to note the end of a call that the caller has ended."""
RING_MAX_S = 200
REFUSALS = range(300, 700)
"""SIP's final codes but success."""
_EVENT = re.compile(r"^(invited|answered|cancelled|rejected|ended by [a-z]+) ([0-9]+) ?(.*)$", re.MULTILINE)


class Heard(NamedTuple):
    """What one telephone's log says of a call. Milliseconds since it began; None: that never happened."""

    invited_ms: int | None = None
    answered_ms: int | None = None
    ended_ms: int | None = None
    status: str = ""
    """With which the call was rejected, such as `402 Payment Required`."""

    @property
    def talked_ms(self) -> int | None:
        """From the answer to the BYE."""
        return None if self.answered_ms is None or self.ended_ms is None else self.ended_ms - self.answered_ms


def read_log(text: str) -> Heard:
    """The events of a scenario's log; the first of each kind counts."""
    found: dict[str, tuple[int, str]] = {}
    for event, at_ms, rest in _EVENT.findall(text):
        found.setdefault(event.partition(" ")[0], (int(at_ms), rest.strip()))

    def moment(event: str) -> int | None:
        return found[event][0] if event in found else None

    return Heard(moment("invited"), moment("answered"), moment("ended"), found.get("rejected", (0, ""))[1])


class Outside:
    """The world around the proxy: where its telephones stand, and what they do."""

    def __init__(self, children: Children, scenarios: Path, logs: Path, proxy: Address) -> None:
        self._children, self._scenarios, self._logs, self._proxy = children, scenarios, logs, proxy

    def open_gateway(self, address: Address, does: Gateway, label: str) -> Child | None:
        """Starts a gateway and returns when it listens; None: it is dead."""
        if does.does == "dead":
            return None
        scenario, options = self._gateway_scenario(does, label)
        child = self._sipp(f"gateway {label}", scenario, address, [*options], label)
        child.wait_until(lambda: is_bound(address), START_S)
        return child

    def _gateway_scenario(self, does: Gateway, label: str) -> tuple[Path, list[str]]:
        if does.does == "refuse":
            text = (self._scenarios / "gateway-refuses.xml").read_text()
            changed = self._logs / f"{label}.xml"
            changed.parent.mkdir(parents=True, exist_ok=True)
            changed.write_text(text.replace("SIP/2.0 486 Busy Here", f"SIP/2.0 {does.status}"))
            return changed, []
        if does.talk_ms is None:
            return self._scenarios / "gateway-answers.xml", ["-recv_timeout", str(max(1, does.ring_ms))]
        options = ["-d", str(does.ring_ms), "-recv_timeout", str(max(1, does.talk_ms))]
        return self._scenarios / "gateway-hangs-up.xml", options

    def _sipp(self, name: str, scenario: Path, local: Address, options: list[str], label: str) -> Child:
        """`label`: path of the logs below the logs' folder, without ending."""
        base = self._logs / label
        base.parent.mkdir(parents=True, exist_ok=True)
        command = ["sipp", "-sf", str(scenario), "-i", local.host, "-p", str(local.port), "-nostdin"]
        command += ["-trace_logs", "-log_file", f"{base}.log", "-trace_err", "-error_file", f"{base}.err", *options]
        return self._children.start(name, command, Path(f"{base}.out"))

    def call(self, call: Call, caller: Address, gateways: dict[str, Address], label: str) -> tuple[str, Heard, Heard]:
        """Makes a call, to its end: the Call-ID, what the caller heard, what the gateway that answered heard."""
        listening = {
            name: child
            for name, address in gateways.items()
            if (child := self.open_gateway(address, call.gateways[name], f"{label}/{name.replace('/', '-')}"))
        }
        try:
            call_id, heard = self.dial(call, caller, f"{label}/caller")
            return call_id, heard, self._last_words([f"{label}/{name.replace('/', '-')}" for name in listening], heard)
        finally:
            for child in listening.values():
                self._children.stop(child, signal.SIGTERM)

    def dial(self, call: Call, caller: Address, label: str) -> tuple[str, Heard]:
        """One caller's call, to its end: the Call-ID and what the caller heard."""
        call_id = f"{label.replace('/', '.').replace(' ', '-')}.{time.time_ns():x}@{caller.host}"
        options = ["-m", "1", "-cid_str", call_id, "-key", "number", call.number, "-key", "caller", call.caller]
        options += ["-recv_timeout", str(max(1, call.talk_ms)), f"{self._proxy.host}:{self._proxy.port}"]
        child = self._sipp(f"caller {call.name}", self._caller_scenario(label), caller, options, label)
        child.ends_within(RING_MAX_S + call.talk_ms / 1000)
        self._children.stop(child)
        return call_id, self._heard(label)

    def _caller_scenario(self, label: str) -> Path:
        """The folder's, with a line for every refusal that it has none for."""
        text = (self._scenarios / "caller.xml").read_text()
        line = next((line for line in text.splitlines() if 'response="486"' in line), "")
        others = [line.replace("486", str(code)) for code in REFUSALS if f'response="{code}"' not in text]
        changed = self._logs / f"{label}.xml"
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(text.replace(line, "\n".join([line, *others])) if line else text)
        return changed

    def _heard(self, label: str) -> Heard:
        log = self._logs / f"{label}.log"
        return read_log(log.read_text(errors="replace")) if log.exists() else Heard()

    def _last_words(self, labels: list[str], caller: Heard) -> Heard:
        """What the gateway that answered noted; waits until it has noted the end."""
        end = time.monotonic() + LAST_WORDS_S
        while True:
            answered = [heard for label in labels if (heard := self._heard(label)).answered_ms is not None]
            over = caller.answered_ms is None or any(heard.ended_ms is not None for heard in answered)
            if over or time.monotonic() > end:
                return next(iter(sorted(answered, key=lambda heard: heard.ended_ms is None)), Heard())
            time.sleep(0.02)
