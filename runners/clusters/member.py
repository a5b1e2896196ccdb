"""One process of a cluster: how it is started, and when it is ready."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Member:
    """A process by its name in the cluster (`jobmanager`, `taskmanager-1` …).

    It is ready once it takes connections on `port`; without one, somebody else says when (the JobManager
    counts its TaskManagers).
    """

    name: str
    command: tuple[str, ...]
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
