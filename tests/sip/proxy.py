"""A Kambill on loopback for tests: hot store on tmpfs, real rates, a real Kamailio. No service: tests send commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kemi.store import journal
from kemi.store.calls import RunningCall
from kemi.store.environment import open_reader
from kemi.store.inbox import InboxWriter
from kemi.store.layout import Account
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.model import Rate, Tariff, Terms
from scripts.benchmarks.ports import free_port
from scripts.demo.scheduling import first
from tests.kemi.world import CARRIER, CUSTOMER, DEAR_CARRIER, EURO, LOWER, PRICES, ROOT, UPPER, device_fields, terms

HOME = Path(__file__).resolve().parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
START_S = 180.0
"""Of whatever is started or ended: it is waited for until it is there, and a busy machine may take minutes."""
WAIT_S = 30.0
"""Of what comes by itself: a failure's price, not a test's."""
T = TypeVar("T")


def eventually(what: Callable[[], T], wait_s: float = WAIT_S, why: str = "") -> T:
    """What a call says as soon as it is true. Raises AssertionError after `wait_s`."""
    end = time.monotonic() + wait_s
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(why or f"not within {wait_s} s: {what}, {value!r}")
        time.sleep(0.02)
    return value


def usual_rates(account: int) -> dict[str, Terms]:
    """What an account of the company pays or asks for every number, for 49 by the minute, for 50 by five seconds."""
    price = PRICES[account]
    return {"": terms(price), "49": terms(price, 60, 60), "50": terms(price, 5, 5)}


class Proxy:
    """Store, rates and Kamailio in folders of their own."""

    def __init__(self, config: str = "kamailio.cfg", local: str = "") -> None:
        memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
        self.run_dir = Path(tempfile.mkdtemp(prefix="kambill-run-", dir=memory))
        self.data_dir = Path(tempfile.mkdtemp(prefix="kambill-data-"))
        self.ip, self.port = "127.0.0.1", free_port()
        self.log = self.data_dir / "kamailio.log"
        self.said = 0
        self.config, self.local = config, local
        self.process: subprocess.Popen[bytes] | None = None
        self.commands = 0
        self.environment = os.environ | {
            "KAMBILL_RUN_DIR": str(self.run_dir),
            "KAMBILL_DATA_DIR": str(self.data_dir),
            "PYTHONPATH": str(HOME),
        }
        self.rates = self.data_dir / "rates"
        self.usual: dict[bytes, bytes] = {}
        """The configuration that each test leaves as it was."""

    # --- processes

    def prestart(self) -> None:
        """What systemd runs before Kamailio."""
        subprocess.run(
            [SYSTEM_PYTHON, "-m", "kemi.prestart"],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=START_S,
        )

    def start(self) -> None:
        """Prestart and Kamailio; returns when it takes requests."""
        self.prestart()
        folder = self.data_dir / "conf"
        folder.mkdir(exist_ok=True)
        shutil.copy(HOME / "kamailio-conf" / self.config, folder / "kamailio.cfg")
        (folder / "kamailio-local.cfg").write_text(
            f"#!define KAMBILL_LISTEN udp:{self.ip}:{self.port}\n"
            f"listen=udp:[::1]:{self.port}\n"
            f"#!define KAMBILL_HOME {HOME}\n"
            f"#!define KAMBILL_DIALOGS {self.data_dir}/dialogs\n"
            f"#!define KAMBILL_RPC_SOCKET {self.run_dir}/rpc.sock\n"
            f"{self.local}"
        )
        self.said = self.log.stat().st_size if self.log.exists() else 0
        command = [
            *first(),
            "kamailio",
            "-f",
            str(folder / "kamailio.cfg"),
            "-DD",
            "-E",
            "-m",
            "128",
            "-M",
            "16",
            "-x",
            "fm",
            "-X",
            "fm",
        ]
        self.process = subprocess.Popen(
            [*command, "-P", str(self.run_dir / "kamailio.pid")],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("ab"),
            start_new_session=True,
        )
        eventually(self._answers, START_S, f"Kamailio does not answer; its log is {self.log}: {self.tail()}")

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"Kamailio has ended: {self.tail()}")
        return (self.run_dir / "rpc.sock").exists() and b"kambill: taking calls" in self.log.read_bytes()[self.said :]

    def tail(self) -> str:
        """The end of Kamailio's log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends Kamailio and all its processes."""
        if self.process is None:
            return
        if how is signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.terminate()
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(START_S)
        self.process = None
        (self.run_dir / "rpc.sock").unlink(missing_ok=True)

    def kill_worker(self) -> None:
        """Kill -9 of one of Kamailio's processes."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def close(self) -> None:
        """Ends everything and removes the folders."""
        self.stop()
        shutil.rmtree(self.run_dir, ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    # --- control

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a command to Kamailio. Raises TimeoutError."""
        own = self.data_dir / f"rpc-{os.getpid()}-{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.bind(str(own))
            asking.settimeout(WAIT_S)
            body = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": 1}
            asking.sendto(json.dumps(body).encode(), str(self.run_dir / "rpc.sock"))
            answer = json.loads(asking.recv(65536))
        own.unlink()
        return answer["result"]

    def counter(self, name: str) -> int:
        """One of the counters that `kamailio.cfg` names."""
        (line,) = self.rpc("stats.get_statistics", f"kambill_{name}")
        return int(line.split(" = ")[1])

    # --- configuration

    def send(self, *bodies: dict[str, Any], wait: bool = True) -> None:
        """Sends commands as the service does, and waits until they are applied."""
        epoch = self.look(lambda snapshot: snapshot.epoch)
        inbox = InboxWriter(self.data_dir)
        inbox.put((self.commands + at, {"epoch": epoch, **body}) for at, body in enumerate(bodies, start=1))
        inbox.close()
        self.commands += len(bodies)
        if wait:
            eventually(lambda: self.look(lambda snapshot: snapshot.applied_command) >= self.commands)

    def furnish(self) -> None:
        """The company of `World`: three levels, two carriers, gateways at 127.0.0.11 to .13, a trunk at 127.0.0.2."""
        bodies: list[dict[str, Any]] = []
        for account, parent in ((ROOT, 0), (UPPER, ROOT), (LOWER, UPPER), (CUSTOMER, LOWER)):
            bodies.append(self.account_body(account, parent=parent))
            if account != ROOT:
                bodies.append({"do": "credit", "account": account, "micros": 1000 * EURO})
        bodies += [self.account_body(one, parent=ROOT, kind="provider") for one in (CARRIER, DEAR_CARRIER)]
        bodies += self.usual_tariffs()
        for number, provider in ((1, CARRIER), (2, CARRIER), (3, DEAR_CARRIER)):
            bodies.append(self.gateway_body(number, provider, f"127.0.0.{10 + number}"))
        bodies += [self.plan_body(), self.trunk_body(1, CUSTOMER), {"do": "ready"}]
        self.send(*bodies)

    def restore(self) -> None:
        """After a test that left something: accounts active, balances full, no call running."""
        for call in self.running():
            self.send({"do": "cut", "call": call.hex})
        bodies: list[dict[str, Any]] = []
        for account, parent in ((ROOT, 0), (UPPER, ROOT), (LOWER, UPPER), (CUSTOMER, LOWER)):
            bodies.append(self.account_body(account, parent=parent))
            if account != ROOT:
                missing = 1000 * EURO - self.account(account).balance
                bodies.append({"do": "credit", "account": account, "micros": missing})
        self.send(*bodies)
        eventually(lambda: self.running() == [])

    @staticmethod
    def account_body(account: int, **fields: Any) -> dict[str, Any]:
        """An account command."""
        kind = fields.get("kind", "reseller")
        charged = account != ROOT and kind != "provider"
        values = {"do": "account", "id": account, "parent": 0, "kind": kind, "charged": charged, "state": "active"}
        values |= {"cut": True}
        values |= {"prepaid": True, "currency": "EUR", "tariff": account, "credit_limit": 0, "channels": 0, "cps": 0}
        return values | {"name": f"account {account}"} | fields

    def usual_tariffs(self) -> list[dict[str, Any]]:
        """The commands that put back what everybody pays or asks."""
        return [self.tariff_body(account, usual_rates(account)) for account in PRICES]

    def tariff_body(self, number: int, rates: dict[str, Terms]) -> dict[str, Any]:
        """Writes a tariff's rates; its pointer's command."""
        rows = tuple(Rate(prefix, f"to {prefix}", None, None, of) for prefix, of in rates.items())
        compiled = compile_tariff(Tariff(f"tariff {number}", "EUR", "UTC", rows))
        env = open_for_writing(self.rates)
        write_version(env, compiled)
        env.close()
        return {"do": "tariff", "id": number, "version": compiled.version.hex(), "currency": "EUR", "name": str(number)}

    @staticmethod
    def gateway_body(number: int, provider: int, host: str, port: int = 5060) -> dict[str, Any]:
        """A gateway command."""
        values = {"do": "gateway", "id": number, "provider": provider, "host": host, "port": port, "transport": "udp"}
        values |= {
            "name": f"gw{number}",
            "networks": [],
            "prefix": "",
            "strip": 0,
            "channels": 0,
            "cps": 0,
            "tariff": 0,
            "number_format": "plain",
            "trusted": False,
        }
        return values | {"state": "active"}

    @staticmethod
    def plan_body(**fields: Any) -> dict[str, Any]:
        """The plan's command: all gateways, the cheaper first. A test that is held up loses none: see `impatient`."""
        values: dict[str, Any] = {"do": "plan", "id": 1, "name": "standard", "order": "cost", "no_loss": "strict"}
        values |= {"failover_codes": [408, *range(500, 600)], "try_timeout_ms": 10_000, "attempts_max": 4}
        return (
            values | {"ring_timeout_s": 20, "expected_call_s": 180, "routes": [["", [[1, 1], [2, 2], [3, 3]]]]} | fields
        )

    @staticmethod
    def trunk_body(number: int, account: int, **fields: Any) -> dict[str, Any]:
        """A trunk command."""
        values: dict[str, Any] = {"do": "trunk", "id": number, "account": account, "networks": ["127.0.0.2/32"]}
        values |= {"transport": "any", "port": 0, "tech_prefix": "", "state": "active", "channels": 0, "cps": 0}
        values |= {"national_prefix": "", "country": "", "caller_rule": "pass", "caller_numbers": [], "trusted": False}
        return values | {"plan": 1, "tariff": 0, "name": f"trunk {number}", "international_prefix": "00"} | fields

    @staticmethod
    def device_body(number: int, account: int, **fields: Any) -> dict[str, Any]:
        """A device command: `d` and its number, password `secret`."""
        return {"do": "device"} | device_fields(number, account) | fields

    @staticmethod
    def number_body(number: int, digits: str, account: int, *places: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A number command: free to its owner, 5 s at each place."""
        values = {"do": "number", "id": number, "number": digits, "account": account, "state": "active", "tariff": 0}
        values |= {"channels": 0, "cps": 0, "ring_s": 5, "without_funds": "refuse", "places": list(places)}
        return values | fields

    # --- looks

    def look(self, what: Callable[[Any], T]) -> T:
        """Reads something in one snapshot of the store."""
        reader = open_reader(self.run_dir)
        try:
            with reader.snapshot() as snapshot:
                return what(snapshot)
        finally:
            reader.close()

    def configured(self) -> dict[bytes, bytes]:
        """Tariffs, plans, trunks and gateways, as the store has them."""
        return self.look(
            lambda snapshot: snapshot.read(
                lambda dbs, txn: {
                    key: raw for key, raw in txn.cursor(dbs.config) if key[:1] in {b"r", b"p", b"t", b"g"}
                }
            )
        )

    def account(self, account: int) -> Account:
        """An account of the store."""
        found = self.look(lambda snapshot: snapshot.account(account))
        assert found is not None
        return found

    def running(self) -> list[RunningCall]:
        """The running calls."""
        return self.look(lambda snapshot: list(snapshot.calls()))

    def journal(self) -> list[dict[str, Any]]:
        """Every line of the journal."""
        return list(journal.read_all(self.data_dir / journal.FOLDER))

    def cdr(self, call_id: str, wait_s: float = WAIT_S) -> dict[str, Any]:
        """The record of the call of a Call-ID, as soon as it is in the journal."""

        def found() -> list[dict[str, Any]]:
            return [line["cdr"] for line in self.journal() if line.get("cdr", {}).get("call_id") == call_id]

        return eventually(found, wait_s, f"no record of {call_id}; running: {self.running()}; log: {self.tail()}")[-1]

    def cdrs(self, call_id: str) -> list[dict[str, Any]]:
        """All records of a Call-ID, once the journal has caught up with the store."""
        time.sleep(0.3)
        return [line["cdr"] for line in self.journal() if line.get("cdr", {}).get("call_id") == call_id]
