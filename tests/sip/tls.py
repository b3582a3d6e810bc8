"""Certificates made for a test, and an end of a call that speaks TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.sip.agents import WAIT_S, Agent, Message


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "ca.pem"
        self._openssl(
            "req", "-x509", *_new_key(folder / "ca.key"), "-days", "30", "-subj", f"/CN={name}",
            "-out", str(self.certificate),
        )  # fmt: skip

    def issue(self, name: str, *alternatives: str, days: int = 10) -> tuple[Path, Path]:
        """Certificate and key of `name`. `alternatives` such as `DNS:pbx.example`; negative `days`: it has expired."""
        certificate, key, request = (self.folder / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
        self._openssl("req", *_new_key(key), "-subj", f"/CN={name}", "-out", str(request))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives or (f'DNS:{name}',))}\n")
        self._openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key"),
            "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(certificate),
        )  # fmt: skip
        return certificate, key

    @staticmethod
    def _openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=120)


def _new_key(path: Path) -> tuple[str, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path)


@dataclass
class TlsAgent(Agent):
    """An agent on one TLS connection to the proxy; with a certificate, or without."""

    authority: Path = Path()
    certificate: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False
        if self.certificate is not None:
            context.load_cert_chain(*map(str, self.certificate))
        plain = socket.create_connection(self.proxy, WAIT_S, (self.ip, 0))
        self.tls = context.wrap_socket(plain)
        self.socket = self.tls
        self.port = self.tls.getsockname()[1]
        self.buffer = b""

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        """Over the connection, whatever `to` says."""
        raw = text if isinstance(text, bytes) else text.encode()
        self.tls.sendall(raw.replace(b"SIP/2.0/UDP", b"SIP/2.0/TLS", 1) if raw[:7] != b"SIP/2.0" else raw)

    def receive(self, wait_s: float) -> Message | None:
        """The next message of the stream; None: nothing in that time."""
        end = time.monotonic() + wait_s
        while (taken := self._take()) is None:
            self.tls.settimeout(max(0.001, end - time.monotonic()))
            try:
                read = self.tls.recv(65535)
            except TimeoutError:
                return None
            if not read:
                return None
            self.buffer += read
        message = Message(taken.decode("utf-8", "surrogateescape"), self.tls.getpeername()[:2], time.monotonic())
        self.seen.append(message)
        return message

    def close(self) -> None:
        """Ends the connection."""
        self.tls.close()

    def _take(self) -> bytes | None:
        head, ended, rest = self.buffer.partition(b"\r\n\r\n")
        if not ended:
            return None
        length = int(Message(head.decode("utf-8", "replace") + "\r\n\r\n", self.proxy, 0).header("Content-Length"))
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        return head + ended + rest[:length]


class TlsServer(TlsAgent):
    """An agent that Kamailio connects to: a gateway. It has a certificate and asks for none."""

    def __post_init__(self) -> None:
        assert self.certificate is not None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, self.certificate))
        self.listening = socket.create_server((self.ip, self.port))
        self.port = self.listening.getsockname()[1]
        self.buffer = b""
        self.has_connection = False

    def receive(self, wait_s: float) -> Message | None:
        """The next message; None: nothing in that time, or Kamailio didn't like the certificate."""
        if not self.has_connection:
            self.listening.settimeout(max(0.001, wait_s))
            try:
                plain, _ = self.listening.accept()
                plain.settimeout(WAIT_S)
                self.tls = self.context.wrap_socket(plain, server_side=True)
            except (TimeoutError, OSError):
                return None
            self.has_connection = True
        return super().receive(wait_s)

    def close(self) -> None:
        """Gives the ports back."""
        self.listening.close()
        if self.has_connection:
            self.tls.close()
