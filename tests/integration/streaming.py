"""A Redis of one's own beside the job's, and waiting until a live job's figures have arrived."""

import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from killing import wait_until

from runners.redis_server import candidates
from schemas.keys import VERSION_BYTES, metric_key, unpack


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, str, "subprocess.Popen[bytes]"]]:
    """Run a server that keeps all it acknowledged; gives its TCP URL, its unix URL and its process."""
    process = start_server(folder, free_port())
    try:
        yield (*urls(folder), process)
    finally:
        stop_server(folder)


def free_port() -> int:
    """Return one that no outgoing connection takes, so that a server that was killed finds it free again."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start_server(folder: Path, port: int, log: bool = True) -> "subprocess.Popen[bytes]":
    """Start a server in a folder, again with everything it had; returns once it answers.

    Without a `log` it has what was last saved.
    """
    (folder / "port").write_text(str(port))
    process = subprocess.Popen(
        [next(iter(candidates())), "--port", str(port), "--unixsocket", folder / "s.sock", "--dir", folder,
         "--appendonly", "yes" if log else "no", "--save", "", "--pidfile", folder / "server.pid", "--daemonize", "no"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    (folder / "pid").write_text(str(process.pid))
    wait_until(lambda: _answers(folder), "an answer of Redis")
    return process


def _answers(folder: Path) -> bool:
    with suppress(redis.RedisError):
        return bool(redis.Redis.from_url(urls(folder)[1]).ping())
    return False


def urls(folder: Path) -> tuple[str, str]:
    """Return the URLs of the server that was started in a folder."""
    return f"redis://127.0.0.1:{(folder / 'port').read_text()}/0", f"unix://{folder / 's.sock'}"


def stop_server(folder: Path) -> None:
    with suppress(redis.RedisError):
        redis.Redis.from_url(urls(folder)[1]).shutdown(nosave=True)


def platform_counts(client: "redis.Redis[Any]") -> list[int]:
    """Return the platform's counts in all, as they stand in Redis now; empty where there are none."""
    with suppress(redis.RedisError):
        value = client.hget(metric_key("is", "e", "platform", "total", -1), "all")
        if value is not None and len(value) > VERSION_BYTES:
            return list(unpack(value)[1])
    return []


def await_counts(client: "redis.Redis[Any]", counts: list[int]) -> None:
    """Wait until the platform's figures have come to what they must come to."""
    wait_until(lambda: platform_counts(client) == counts, f"the platform's total {counts}")


def interrupted(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Press Ctrl-C; returns the exit code, standard output and standard error."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
