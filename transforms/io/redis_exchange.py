"""Packed commands to several servers at once: everything is sent before any answer is read."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis
from redis.exceptions import ResponseError

from transforms.io.redis_client import AWAY

_SEND_BYTES: Final = 1 << 20


pack: Final[Callable[[tuple[Any, ...]], bytes]] = hiredis.pack_command
"""Returns a command as it is sent; redis-py's own way costs five times as much."""


class Part:
    """What one server gets over one connection, and its answers; where it fails, each answer is the failure."""

    def __init__(self, pool: Any, commands: Sequence[bytes]) -> None:
        self.commands = commands
        self.answers: list[Any] = []
        self._pool = pool
        self._connection: Any = None

    def send(self) -> None:
        """Send all of it."""
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_packed_command(_joined(self.commands))
        except AWAY as error:
            self._fail(error)

    def receive(self) -> None:
        """Read the answers of what was sent."""
        if self.answers:
            return
        try:
            self.answers = _answers(self._connection, len(self.commands))
        except AWAY as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._disconnect()
        self.answers = [error] * len(self.commands)

    def release(self) -> None:
        """Give the connection back; one with answers still on their way is of no more use."""
        if self._connection is None:
            return
        if not self.answers:
            self._disconnect()
        self._pool.release(self._connection)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()


def exchange(parts: Sequence[Part]) -> None:
    """Send every part, then read the answers of each; one server's failure keeps no other's answers back."""
    try:
        for part in parts:
            part.send()
        for part in parts:
            part.receive()
    finally:
        for part in parts:
            part.release()


def _answers(connection: Any, count: int) -> list[Any]:
    """Read so many answers; one that is an error is returned like the others, so that those behind it are read."""
    answers = []
    for _ in range(count):
        try:
            answers.append(connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


def _joined(commands: Sequence[bytes]) -> list[bytes]:
    """Join small commands into pieces of about a megabyte, one system call each."""
    pieces, part, size = [], [], 0
    for command in commands:
        part.append(command)
        size += len(command)
        if size >= _SEND_BYTES:
            pieces.append(b"".join(part))
            part, size = [], 0
    return [*pieces, b"".join(part)] if part else pieces
