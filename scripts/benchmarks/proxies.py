"""The three proxies that are compared, each in folders of its own: plain, guards, kambill."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.benchmarks import company
from scripts.benchmarks.company import Size
from scripts.benchmarks.load import CALLEE_PORT, CALLER_PORT, HOST, SIP_PORT
from scripts.demo.children import Child, Children
from scripts.demo.places import HOME
from scripts.demo.scheduling import first
from scripts.demo.sockets import Address, is_bound

HERE = Path(__file__).resolve().parent
SYSTEM_PYTHON = "/usr/bin/python3"
MEMORY = ["-m", "512", "-M", "16"]
"""MiB: shared, and of each process."""
ALLOCATOR = ["-x", "fm", "-X", "fm"]
"""How Kambill's Kamailio is started (docs/install.md), and by `first`; the plain proxy has the default, which searches
lists.
"""
CHILDREN = 2
"""SIP workers of guards and kambill, one for each processor. The plain proxy has its own 4."""


def fill_in(text: str, folder: Path) -> str:
    """Ports and paths for their marks."""
    marks = {"@SIP_PORT@": SIP_PORT, "@UAS_PORT@": CALLEE_PORT, "@UAC_PORT@": CALLER_PORT, "@FOLDER@": folder}
    for mark, value in marks.items():
        text = text.replace(mark, str(value))
    return text


ROUTES = {
    **{name: name for name in ("guards", "decisions", "floor")},
    "guards counted": "counting",
    "kambill counted": "counting",
}
"""Those that are Kambill with a route.py of their own, and its folder."""
ON_GUARDS = frozenset({"floor", "guards counted"})
"""Of these, those that do more than `guards` does."""
BILLING = frozenset({"decisions", "kambill", "kambill counted"})
"""Those that have a store."""


class Proxy:
    """One of them, stopped. `label`: its name in results."""

    def __init__(self, name: str, folder: Path, size: Size, label: str = "") -> None:
        self.name, self.folder, self.size, self.label = name, folder, size, label or name
        self.run_dir = Path(tempfile.mkdtemp(prefix="kambill-bench-", dir="/dev/shm"))
        self.data_dir = self.folder / "data"
        self.data_dir.mkdir(parents=True)
        self.environment = {
            "KAMBILL_HOME": str(HOME),
            "KAMBILL_RUN_DIR": str(self.run_dir),
            "KAMBILL_DATA_DIR": str(self.data_dir),
            "PYTHONPATH": str(HOME),
        }

    def prepare(self) -> None:
        """Writes what Kamailio reads."""
        if self.name == "plain":
            for source in (HERE / "plain").iterdir():
                text = fill_in(source.read_text(), self.folder)
                (self.folder / source.name).write_text(text.replace("@CHALLENGES@", str(int(self.size.devices))))
            return
        text = (HOME / "kamailio-conf" / "kamailio.cfg").read_text()
        if self.name in ROUTES:
            if self.name in ON_GUARDS:
                (self.folder / "guards.py").write_text(fill_in((HERE / "guards" / "route.py").read_text(), self.folder))
            route = self.folder / "route.py"
            route.write_text(fill_in((HERE / ROUTES[self.name] / "route.py").read_text(), self.folder))
            text = text.replace("KAMBILL_HOME_DIR/kemi/route.py", str(route))
        (self.folder / "kamailio.cfg").write_text(text)
        (self.folder / "kamailio-local.cfg").write_text(
            f"#!define KAMBILL_LISTEN udp:{HOST}:{SIP_PORT}\n"
            f"#!define KAMBILL_CHILDREN {CHILDREN}\n"
            f"#!define KAMBILL_HOME {HOME}\n"
            f"#!define KAMBILL_DIALOGS {self.data_dir}/dialogs\n"
            f"#!define KAMBILL_RPC_SOCKET {self.run_dir}/rpc.sock\n"
        )
        self._before_start()

    def _before_start(self) -> None:
        environment = {**os.environ, **self.environment}
        subprocess.run([SYSTEM_PYTHON, "-m", "kemi.prestart"], env=environment, check=True, capture_output=True)

    def start(self, children: Children) -> Child:
        """Starts it; Kambill's store is filled on the first start and kept."""
        new = not (self.folder / "filled").exists()
        if new:
            self.prepare()
        elif self.name != "plain":
            self._before_start()
        ours = self.name != "plain"
        command: list[str | Path] = [*(first() if ours else ()), "kamailio", "-f", self.folder / "kamailio.cfg"]
        command += ["-DD", "-E", *MEMORY, *(ALLOCATOR if ours else [])]
        command += ["-P", self.run_dir / "kamailio.pid"]
        child = children.start(self.name, command, self.folder / "kamailio.log", self.environment)
        child.wait_until(lambda: is_bound(Address(HOST, SIP_PORT)), 20)
        if new and self.name in BILLING:
            commands = company.publish(self.data_dir / "rates", self.size.rates, self.size.gateways)
            if self.size.limits:
                commands.append(company.publish_groups(self.data_dir / "rates"))
            commands += company.bodies(
                self.size.accounts, CALLER_PORT, CALLEE_PORT, self.size.limits, self.size.gateways
            )
            if self.size.devices:
                commands[-1:-1] = company.devices(self.size.accounts)
            company.send(self.run_dir, self.data_dir, commands)
        (self.folder / "filled").touch()
        return child

    def close(self) -> None:
        """Removes what is in memory."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
