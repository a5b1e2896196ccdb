"""Every endpoint under `/v1`; the routes, /openapi.json and the tests of access go by this list."""

from typing import Final

from serving.http.attribution import ATTRIBUTION, ATTRIBUTION_OF_CHANNEL
from serving.http.endpoint import Endpoint
from serving.http.leaderboards import LEADERBOARD
from serving.http.metrics import METRICS_OF_ID

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    METRICS_OF_ID, LEADERBOARD, ATTRIBUTION, ATTRIBUTION_OF_CHANNEL,
)  # fmt: skip
