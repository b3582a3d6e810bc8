"""A flood from a process of its own: `python -m tests.sip.attacks.flood HOST PROXY PORT COUNT PER_S [USER-AGENT]`.

INVITEs of as many calls, at so many a second as the machine can; then it says how many it sent.
"""

from __future__ import annotations

import socket
import sys
import time

from tests.sip.attacks.cases import Case, request

STEP_S = 0.01


def flood(host: str, proxy: tuple[str, int], count: int, per_s: int, user_agent: str = "x") -> float:
    """Sends it; how long it took, in seconds."""
    case = Case("flood", request(User_Agent=user_agent))
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((host, 0))
        port = sender.getsockname()[1]
        for at in range(count):
            sender.sendto(case.sent_by(port, f"flood{at}x{time.time_ns()}"), proxy)
            ahead_s = (at + 1) / per_s - (time.monotonic() - began)
            if ahead_s > STEP_S:
                time.sleep(ahead_s)
    return time.monotonic() - began


if __name__ == "__main__":
    host, ip, port, count, per_s, *agent = sys.argv[1:]
    print(count, "in", flood(host, (ip, int(port)), int(count), int(per_s), *agent))
