"""The protocol for items that nobody takes twice, written out in plain Python, on drawn walks and on real films."""

from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv
from recommender_events import DATA, batch_of

from online_models import Mix, evaluate
from online_models.events import BATCH_SCHEMA
from online_models.prequential import blend

walks = st.lists(
    st.tuples(
        st.just(60_000),
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from("abcdefgh"),
        st.none(),
        st.just(1),
    ),
    min_size=2,
    max_size=60,
)
"""A click a minute."""


def plain_popularity(rows: list[dict], unasked: float) -> tuple[float, int]:
    """Hit rate at 10 of plain counts among what the user has not taken, and how often it was asked."""
    counts: Counter[str] = Counter()
    taken: dict[str, set[str]] = defaultdict(set)
    hits = asked = 0
    for n, row in enumerate(rows):
        user, item = row["user_id"], row["item_id"]
        if item not in taken[user]:
            if n >= int(unasked * len(rows)):
                asked += 1
                ahead = sum(counts[i] > counts[item] for i in counts if i not in taken[user])
                hits += counts[item] > 0 and ahead < 10
            taken[user].add(item)
        counts[item] += 1
    return hits / asked if asked else 0.0, asked


@given(drawn=walks)
@settings(max_examples=40, deadline=None)
def test_the_blend_is_asked_among_what_the_user_has_not_taken(drawn: list) -> None:
    batch = batch_of(drawn)
    result = evaluate(batch, {"interestream": blend()}, once=True)
    model, taken, ranks = Mix(availability_ms=None), defaultdict(set), []
    for n, row in enumerate(batch.to_pylist()):
        user, item, now_ms = row["user_id"], row["item_id"], row["event_time_ms"]
        if item not in taken[user]:
            # What is known of the moment before is what a view of nothing at that moment leaves behind.
            nothing = batch.slice(n, 1).set_column(3, "item_id", pa.array([None], pa.string()))
            model.learn_many(nothing.set_column(5, "kind", pa.array([0], pa.int8())))
            scores = model.scores(user, now_ms)
            places = [i for i, _ in sorted(scores.items(), key=lambda each: -each[1]) if i not in taken[user]]
            ranks.append(places.index(item) + 1 if item in places else 0)
            taken[user].add(item)
        model.learn_many(batch.slice(n, 1))
    assert result.predictions == len(ranks)
    hits = sum(0 < rank <= 10 for rank in ranks)
    assert result.models["interestream"]["hit_rate_at_10"] == pytest.approx(hits / len(ranks))
    reciprocal = sum(1 / rank for rank in ranks if 0 < rank <= 10)
    assert result.models["interestream"]["mrr_at_10"] == pytest.approx(reciprocal / len(ranks), rel=0.02)


def films() -> pa.Table:
    path = DATA / "ml100k" / "ml-100k.inter"
    if not path.exists():
        pytest.skip(f"no shared data: {path.name} is not beside the repository")
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t"))
    table = table.filter(pc.equal(table["rating:float"], 5.0))
    user, item = (table[name].cast(pa.string()) for name in ("user_id:token", "item_id:token"))
    number = pc.utf8_lpad(pa.array(range(len(table))).cast(pa.string()), 9, "0")
    time_ms = pc.multiply(table["timestamp:float"].cast(pa.int64()), 1000)
    columns = [
        time_ms,
        number,
        user,
        item,
        pa.nulls(len(table), pa.string()),
        pa.array([1] * len(table), pa.int8()),
    ]
    return pa.table(columns, schema=BATCH_SCHEMA).sort_by(
        [("event_time_ms", "ascending"), ("event_id", "ascending")]
    )


def test_films_are_recommended_better_than_by_popularity() -> None:
    """stream-recommender publishes 0.105 for popularity and 0.023 for incremental matrix factorisation."""
    log = films()
    result = evaluate(log, once=True, unasked=0.2)
    hit_rate, asked = plain_popularity(log.to_pylist(), 0.2)
    assert result.predictions == asked == 16_961
    assert result.models["popularity_ever"]["hit_rate_at_10"] == pytest.approx(hit_rate, abs=0.002)
    assert hit_rate == pytest.approx(0.105, abs=0.005)
    assert result.models["interestream"]["hit_rate_at_10"] >= 0.12
