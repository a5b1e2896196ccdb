"""A server over figures written by hand: a room, its items, a merchant and credit, enough for every endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from published import Writer

from runners.api import open_service, serving_beside
from runners.embedded_redis import OpenRedis
from schemas.metrics import EVENT_TIME_COUNTS
from schemas.records import CouponRecord, CreditRecord, IncrementalityRecord
from serving.http.config import ServeConfig
from serving.http.service import Service

AS_OF_MS = 1_780_000_000_000
MINUTE = 60_000
OWN, OTHER = "m-own", "m-other"
"""Two merchants."""


def counts(**named: int) -> list[int]:
    return [named.get(name, 0) for name in EVENT_TIME_COUNTS]


def publish(writer: Writer) -> None:
    """Write a small, whole set of figures."""
    writer.job(
        timezone="Asia/Shanghai",
        currency="CNY",
        status="running",
        attribution_windows="click_7d_view_1d click_1d",
    )
    writer.progress(as_of_ms=AS_OF_MS, watermark_ms=AS_OF_MS)
    for minute in range(5):
        start = AS_OF_MS - AS_OF_MS % MINUTE - minute * MINUTE
        writer.cell(
            "e", "room", ("minute", start), "r1", counts(views=10, clicks=minute + 1, gmv_paid_minor=100)
        )
    for scope, ids in (("room", ("r1", "r2")), ("merchant", (OWN, OTHER)), ("item", ("i1", "i/2"))):
        for place, identifier in enumerate(ids, start=1):
            cell = counts(views=50, clicks=15, gmv_paid_minor=500 * place, refunds_minor=120)
            writer.cell("e", scope, ("total", -1), identifier, [*cell, 40, 12, 4])
            writer.cell("o", scope, ("total", -1), identifier, [100])
    for model in ("last_touch", "linear"):
        writer.credit(model, ("total", -1), ("coupon", "c1"), [900, 1_500_000, 400])
        writer.credit(model, ("total", -1), ("traffic_source", "direct"), [100, 500_000, 0])
        for merchant in (OWN, OTHER):
            writer.credit(model, ("total", -1), ("merchant", merchant), [500, 1_000_000, 200], further=True)
    writer.touches(("total", -1), ("coupon", "c1"), 7)
    writer.coupon("c1", CouponRecord("activated", 100, 40, 0, 300, 1, 2, "u9", None, 0.1, 1, 1))
    writer.lift("c1", IncrementalityRecord(0.1, 90, 10, 1.5, 0.5, 2.5, 135, 300, 0.45, 900, 0.85))
    writer.line("o1", "i1", CreditRecord(5, 100, 1_000_000, ["e1"], ["coupon\x1fc1"], [60_000], [1]))


@contextmanager
def served(server: OpenRedis, **config: Any) -> Iterator[tuple[Service, str]]:
    """Give a running server's service and its URL."""
    settings = {"port": 0, "requests_a_second": 0} | config
    service = open_service(server, ServeConfig(**settings))
    with serving_beside(service) as url:
        yield service, url


def asking(url: str, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=headers, timeout=30)
