"""The whole program for a story: Kamailio, service and ledger as an operator has them on the first day."""

from __future__ import annotations

import shutil
import sqlite3

from scripts.benchmarks.ports import free_port
from tests.sip.agents import Agent
from tests.sip.node import Node
from tests.sip.proxy import eventually
from tests.sip.wall_clock import FILE, Clock, sweep

FOUNDER = "founder@op.example"
DAY_S = 86_400
SWITCH, CARRIER = "127.0.1.2", "127.0.1.11"
"""Where the customer's calls come from, and where they go to."""


class FirstDay(Node):
    """Nothing is there but a Super Admin. Days pass as its clock says, for Kamailio and the service alike."""

    program = "tests.portal.later"

    def __init__(self) -> None:
        super().__init__(more="sip_server: sip.example.net")
        shutil.rmtree(self.data_dir / "ratebook" / "tariffs")
        (self.data_dir / "setup.yaml").unlink()
        self.clock = Clock(self.data_dir / "clock")
        self.environment[FILE] = str(self.clock.file)
        self.switch, self.gateway = (Agent(ip, free_port(), (self.ip, self.port)) for ip in (SWITCH, CARRIER))

    def found(self) -> None:
        """As docs/install.md says, and no more."""
        made = self.kambill("user", "create", "--super-admin", FOUNDER, "--name", "Fay Founder", "--generate")
        self.password = str(made["password"])

    @property
    def address(self) -> str:
        """Of the portal."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        """Kamailio, by the clock that is set."""
        sweep()
        usual = self.environment
        self.environment = usual | self.clock.environment
        super().start()
        self.environment = usual

    def tomorrow(self) -> None:
        """A day passes, for all of it."""
        self.clock.set(DAY_S)

    def settle_commands(self) -> None:
        """Returns when the call path knows all that the ledger knows."""
        eventually(self._is_applied, 30, "the call path does not follow")

    def _is_applied(self) -> bool:
        with sqlite3.connect(f"file:{self.data_dir}/kambill.db?mode=ro", uri=True) as ledger:
            (wanted,) = ledger.execute("SELECT max(last_command) FROM nodes").fetchone()
        return bool(self.look(lambda snapshot: snapshot.applied_command) >= wanted)

    def close(self) -> None:
        """Ends everything, and forgets its clock."""
        self.switch.close()
        self.gateway.close()
        super().close()
        sweep()
