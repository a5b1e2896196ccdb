"""Credit by paths and lifts of shards that are killed and come back, from a snapshot or from their log of pieces."""

import json
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shoppers import shopping

from schemas.codecs.jsonl import decode_jsonl
from schemas.gate import compile_gate
from schemas.keys import VERSION_BYTES
from transforms.attribution.shard import AttributionShard
from transforms.boards import Board
from transforms.dedup import DedupShard, Routes
from transforms.intake import Intake, TimeBounds
from transforms.metrics.shard import CellShard
from transforms.orders.shard import OrderShard
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, FINAL, LATER, Piece, PieceCoder, Progress
from transforms.publish import Lossless
from transforms.shards import Shard

WINDOWS = ("click_7d_view_1d", "click_1d")
KINDS = tuple(f"is:{{{kind}" for kind in ("a:", "f:", "l:", "h", "k:", "c:"))
BOUNDS = TimeBounds()
DAY_MS = 86_400_000


class Held(Lossless):
    """A store that keeps the last value of each field, without its version."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, bytes | str], bytes] = {}

    def epoch(self) -> int:
        return 1

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        for field, value in zip(list(fields), list(values), strict=True):
            name = bytes(field).decode() if not isinstance(field, str) else field
            self.values[key, name] = bytes(value)[VERSION_BYTES:]

    set_once = set_newer

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        """Nothing is asked of it."""

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Nothing is asked of it."""

    def progress(self, fields: dict[str, int]) -> None:
        """Nothing is asked of it."""

    def flush(self) -> None:
        """All is there."""


def made(store: Held) -> dict[str, Callable[[], Shard]]:
    """How each step is made; models are solved by no clock, so only at the end, and as days are over."""

    def pace() -> Pace:
        return Pace(10**9, lambda: 0.0)

    def opened() -> Held:
        return store

    late_ms = BOUNDS.allowed_lateness_ms
    return {
        "": lambda: DedupShard(0, BOUNDS.dedup_horizon_ms, Routes(recommender=False), lambda *_: None),
        "new": lambda: OrderShard(0, 1, 30 * DAY_MS, late_ms, opened, "is", pace),
        "lines": lambda: AttributionShard(
            0, 1, WINDOWS, 30 * DAY_MS, late_ms, opened, "is", pace, ("creator",), "Asia/Shanghai"
        ),
        "figures": lambda: CellShard(
            "Asia/Shanghai", late_ms, 30 * DAY_MS, opened, "is", pace, pace, windows=WINDOWS, kinds=2
        ),
    }


def pieces(rows: list[dict[str, Any]]) -> Iterator[Piece]:
    intake, watermark = Intake(compile_gate(), BOUNDS), BEFORE_ALL_MS
    for number, begin in enumerate(range(0, len(rows), 60)):
        part = rows[begin : begin + 60]
        lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in part).encode()
        taken = intake.take(decode_jsonl(lines), watermark)
        watermark = max(watermark, max(row["event_time"] for row in part) - BOUNDS.max_out_of_orderness_ms)
        last = begin + 60 >= len(rows)
        yield Piece(Progress(0, 1, number, watermark), (taken.admitted,), FINAL if last else LATER)


Replaced = Callable[[str, Shard, list[Piece]], Shard]


def published(rows: list[dict[str, Any]], replaced: Callable[[Held], Replaced]) -> dict[Any, bytes]:
    """Run all steps; before each piece, each shard may be replaced by one that was restored."""
    store = Held()
    shards = {name: make() for name, make in made(store).items()}
    taken: dict[str, list[Piece]] = {name: [] for name in shards}
    replace = replaced(store)

    def run(name: str, piece: Piece) -> None:
        shards[name] = replace(name, shards[name], taken[name])
        taken[name].append(PieceCoder().decode(PieceCoder().encode(shards[name].logged(piece))))
        for output, (_, following) in shards[name].absorb(piece):
            if output in shards:
                run(output, following)

    for piece in pieces(rows):
        run("", piece)
    return {key: value for key, value in store.values.items() if key[0].startswith(KINDS) and any_of(value)}


def any_of(value: bytes) -> bool:
    """Whether a cell holds more than zeros: those that were given and taken back may or may not be there."""
    return value != b"\x93\x00\x00\x00"


def test_shards_that_come_back_publish_the_same() -> None:
    rows, draw = shopping(150, seed=21), random.Random(4)
    rows.sort(key=lambda row: row["event_time"] + draw.randrange(1_800_000))

    def never(_store: Held) -> Replaced:
        return lambda _name, shard, _taken: shard

    def from_snapshot(store: Held) -> Replaced:
        def again(name: str, shard: Shard, _taken: list[Piece]) -> Shard:
            if draw.random() < 0.7:
                return shard
            restored = made(store)[name]()
            restored.load(pickle.loads(pickle.dumps(shard.state())))
            return restored

        return again

    def from_log(store: Held) -> Replaced:
        def again(name: str, shard: Shard, taken: list[Piece]) -> Shard:
            if name in ("", "new") or draw.random() < 0.8:
                return shard
            restored = made(store)[name]()
            restored.mute(True)
            for piece in taken:
                for _ in restored.absorb(piece):
                    pass
            restored.mute(False)
            return restored

        return again

    expected = published(rows, never)
    assert {key.split(":")[1] for key, _ in expected} >= {"{a", "{f", "{l", "{h}"}
    for way in (from_snapshot, from_log):
        found = published(rows, way)
        assert sorted(found.keys() ^ expected.keys()) == []
        assert [key for key in expected if found[key] != expected[key]] == []
