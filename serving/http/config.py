"""What a server is told: where it listens, who may ask, how old figures may be before that is said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import UsageError
from schemas.keys import NAMESPACE

DEFAULT_PORT: Final = 8765
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServeConfig:
    """Everything that a server may be told, with its default; raises UsageError for what does not go together.

    >>> ServeConfig(host="0.0.0.0")
    Traceback (most recent call last):
    schemas.errors.UsageError: 0.0.0.0 can be reached from elsewhere, and no key would be asked for. Give ...
    """

    namespace: str = NAMESPACE
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    max_staleness_ms: int = 60_000
    """Beyond this age an answer says that it is stale."""
    ready_staleness_ms: int | None = None
    """Beyond this age the server is not ready; None: whatever the age."""
    keys_file: Path | None = None
    jwt_key_file: Path | None = None
    jwt_audience: str = "interestream"
    without_keys: bool = False
    certificate: Path | None = None
    private_key: Path | None = None
    requests_a_second: int = 500
    """Of one client, with a burst of twice as many; 0: no limit."""
    origins: tuple[str, ...] = ()
    """Whose pages may read answers in a browser, besides the server's own."""
    hosts: tuple[str, ...] = ()
    """Further names that the server is reached by."""
    pseudonym_file: Path | None = None

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not (self.asks_for_keys or self.without_keys):
            raise UsageError(
                f"{self.host} can be reached from elsewhere, and no key would be asked for. Give --keys or --jwt-key, "
                "listen on 127.0.0.1, or say --without-keys if something in front of the server asks."
            )
        if (self.certificate is None) != (self.private_key is None):
            raise UsageError("TLS needs both --certificate and --private-key; one of them is missing.")

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests need an API key or a token."""
        return self.keys_file is not None or self.jwt_key_file is not None
