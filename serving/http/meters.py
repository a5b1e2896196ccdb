"""`/metrics`: what Prometheus reads of the server, and of how far the pipeline has got."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import StoreError
from schemas.keys import changes_key, counts_key, incidents_key, unpack
from serving.cells import damage
from serving.http.endpoint import OPERATE

if TYPE_CHECKING:
    from serving.http.service import Service

METERS_PATH: Final = "/metrics"
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Meters:
    """The meters of one server, in a registry of its own."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self._of_endpoint: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "interestream_requests", "Requests answered.", ["endpoint", "status"], registry=own
        )
        self._seconds = Histogram(
            "interestream_request_seconds", "Time to answer.", ["endpoint"], buckets=_SECONDS, registry=own
        )
        self._watchers = Gauge("interestream_stream_clients", "Open event streams.", registry=own)
        self._updates = Gauge(
            "interestream_stream_updates", "Updates handed out since the start.", registry=own
        )
        self._redis = Gauge("interestream_redis_up", "1 if Redis answers.", registry=own)
        self._watermark = Gauge(
            "interestream_watermark_timestamp_seconds", "What the figures are true as of.", registry=own
        )
        self._age = Gauge("interestream_watermark_age_seconds", "How old that is.", registry=own)
        self._published = Gauge(
            "interestream_published_timestamp_seconds", "When figures were last written.", registry=own
        )
        self._running = Gauge("interestream_job_running", "1 while a job runs.", registry=own)
        self._incidents = Gauge(
            "interestream_incidents",
            "Writes refused, stores lost, since the job began.",
            ["kind"],
            registry=own,
        )
        self._events = Gauge(
            "interestream_events",
            "Events judged, by verdict; of jobs on a cluster.",
            ["verdict"],
            registry=own,
        )

    def note(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (endpoint, status)
        held = self._of_endpoint.get(key)
        if held is None:
            held = self._of_endpoint[key] = (
                self._requests.labels(endpoint, str(status)), self._seconds.labels(endpoint)
            )  # fmt: skip
        counter, histogram = held
        counter.inc()
        histogram.observe(seconds)

    async def exposed(self, service: "Service") -> bytes:
        """Return everything as text, with the pipeline's progress as Redis has it now."""
        self._watchers.set(service.hub.watching)
        self._updates.set(service.hub.updates)
        try:
            await self._look(service)
            self._redis.set(1)
        except StoreError:
            self._redis.set(0)
        return await asyncio.to_thread(generate_latest, self.registry)

    async def _look(self, service: "Service") -> None:
        name = service.store.namespace
        seen = await service.store.ask_together(
            [
                ("HGETALL", incidents_key(name)),
                ("HGETALL", counts_key(name)),
                ("XREVRANGE", changes_key(name), "+", "-", "COUNT", 1),
            ]
        )
        incidents, counts, newest = seen.answers
        self._running.set(seen.job.description.get("status") == "running")
        as_of_ms = seen.job.as_of_ms
        if as_of_ms is not None:
            self._watermark.set(as_of_ms / 1000)
            self._age.set(max(service.now_ms() - as_of_ms, 0) / 1000)
        if newest:
            self._published.set(int(newest[0][0].partition(b"-")[0]) / 1000)
        for kind, number in incidents.items():
            self._incidents.labels(kind.decode()).set(int(number))
        for verdict, number in _verdicts(counts).items():
            self._events.labels(verdict).set(number)


def _verdicts(counts: dict[bytes, bytes]) -> dict[str, int]:
    total: dict[str, int] = {}
    with damage():
        for value in counts.values():
            held: Any = unpack(value)[1]
            for verdict, number in held.items():
                total[verdict] = total.get(verdict, 0) + number
    return total


def meters_route(service: "Service") -> Route:
    """Return the route, which asks for a key with the scope `operate` where keys are asked for."""

    async def exposed(request: Request) -> Response:
        service.doorkeeper.admit(request.headers).check(OPERATE, None)
        return Response(await service.meters.exposed(service), media_type=CONTENT_TYPE)

    return Route(METERS_PATH, exposed)
