"""A strict little rtpengine: its control protocol on UDP (cookie, blank, bencoded dictionary), without any media."""

from __future__ import annotations

import re
import socket
import threading
from typing import Any

ADDRESS = "192.0.2.200"
"""What it says in every SDP."""
NEEDED = {"ping": set(), "offer": {"call-id", "from-tag", "sdp"}, "answer": {"call-id", "from-tag", "to-tag", "sdp"},
          "delete": {"call-id", "from-tag"}}  # fmt: skip


def decode(raw: bytes, at: int = 0) -> tuple[Any, int]:
    """The value that begins at a place, and where it ends. Raises ValueError."""
    kind = raw[at : at + 1]
    if kind == b"i":
        end = raw.index(b"e", at)
        return int(raw[at + 1 : end]), end + 1
    if kind in {b"l", b"d"}:
        values, at = [], at + 1
        while raw[at : at + 1] != b"e":
            value, at = decode(raw, at)
            values.append(value)
        return (values if kind == b"l" else dict(zip(values[::2], values[1::2], strict=True))), at + 1
    colon = raw.index(b":", at)
    end = colon + 1 + int(raw[at:colon])
    return raw[colon + 1 : end].decode(errors="surrogateescape"), end


def encode(values: dict[str, str]) -> bytes:
    """A dictionary of texts."""
    words = [word.encode(errors="surrogateescape") for key in sorted(values) for word in (key, values[key])]
    return b"d" + b"".join(b"%d:%b" % (len(word), word) for word in words) + b"e"


class RtpEngine:
    """Answers until it is closed; keeps what it was asked."""

    def __init__(self, port: int) -> None:
        self.asked: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.silent = False
        """It hears, and says nothing."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.05)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def commands(self) -> list[str]:
        """What it was asked, without pings."""
        return [one["command"] for one in self.asked if one["command"] != "ping"]

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                raw, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            cookie, _, body = raw.partition(b" ")
            asked, end = decode(body)
            if end != len(body) or NEEDED[asked["command"]] - set(asked):
                self.faults.append(str(asked))
            self.asked.append(asked)
            if self.silent:
                continue
            self._socket.sendto(cookie + b" " + encode(self._answer(asked)), source)

    @staticmethod
    def _answer(asked: dict[str, Any]) -> dict[str, str]:
        if asked["command"] == "ping":
            return {"result": "pong"}
        if "sdp" not in asked:
            return {"result": "ok"}
        return {"result": "ok", "sdp": re.sub(r"(IN IP4) \S+", rf"\1 {ADDRESS}", asked["sdp"])}

    def close(self) -> None:
        """Silence from now on."""
        self._ended.set()
        self._thread.join()
        self._socket.close()
