"""Every endpoint that answers with a document; routes, /openapi.json and the tests of access go by this list."""

from typing import Final

from serving.http.attribution import ATTRIBUTION, ATTRIBUTION_OF_CHANNEL
from serving.http.endpoint import Endpoint
from serving.http.explanations import EXPLAIN
from serving.http.feature_endpoints import FEATURES, FEATURES_BATCH
from serving.http.leaderboards import LEADERBOARD
from serving.http.metrics import METRICS_OF_ID
from serving.http.online_features import ONLINE_FEATURES
from serving.http.programmes import PROGRAMME, PROGRAMME_MEMBER
from serving.http.recommendations import RECOMMENDATIONS, RECOMMENDED_ROOMS
from serving.http.users import FORGET_USER

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    METRICS_OF_ID, LEADERBOARD, ATTRIBUTION, ATTRIBUTION_OF_CHANNEL, RECOMMENDED_ROOMS, RECOMMENDATIONS,
    FEATURES_BATCH, FEATURES, ONLINE_FEATURES, PROGRAMME_MEMBER, PROGRAMME, EXPLAIN, FORGET_USER,
)  # fmt: skip
"""In the order in which paths are tried: a path whose last part takes everything comes behind the longer ones."""
