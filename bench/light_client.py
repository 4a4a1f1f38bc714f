"""A client that takes little of the processors that it shares: prepared bytes, one thread, answers of known length.

`python -m bench.light_client` reads from its input what to ask, as JSON, and prints what it found as JSON.
"""

import json
import resource
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle


@dataclass(frozen=True)
class Order:
    """What to ask: one request after the other on each connection, for so many seconds."""

    port: int
    requests: list[str]
    connections: int
    seconds: float


@dataclass(frozen=True)
class Asked:
    """How many answers there were, in how many seconds, and what they took here."""

    answers: int
    seconds: float
    processor_seconds: float


def request(path: str, headers: dict[str, str]) -> str:
    """Return the bytes of a request, as text."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""])


def _rest(answer: bytes) -> int:
    """Return how many bytes are to come; -1 while that is not known. Raises AssertionError for an error."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return -1
    assert head[9:12] in {b"200", b"204"}, head.decode("latin-1")
    if head[9:12] == b"204":
        return 0
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[at : lower.find(b"\r", at) if b"\r" in lower[at:] else None]) - len(body)


def ask(order: Order) -> Asked:
    """Ask as fast as it is answered: one request is under way on each connection."""
    requests, poll = cycle([one.encode("latin-1") for one in order.requests]), select.epoll()
    lines: dict[int, socket.socket] = {}
    for _ in range(order.connections):
        line = socket.create_connection(("127.0.0.1", order.port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines[line.fileno()] = line
        poll.register(line, select.EPOLLIN)
    answers, began, spent = 0, time.monotonic(), _spent()
    held = dict.fromkeys(lines, b"")
    for line in lines.values():
        line.sendall(next(requests))
    open_lines = len(lines)
    while open_lines:
        for number, _event in poll.poll():
            piece = lines[number].recv(262_144)
            assert piece, "the server has closed the connection"
            held[number] += piece
            if _rest(held[number]) != 0:
                continue
            answers, held[number] = answers + 1, b""
            if time.monotonic() - began < order.seconds:
                lines[number].sendall(next(requests))
            else:
                open_lines -= 1
    return Asked(answers, time.monotonic() - began, _spent() - spent)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asdict(ask(Order(**json.load(sys.stdin))))))
