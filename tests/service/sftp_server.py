"""Somebody else's SFTP server, a real one in this process: it can be told to fail in all the ways that servers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "kambill", "open sesame"


class Files(asyncssh.SFTPServer):
    """Of one connection."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], server: FileServer) -> None:
        super().__init__(chan, chroot=str(server.folder).encode())
        self.server = server

    def _fail(self, what: str) -> None:
        if self.server.fails.get(what):
            raise self.server.fails[what]

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """A part is begun."""
        self.server.did.append(f"open {path.decode()}")
        self.server.opens.set()
        self._fail("open")
        return super().open(path, pflags, attrs)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:  # type: ignore[override]
        """Some of it."""
        self._fail("write")
        await asyncio.sleep(self.server.slow_s)
        written = super().write(file_obj, offset, data)
        if self.server.cuts:
            file_obj.flush()  # type: ignore[attr-defined]
            self.channel.get_connection().abort()
        return written

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Refuses what stands there already, as the protocol has it."""
        self.server.did.append(f"rename {newpath.decode()}")
        if (self.server.folder / newpath.decode().lstrip("/")).exists():
            raise asyncssh.SFTPFailure("it is there")
        super().rename(oldpath, newpath)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """In one step. A server that hangs has all and says nothing."""
        self.server.did.append(f"posix_rename {newpath.decode()}")
        self.server.renames.set()
        self._fail("rename")
        if self.server.hangs == "before":
            await asyncio.sleep(60)
        super().posix_rename(oldpath, newpath)
        if self.server.hangs == "after":
            await asyncio.sleep(60)


class _Door(asyncssh.SSHServer):
    def __init__(self, server: FileServer) -> None:
        self.server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Counted."""
        self.server.connections += 1

    def password_auth_supported(self) -> bool:
        """If it has one."""
        return bool(self.server.password)

    def validate_password(self, username: str, password: str) -> bool:
        """The one."""
        self.server.passwords.append(password)
        return (username, password) == (USER, self.server.password)

    def public_key_auth_supported(self) -> bool:
        """By authorized_keys."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """A line of it."""
        shown = " ".join(key.export_public_key("openssh").decode().split()[:2])
        return username == USER and any(line.startswith(shown) for line in self.server.authorized)


class FileServer:
    """What it has, and how it behaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = ""
        self.authorized: list[str] = []
        """Lines of public keys."""
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.fails: dict[str, Exception] = {}
        self.hangs = ""
        """Where: before or after the rename; empty: nowhere."""
        self.cuts = False
        """Whether connections end in the middle of a file."""
        self.has_sftp = True
        self.port = 0
        self.connections = 0
        self.passwords: list[str] = []
        """That were tried."""
        self.did: list[str] = []
        self.slow_s = 0.0
        """How long a piece of a file takes."""
        self.opens = asyncio.Event()
        """A part is begun."""
        self.renames = asyncio.Event()
        """A part is whole."""
        self._listening: Any = None

    @property
    def target(self) -> str:
        """Where deliveries name it."""
        return f"sftp://{USER}@127.0.0.1:{self.port}/in"

    @property
    def line(self) -> str:
        """Its key as ssh-keyscan prints it."""
        return f"127.0.0.1 {self.key.export_public_key('openssh').decode().strip()}"

    @property
    def fingerprint(self) -> str:
        """As its operator would say it on the telephone."""
        return str(self.key.get_fingerprint())

    def let_in(self, public_key: str) -> None:
        """As its operator does it."""
        self.authorized.append(public_key)

    def files(self) -> dict[str, bytes]:
        """All that stands in its folder, hidden parts too."""
        return {path.name: path.read_bytes() for path in sorted((self.folder / "in").iterdir())}

    async def start(self, key: asyncssh.SSHKey | None = None) -> None:
        """On the same port as before, with another key if one is given."""
        await self.stop()
        self.key = key or self.key
        factory = (lambda chan: Files(chan, self)) if self.has_sftp else None
        self._listening = await asyncssh.listen(
            "127.0.0.1", self.port, server_factory=lambda: _Door(self), server_host_keys=[self.key],
            sftp_factory=factory, reuse_address=True,
        )  # fmt: skip
        self.port = self._listening.get_port()

    async def stop(self) -> None:
        """Nobody listens any more."""
        if self._listening is not None:
            self._listening.close()
            await self._listening.wait_closed()
            self._listening = None


@asynccontextmanager
async def file_server(folder: Path) -> AsyncIterator[FileServer]:
    """It runs."""
    server = FileServer(folder)
    (folder / "in").mkdir(parents=True)
    await server.start()
    yield server
    await server.stop()
