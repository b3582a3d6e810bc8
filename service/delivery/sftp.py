"""Files to other people's servers by SFTP: to the server whose key is trusted and no other, as a whole or not at all.

Imported where a file is sent or a server is asked, not before: asyncssh takes a third of a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NamedTuple

import asyncssh
from aiohttp.resolver import ThreadedResolver
from sqlalchemy import Row

from service.delivery.servers import Server, server_of
from service.delivery.sftp_faults import in_words, no_folder, other_key
from service.faults import Fault
from service.webhooks.posting import CLAIM_MS, Guarded

SIGN_IN_S = 20
WHOLE_S = CLAIM_MS // 1000 - 20
"""Of an attempt: it is over before somebody else may take the file."""
SWEEP_S = 5
"""Of it for looking through the folder: it may hold more than anybody wants to read."""
_ALGORITHMS = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "rsa-sha2-512": "ssh-rsa",
    "rsa-sha2-256": "ssh-rsa",
}
"""How a server may sign, with the kind of its key for it; the best first."""


class Patience(NamedTuple):
    """How long is waited."""

    sign_in_s: float = SIGN_IN_S
    whole_s: float = WHOLE_S


PATIENCE = Patience()


class Access(NamedTuple):
    """A server, and how one is known there."""

    server: Server
    host_key: str
    """That is trusted; empty: none, and then nobody signs in."""
    password: str
    """Empty: by the key."""
    private_key: str


def access_of(delivery: Row[Any], *, private: bool) -> Access:
    """As a delivery has it. Raises Fault."""
    try:
        server = server_of(delivery.target, private=private)
    except ValueError as fault:
        raise Fault(str(fault)) from fault
    return Access(server, delivery.host_key, delivery.password, delivery.secret)


class KeyPair(NamedTuple):
    """By which we are known."""

    private: str
    public: str
    """A line of authorized_keys."""


class File(NamedTuple):
    """What is sent."""

    name: str
    content: bytes
    mark: str
    """Of the attempt: two of them don't write into each other."""
    is_again: bool
    """An earlier attempt may have left its part."""


def new_key_pair() -> KeyPair:
    """Ed25519."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="kambill")
    return KeyPair(key.export_private_key("openssh").decode(), key.export_public_key("openssh").decode().strip())


class _Owner(asyncssh.SSHClient):
    """Of a connection: it goes on with the one trusted key only."""

    def __init__(self, trusted: str) -> None:
        self.trusted = trusted
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Whether it is the one."""
        self.shown = " ".join(key.export_public_key("openssh").decode().split()[:2])
        return self.shown == self.trusted


class Sftp:
    """How servers are reached. `private`: those in private networks too."""

    def __init__(self, *, private: bool, patience: Patience = PATIENCE) -> None:
        self._resolver = Guarded(ThreadedResolver(), private=private)
        self._patience = patience

    async def ask_host_key(self, server: Server) -> str:
        """The key that the server shows; nobody signs in. Raises Fault."""
        owner = _Owner("")
        access = Access(server, "", "", "")
        with _told(access, owner), suppress(asyncssh.HostKeyNotVerifiable):
            async with asyncio.timeout(self._patience.sign_in_s):
                (await self._connect(access, owner)).abort()
        if not owner.shown:
            raise Fault(f"{server.place} showed no key")
        return owner.shown

    async def look(self, access: Access) -> None:
        """Whether files could be put there: somebody lets us in, and the folder is one. Raises Fault."""
        await self._do(access, _check_folder)

    async def put(self, access: Access, file: File) -> None:
        """Under its name, whatever stood there before. Raises Fault."""

        async def put(client: asyncssh.SFTPClient, folder: str) -> None:
            await _check_folder(client, folder)
            await _put(client, folder, file)
            if file.is_again:
                await _sweep(client, folder, file)

        await self._do(access, put)

    async def _do(self, access: Access, work: Callable[[asyncssh.SFTPClient, str], Awaitable[None]]) -> None:
        if not access.host_key:
            raise Fault(
                "the server's key isn't trusted yet: ask for it, compare its fingerprint with what the server's "
                "operator says, and trust it"
            )
        owner = _Owner(access.host_key)
        with _told(access, owner):
            async with asyncio.timeout(self._patience.whole_s), self._session(access, owner) as client:
                await work(client, access.server.folder)

    @asynccontextmanager
    async def _session(self, access: Access, owner: _Owner) -> AsyncIterator[asyncssh.SFTPClient]:
        async with asyncio.timeout(self._patience.sign_in_s):
            connection = await self._connect(access, owner)
        try:
            async with asyncio.timeout(self._patience.sign_in_s):
                client = await connection.start_sftp_client()
            yield client
        finally:
            connection.abort()

    async def _connect(self, access: Access, owner: _Owner) -> asyncssh.SSHClientConnection:
        """To the first address of the server's that takes a connection: no name is looked up a second time."""
        server = access.server
        found = await self._resolver.resolve(server.host, server.port, socket.AF_UNSPEC)
        faults: list[OSError] = []
        for one in found:
            try:
                return await _signed_in(one["host"], access, owner)
            except OSError as fault:
                faults.append(fault)
        raise faults[0]


