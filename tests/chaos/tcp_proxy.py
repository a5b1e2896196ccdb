"""A cable that can be pulled: a TCP proxy on loopback that forwards, or holds everything back for a while."""

import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

_TAKE_BYTES = 1 << 16


class Cable:
    """Forwards connections from one port to another.

    While it is cut nothing passes and nothing is refused, as on a network that drops packets: clients wait until
    their own patience ends. What they had sent arrives once it is mended, as packets sent again do, even if they
    have given up meanwhile.
    """

    def __init__(self, to_port: int, port: int = 0) -> None:
        self._to_port = to_port
        self._is_cut, self._held = False, frozenset[int]()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._change(True, frozenset())

    def mend(self, but: Collection[int] = ()) -> None:
        """Let everything pass, but what comes from or goes to some clients' ports."""
        self._change(False, frozenset(but))

    def _change(self, is_cut: bool, held: frozenset[int]) -> None:
        with self._changed:
            self._is_cut, self._held = is_cut, held
            self._changed.notify_all()

    def _await_whole(self, client: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_cut and client not in self._held)

    def close(self) -> None:
        self.mend()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, (_, client) = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._join, args=(near, client), daemon=True).start()

    def _join(self, near: socket.socket, client: int) -> None:
        self._await_whole(client)
        try:
            far = socket.create_connection(("127.0.0.1", self._to_port))
        except OSError:
            near.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._forward, args=(far, near, client), daemon=True)
        back.start()
        self._forward(near, far, client)
        back.join()
        near.close()
        far.close()

    def _forward(self, one: socket.socket, other: socket.socket, client: int) -> None:
        with suppress(OSError):
            while data := one.recv(_TAKE_BYTES):
                self._await_whole(client)
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@contextmanager
def cable(to_port: int, port: int = 0) -> Iterator[Cable]:
    """Lay a cable to a port."""
    laid = Cable(to_port, port)
    try:
        yield laid
    finally:
        laid.close()
