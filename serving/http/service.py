"""What every request shares: the store, the clock, who may ask, and what the last answers said of the job."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.pseudonyms import Pseudonyms, read_pseudonyms
from serving.http.answers import told
from serving.http.config import ServeConfig
from serving.http.hub import Hub
from serving.http.meters import Meters
from serving.http.principals import Doorkeeper
from serving.http.store import AsyncStore, Seen
from serving.job import JobState
from serving.reader import Reader


def wall_clock_ms() -> int:
    """Return the time of day in UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass
class Service:
    """One server's parts. `open_reader` opens a reader that waits, for the rare look-ups that read a great deal."""

    config: ServeConfig
    store: AsyncStore
    open_reader: Callable[[], Reader]
    now_ms: Callable[[], int] = wall_clock_ms
    job: JobState = field(default_factory=lambda: JobState({}, {}))
    doorkeeper: Doorkeeper = field(init=False)
    hub: Hub = field(init=False)
    meters: Meters = field(init=False, default_factory=Meters)
    stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set when the server is told to end, so that streams do."""
    pseudonyms: Pseudonyms | None = field(init=False)
    """With --pseudonymize: what stands for users in Redis."""

    def __post_init__(self) -> None:
        self.doorkeeper, self.hub = Doorkeeper(self.config), Hub(self)
        self.pseudonyms = read_pseudonyms(self.config.pseudonym_file)

    async def timezone(self) -> str:
        """Return whose midnights begin days; costs a round trip until the job is known."""
        if not self.job.description:
            self.heard(await self.store.ask_together([]))
        return self.job.timezone

    def heard(self, seen: Seen) -> None:
        """Remember what the job says of itself."""
        self.job = seen.job

    def told(self, seen: Seen) -> dict[str, Any]:
        """Return what an answer says of its figures, by field."""
        self.heard(seen)
        return told(seen, self.now_ms(), self.config.max_staleness_ms)

    def stored_user(self, user_id: str) -> str:
        """Return a user's id as it stands in Redis: with --pseudonymize, the pseudonym."""
        return self.pseudonyms.of(user_id) if self.pseudonyms else user_id
