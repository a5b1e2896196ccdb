"""What stands before every request: the host that is asked, the rate, and the headers that keep browsers in check."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.config import LOOPBACK, ServeConfig
from serving.http.principals import Doorkeeper
from serving.http.problems import RequestError, problem_response

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ONE_YEAR: Final = "max-age=31536000"
_CLIENTS_KEPT: Final = 10_000


class Buckets:
    """Token buckets, one a client: so many requests a second, twice as many at once.

    >>> buckets = Buckets(1, lambda: 0.0)
    >>> [buckets.wait_s("a") for _ in range(3)], buckets.wait_s("b")
    ([0.0, 0.0, 1.0], 0.0)
    """

    def __init__(self, a_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = a_second, clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one token; return 0, or how long until there is one."""
        now = self._clock()
        tokens, since = self._held.pop(client, (2.0 * self._rate, now))
        tokens = min(tokens + (now - since) * self._rate, 2.0 * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._held[client] = (tokens if wait else tokens - 1, now)
        if len(self._held) > _CLIENTS_KEPT:
            self._held.popitem(last=False)
        return wait


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, config: ServeConfig, doorkeeper: Doorkeeper) -> None:
        self._app, self._doorkeeper = app, doorkeeper
        self._buckets = Buckets(config.requests_a_second) if config.requests_a_second else None
        self._hosts = frozenset((*LOOPBACK, "[::1]", config.host.lower(), *map(str.lower, config.hosts)))
        self._any_host = config.host in ("0.0.0.0", "::") and not config.hosts
        told = SECURITY_HEADERS | {"Cache-Control": "no-store"}
        if config.certificate:
            told["Strict-Transport-Security"] = _ONE_YEAR
        self._headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, self._headers)
            await send(message)

        try:
            self._check(scope)
        except RequestError as error:
            await problem_response(error)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _check(self, scope: Scope) -> None:
        """Refuse a host that is not this one (a page elsewhere that has its own name lead here), and too many requests."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if not self._any_host and _name_of(host) not in self._hosts:
            raise RequestError(
                400,
                f"This server is not {host or 'nameless'!r}.",
                "Use its address, or name the host with --allow-host.",
            )
        if self._buckets is None:
            return
        wait_s = self._buckets.wait_s(self._doorkeeper.known(headers) or _address(scope))
        if wait_s:
            raise RequestError(
                429,
                "Too many requests from this client.",
                headers={"Retry-After": str(max(1, round(wait_s)))},
            )


def _name_of(host: str) -> str:
    """Return a host without its port.

    >>> _name_of("localhost:80"), _name_of("[::1]:80"), _name_of("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _add(message: Message, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Add the headers that an answer does not have."""
    own = [tuple(header) for header in message.get("headers", ())]
    named = {name.lower() for name, _ in own}
    message["headers"] = own + [header for header in headers if header[0] not in named]
