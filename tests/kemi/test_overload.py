"""Load shedding: when new calls are refused, and what is said of it. The queues are real ones of the kernel."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kemi.clock import Now
from kemi.overload import CALM_MS, REMEMBERED_S, Overload, Watch

MESSAGE = b"x" * 900
PERCENT = 50


class Queue:
    """A socket whose queue is filled and emptied by hand."""

    def __init__(self, ip: str) -> None:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.ours, self.theirs = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        self.ours.bind((ip, 0))
        self.ours.setblocking(False)
        self.port = self.ours.getsockname()[1]
        self.place = f"udp:{ip}:{self.port}"
        self.in_brackets = f"udp:[{ip}]:{self.port}" if ":" in ip else self.place

    def send(self, messages: int) -> None:
        """So many wait more."""
        for _ in range(messages):
            self.theirs.sendto(MESSAGE, self.ours.getsockname()[:2])

    def read(self, messages: int) -> int:
        """At most so many are taken; how many there were."""
        for taken in range(messages):
            try:
                self.ours.recv(2000)
            except BlockingIOError:
                return taken
        return messages

    def fill(self, overload: Overload) -> None:
        """Until new calls are refused."""
        for _ in range(10_000):
            if overload.is_full(self.place, PERCENT):
                return
            self.send(1)
        raise AssertionError("it is never full")

    def close(self) -> None:
        """Both ends."""
        self.ours.close()
        self.theirs.close()


@pytest.fixture(params=["127.0.0.1", "::1"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    """One of each family."""
    one = Queue(request.param)
    yield one
    one.close()


def joined(*queues: Queue, rank: int = 1) -> Overload:
    """That of a process with these sockets."""
    overload = Overload()
    assert overload.join(rank, [queue.place for queue in queues])
    return overload


def at(second: float) -> Now:
    """A moment."""
    return Now(int(second * 1000), 0)


def test_nothing_is_refused_while_the_queue_is_short(queue: Queue) -> None:
    """By either name of its place."""
    overload = joined(queue)
    queue.send(3)
    assert not overload.is_full(queue.place, PERCENT)
    assert not overload.is_full(queue.in_brackets, PERCENT)


def test_a_long_queue_refuses_until_it_is_much_shorter(queue: Queue) -> None:
    """Not at once again below the limit: else every second call would be one too many. Empty, it refuses nobody."""
    overload = joined(queue)
    queue.fill(overload)
    assert overload.percent() >= PERCENT
    queue.read(1)
    assert overload.is_full(queue.in_brackets, PERCENT)
    read = 1
    while overload.is_full(queue.place, PERCENT):
        assert queue.read(1) == 1
        read += 1
    assert queue.read(10_000) > read // 4
    assert not overload.is_full(queue.place, PERCENT)


def test_a_limit_of_nothing_never_refuses(queue: Queue) -> None:
    """However full the queue is."""
    overload = joined(queue)
    queue.fill(overload)
    assert not overload.is_full(queue.place, 0)


def test_other_transports_are_refused_with_the_fullest_queue_and_no_longer(queue: Queue) -> None:
    """A connection has no queue here; the processors are the same. Nobody asks for the full queue meanwhile."""
    other = Queue("127.0.0.1")
    try:
        overload = joined(queue, other)
        assert not overload.is_full("tcp:127.0.0.1:5060", PERCENT)
        other.fill(overload)
        assert overload.is_full("tcp:127.0.0.1:5060", PERCENT)
        assert not overload.is_full(queue.place, PERCENT)
        other.read(10_000)
        assert not overload.is_full("tcp:127.0.0.1:5060", PERCENT)
    finally:
        other.close()


def test_sockets_of_others_are_left_alone_and_open(queue: Queue) -> None:
    """What isn't named is not looked at; its socket lives on."""
    overload = Overload()
    assert not overload.join(1, ["udp:192.0.2.1:5060", f"tcp:127.0.0.1:{queue.port}"])
    assert not overload.is_full(queue.place, 1)
    queue.send(1)
    assert queue.read(2) == 1


def test_a_repetition_of_what_was_refused_is_known_for_as_long_as_there_are_any(queue: Queue) -> None:
    """Another branch is another request."""
    overload = joined(queue)
    assert not overload.remembers()
    overload.refuse("branch call", at(100))
    assert overload.remembers()
    assert overload.has_refused("branch call", at(100 + REMEMBERED_S - 1))
    assert not overload.has_refused("branch call", at(100 + REMEMBERED_S))
    assert not overload.has_refused("other call", at(100))


def test_it_is_told_when_it_begins_and_when_it_is_over(queue: Queue) -> None:
    """Once each, with what was refused meanwhile, whichever process did it; later nothing is remembered."""
    overload = joined(queue)
    watch = Watch(overload)
    assert watch.look(at(1)) == ""
    overload.refuse("1", at(1))
    assert "overload: more comes than can be decided: the queue of a socket is 0 % full" in watch.look(at(2))
    overload.join(2, [queue.place])
    for number in range(9):
        overload.refuse(str(number), at(3))
    assert watch.look(at(3)) == watch.look(at(4)) == ""
    assert watch.look(at(3 + CALM_MS / 1000)) == "kambill: the overload is over: 10 new calls got 503 in 2 s"
    assert watch.look(at(20)) == ""
    assert overload.remembers()
    assert watch.look(at(4 + REMEMBERED_S)) == ""
    assert (overload.remembers(), overload.refused) == (False, 10)
