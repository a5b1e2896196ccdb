"""What was shown as rows to train from: labels against SQL over the events, and nothing of what happened later."""

import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from online_models.answer import Answer, Recommendation
from online_models.off_policy import labelled
from runners.embedded_redis import open_redis
from runners.settings import Settings
from runners.shown_export import ShownExport, shown_table
from runners.shown_outcomes import Terms, Weights
from runners.training import training_set
from schemas.errors import UsageError
from schemas.keys import job_key
from schemas.outputs import SHOWN
from schemas.pseudonyms import Pseudonyms
from serving.access import Store
from serving.reader import Reader
from serving.shown import Question, log_shown, read_shown

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from shop_events import HOUR, ITEMS, T0, Row, disordered, shop

SETTINGS = Settings(timezone="UTC")
DELAY_MS, WITHIN_MS = 2 * HOUR, 9 * HOUR
TERMS = Terms(DELAY_MS, WITHIN_MS, Weights(0.0, 1.0, 4.0))
VIEWS = ("user_activity", "user_value", "item_traffic", "room_pulse")
ROWS = shop(2500, seed=5)
Made = Callable[..., pa.Table]


def written(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A Redis whose log holds answers at moments of events, just before clicks, twice at once, and at the very end."""
    draw = random.Random(2)
    clicks = [row for row in ROWS if row["event_type"] in ("click", "order")]
    asked = [
        (f"u{draw.randrange(12)}", draw.choice(ROWS)["event_time"] + draw.randrange(3)) for _ in range(150)
    ]
    asked += [
        (row["user_id"], row["event_time"] - draw.choice([1, DELAY_MS, DELAY_MS + 1])) for row in clicks[::9]
    ]
    asked += [(row["user_id"], row["event_time"]) for row in clicks[::11]]
    asked += [*asked[:8], ("u1", ROWS[-1]["event_time"] - 30_000 - DELAY_MS), ("u2", ROWS[-1]["event_time"])]
    with open_redis(None, tmp_path_factory.mktemp("data")) as redis:
        for user, time_ms in sorted(asked, key=lambda each: each[1]):
            items = [
                Recommendation(f"i{item}", draw.random(), "room", {"room": 0.5}, draw.choice([1.0, 0.25]))
                for item in draw.sample(range(15), 6)
            ]
            answer = Answer(items, False, 3, time_ms, draw.choice([None, "r1"]))
            log_shown(
                Store(redis.client, "is"), answer, Question(user, time_ms, 6, draw.choice([None, "r1"]))
            )
        yield Reader(redis.client)


@pytest.fixture(scope="module")
def made(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Make the table from some events."""
    dims = tmp_path_factory.mktemp("dims")
    pq.write_table(ITEMS, dims / "items.parquet")

    def make(rows: Sequence[Row], views: Sequence[str] = (), terms: Terms = TERMS) -> pa.Table:
        events = written(tmp_path_factory.mktemp("events") / "events.jsonl", rows)
        return shown_table(reader, ShownExport([events], dims, views, terms), SETTINGS)

    return make


@pytest.fixture(scope="module")
def table(made: Made) -> pa.Table:
    return made(ROWS, VIEWS)


def test_labels_are_what_sql_says_of_the_events(table: pa.Table, tmp_path: Path) -> None:
    written(tmp_path / "events.jsonl", ROWS)
    counted = """
        SELECT shown_id, position, min(time) AS time
        FROM (SELECT *, lead(at_ms) OVER (PARTITION BY user_id, item_id ORDER BY at_ms, place) AS next_ms FROM shown) s
        JOIN (SELECT user_id AS who, item_id AS what, event_time AS time FROM events WHERE {kind}) e
          ON who = user_id AND what = item_id AND time > at_ms AND time <= at_ms + {within}
             AND (next_ms IS NULL OR time <= next_ms)
        GROUP BY ALL
    """
    with duckdb.connect() as sql:
        events = sql.read_json(str(tmp_path / "events.jsonl"))  # noqa: F841
        log = table.select(["shown_id", "position", "user_id", "item_id", "at_ms"])
        shown = log.append_column("place", pa.array(range(len(log))))  # noqa: F841
        clicks = counted.format(kind="event_type = 'click'", within=DELAY_MS)
        payments = counted.format(kind="order_status = 'paid'", within=WITHIN_MS)
        [(newest_ms,)] = sql.sql("SELECT max(event_time) FROM events").fetchall()
        expected = sql.sql(f"""
            SELECT CASE WHEN c.time IS NOT NULL THEN 1 WHEN at_ms + {DELAY_MS} < {newest_ms - 30_000} THEN 0 END AS label,
                   coalesce(c.time, CASE WHEN label = 0 THEN at_ms + {DELAY_MS} END) AS label_known_at_ms,
                   CASE WHEN label IS NULL THEN NULL WHEN p.time IS NOT NULL THEN 4.0 ELSE label END AS weight,
                   c.time AS clicked_at_ms, p.time AS paid_at_ms
            FROM shown s LEFT JOIN ({clicks}) c USING (shown_id, position)
                 LEFT JOIN ({payments}) p USING (shown_id, position)
            ORDER BY place
        """).fetchall()
    names = ["label", "label_known_at_ms", "weight", "clicked_at_ms", "paid_at_ms"]
    found = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    assert found == expected
    labels = table["label"].to_pylist()
    assert (labels.count(1) > 20, labels.count(0) > 500, 0 < labels.count(None) < 100) == (True, True, True)
    assert any(label == 0 and weight == 4.0 for label, _, weight, *_ in found), (
        "a payment corrects a negative"
    )


def test_rows_are_the_log_with_its_schema(table: pa.Table, reader: Reader) -> None:
    assert table.schema.names[: len(SHOWN)] == SHOWN.names
    assert table.select(SHOWN.names).schema == SHOWN
    flat = [(entry, each) for entry in read_shown(reader.store) for each in entry.each()]
    assert table["user_id"].to_pylist() == [entry.user_id for entry, _ in flat]
    assert table["item_id"].to_pylist() == [each.item_id for _, each in flat]
    assert table["propensity"].to_pylist() == [each.propensity for _, each in flat]
    assert set(table["said_room"].to_pylist()) == {0.5}
    assert table["position"].to_pylist() == [*range(1, 7)] * (len(table) // 6)


def test_the_join_of_the_estimators_gives_the_same_labels(table: pa.Table, reader: Reader) -> None:
    clicks = [
        (row["user_id"], row["item_id"], row["event_time"]) for row in ROWS if row["event_type"] == "click"
    ]
    told = labelled(list(read_shown(reader.store)), clicks, DELAY_MS, ROWS[-1]["event_time"] - 30_000)
    labels = table["label"].to_pylist()
    assert told.place.tolist() == [place for place, label in enumerate(labels) if label is not None]
    assert told.reward.tolist() == [label for label in labels if label is not None]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_what_happens_later_changes_no_feature_and_no_label(
    made: Made, table: pa.Table, share: float
) -> None:
    cut_ms = T0 + int(share * (ROWS[-1]["event_time"] - T0))
    draw = random.Random(share)
    later = [row for row in shop(2500, seed=6) if row["event_time"] > cut_ms]
    later += [
        {
            "event_id": f"x{n}", "event_type": "click", "event_time": cut_ms + 1 + n * 40_000,
            "user_id": f"u{draw.randrange(12)}", "item_id": f"i{draw.randrange(15)}", "traffic_source": "search",
        }
        for n in range(300)
    ]  # fmt: skip
    before = [row for row in ROWS if row["event_time"] <= cut_ms]
    changed = made([*before, *sorted(later, key=lambda row: row["event_time"])], VIEWS)
    features = [name for name in table.schema.names if "." in name]
    labels = ["label", "label_known_at_ms", "clicked_at_ms"]
    for names, reach_ms in ((features, 0), (labels, DELAY_MS)):
        past = [at_ms + reach_ms <= cut_ms for at_ms in table["at_ms"].to_pylist()]
        assert 100 < sum(past) < len(past)
        for name in names:
            assert (
                changed[name].filter(pa.array(past)).to_pylist()
                == table[name].filter(pa.array(past)).to_pylist()
            )
    assert not changed["label"].equals(table["label"]), "what is later was indeed changed"


def test_features_are_those_of_a_training_set_at_the_same_moments(table: pa.Table, tmp_path: Path) -> None:
    pq.write_table(table.select(["user_id", "at_ms"]), tmp_path / "labels.parquet")
    events = written(tmp_path / "events.jsonl", ROWS)
    expected = training_set(tmp_path / "labels.parquet", ["user_activity"], [events], None, SETTINGS)
    names = [name for name in expected.schema.names if "." in name]
    assert names
    for name in names:
        assert table[name].to_pylist() == expected[name].to_pylist()
    assert any(table["user_activity.clicks_1d"].to_pylist())
    [pulse, *_] = [name for name in table.schema.names if name.startswith("room_pulse.")]
    rooms = zip(table["room_id"].to_pylist(), table[pulse].to_pylist(), strict=True)
    assert all(value is None for room, value in rooms if room is None)


def test_order_and_duplicates_change_no_byte(made: Made, table: pa.Table, tmp_path: Path) -> None:
    again = made([*disordered(ROWS, seed=1), *ROWS[-50:]], VIEWS)
    for name, each in (("one", table), ("other", again)):
        pq.write_table(each, tmp_path / name, compression="zstd")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_events_that_the_job_read_are_taken_where_none_are_named(
    reader: Reader, table: pa.Table, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--events"):
        shown_table(reader, ShownExport(), SETTINGS)
    client: Any = reader.client
    client.hset(job_key("is"), mapping={"sources": "redis://host/0?stream=s", "timezone": "UTC"})
    with pytest.raises(UsageError, match="stream=s"):
        shown_table(reader, ShownExport(), SETTINGS)
    client.hset(job_key("is"), "sources", str(written(tmp_path / "events.jsonl", ROWS)))
    asked = ShownExport(terms=TERMS)
    assert shown_table(reader, asked, SETTINGS).equals(table.select(SHOWN.names))
    client.delete(job_key("is"))


def test_what_does_not_fit_is_said(reader: Reader, made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="category_id"):
        made(ROWS[:10], ["user_category"])
    with pytest.raises(UsageError, match="no feature view"):
        made(ROWS[:10], ["nothing"])
    client: Any = reader.client
    for name in ("own", "other"):
        (tmp_path / name).write_text(name * 32)
        (tmp_path / name).chmod(0o600)
    client.hset(job_key("is"), "pseudonyms", Pseudonyms(("own" * 32).encode()).fingerprint)
    events = [written(tmp_path / "events.jsonl", ROWS[:10])]
    for secret, says in ((None, "--pseudonymize"), (tmp_path / "other", "the one given is")):
        with pytest.raises(UsageError, match=says):
            shown_table(reader, ShownExport(events), replace(SETTINGS, pseudonymize=secret))
    client.delete(job_key("is"))
