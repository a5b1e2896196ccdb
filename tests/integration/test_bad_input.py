"""Bad input is a counted dead letter with its very bytes, or a clear error; no good event is lost beside it."""

import gzip
import json
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
import zstandard
from killing import kill, wait_until
from running import command, exported, replayed, started, tables_of
from streaming import interrupted, platform_counts, redis_server

from runners.cli.app import main
from schemas.events import EVENT_SCHEMA

T0 = 1_781_784_000_000
DAY_MS = 86_400_000


def good(number: int, **changed: Any) -> dict[str, Any]:
    order = {
        "event_id": f"good{number}", "event_type": "order", "event_time": T0 + number * 1000, "user_id": "u",
        "order_id": f"o{number}", "item_id": "i", "quantity": 1, "amount_minor": 100, "currency": "CNY",
        "order_status": "paid",
    }  # fmt: skip
    return {name: value for name, value in (order | changed).items() if value is not ...}


def line(**changed: Any) -> bytes:
    return json.dumps(good(5000, **({"event_id": "bad"} | changed)), ensure_ascii=False).encode()


LINES: dict[str, bytes] = {
    "not_json": b"well, this is no JSON",
    "half_json": line()[:-7],
    "two_values": line() + b" " + line(),
    "number": b"42",
    "list": b'[{"event_id": "bad"}]',
    "null": b"null",
    "invalid_utf8": line(item_id="X").replace(b'"X"', b'"\xff\xfe"'),
    "lone_surrogate": line(item_id="X").replace(b'"X"', b'"\\ud800"'),
    "zero_bytes": b'{"event_id": "bad\x00"}',
    "deep": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "amount_text": line(amount_minor="100"),
    "amount_float": line(amount_minor=1.5),
    "amount_boolean": line(amount_minor=True),
    "amount_negative": line(amount_minor=-1),
    "amount_huge": line(amount_minor=2**63),
    "amount_absurd": line(amount_minor=2**62),
    "amount_exponent": line(amount_minor=7).replace(b" 7", b" 1e400"),
    "quantity_zero": line(quantity=0),
    "quantity_huge": line(quantity=2**31),
    "id_number": line(event_id=17),
    "id_missing": line(event_id=...),
    "id_null": line(event_id=None),
    "id_empty": line(event_id=""),
    "time_missing": line(event_time=...),
    "time_naive": line(event_time="2026-06-18T12:00:00"),
    "time_words": line(event_time="yesterday"),
    "time_1970": line(event_time=0),
    "time_2999": line(event_time=32_472_144_000_000),
    "time_before_christ": line(event_time=-(10**15)),
    "time_beyond_64_bits": line(event_time=10**30),
    "type_missing": line(event_type=...),
    "type_unknown": line(event_type="teleport"),
    "version_unknown": line(schema_version=2),
    "version_text": line(schema_version="1"),
    "user_missing": line(user_id=...),
    "item_missing": line(item_id=...),
    "status_unknown": line(order_status="pondered"),
    "currency_foreign": line(currency="EUR"),
    "currency_small": line(currency="cny"),
    "source_unknown": line(traffic_source="telepathy"),
    "megabyte_id": line(item_id="x" * 2**20),
    "megabyte_of_digits": line(amount_minor=7).replace(b" 7", b" " + b"9" * 2**20),
}


def stored(home: Path) -> duckdb.DuckDBPyConnection:
    return tables_of(exported(home))


def paid(store: duckdb.DuckDBPyConnection) -> int:
    rows = store.execute(
        "SELECT orders_paid FROM metrics WHERE scope = 'platform' AND \"window\" = 'total'"
    ).fetchall()
    return int(rows[0][0]) if rows else 0


