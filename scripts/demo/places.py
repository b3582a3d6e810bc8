"""Where the demo lives: its folders, its addresses, and the two configurations that it writes. Starts nothing."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from scripts.demo.sockets import Address, require_free
from service.faults import Fault
from service.setup.document import Setup
from service.setup.sheet import Row

HOME = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
SIP_OFFSET, SERVICE_OFFSET, TRUNK_OFFSET = 60, 660, 91
SIP_PORT = 5060
"""From --port-base: the proxy, the service's HTTP, the first trunk's telephone."""
PORTS, PORT_DIGITS_MAX = 65_536, 5
TMPFS_FREE_BYTES = 32 * 1024 * 1024


class DemoFault(Fault):
    """The demo can't be run as it was asked for."""


class Places(NamedTuple):
    """One run of the demo."""

    folder: Path
    """What stays on disk: .run/."""
    run_dir: Path
    """The hot store, on a tmpfs."""
    proxy: Address
    service: Address
    trunks: dict[str, Address]
    """Where each trunk's calls come from."""
    gateways: dict[str, Address]

    @property
    def data_dir(self) -> Path:
        """Journal, rates, ledger."""
        return self.folder / "data"

    @property
    def config(self) -> Path:
        """The service's configuration."""
        return self.folder / "kambill.yaml"

    @property
    def logs(self) -> Path:
        """Of every process."""
        return self.folder / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """What our processes are told."""
        return {
            "KAMBILL_CONFIG": str(self.config),
            "KAMBILL_RUN_DIR": str(self.run_dir),
            "KAMBILL_DATA_DIR": str(self.data_dir),
            "PYTHONPATH": str(HOME),
        }


def plan(folder: Path, port_base: int, setup: Setup) -> Places:
    """The places of a run in `folder` with the trunks and gateways of a set-up. Raises DemoFault."""
    trunks = {
        name: Address(_first_address(name, row), _port(row, port_base + TRUNK_OFFSET + at))
        for at, (name, row) in enumerate(setup.named("trunks").items())
    }
    gateways = {name: Address(_host(name, row), _port(row, SIP_PORT)) for name, row in setup.gateways().items()}
    for name, address in gateways.items():
        if not ipaddress.ip_address(address.host).is_loopback or ":" in address.host:
            raise DemoFault(
                f"gateway {name} stands at {address.host}: in the demo write one of 127.0.0.0/8 in setup.yaml"
            )
    proxy, service = Address(HOST, port_base + SIP_OFFSET), Address(HOST, port_base + SERVICE_OFFSET, "tcp")
    return Places(folder, _tmpfs() / f"kambill-demo-{_digest(folder)}", proxy, service, trunks, gateways)


def _port(row: Row, otherwise: int) -> int:
    text = row.text("port")
    if not (text.isascii() and text.isdecimal()):
        return otherwise
    if len(text) > PORT_DIGITS_MAX or not 0 < int(text) < PORTS:
        raise DemoFault(f"{row.text('name')}: port {text}: a port from 1 to 65535 was expected in setup.yaml")
    return int(text)


def _host(gateway: str, row: Row) -> str:
    try:
        return str(ipaddress.ip_address(row.text("host")))
    except ValueError as fault:
        raise DemoFault(f"gateway {gateway}: {fault}: write an address of 127.0.0.0/8 in setup.yaml") from fault


def _first_address(trunk: str, row: Row) -> str:
    networks = row.values.get("networks", "")
    network = networks if isinstance(networks, str) else networks[0] if networks else ""
    try:
        found = ipaddress.ip_network(network)
    except ValueError as fault:
        raise DemoFault(f"trunk {trunk}: {fault}: write an address of 127.0.0.0/8 in setup.yaml") from fault
    first = found.network_address if found.num_addresses == 1 else found.network_address + 1
    if not first.is_loopback or first.version != 4:
        raise DemoFault(f"trunk {trunk} comes from {found}: for the demo, give it one of 127.0.0.0/8")
    return str(first)


