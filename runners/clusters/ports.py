"""Ports on loopback: the usual one where it is free, else any."""

import socket
from collections.abc import Mapping

HOST = "127.0.0.1"


def choose(wanted: Mapping[str, int]) -> dict[str, int]:
    """Return a free port for each name, no two the same; the wanted one where nobody listens on it."""
    chosen: dict[str, int] = {}
    with_ends: list[socket.socket] = []
    try:
        for name, port in wanted.items():
            end = _bound(port) or _bound(0)
            if end is None:
                raise OSError("no port is free on loopback")
            with_ends.append(end)
            chosen[name] = end.getsockname()[1]
    finally:
        for end in with_ends:
            end.close()
    return chosen


def answers(port: int, patience_s: float = 0.5) -> bool:
    """Whether anybody takes connections on a port of loopback."""
    try:
        with socket.create_connection((HOST, port), timeout=patience_s):
            return True
    except OSError:
        return False


def _bound(port: int) -> socket.socket | None:
    if port and answers(port, 0.2):
        return None
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        end.bind((HOST, port))
    except OSError:
        end.close()
        return None
    return end
