"""The API from Python, typed: `with Client("http://127.0.0.1:8765") as client: client.metrics("room", "r1").rows`."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from schemas.errors import InterestreamError
from serving.http.attribution import ChannelAnswer, CreditAnswer
from serving.http.explanations import ExplainAnswer
from serving.http.feature_endpoints import FeaturesAnswer
from serving.http.frames import Update
from serving.http.leaderboards import BoardAnswer
from serving.http.metrics import MetricsAnswer
from serving.http.online_features import OnlineAnswer
from serving.http.problems import Problem
from serving.http.programmes import ProgrammeAnswer
from serving.http.recommendations import RecommendationAnswer, RoomsAnswer
from serving.http.users import Forgotten

A = TypeVar("A", bound=msgspec.Struct)


class ProblemError(InterestreamError):
    """The server answered with a problem (RFC 9457)."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.detail} {problem.hint}")
        self.problem = problem


class Client:
    """One server's API; each call is one request, and raises ProblemError for a problem, httpx.HTTPError for no answer.

    `key` is an API key or a token. Moments are text as the API takes them: a date, an RFC 3339 time, epoch milliseconds.
    """

    def __init__(self, url: str, key: str | None = None, timeout_s: float = 10.0) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def metrics(
        self, scope: str, identifier: str, *, window: str = "total", from_: str | None = None, to: str | None = None,
        limit: int = 1440,
    ) -> MetricsAnswer:  # fmt: skip
        """Return the figures of one id, window by window."""
        return self._get(
            MetricsAnswer,
            ("metrics", scope, identifier),
            window=window,
            **{"from": from_},
            to=to,
            limit=limit,
        )

    def leaderboard(
        self,
        scope: str,
        *,
        metric: str = "gmv_paid_minor",
        window: str = "total",
        at: str | None = None,
        k: int = 10,
    ) -> BoardAnswer:
        """Return the ids with the most of one metric."""
        return self._get(BoardAnswer, ("leaderboards", scope), metric=metric, window=window, at=at, k=k)

    def attribution(
        self, *, model: str = "last_touch", by: str | None = None, window: str = "total", from_: str | None = None,
        to: str | None = None, attribution_window: str | None = None,
    ) -> CreditAnswer:  # fmt: skip
        """Return what every channel earned under one model."""
        return self._get(
            CreditAnswer, ("attribution",), model=model, by=by, window=window, **{"from": from_}, to=to,
            attribution_window=attribution_window,
        )  # fmt: skip

    def attribution_of(
        self, channel: str, identifier: str, *, model: str | None = None, window: str = "total",
        attribution_window: str | None = None,
    ) -> ChannelAnswer:  # fmt: skip
        """Return what one channel id earned, under one model or all."""
        return self._get(
            ChannelAnswer, ("attribution", channel, identifier), model=model, window=window,
            attribution_window=attribution_window,
        )  # fmt: skip

    def recommendations(
        self, user_id: str, *, k: int = 10, room_id: str | None = None, explain: bool = False,
        explore: int = 0, seed: str = "", log: bool = False,
    ) -> RecommendationAnswer:  # fmt: skip
        """Return what to show a user next, of what is on sale in a room if one is given; `explore` is logged always."""
        return self._get(
            RecommendationAnswer, ("recommendations", user_id),
            k=k, room_id=room_id, explain="true" if explain else None,
            explore=explore or None, seed=seed or None, log="true" if log else None,
        )  # fmt: skip

    def recommended_rooms(self, user_id: str, *, k: int = 10) -> RoomsAnswer:
        """Return which live rooms to show a user."""
        return self._get(RoomsAnswer, ("recommendations", user_id, "rooms"), k=k)

    def features(self, entity: str, identifier: str) -> FeaturesAnswer:
        """Return all features of one entity."""
        return self._get(FeaturesAnswer, ("features", entity, identifier))

    def features_of(
        self, entity: str, identifiers: Sequence[str], features: Sequence[str] | None = None
    ) -> FeaturesAnswer:
        """Return features (`view:name`) of many entities."""
        body = {"entity": entity, "ids": list(identifiers), "features": features and list(features)}
        return self._asked(FeaturesAnswer, "POST", "/v1/features/batch-get", json=body)

    def online_features(
        self,
        features: Sequence[str],
        entities: dict[str, Sequence[str]],
        *,
        full_feature_names: bool = False,
    ) -> OnlineAnswer:
        """Return features as Feast's clients ask for them."""
        body = {
            "features": list(features), "entities": {key: list(ids) for key, ids in entities.items()},
            "full_feature_names": full_feature_names,
        }  # fmt: skip
        return self._asked(OnlineAnswer, "POST", "/get-online-features", json=body)

    def programme(self, programme: str, identifier: str | None = None) -> ProgrammeAnswer:
        """Return the standings in a programme, or one member's."""
        return self._get(ProgrammeAnswer, ("programmes", programme, *([identifier] if identifier else [])))

    def explain(
        self, scope: str, identifier: str, *, from_: str | None = None, to: str | None = None
    ) -> ExplainAnswer:
        """Return why figures of one id differ."""
        return self._get(ExplainAnswer, ("explain", scope, identifier), **{"from": from_}, to=to)

    def forget(self, user_id: str) -> Forgotten:
        """Forget a user for good."""
        return self._asked(Forgotten, "DELETE", _path(("users", user_id)))

    def stream(
        self, scope: str | None = None, identifier: str | None = None, *, last_id: str | None = None
    ) -> Iterator[tuple[str, str, Update]]:
        """Yield id, kind (`update`, `resync`) and content of each event, without end; `last_id` goes on behind one."""
        query = {name: value for name, value in (("scope", scope), ("id", identifier)) if value is not None}
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self._http.stream("GET", "/v1/stream", params=query, headers=headers, timeout=None) as response:
            if response.is_error:
                response.read()
                raise _failed(response)
            held: dict[str, str] = {}
            for line in response.iter_lines():
                name, _, text = line.partition(": ")
                if line:
                    held[name] = text
                elif "data" in held:
                    yield held["id"], held["event"], msgspec.json.decode(held["data"], type=Update)
                    held = {}

    def _get(self, kind: type[A], parts: Sequence[str], **query: Any) -> A:
        given = {name: value for name, value in query.items() if value is not None}
        return self._asked(kind, "GET", _path(parts), params=given)

    def _asked(self, kind: type[A], method: str, path: str, **request: Any) -> A:
        response = self._http.request(method, path, **request)
        if response.is_error:
            raise _failed(response)
        return msgspec.json.decode(response.content, type=kind)


def _path(parts: Sequence[str]) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _failed(response: httpx.Response) -> ProblemError:
    try:
        return ProblemError(msgspec.json.decode(response.content, type=Problem))
    except msgspec.MsgspecError:
        return ProblemError(
            Problem(
                "about:blank",
                "No answer of this API",
                response.status_code,
                response.text[:200],
                "Look at the URL.",
            )
        )