def raws(store: duckdb.DuckDBPyConnection) -> list[bytes]:
    return [row[0] for row in store.execute("SELECT raw FROM deadletters ORDER BY raw").fetchall()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_bad_line_is_a_dead_letter_with_its_very_bytes_and_no_good_one_is_lost(
    end: bytes, tmp_path: Path
) -> None:
    lines = [json.dumps(good(number)).encode() for number in range(2 * len(LINES))]
    for place, bad in enumerate(LINES.values()):
        lines.insert(3 * place + 1, bad)
    (tmp_path / "events.jsonl").write_bytes(end.join(lines))
    report = replayed(tmp_path / "home", tmp_path / "events.jsonl")
    assert (report.events, report.accepted) == (3 * len(LINES), 2 * len(LINES))
    assert sum(report.refused.values()) == len(LINES)
    store = stored(tmp_path / "home")
    assert paid(store) == 2 * len(LINES)
    assert raws(store) == sorted(LINES.values())
    unexplained = "SELECT count(*) FROM deadletters WHERE reason IS NULL OR rule = '' OR detail = ''"
    assert store.execute(unexplained).fetchall() == [(0,)]


EACH_FOURTH = [
    name if place % 4 == 0 else pytest.param(name, marks=pytest.mark.long)
    for place, name in enumerate(sorted(LINES))
]


@pytest.mark.parametrize("name", EACH_FOURTH)
def test_a_line_alone_and_last_without_its_end(name: str, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(LINES[name])
    report = replayed(tmp_path / "home", tmp_path / "events.jsonl")
    assert (report.events, report.accepted, sum(report.refused.values())) == (1, 0, 1)


def test_the_command_line_shows_what_was_refused(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(
        b"\n".join(
            [
                json.dumps(good(1)).encode(),
                LINES["invalid_utf8"],
                LINES["amount_negative"],
                LINES["not_json"],
                b"",
            ]
        )
    )
    done = command("replay", tmp_path / "events.jsonl", "--data-dir", tmp_path / "home", "--json")
    assert "Traceback" not in done.stderr
    refused = {"invalid_utf8": 1, "negative_amount": 1, "malformed_json": 1}
    assert json.loads(done.stdout)["refused"] == refused
    listed = json.loads(command("deadletters", "list", "--data-dir", tmp_path / "home", "--json").stdout)
    assert listed == {"reasons": refused, "total": 3}
    shown = json.loads(
        command("deadletters", "show", "negative_amount", "--data-dir", tmp_path / "home", "--json").stdout
    )
    [letter] = shown["letters"]
    assert (letter["raw"].encode(), letter["event_id"]) == (LINES["amount_negative"], "bad")
    assert "amount_minor" in letter["detail"]
    assert "bad" in command("deadletters", "show", "negative_amount", "--data-dir", tmp_path / "home").stdout


def stands_and_refused(tmp_path: Path, *odd: bytes) -> dict[str, list[bytes]]:
    """Send sixty good events, then odd ones; returns the refused bytes by reason."""
    lines = [json.dumps(good(number)).encode() for number in range(60)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([*lines, *odd]) + b"\n")
    report = replayed(tmp_path / "home", tmp_path / "events.jsonl")
    store = stored(tmp_path / "home")
    assert paid(store) == 60
    letters = dict(store.execute("SELECT reason, list(raw) FROM deadletters GROUP BY 1").fetchall())
    assert report.refused == {reason: len(raw) for reason, raw in letters.items()}
    return letters


def test_late_events_are_kept_as_they_came(tmp_path: Path) -> None:
    late = json.dumps(
        good(0, event_id="late", event_time=T0 - 2 * 3_600_000, remark="was offline"), indent=None
    ).encode()
    assert stands_and_refused(tmp_path, late) == {"too_late": [late]}


def test_the_same_id_with_another_body_is_kept_and_the_first_stands(tmp_path: Path) -> None:
    other = good(1, amount_minor=999)
    letters = stands_and_refused(tmp_path, json.dumps(other).encode())
    assert {reason: list(map(json.loads, raw)) for reason, raw in letters.items()} == {
        "conflicting_duplicate": [other]
    }


def test_conflicting_duplicates_are_kept_as_they_came(tmp_path: Path) -> None:
    conflict = json.dumps(good(1, amount_minor=999, remark="changed"), separators=(", ", " : ")).encode()
    assert stands_and_refused(tmp_path, conflict) == {"conflicting_duplicate": [conflict]}


def write_good(path: Path, numbers: range) -> None:
    path.write_bytes(b"".join(json.dumps(good(number)).encode() + b"\n" for number in numbers))


THREE_THOUSAND = b"".join(json.dumps(good(number)).encode() + b"\n" for number in range(3000))


def cut_gzip(path: Path) -> None:
    (path / "odd.jsonl.gz").write_bytes(gzip.compress(THREE_THOUSAND)[:-2000])


def broken_zstd(path: Path) -> None:
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(THREE_THOUSAND))
    packed[len(packed) // 2] ^= 0xFF
    (path / "odd.jsonl.zst").write_bytes(packed)


def wrong_name(path: Path) -> None:
    (path / "odd.jsonl.gz").write_text("no gzip at all")


def cut_parquet(path: Path) -> None:
    rows = [good(number) for number in range(1000)]
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in EVENT_SCHEMA]
    pq.write_table(pa.Table.from_arrays(columns, schema=EVENT_SCHEMA), path / "odd.parquet")
    (path / "odd.parquet").write_bytes((path / "odd.parquet").read_bytes()[:-100])


def odd_parquet(path: Path) -> None:
    pq.write_table(pa.table({"event_id": [1, 2], "amount_minor": ["a", "b"]}), path / "odd.parquet")


@pytest.mark.parametrize("damage", [cut_gzip, broken_zstd, wrong_name, cut_parquet, odd_parquet])
def test_a_damaged_file_is_reported_and_the_others_are_read(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    damage(folder)
    write_good(folder / "good.jsonl", range(5000, 5100))
    report = replayed(tmp_path / "home", folder)
    store = stored(tmp_path / "home")
    letters = store.execute("SELECT detail, raw FROM deadletters").fetchall()
    assert len(letters) == sum(report.refused.values())
    assert any("odd." in detail or b"odd." in raw for detail, raw in letters)
    [[later]] = store.execute(
        "SELECT sum(orders_paid) FROM metrics WHERE scope = 'platform' AND \"window\" = 'minute' AND window_start >= $1",
        [datetime.fromtimestamp((T0 + 5_000_000) // 60_000 * 60, UTC)],
    ).fetchall()
    assert later == 100


def test_every_whole_line_before_the_cut_counts(tmp_path: Path) -> None:
    cut_gzip(tmp_path)
    readable = zlib.decompressobj(31).decompress((tmp_path / "odd.jsonl.gz").read_bytes())
    report = replayed(tmp_path / "home", tmp_path / "odd.jsonl.gz")
    assert 0 < report.accepted == readable.count(b"\n") < 3000
    assert sum(report.refused.values()) == report.events - report.accepted > 0


@pytest.mark.parametrize("make", ["folder", "symlink"])
def test_what_cannot_be_opened_beside_good_files(make: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_good(folder / "good.jsonl", range(100))
    if make == "folder":
        (folder / "x.jsonl").mkdir()
    else:
        (folder / "x.jsonl").symlink_to(tmp_path / "nowhere")
    replayed(tmp_path / "home", folder)
    assert paid(stored(tmp_path / "home")) == 100


def refused_command(arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    assert re.match(r"interestream: \S.*\S\n", said.err), said.err
    return int(left.value.code or 0), said.err


def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("in the way")
    write_good(tmp_path / "good.jsonl", range(3))
    home = ("--data-dir", tmp_path / "home")
    asked: dict[tuple[object, ...], tuple[int, str]] = {
        ("replay", tmp_path / "nowhere.jsonl", *home): (1, "nowhere.jsonl"),
        ("replay", tmp_path / "link.jsonl", *home): (1, "link.jsonl"),
        ("replay", tmp_path / "empty", *home): (1, "no file of events"),
        ("replay", tmp_path / "picture.png", *home): (1, "picture.png"),
        ("replay", *home): (2, "Nothing to read"),
        ("replay", tmp_path / "good.jsonl", "--currency", "yuan", *home): (2, "--currency"),
        ("replay", tmp_path / "good.jsonl", "--data-dir", tmp_path / "file"): (1, "file"),
        ("replay", tmp_path / "good.jsonl", "--redis", "redis://127.0.0.1:1/0", *home): (1, "127.0.0.1:1"),
        ("run", "redis://127.0.0.1:1/0?stream=events", *home): (1, "127.0.0.1:1"),
        ("run", "redis://127.0.0.1:1/0", *home): (2, "stream=KEY"),
        ("export", tmp_path / "out", "--data-dir", tmp_path / "none"): (1, "no results"),
    }  # fmt: skip
    for arguments, (code, named) in asked.items():
        got, said = refused_command(arguments, capsys)
        assert (got, named in said) == (code, True), (arguments, got, said)


def arrow(*rows: dict[str, Any]) -> bytes:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in EVENT_SCHEMA]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, EVENT_SCHEMA) as stream:
        stream.write_table(pa.Table.from_arrays(columns, schema=EVENT_SCHEMA))
    return sink.getvalue().to_pybytes()


def test_whatever_stands_in_a_stream(tmp_path: Path) -> None:
    """Good events in every form that is read, and every bad one; the stream's own server is another one."""
    bad = [
        *LINES.values(),
        line(amount_minor=-2) + b"\n",
        b"two\nlines",
        b"\xff\xff\xff\xff no Arrow",
        arrow(good(1))[:-60],
        b"",
    ]
    flat = {name: str(value) for name, value in good(900).items()}
    entries: list[dict[Any, Any]] = [{"event": json.dumps(good(number))} for number in range(30)]
    entries += [{"anything": json.dumps(good(901))}, flat, {"event": json.dumps(good(902), indent=2)}]
    entries += [{"event": arrow(good(903), good(904))}]
    for place, payload in enumerate(bad):
        entries.insert(3 * place % len(entries), {"event": payload})
    (tmp_path / "server").mkdir()
    with redis_server(tmp_path / "server") as (_, unix, _):
        source = redis.Redis.from_url(unix)
        for entry in entries:
            source.xadd("events", entry)
        run = started("run", f"{unix}?stream=events", "--data-dir", tmp_path / "home", "--json")
        try:
            client = redis.Redis(unix_socket_path=str(tmp_path / "home" / "redis" / "server.sock"))
            # The order that is the last entry says that all before it was read.
            source.xadd("events", {"event": json.dumps(good(950, amount_minor=10**12))})
            wait_until(
                lambda: run.poll() is not None or max(platform_counts(client), default=0) > 10**12,
                "the last order",
            )
            code, out, err = interrupted(run)
        finally:
            kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    report = json.loads(out)
    store = stored(tmp_path / "home")
    assert paid(store) == 30 + 5 + 1 == report["accepted"]
    assert raws(store) == sorted(payload.rstrip(b"\n") for payload in bad)
    assert store.execute("SELECT count(*) FROM deadletters WHERE ingested_at IS NULL").fetchall() == [(0,)]


def test_a_name_that_is_no_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "server").mkdir()
    with redis_server(tmp_path / "server") as (_, unix, _):
        redis.Redis.from_url(unix).set("events", "a text")
        code, said = refused_command(
            ("run", f"{unix}?stream=events", "--data-dir", tmp_path / "home"), capsys
        )
    assert (code, "events" in said, "string" in said) == (1, True, True)
