"""`/v1/explain/{scope}/{id}`: why two figures of one id differ, step by step, to the cent."""

import asyncio
from dataclasses import asdict
from typing import Any, Final

import msgspec

from schemas.metrics import SCOPES
from serving.explain import Explanation, explain
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.metrics import MetricsPath
from serving.http.parameters import Moment, check_path, moment_ms
from serving.http.problems import RequestError
from serving.windows import to_text

_MINUTE_MS: Final = 60_000
_ONE_AT_A_TIME: Final = asyncio.Semaphore(1)
"""Each reads the whole log of orders."""


class ExplainQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The span of time to explain, in whole minutes; without bounds all of it."""

    from_: Moment | None = msgspec.field(name="from", default=None)
    to: Moment | None = None


class ChainStep(msgspec.Struct):
    """What one difference comes to, and the orders that make it."""

    what: str
    amount_minor: int
    orders: list[str]


class ExplainedChain(msgspec.Struct):
    """Two figures and the steps between them; `unexplained_minor` is 0 where they reconcile."""

    start: str
    start_minor: int
    end: str
    end_minor: int
    steps: list[ChainStep]
    unexplained_minor: int


class ExplainAnswer(Answer, kw_only=True):
    """The money of one id: figures, the chains between them, what may still change."""

    scope: str
    id: str
    figures: dict[str, int]
    chains: list[ExplainedChain]
    provisional: dict[str, int]


async def explained(asked: Asked[MetricsPath, ExplainQuery, Nothing]) -> ExplainAnswer:
    """Reconcile the figures of one id; costs a read of the whole log of orders, beside other requests."""
    path, service = asked.path, asked.service
    check_path("scope", path.scope, SCOPES)
    zone = await service.timezone()
    bounds = [_minute("from", asked.query.from_, zone), _minute("to", asked.query.to, zone)]
    async with _ONE_AT_A_TIME:
        found = await asyncio.to_thread(
            explain, service.open_reader().store, path.scope, path.id, from_ms=bounds[0], to_ms=bounds[1]
        )
    seen = await service.store.ask_together([])
    return ExplainAnswer(
        scope=path.scope,
        id=path.id,
        **_plain(found),
        **service.told(seen) | {"as_of": to_text(found.as_of_ms)},
    )


def _minute(name: str, text: str | None, zone: str) -> int | None:
    if text is None:
        return None
    found = moment_ms(name, text, zone)
    if found % _MINUTE_MS:
        raise RequestError(
            409, f"`{name}` is within a minute; figures are kept by the minute.", "Give a whole minute."
        )
    return found


def _plain(found: Explanation) -> dict[str, Any]:
    chains = [asdict(chain) | {"unexplained_minor": chain.unexplained_minor} for chain in found.chains]
    return {
        "figures": found.figures,
        "chains": msgspec.convert(chains, list[ExplainedChain]),
        "provisional": found.provisional,
    }


def whose(asked: Asked[MetricsPath, ExplainQuery, Nothing]) -> Subject:
    """Return whose money is asked about."""
    return asked.path.scope, asked.path.id


EXPLAIN: Final = Endpoint(
    "GET", "/v1/explain/{scope}/{id}", "explain", "Reconciles the money of one id, step by step.",
    ExplainAnswer, explained, MetricsPath, ExplainQuery, of_whom=whose,
)  # fmt: skip