@contextmanager
def _told(access: Access, owner: _Owner) -> Iterator[None]:
    """Whatever ends a connection becomes a Fault."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as fault:
        raise Fault(other_key(owner.shown, owner.trusted)) from fault
    except (asyncssh.Error, OSError, ValueError) as fault:
        raise Fault(in_words(fault, access.server, by_password=bool(access.password))) from fault


async def _signed_in(address: str, access: Access, owner: _Owner) -> asyncssh.SSHClientConnection:
    """Nothing of this machine's own SSH set-up is looked at: neither its keys nor its known hosts."""
    kind = access.host_key.partition(" ")[0]
    by_key = access.private_key and not access.password
    return await asyncssh.connect(
        address,
        access.server.port,
        client_factory=lambda: owner,
        username=access.server.user,
        password=access.password or None,
        client_keys=[asyncssh.import_private_key(access.private_key)] if by_key else None,
        known_hosts=([], [], []),
        server_host_key_algs=sorted(_ALGORITHMS, key=lambda one: _ALGORITHMS[one] != kind),
        compression_algs=None,
        config=None,
        agent_path=None,
        gss_host=None,
        x509_trusted_certs=None,
        x509_trusted_cert_paths=[],
    )


async def _check_folder(client: asyncssh.SFTPClient, folder: str) -> None:
    """Raises Fault."""
    try:
        is_folder = await client.isdir(folder or ".")
    except asyncssh.SFTPPermissionDenied:
        return  # one may be let in that one may not look at: writing tells
    if not is_folder:
        raise Fault(no_folder(folder))


async def _put(client: asyncssh.SFTPClient, folder: str, file: File) -> None:
    """As a hidden part, then by the file's name."""
    part, whole = (_in(folder, name) for name in (f".{file.name}.{file.mark}.part", file.name))
    try:
        async with client.open(part, "wb") as opened:
            await opened.write(file.content)
            with suppress(asyncssh.SFTPOpUnsupported):
                await opened.fsync()
        await _rename(client, part, whole)
    except asyncssh.SFTPError:
        with suppress(asyncssh.SFTPError):
            await client.remove(part)
        raise


async def _sweep(client: asyncssh.SFTPClient, folder: str, file: File) -> None:
    """Parts of the file that earlier attempts have left: they were killed, or the connection was cut. What comes of it
    changes nothing: the file is there.
    """
    with suppress(asyncssh.Error, OSError, TimeoutError):
        async with asyncio.timeout(SWEEP_S):
            async for one in client.scandir(folder or "."):
                name = one.filename if isinstance(one.filename, str) else one.filename.decode("utf-8", "replace")
                if name.startswith(f".{file.name}.") and name.endswith(".part"):
                    await client.remove(_in(folder, name))


def _in(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name


async def _rename(client: asyncssh.SFTPClient, part: str, whole: str) -> None:
    """In one step where the server can. The plain one fails where the file is already there: from a time before."""
    try:
        await client.posix_rename(part, whole)
    except asyncssh.SFTPOpUnsupported:
        if await client.exists(whole):
            await client.remove(whole)
        await client.rename(part, whole)