def _digest(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:8]


def _tmpfs() -> Path:
    """A folder in memory that this user may write to: the hot store's place."""
    kinds = {}
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        kinds[point] = kind
    for place in ("/run", f"/run/user/{os.getuid()}", "/dev/shm"):
        if (
            kinds.get(place) == "tmpfs"
            and os.access(place, os.W_OK)
            and shutil.disk_usage(place).free > TMPFS_FREE_BYTES
        ):
            return Path(place)
    raise DemoFault("no tmpfs with 32 MiB free at /run or /dev/shm: mount one (mount -t tmpfs tmpfs /dev/shm)")


def claim(places: Places) -> IO[str]:
    """Empties the run's folders for a new run, and keeps others off while the file returned is open. Raises Fault."""
    with _may_write():
        places.folder.mkdir(parents=True, exist_ok=True)
        lock = (places.folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise DemoFault(
            f"a demo runs in {places.folder} already (pid {holder}): end it with Ctrl-C, or give this one --dir FOLDER"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    elsewhere = "end that, or choose others with --port-base 16000"
    require_free(places.proxy, "the proxy", elsewhere)
    require_free(places.service, "the service", elsewhere)
    for name, address in places.trunks.items():
        require_free(address, f"trunk {name}", elsewhere)
    for name, address in places.gateways.items():
        require_free(address, f"gateway {name}", "end that, or change its port in setup.yaml")
    with _may_write():
        for old in (places.data_dir, places.logs, places.run_dir, places.folder / "kamailio"):
            shutil.rmtree(old, ignore_errors=True)
            old.mkdir(parents=True)
        places.run_dir.chmod(0o700)
    return lock


@contextmanager
def _may_write() -> Iterator[None]:
    """Raises DemoFault where another user's run, or a file, is in the way."""
    try:
        yield
    except OSError as fault:
        raise DemoFault(
            f"{fault.filename}: {fault.strerror}: remove it as who made it, or give this demo --dir FOLDER"
        ) from fault


def remember(places: Places, scenarios: Path) -> None:
    """Notes what scripts/call needs to know of the running demo."""
    known = {"scenarios": str(scenarios), "proxy": places.proxy, "trunks": places.trunks}
    (places.folder / "demo.json").write_text(json.dumps(known))


def remembered(folder: Path) -> tuple[Path, Address, dict[str, Address]]:
    """The scenarios, the proxy and the trunks of the demo that ran last in a folder. Raises DemoFault."""
    try:
        known = json.loads((folder / "demo.json").read_text())
    except OSError:
        raise DemoFault(f"no demo runs in {folder}: start one with scripts/run") from None
    trunks = {name: Address(*address) for name, address in known["trunks"].items()}
    return Path(known["scenarios"]), Address(*known["proxy"]), trunks


def write_configurations(places: Places, ratebook: Path) -> Path:
    """kambill.yaml and Kamailio's folder; returns the path of kamailio.cfg."""
    places.config.write_text(
        "# Written by scripts/run for the demo; gone with its next start.\n"
        f"run_dir: {places.run_dir}\n"
        f"data_dir: {places.data_dir}\n"
        f"ratebook: {ratebook}\n"
        f"listen: {{host: {places.service.host}, port: {places.service.port}}}\n"
    )
    folder = places.folder / "kamailio"
    shutil.copy(HOME / "kamailio-conf" / "kamailio.cfg", folder / "kamailio.cfg")
    (folder / "kamailio-local.cfg").write_text(
        f"#!define KAMBILL_LISTEN {places.proxy}\n"
        f"#!define KAMBILL_CHILDREN 2\n"
        f"#!define KAMBILL_HOME {HOME}\n"
        f"#!define KAMBILL_DIALOGS {places.data_dir}/dialogs\n"
        f"#!define KAMBILL_RPC_SOCKET {places.run_dir}/kamailio_rpc.sock\n"
    )
    return folder / "kamailio.cfg"
