"""Clients that ask an HTTP server from processes of their own, over one connection each, and time every answer.

They speak just enough HTTP to ask one thing after another, so that little of what is measured is theirs.
"""

import itertools
import multiprocessing
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from measured import cpu_s

Times = list[float]
_WARM_UP: Final = 100


def request(path: str, body: bytes | None = None) -> bytes:
    """Return the bytes of a request: a GET, or with a JSON body a POST."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class Connection:
    """One connection on which one request follows another."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Return the body of the answer; anything but 200 ends the benchmark."""
        self._socket.sendall(request)
        held = bytearray()
        while (end := held.find(b"\r\n\r\n")) < 0:
            held += self._socket.recv(1 << 16)
        head = bytes(held[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"The server refused: {bytes(held[:2000])!r}")
        length = int(
            next(line for line in head.split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
        )
        while len(held) < end + 4 + length:
            held += self._socket.recv(1 << 20)
        return bytes(held[end + 4 :])


def one_after_another(
    found: "multiprocessing.Queue[Times]", seconds: float, port: int, requests: Sequence[bytes]
) -> None:
    """Ask these in turn, each as soon as the one before is answered; hand over how long each took."""
    connection = Connection(port)
    turn = itertools.cycle(requests)
    found.put(timed(lambda: connection.ask(next(turn)), seconds))


def at_a_rate(
    found: "multiprocessing.Queue[Times]",
    seconds: float,
    port: int,
    requests: Sequence[bytes],
    a_second: float,
) -> None:
    """Ask these in turn at a steady rate; an answer's time counts from when its request was due."""
    connection = Connection(port)
    turn = itertools.cycle(requests)
    for _ in range(_WARM_UP):
        connection.ask(next(turn))
    began, times = time.perf_counter(), []
    for number in range(int(seconds * a_second)):
        due = began + number / a_second
        if (wait := due - time.perf_counter()) > 0:
            time.sleep(wait)
        connection.ask(next(turn))
        times.append(time.perf_counter() - due)
    found.put(times)


def timed(once: Callable[[], object], seconds: float) -> Times:
    """Return how long each call took, the first hundred excepted."""
    for _ in range(_WARM_UP):
        once()
    times, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        once()
        times.append(time.perf_counter() - began)
    return times


def together(
    clients: int, seconds: float, target: Callable[..., None], *arguments: object, pid: int | None = None
) -> dict[str, float]:
    """Run clients at once; return percentiles of all their times in milliseconds, their rate, and a server's CPU.

    `cpu_us` is what the process `pid` used for each answer, in microseconds.
    """
    found: multiprocessing.Queue[Times] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=target, args=(found, seconds, *arguments)) for _ in range(clients)
    ]
    used = cpu_s(pid)
    for process in processes:
        process.start()
    held = [found.get() for _ in processes]
    used = cpu_s(pid) - used
    for process in processes:
        process.join()
    times = np.concatenate([np.array(each) for each in held]) * 1000
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    out = {
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(times.max(), 2),
        "per_s": round(sum(len(each) / max(sum(each), seconds) for each in held)),
    }
    return out | ({"cpu_us": round(used / (len(times) + clients * _WARM_UP) * 1e6)} if pid else {})
