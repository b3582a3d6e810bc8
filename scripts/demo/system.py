"""Kambill itself in the demo: Kamailio, the service, and the `kambill` command, all as an operator has them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kemi.store.environment import StoreAbsent, open_reader
from scripts.demo.children import Children, Ended
from scripts.demo.places import HOME, DemoFault, Places, write_configurations
from scripts.demo.scheduling import first
from scripts.demo.sockets import is_bound
from service.faults import Fault

SYSTEM_PYTHON = "/usr/bin/python3"
START_S = 180.0
"""A machine that does much else beside may take this long; who waits less tells a fault that is none."""
COMMAND_S = 300.0
APPLY_S = COLLECT_S = 180.0
POLL_S = 0.05


class System:
    """The running system of one demo."""

    def __init__(self, places: Places, children: Children) -> None:
        self.places, self._children = places, children

    def start(self, ratebook: Path) -> None:
        """Starts service and Kamailio; returns when both are there. Raises Fault."""
        config = write_configurations(self.places, ratebook)
        environment, logs = self.places.environment, self.places.logs
        serve = [sys.executable, "-m", "service.cli", "serve"]
        service = self._children.start("the service", serve, logs / "service.log", environment)
        service.wait_until(lambda: is_bound(self.places.service), START_S)
        prestart = subprocess.run(
            [SYSTEM_PYTHON, "-m", "kemi.prestart"],
            env={**os.environ, **environment},
            check=False,
            capture_output=True,
            text=True,
        )
        if prestart.returncode:
            raise Ended(f"kemi.prestart, which makes the hot store, failed:\n{prestart.stderr}")
        # -DD: in the foreground, so that it ends with us; memory in MiB, shared and per process.
        command: list[str | Path] = [
            *first(),
            "kamailio",
            "-f",
            config,
            "-DD",
            "-E",
            "-m",
            "64",
            "-M",
            "8",
            "-x",
            "fm",
            "-X",
            "fm",
        ]
        command += ["-P", self.places.run_dir / "kamailio.pid"]
        log = logs / "kamailio.log"
        kamailio = self._children.start("Kamailio", command, log, environment)
        kamailio.wait_until(lambda: "taking calls" in log.read_text(errors="replace"), START_S)

    def kambill(self, *words: str) -> Any:
        """Runs `kambill WORDS --json`; returns the document. Raises Fault with what it said if it fails."""
        done = self._kambill(words)
        if done.returncode:
            raise Fault(f"kambill {' '.join(words)} failed:\n{done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def doctor(self) -> dict[str, Any]:
        """The doctor's answer, whether he is content or not. Raises Fault if he gives none."""
        done = self._kambill(("doctor",))
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise Fault(f"kambill doctor failed:\n{done.stderr or done.stdout}") from None
        return answer

    def _kambill(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [sys.executable, "-m", "service.cli", *words, "--json"],
                env={**os.environ, **self.places.environment},
                cwd=HOME,
                check=False,
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
            )
        except subprocess.TimeoutExpired:
            raise Fault(f"kambill {' '.join(words)} has not ended within {COMMAND_S:g} s") from None

    def wait_applied(self) -> None:
        """Returns when the call path knows everything that the ledger knows. Raises Fault."""
        end = time.monotonic() + APPLY_S
        while (applied := self._applied()) < (wanted := self._wanted()):
            if time.monotonic() > end:
                raise Fault(f"the call path has applied {applied} of {wanted} commands: see {self.places.logs}/")
            time.sleep(POLL_S)

    def _wanted(self) -> int:
        connection = sqlite3.connect(f"file:{self.places.data_dir}/kambill.db?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT max(last_command) FROM nodes").fetchone()[0])
        finally:
            connection.close()

    def _applied(self) -> int:
        try:
            reader = open_reader(self.places.run_dir)
        except StoreAbsent:
            return 0
        try:
            with reader.snapshot() as snapshot:
                return int(snapshot.applied_command) if snapshot.ready else -1
        finally:
            reader.close()

    def balances(self) -> dict[str, int]:
        """What each account has, in micro-units; the root has none."""
        lines = self.kambill("account", "list")
        return {line["name"]: line["balance_micros"] for line in lines if line["kind"] != "root"}

    def records(self, call_ids: list[str]) -> dict[str, dict[str, Any]]:
        """The call records by Call-ID, as soon as the ledger has all of them; after a while, those that it has."""
        end = time.monotonic() + COLLECT_S
        while True:
            found = {one["call_id"]: one for one in self.kambill("cdr", "list", "--limit", "100000")}
            if found.keys() >= set(call_ids) or time.monotonic() > end:
                return {call_id: found[call_id] for call_id in call_ids if call_id in found}
            time.sleep(POLL_S)

    def check_alive(self) -> None:
        """Raises Fault if service or Kamailio has ended by itself."""
        gone = self._children.ended()
        if gone is not None:
            raise DemoFault(f"{gone.name} has ended; the end of its log {gone.log}:\n{gone.tail()}")
