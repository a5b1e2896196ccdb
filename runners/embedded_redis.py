"""The Redis of a command: the one named by URL, or a real server kept under the data directory.

Commands that use one data directory share one server. It starts with the first of them and stops after the
last (see `redis_guard`); its data stays on disk in between.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners import redis_guard
from runners.redis_server import find_server, remember_server, server_command
from runners.redis_socket import Answer, ping, socket_path
from schemas.errors import StoreError, UsageError
from transforms.io.redis_url import without_password

if TYPE_CHECKING:
    from transforms.io.redis_client import Client

SUBDIRECTORY = "redis"
START_LOCK = "start.lock"
START_PATIENCE_S = 120.0
"""How long a server may take to load its data before a command gives up."""
CONNECT_PATIENCE_S = 5.0


@dataclass(frozen=True)
class OpenRedis:
    """A connected client, the URL that another process can connect to, and a way to revive the server."""

    client: "Client"
    url: str
    embedded: "Embedded | None" = None

    def ensure(self) -> None:
        """Make sure that the server answers: start an embedded one again, else raise StoreError."""
        if self.embedded:
            self.embedded.ensure()
        else:
            _check(self.client, self.url)


@contextmanager
def open_redis(redis_url: str | None, data_dir: Path) -> Iterator[OpenRedis]:
    """Connect to a Redis by URL, or to the embedded one of a data directory while the context is open.

    An embedded server costs about 0.2 s at the first use, and no port. Raises UsageError for a URL that is
    none, StoreError if the Redis cannot be reached or started.
    """
    if redis_url:
        with _connected(redis_url) as client:
            _check(client, redis_url)
            yield OpenRedis(client, redis_url)
        return
    embedded = Embedded(data_dir)
    with embedded.used(), _connected(embedded.url) as client:
        yield OpenRedis(client, embedded.url, embedded)


@dataclass
class Embedded:
    """The server of one data directory, as one of its users sees it."""

    data_dir: Path
    directory: Path = field(init=False)
    _guard: "subprocess.Popen[bytes] | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.directory = self.data_dir.resolve() / SUBDIRECTORY

    @property
    def url(self) -> str:
        """The URL of the server's unix socket."""
        return f"unix://{socket_path(self.directory)}"

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep the server up while the context is open; waits for one that is just shutting down."""
        self._make_directory()
        # The lock comes first: from here on no guard stops a server that is found running.
        with _locked(self.directory / redis_guard.USERS_LOCK, fcntl.LOCK_SH):
            self.ensure()
            yield

    def ensure(self) -> None:
        """Start the server if none answers, and wait until it takes commands.

        Call it inside `used()` when a connection broke: a server that was killed comes back on the same
        directory with everything it had acknowledged. Costs one PING when the server is up.
        """
        path = socket_path(self.directory)
        if ping(path) is Answer.READY:
            return
        with _locked(self.directory / START_LOCK, fcntl.LOCK_EX):
            self._guard = self._start_guard() if ping(path) is Answer.ABSENT else None
            self._await_server(path)

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.chmod(0o700)
        except OSError as error:
            raise StoreError(
                f"The data directory {self.data_dir} cannot be used: {error.strerror}. "
                "Choose another with --data-dir, or name a running Redis with --redis."
            ) from error

    def _start_guard(self) -> "subprocess.Popen[bytes]":
        program = find_server(self.directory)
        remember_server(self.directory, program)
        command = server_command(program, self.directory)
        with (self.directory / redis_guard.LOG).open("ab") as log:
            # A new session: Ctrl-C in the terminal reaches the command, not its server.
            return subprocess.Popen(
                [sys.executable, "-I", "-S", redis_guard.__file__, str(self.directory), *command],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _await_server(self, path: Path) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while ping(path) is not Answer.READY:
            if self._guard and self._guard.poll() is not None:
                raise StoreError(self._failure("stopped at once"))
            if time.monotonic() > deadline:
                raise StoreError(self._failure(f"did not answer within {START_PATIENCE_S:.0f} s"))
            time.sleep(0.01)

    def _failure(self, what: str) -> str:
        log = self.directory / redis_guard.LOG
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        last = lines[-1].strip() if lines else "nothing"
        return (
            f"The embedded Redis of {self.data_dir} {what}; the last line of {log} is: {last}. "
            "Mend what it names (often disk space), or use another --data-dir."
        )


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        # Closing, not unlocking: a forked child that still uses the server keeps the lock.
        os.close(descriptor)


@contextmanager
def _connected(url: str) -> "Iterator[Client]":
    from transforms.io.redis_client import FAILURES, open_client

    # The timeout is for reaching the server only: an answer may be a hundred megabytes.
    patience: dict[str, Any] = (
        {} if url.startswith("unix:") else {"socket_connect_timeout": CONNECT_PATIENCE_S}
    )
    try:
        client = open_client(url, **patience)
    except ValueError as error:
        raise UsageError(
            "--redis takes redis://HOST:PORT/DB, rediss://…, unix:///PATH or redis+cluster://HOST:PORT; "
            f"it is {without_password(url)!r} ({error})."
        ) from error
    except FAILURES as error:
        raise _unreachable(url, error) from error
    try:
        yield client
    finally:
        with suppress(*FAILURES):
            client.close()


def _check(client: "Client", url: str) -> None:
    from transforms.io.redis_client import FAILURES, refuse_lone_node

    try:
        client.ping()
        refuse_lone_node(client, url)
    except FAILURES as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> StoreError:
    return StoreError(
        f"No Redis answers at {without_password(url)}: {error}. Start it, correct --redis, "
        "or leave --redis away to use the embedded one."
    )
