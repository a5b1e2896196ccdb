"""Click logs (Globo, YOOCHOOSE, Open Bandit) against the raw rows, asked by DuckDB."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from reading_imports import Import, Imported

MILLISECONDS = "epoch_ms(event_time)"


def differences(imported: Imported, ours: str, raw: str, file: Path) -> list[tuple[object, ...]]:
    """Rows that one side has and the other has not."""
    store = duckdb.connect()
    store.register("events", imported.events)
    reading = f"read_csv('{file}', all_varchar = true)"
    return store.execute(
        f"""
        WITH ours AS ({ours}), truth AS ({raw.replace("RAW", reading)})
        (FROM ours EXCEPT ALL FROM truth) UNION ALL (FROM truth EXCEPT ALL FROM ours) LIMIT 5
        """
    ).fetchall()


def test_globo_gives_every_click(data: Callable[[str], Path], imported: Import) -> None:
    result = imported("globo", data("globo"))
    file = data("globo") / "clicks_hours_000-095.csv.gz"
    ours = f"SELECT user_id, session_id, item_id, {MILLISECONDS} AS ms FROM events WHERE event_type = 'click'"
    raw = "SELECT user_id, session_id, click_article_id, CAST(click_timestamp AS BIGINT) FROM RAW"
    assert differences(result, ours, raw, file) == []
    assert result.report.events == 901_032
    assert result.report.dead_letters == {}


def test_yoochoose_gives_every_click(data: Callable[[str], Path], imported: Import) -> None:
    result = imported("yoochoose", data("yoochoose"))
    file = data("yoochoose") / "clicks_first_week.tsv.gz"
    ours = f"SELECT user_id, session_id, item_id, {MILLISECONDS} AS ms FROM events WHERE event_type = 'click'"
    raw = """
        SELECT SessionId, SessionId, ItemId, CAST(floor(CAST(Time AS DECIMAL(24, 6)) * 1000) AS BIGINT)
        FROM RAW
    """
    assert differences(result, ours, raw, file) == []
    assert result.report.events == 70_278


@pytest.fixture(scope="module")
def bandit_folder() -> Path:
    obp = pytest.importorskip("obp", reason="the package obp carries the Open Bandit sample")
    return Path(obp.__file__).parent / "dataset" / "obd"


def test_open_bandit_gives_every_impression_and_click(bandit_folder: Path, imported: Import) -> None:
    result = imported("open-bandit", bandit_folder)
    assert result.report.events_by_type["view"] == 60_000
    assert {row["merchant_id"] for row in result.dimension("items")} == {"zozotown"}
    store = duckdb.connect()
    store.register("events", result.events)
    raw = f"""
        SELECT concat(regexp_extract(filename, '(all|men|women)\\.csv', 1), '-', item_id) AS item,
               count(*) AS views, sum(CAST(click AS INT)) AS clicks
        FROM read_csv('{bandit_folder}/*/*/*.csv', all_varchar = true, filename = true, union_by_name = true)
        WHERE click IS NOT NULL GROUP BY 1 ORDER BY 1
    """
    ours = """
        SELECT item_id, count(*) FILTER (event_type = 'view'), count(*) FILTER (event_type = 'click')
        FROM events GROUP BY 1 ORDER BY 1
    """
    assert store.execute(ours).fetchall() == store.execute(raw).fetchall()
    users = "SELECT count(DISTINCT user_id) FROM events"
    features = f"""
        SELECT count(DISTINCT (user_feature_0, user_feature_1, user_feature_2, user_feature_3))
        FROM read_csv('{bandit_folder}/*/*/*.csv', all_varchar = true, union_by_name = true)
        WHERE click IS NOT NULL
    """
    assert store.execute(users).fetchone() == store.execute(features).fetchone()


def test_a_click_follows_its_own_impression(bandit_folder: Path, imported: Import) -> None:
    rows = imported("open-bandit", bandit_folder / "random" / "all" / "all.csv").rows
    clicks = [place for place, row in enumerate(rows) if row["event_type"] == "click"]
    assert clicks
    for place in clicks:
        seen, clicked = rows[place - 1], rows[place]
        assert clicked["event_id"] == f"{seen['event_id']}-click"
        same = ("user_id", "item_id", "event_time")
        assert [seen[name] for name in same] == [clicked[name] for name in same]


def test_yoochoose_as_published_without_a_header(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "yoochoose-clicks.dat"
    file.write_text(
        "1,2014-04-07T10:51:09.277Z,214536502,0\n1,later,214536500,0\n1,2014-04-07T10:54:09.868Z,2,S\n"
    )
    (tmp_path / "yoochoose-buys.dat").write_text("1,2014-04-07T10:51:09.277Z,214536502,12462,1\n")
    result = imported("yoochoose", tmp_path)
    got = [(row["item_id"], row["event_time"].isoformat()) for row in result.rows]
    assert got == [
        ("214536502", "2014-04-07T10:51:09.277000+00:00"),
        ("2", "2014-04-07T10:54:09.868000+00:00"),
    ]
    assert result.report.dead_letters == {"bad_timestamp": 1}
    assert result.report.ignored_files == ["yoochoose-buys.dat"]


def test_globo_as_published_in_a_zip_beside_its_articles(imported: Import, tmp_path: Path) -> None:
    header = (
        "user_id,session_id,session_start,session_size,click_article_id,click_timestamp,click_environment\n"
    )
    with zipfile.ZipFile(tmp_path / "clicks.zip", "w") as archive:
        archive.writestr("clicks/clicks_hour_001.csv", header + "2,s2,0,2,11,1506826828021,4\n")
        archive.writestr("clicks/clicks_hour_000.csv", header + "1,s1,0,2,10,1506826828020,4\n")
    (tmp_path / "clicks_sample.csv").write_text(header + "1,s1,0,2,10,1506826828020,4\n")
    (tmp_path / "articles_metadata.csv").write_text(
        "article_id,category_id,created_at_ts\n10,7,1506826828000\n"
    )
    result = imported("globo", tmp_path)
    assert [(row["user_id"], row["session_id"]) for row in result.rows] == [("1", "s1"), ("2", "s2")]
    assert all(row["room_id"] is None for row in result.rows)
    [item] = result.dimension("items")
    assert (item["item_id"], item["category_id"]) == ("10", "7")
    assert item["launched_at"].isoformat() == "2017-10-01T03:00:28+00:00"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",s,10,1506826828020", "missing_user"),
        ("1,s,,1506826828020", "missing_item"),
        ("1,s,10,soon", "bad_timestamp"),
        ("1,s,10,99999999999999999", "bad_timestamp"),
        ("1,s,10", "malformed_row"),
    ],
)
def test_a_bad_click_is_a_dead_letter(row: str, reason: str, imported: Import, tmp_path: Path) -> None:
    good = "1,s,10,1506826828020"
    header = "user_id,session_id,click_article_id,click_timestamp"
    file = tmp_path / "clicks_hour_000.csv.gz"
    file.write_bytes(gzip.compress("\n".join((header, good, row, good)).encode()))
    result = imported("globo", file)
    assert [event["item_id"] for event in result.rows] == ["10", "10"]
    assert [(letter["reason"], letter["raw"]) for letter in result.dead_letters] == [(reason, row.encode())]
