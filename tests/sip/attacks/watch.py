"""Watches a Kamailio that is attacked: what must hold after anything that was sent."""

from __future__ import annotations

import re
import threading
import time

from tests.sip.agents import Agent
from tests.sip.proxy import Proxy, eventually

_ESCAPED = re.compile("[\udc80-\udcff]")
"""Bytes that were no UTF-8, as `surrogateescape` keeps them."""
BUSY = 486
OF_CALLS = frozenset({"INVITE", "ACK", "CANCEL", "BYE"})
"""What a gateway may see of calls that are busy."""


def is_text(message: str) -> bool:
    """Whether a message's head is UTF-8 without control characters."""
    head = message.partition("\r\n\r\n")[0]
    return all(one.isprintable() or one in "\r\n\t" or ord(one) > 0xA0 for one in head) and not _ESCAPED.search(head)


class Exchange:
    """Gateways at which every call is busy; what came to them is kept. Runs in a thread of its own."""

    def __init__(self, proxy: Proxy, hosts: tuple[str, ...] = ("127.0.0.11", "127.0.0.12", "127.0.0.13")) -> None:
        self.agents = [Agent(host, 5060, (proxy.ip, proxy.port)) for host in hosts]
        self.requests: list[tuple[str, str]] = []
        """Method and Call-ID of each."""
        self.odd: list[str] = []
        """Requests whose head is no text."""
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._serve, args=(one,), daemon=True) for one in self.agents]
        for thread in self._threads:
            thread.start()

    def _serve(self, agent: Agent) -> None:
        while not self._ended.is_set():
            message = agent.receive(0.05)
            agent.seen.clear()
            if message is None or message.code:
                continue
            self.requests.append((message.method, message.header("Call-ID") or message.header("i")))
            self.odd += [message.text] if not is_text(message.text) else []
            if message.method == "INVITE":
                agent.reply(message, BUSY, "Busy Here", tag="busy")
            elif message.method != "ACK":
                agent.reply(message, 200, "OK")

    def close(self) -> None:
        """Ends the gateways."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for agent in self.agents:
            agent.close()


class Watch:
    """A moment, and what must be as it was then."""

    def __init__(self, proxy: Proxy) -> None:
        assert proxy.process is not None
        self._proxy = proxy
        self._pid = proxy.process.pid
        self._children = self._processes()
        self._faults = proxy.counter("faults")
        self._log_from = proxy.log.stat().st_size

    def _processes(self) -> list[str]:
        with open(f"/proc/{self._pid}/task/{self._pid}/children", encoding="ascii") as file:  # noqa: PTH123
            return file.read().split()

    def said(self) -> list[str]:
        """Lines that the log has got since."""
        text = self._proxy.log.read_bytes()[self._log_from :]
        return [line.decode(errors="replace") for line in text.split(b"\n") if line]

    def is_well(self) -> bool:
        """Whether Kamailio lives, in the same processes, and met no exception."""
        proxy = self._proxy
        assert proxy.process is not None
        if proxy.process.poll() is not None or self._processes() != self._children:
            return False
        return proxy.counter("faults") == self._faults

    def check(self, exchange: Exchange, events: int) -> None:
        """It is well; nothing reached a gateway without a hold; at most a log line an event; nothing is held."""
        proxy = self._proxy
        assert self.is_well(), self.said()
        said = self.said()
        assert not [line for line in said if "kambill: fault" in line]
        assert len(said) <= events, f"{len(said)} lines for {events} events: {said[:40]}"
        unheld = {call_id for method, call_id in exchange.requests if method == "INVITE"} - held(proxy)
        assert not unheld, unheld
        assert exchange.odd == []
        assert {method for method, _ in exchange.requests} <= OF_CALLS
        eventually(lambda: proxy.running() == [], 15)


def held(proxy: Proxy) -> set[str]:
    """Call-IDs of all calls that ever held money: running, or with a record that says which way they went."""
    time.sleep(0.3)
    records = [line["cdr"] for line in proxy.journal() if "cdr" in line]
    return {record["call_id"] for record in records if record["attempts"]} | {call.call_id for call in proxy.running()}
