"""Running the API under uvicorn, until it is told to stop."""

import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from schemas.errors import UsageError
from serving.http.app import create_app
from serving.http.protocol import Connection

if TYPE_CHECKING:
    from serving.http.config import ServeConfig
    from serving.http.service import Service

_ENDING_S: Final = 3


class _Server(uvicorn.Server):
    """Lets streams end before it waits for requests to, and says when it listens."""

    def __init__(self, config: uvicorn.Config, service: "Service", listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._service, self._listening = service, listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on Ctrl-C or SIGTERM and then go on, where uvicorn would raise the signal once more."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        # What is loaded stays: looking through it again for garbage would hold requests up for a tenth of a second.
        gc.collect()
        gc.freeze()
        if self.started and sockets:
            self._listening(int(sockets[0].getsockname()[1]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then the rest."""
        self._service.stopping.set()
        await super().shutdown(sockets)


def serve(service: "Service", on_listening: Callable[[int], None] = lambda _port: None) -> None:
    """Answer requests until Ctrl-C or SIGTERM; requests under way are ended in order, streams are closed.

    Raises UsageError where the address cannot be listened on.
    """
    with listen(service.config) as opened:
        server_of(service, on_listening).run(sockets=[opened])


def server_of(service: "Service", on_listening: Callable[[int], None] = lambda _port: None) -> uvicorn.Server:
    """Return the server, not begun; `should_exit = True` ends it from another thread."""
    config = service.config
    settings = uvicorn.Config(
        create_app(service),
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=config.certificate,
        ssl_keyfile=config.private_key,
        timeout_graceful_shutdown=_ENDING_S,
        timeout_keep_alive=30,
        proxy_headers=False,
        ws="none",
    )
    return _Server(settings, service, on_listening)


def listen(config: "ServeConfig") -> socket.socket:
    """Return a socket that listens at the address of a configuration; port 0 is any that is free."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((config.host, config.port))
        opened.listen(2048)
    except OSError as error:
        opened.close()
        raise UsageError(
            f"The server cannot listen on {config.host}:{config.port}: {error.strerror}. Give another --port or --host."
        ) from error
    return opened
