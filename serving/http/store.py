"""Reading Redis without waiting for it: one round trip a request, with what the figures are true as of."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schemas.keys import BEGIN, END, job_key, progress_key, snapshot_key
from serving.access import Command, store_errors
from serving.http.line import Line
from serving.job import JobState, job_of

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.cluster import RedisCluster

    AsyncClient = Redis | RedisCluster

_TRIES: Final = 20
_PAUSE_S: Final = 0.005

READ_WINDOWS: Final = """
local starts = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[2], ARGV[1], 'LIMIT', 0, ARGV[3])
local found = {}
for place = #starts, 1, -1 do
  for at = 4, #ARGV, 2 do
    local key = ARGV[at] .. starts[place] .. '}'
    if ARGV[at + 1] == '' then
      found[#found + 1] = redis.call('HGETALL', key)
    else
      found[#found + 1] = redis.call('HGET', key, ARGV[at + 1])
    end
  end
end
return {starts, found}
"""
"""Read hashes of every window in a span of time, in one step: their starts, newest first, and what was read, oldest first.

Key: the index of windows. Arguments: the first and the last start (as ZRANGEBYSCORE takes them), how many at most, then
pairs of what a key begins with and the field to read, empty for all of them.
"""


@dataclass(frozen=True)
class Seen:
    """Answers that belong together, the job they are of, and whether they are figures of one moment."""

    answers: list[Any]
    job: JobState
    whole: bool


class _Jobs:
    """Remembers what the job said last: it says the same to most requests."""

    def __init__(self) -> None:
        self._said: Any = None
        self._job = JobState({}, {})

    def of(self, described: dict[bytes, bytes], progressed: dict[bytes, bytes]) -> JobState:
        """Return a job from what its two hashes hold."""
        if (described, progressed) != self._said:
            self._said, self._job = (described, progressed), job_of(described, progressed)
        return self._job


@dataclass(frozen=True)
class AsyncStore:
    """One namespace of one Redis, for many requests at once; raises StoreError where Redis is gone."""

    client: "AsyncClient"
    namespace: str
    line: Line | None = None
    """Quicker than the client; none to a cluster, or where the URL asks for what only the client does."""
    _jobs: _Jobs = field(default_factory=_Jobs, repr=False, compare=False)

    @property
    def is_cluster(self) -> bool:
        """Whether keys lie on several servers, so that no script can read them all."""
        return hasattr(self.client, "nodes_manager")

    async def close(self) -> None:
        """Close all connections."""
        if self.line is not None:
            self.line.close()
        await self.client.aclose()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Run read commands in one round trip; answers come in the same order, as Redis shapes them."""
        if self.line is not None:
            return await self.line.ask(commands)
        return await self.ask_apart(commands)

    async def ask_apart(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands that may block, or of streams, whose entries the client gives as dictionaries."""
        with store_errors():
            pipeline = (
                self.client.pipeline(transaction=False) if not self.is_cluster else self.client.pipeline()
            )
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute())

    async def ask_together(self, commands: Sequence[Command]) -> Seen:
        """Run read commands so that all figures are of one published moment; see `serving.access.read_together`."""
        seen = await self._framed(commands)
        for attempt in range(1, _TRIES):
            if seen.whole:
                break
            await asyncio.sleep(_PAUSE_S * attempt)
            seen = await self._framed(commands)
        return seen

    async def _framed(self, commands: Sequence[Command]) -> Seen:
        name = self.namespace
        head: list[Command] = [
            ("HGET", snapshot_key(name), END), ("HGETALL", job_key(name)), ("HGETALL", progress_key(name)),
        ]  # fmt: skip
        tail: list[Command] = [("HGET", snapshot_key(name), BEGIN)]
        if self.is_cluster:
            # Nodes answer in any order: only trips one after another keep it.
            parts = [await self.ask(part) if part else [] for part in (head, commands, tail)]
            end, job, progress, *answers, begin = [answer for part in parts for answer in part]
        else:
            end, job, progress, *answers, begin = await self.ask([*head, *commands, *tail])
        return Seen(answers, self._jobs.of(job, progress), begin == end)
