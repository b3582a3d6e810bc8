"""A whole node for tests that kill it: Kamailio as in `Proxy`, the service beside it, a ledger on SQLite."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from kemi.store.environment import StoreAbsent
from scripts.benchmarks.ports import free_port
from service.cli.main import kambill
from service.database.engine import migrate, open_engine
from tests.once import made_once
from tests.sip.proxy import START_S, Proxy, eventually

CONFIG = "kambill.yaml"
RATES = {"wholesale": "0.024", "resale": "0.03", "retail": "0.06", "carrier": "0.012"}
SETUP = """
accounts:
  - {name: upper, kind: reseller, tariff: wholesale}
  - {name: lower, parent: upper, kind: reseller, tariff: resale}
  - {name: customer, parent: lower, kind: customer, tariff: retail}
providers:
  - {name: carrier, tariff: carrier, gateways: [{name: gw1, host: 127.0.0.11}]}
plans:
  standard: {failover: {try_timeout: 4}, routes: [{prefix: "", gateways: [carrier/gw1]}]}
trunks:
  - {name: t1, account: customer, networks: [127.0.0.2], plan: standard}
"""


class Node(Proxy):
    """Kamailio and service, each of which may be killed and started again."""

    shelf: Path | None = None
    """Where what the first start made is kept for the next node that is to have the same; None: nowhere."""
    tables: Path | None = None
    """Likewise for a ledger without anything, from which each first start begins."""
    program = "service.cli"
    """What is run as `kambill`."""

    def __init__(self, more: str = "") -> None:
        """`more`: lines of its configuration."""
        super().__init__()
        self.service: subprocess.Popen[bytes] | None = None
        book = self.data_dir / "ratebook"
        (book / "tariffs").mkdir(parents=True)
        for name, rate in RATES.items():
            text = f'currency: EUR\nrates:\n  - {{prefix: "", rate: {rate}}}\n'
            (book / "tariffs" / f"{name}.yaml").write_text(text)
        (self.data_dir / "setup.yaml").write_text(SETUP)
        config = {"run_dir": self.run_dir, "data_dir": self.data_dir, "ratebook": book}
        lines = [f"{name}: {value}" for name, value in config.items()]
        self.http_port = free_port()
        (self.data_dir / CONFIG).write_text("\n".join([*lines, f"listen: {{port: {self.http_port}}}", more, ""]))
        self.environment["KAMBILL_CONFIG"] = str(self.data_dir / CONFIG)
        self._more = more

    def open(self) -> None:
        """First start: everything up, the company made, money paid, calls taken."""
        self.found()
        self.start_service()
        self.start()
        eventually(self.is_ready, START_S, "the store was not filled")

    def found(self) -> None:
        """The ledger with company and money. It takes five commands; who wants the same as another one gets a copy."""
        files = [path for path in self.data_dir.rglob("*.yaml") if path.name != CONFIG]
        words = [self._more, *sorted(path.read_text() for path in files)]
        kept = self.shelf and self.shelf / hashlib.sha256("\0".join(words).encode()).hexdigest()
        if kept and kept.exists():
            shutil.copytree(kept, self.data_dir, dirs_exist_ok=True)
            return
        if self.tables:
            shutil.copy(made_once(self.tables, _make_tables), self.data_dir / "kambill.db")
        self.kambill("tariff", "publish")
        self.kambill("apply", "--yes", str(self.data_dir / "setup.yaml"))
        for account in ("upper", "lower", "customer"):
            self.kambill("pay", account, "1000", "--reason", "opening")
        if kept:
            shutil.copytree(self.data_dir, kept, ignore=shutil.ignore_patterns("lock.mdb", CONFIG))

    def is_ready(self) -> bool:
        """Whether calls are taken."""
        try:
            return bool(self.look(lambda snapshot: snapshot.ready))
        except StoreAbsent:
            return False

    def start_service(self) -> None:
        """`kambill serve`."""
        self.service = subprocess.Popen(
            [sys.executable, "-m", self.program, "serve"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.data_dir / "service.log").open("ab"),
            stderr=subprocess.STDOUT,
        )

    def stop_service(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the service."""
        if self.service is not None:
            self.service.send_signal(how)
            self.service.wait(START_S)
            self.service = None

    def kambill(self, *words: str) -> Any:
        """A command's JSON. In this process: each in one of its own would start for longer than it works."""
        done = CliRunner().invoke(kambill, [*words, "--json"], env=self.environment)
        assert done.stdout, f"kambill {' '.join(words)}: {done.stderr or done.exception!r}"
        return json.loads(done.stdout)

    def processes(self) -> list[int]:
        """Kamailio's processes, main first."""
        assert self.process is not None
        found = [self.process.pid]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(status[1]) == self.process.pid:
                    found.append(int(entry.name))
        return found

    def kill_one(self, chance: random.Random) -> str:
        """Kill -9 of a random process; what it was is started again, as a supervisor does. Says what it was."""
        victims = self.processes()
        if self.service is not None:
            victims.append(self.service.pid)
        victim = chance.choice(victims)
        if self.service is not None and victim == self.service.pid:
            self.stop_service(signal.SIGKILL)
            self.start_service()
            return "service"
        what = "main" if self.process is not None and victim == self.process.pid else "worker or timer"
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.2)
        self.stop(signal.SIGKILL)  # the control group's end: whoever is left
        self.start()
        return what

    def settle_down(self, wait_s: float = 60) -> None:
        """Returns when no call runs and the ledger has everything."""
        try:
            eventually(lambda: self.running() == [], wait_s)
        except AssertionError:
            raise AssertionError(f"calls are left after {wait_s} s: {self.running()}") from None
        eventually(self._is_collected, START_S, "the ledger does not follow")

    def _is_collected(self) -> bool:
        checks = {check["name"]: check for check in self.doctor()["checks"]}
        return checks["journal"]["detail"].endswith(" 0 on their way to the ledger") or checks["store"]["ok"] is False

    def doctor(self) -> dict[str, Any]:
        """The doctor's answer."""
        answer: dict[str, Any] = self.kambill("doctor")
        return answer

    def ledger_cdrs(self) -> list[dict[str, Any]]:
        """All records of the ledger."""
        found: list[dict[str, Any]] = self.kambill("cdr", "list", "--limit", "100000")
        return found

    def close(self) -> None:
        """Ends everything and removes the folders."""
        self.stop_service()
        super().close()


def _make_tables(file: Path) -> None:
    async def make() -> None:
        engine = open_engine(f"sqlite:///{file}")
        await migrate(engine)
        await engine.dispose()

    asyncio.run(make())
