"""What goes wrong by SFTP, in words: what it is, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable

import asyncssh

from service.delivery.servers import Server, fingerprint
from service.webhooks.posting import Refused

REASON_CHARACTERS_MAX = 120
"""Of what a server says itself."""


def other_key(shown: str, trusted: str) -> str:
    """The server isn't the one that was trusted, or has another key since."""
    kind = shown.partition(" ")[0]
    return (
        f"the server shows the key {fingerprint(shown)} ({kind}), trusted is {fingerprint(trusted)}: nothing was sent. "
        "Ask its operator whether the key was changed; only then trust the new one"
    )


def no_folder(folder: str) -> str:
    """Nothing is made on other people's servers."""
    return f"there is no folder {folder or '.'!r} on the server: have it made there, or name another one"


def in_words(fault: BaseException, server: Server, *, by_password: bool) -> str:
    """Of each fault that a connection may end with."""
    for kind, say in _WORDS:
        if isinstance(fault, kind):
            return say(fault, server)
    if isinstance(fault, asyncssh.PermissionDenied):
        return _refused(server, by_password=by_password)
    return f"{server.place}: {_reason(fault)}"


def _refused(server: Server, *, by_password: bool) -> str:
    if by_password:
        return f"the server refuses {server.user!r} with this password"
    return (
        f"the server refuses {server.user!r} with our key: have the delivery's public key put among its authorized keys"
    )


def _reason(fault: BaseException) -> str:
    """What the other side says is somebody else's text: a line of it."""
    said = str(getattr(fault, "reason", "")) or str(fault) or type(fault).__name__
    return "".join(char if char.isprintable() else " " for char in said)[:REASON_CHARACTERS_MAX]


_CUT = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_WORDS: tuple[tuple[tuple[type[BaseException], ...], Callable[[BaseException, Server], str]], ...] = (
    ((Refused,), lambda fault, _: str(fault)),
    ((socket.gaierror,), lambda _, server: f"no address can be found for {server.host}: look at how it is written"),
    (
        (TimeoutError,),
        lambda _, server: f"{server.place} took too long to answer: look at host and port, or ask its operator",
    ),
    (
        (ConnectionRefusedError,),
        lambda _, server: f"nothing takes connections at {server.place}: look at host and port, or ask its operator",
    ),
    (
        (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath),
        lambda _, server: no_folder(server.folder),
    ),
    (
        (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect),
        lambda _, server: (
            f"the server doesn't let {server.user!r} write into {server.folder or '.'!r}: have its operator allow it"
        ),
    ),
    (
        (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded),
        lambda _fault, _server: (
            "the server's disk is full, or what its user may use of it: its operator has to make room"
        ),
    ),
    (
        (asyncssh.SFTPFailure,),
        lambda fault, _: (
            f"the server could not keep the file (it says: {_reason(fault)}): its disk may be full, ask its operator"
        ),
    ),
    ((asyncssh.ChannelOpenError,), lambda fault, _: f"the server offers no SFTP (it says: {_reason(fault)})"),
    (
        (asyncssh.KeyExchangeFailed, asyncssh.ProtocolNotSupported),
        lambda fault, _: f"the server speaks no SSH that is safe today: {_reason(fault)}",
    ),
    (
        (asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, *_CUT),
        lambda fault, _: (
            f"the server, or something before it, ended the connection (it says: {_reason(fault)}): it is tried again; "
            "if that goes on, ask its operator"
        ),
    ),
    ((OSError,), lambda fault, server: f"{server.place} can't be reached: {getattr(fault, 'strerror', '') or fault}"),
)
"""The first kind that fits."""
