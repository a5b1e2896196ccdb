"""`POST /get-online-features` in the shape that Feast's own feature server documents.

https://docs.feast.dev/reference/feature-servers/python-feature-server: `metadata.feature_names` begins with the key; each
of `results` is a column of values, statuses and event timestamps; `full_feature_names` puts the view before a name.
"""

from datetime import UTC, datetime

import httpx
import pytest
from published import Writer

from runners.embedded_redis import OpenRedis

NEWEST = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
"""When the newest event of what `Writer.feature` writes was."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def features(published_store: OpenRedis) -> None:
    writer = Writer(published_store.client)
    writer.feature("u1", 3)
    writer.feature("u2", 5)


def asked(api: httpx.Client, **body: object) -> httpx.Response:
    wanted = {"features": ["v:clicks_5m"], "entities": {"user_id": ["u1", "nobody", "u2"]}} | body
    return api.post("/get-online-features", json=wanted)


@pytest.mark.usefixtures("features")
def test_columns_are_those_that_feast_documents(api: httpx.Client) -> None:
    answer = asked(api).json()
    assert answer.keys() == {"metadata", "results"}
    assert answer["metadata"] == {"feature_names": ["user_id", "clicks_5m"]}
    key, clicks = answer["results"]
    assert all(column.keys() == {"values", "statuses", "event_timestamps"} for column in (key, clicks))
    assert key["values"] == ["u1", "nobody", "u2"]
    assert key["statuses"] == ["PRESENT"] * 3
    assert clicks["values"] == [3, None, 5]
    assert clicks["statuses"] == ["PRESENT", "NOT_FOUND", "PRESENT"]


@pytest.mark.usefixtures("features")
def test_times_are_those_of_the_newest_events(api: httpx.Client) -> None:
    key, clicks = asked(api).json()["results"]
    assert [datetime.fromisoformat(text) for text in clicks["event_timestamps"]] == [NEWEST, EPOCH, NEWEST]
    assert [datetime.fromisoformat(text) for text in key["event_timestamps"]] == [EPOCH] * 3


@pytest.mark.usefixtures("features")
def test_full_names_have_the_view_before_them(api: httpx.Client) -> None:
    names = asked(api, full_feature_names=True).json()["metadata"]["feature_names"]
    assert names == ["user_id", "v__clicks_5m"]


@pytest.mark.usefixtures("features")
@pytest.mark.parametrize("full", [False, True])
def test_two_of_one_name_are_refused_as_feast_does(api: httpx.Client, full: bool) -> None:
    refused = asked(api, features=["v:clicks_5m", "v"], full_feature_names=full)
    assert refused.status_code == 400
    assert "clicks_5m" in refused.json()["detail"]
