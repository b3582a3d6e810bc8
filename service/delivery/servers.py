"""Where files go by SFTP: sftp://USER@HOST:PORT/FOLDER, and the keys that servers show. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from service.webhooks.places import host_problem

PORT = 22
EXPECTED = "an address such as sftp://kambill@files.example.net:22/in/calls was expected"
KEY_EXPECTED = "a server's public key was expected, as ssh-keyscan prints it: ssh-ed25519 AAAA…"
_PARTS = {
    "ssh-ed25519": 2, "ecdsa-sha2-nistp256": 3, "ecdsa-sha2-nistp384": 3, "ecdsa-sha2-nistp521": 3, "ssh-rsa": 3,
}  # fmt: skip
"""Kinds of keys, and of how many parts each is."""


class Server(NamedTuple):
    """Who takes files, and where it puts them."""

    user: str
    host: str
    port: int
    folder: str
    """From / on, or from where one is after signing in; empty: there."""

    @property
    def place(self) -> str:
        """As faults name it."""
        return f"{self.host}:{self.port}"


def server_of(target: str, *, private: bool) -> Server:
    """Raises ValueError: what is wrong with it. `private`: whether it may stand in a private network."""
    if any(ord(char) <= 32 or ord(char) > 126 for char in target):
        raise ValueError("plain characters were expected, others as %20 has them")
    try:
        parts = urlsplit(target)
        port = PORT if parts.port is None else parts.port
        user, folder = unquote(parts.username or "", errors="strict"), unquote(parts.path, errors="strict")
    except ValueError:
        raise ValueError(EXPECTED) from None
    problem = _problem(parts, user + folder, port, private=private)
    if problem is not None:
        raise ValueError(problem)
    return Server(user, parts.hostname or "", port, _folder(folder))


def server_problem(target: str, *, private: bool) -> str | None:
    """What is wrong with such an address; None: nothing."""
    try:
        server_of(target, private=private)
    except ValueError as fault:
        return str(fault)
    return None


def _folder(path: str) -> str:
    """As curl has it: /~/in is below where one is after signing in, /in is not."""
    return path[2:].lstrip("/") if path == "/~" or path.startswith("/~/") else path


def _problem(parts: SplitResult, said: str, port: int, *, private: bool) -> str | None:
    if parts.scheme != "sftp" or not parts.hostname or not parts.username or parts.query or parts.fragment:
        return EXPECTED
    if parts.password is not None:
        return "the password has a field of its own: nobody is to read it here"
    if port == 0:
        return "there is no port 0"
    if any(ord(char) < 32 or ord(char) == 127 for char in said):
        return "user and folder must not hold control characters"
    return host_problem(parts.hostname, private=private)


def host_key_of(text: str) -> str:
    """Kind and key, of a line as ssh-keyscan or a .pub file has it. Raises ValueError: it is none."""
    words = text.split()
    at = next((number for number, word in enumerate(words[:2]) if word in _PARTS), None)
    if at is None or len(words) < at + 2:
        raise ValueError(KEY_EXPECTED)
    try:
        parts = _parts(base64.b64decode(words[at + 1], validate=True))
    except (ValueError, binascii.Error):
        raise ValueError(KEY_EXPECTED) from None
    if len(parts) != _PARTS[words[at]] or parts[0] != words[at].encode():
        raise ValueError(KEY_EXPECTED)
    return f"{words[at]} {words[at + 1]}"


def _parts(blob: bytes) -> list[bytes]:
    """Each stands behind its length (RFC 4251, 5). Raises ValueError."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length or not length:
            raise ValueError(length)
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def fingerprint(host_key: str) -> str:
    """Of a key that `host_key_of` gave, as ssh shows it; empty: there is none."""
    if not host_key:
        return ""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
