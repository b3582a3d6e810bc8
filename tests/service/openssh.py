"""OpenSSH's own server on this machine's loopback, with its own keys and folder; and a line to it that can be cut."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh

from scripts.benchmarks.ports import free_port
from tests.waiting import PATIENCE_S

SSHD = Path("/usr/sbin/sshd")
SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
IS_THERE = SSHD.exists() and SFTP_SERVER.exists()
SEPARATION = Path("/run/sshd")
"""Which Debian's service makes when it starts; sshd begins nothing as root without it."""


class OpenSsh:
    """One server, whose only user is whoever runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "in"
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def target(self) -> str:
        """Where deliveries name it."""
        return self.at(self.port)

    def at(self, port: int) -> str:
        """Where they name it by another way."""
        return f"sftp://{getpass.getuser()}@127.0.0.1:{port}{self.inbox}"

    @property
    def line(self) -> str:
        """Its key as ssh-keyscan prints it."""
        return f"127.0.0.1 {(self.folder / 'host_key.pub').read_text()}"

    def let_in(self, public_key: str) -> None:
        """As its operator does it."""
        with (self.folder / "authorized_keys").open("a") as file:
            file.write(f"{public_key}\n")

    def new_key(self) -> None:
        """As after the machine was set up anew."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(self.folder / "host_key")
        (self.folder / "host_key").chmod(0o600)
        key.write_public_key(self.folder / "host_key.pub")

    def files(self) -> dict[str, bytes]:
        """All that stands in its folder, hidden parts too."""
        return {path.name: path.read_bytes() for path in sorted(self.inbox.iterdir())}

    async def start(self, *, options: str = "") -> None:
        """`options`: of its sftp-server. Raises TimeoutError."""
        await self.stop()
        _prepare()
        told = {
            "ListenAddress": f"127.0.0.1:{self.port}", "HostKey": self.folder / "host_key", "PidFile": "none",
            "AuthorizedKeysFile": self.folder / "authorized_keys", "StrictModes": "no", "UsePAM": "no",
            "PermitRootLogin": "prohibit-password", "PasswordAuthentication": "no",
            "Subsystem": f"sftp {SFTP_SERVER} {options}",
        }  # fmt: skip
        config = self.folder / "sshd_config"
        config.write_text("".join(f"{name} {value}\n" for name, value in told.items()))
        self._process = await asyncio.create_subprocess_exec(
            SSHD, "-D", "-f", config, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """With whatever it has begun for its visitors."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            await self._process.wait()
            self._process = None


def _prepare() -> None:
    if os.geteuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)


@asynccontextmanager
async def open_ssh(folder: Path) -> AsyncIterator[OpenSsh]:
    """It runs."""
    server = OpenSsh(folder)
    server.inbox.mkdir(parents=True)
    server.new_key()
    (server.folder / "authorized_keys").touch()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def cut_line(port: int, after_bytes: int) -> AsyncIterator[int]:
    """A port that leads to another one, until so much was sent."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
        while left > 0 and (data := await reader.read(1 << 14)):
            writer.write(data)
            await writer.drain()
            left -= len(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ways = {
            asyncio.create_task(pass_on(reader, far_writer, after_bytes)),
            asyncio.create_task(pass_on(far_reader, writer, 1 << 40)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for one in (writer, far_writer):
            one.transport.abort()

    line = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with line:
        yield line.sockets[0].getsockname()[1]
