"""What is read together adds up at every moment of a replay, not only at its end."""

import threading
from pathlib import Path
from typing import Any

from running import replayed

from runners.embedded_redis import open_redis
from schemas.keys import NAMESPACE, metric_key
from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from serving.access import Store, read_together
from serving.cells import decode_cell

POLLS = 200
ADDITIVE = ("views", "clicks", "follows", "gmv_placed_minor", "gmv_paid_minor", "refunds_minor", "units_paid")


class Poller(threading.Thread):
    """Reads all scopes' totals again and again while a job runs, and keeps what it saw."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._store, self._ended = Store(client, NAMESPACE), threading.Event()
        self.sums: list[dict[str, list[int]]] = []
        self.moments: list[int | None] = []

    def run(self) -> None:
        keys = [metric_key(NAMESPACE, "e", scope, "total", -1) for scope in SCOPES]
        # Pauses, so that the job in this process has time to write anew.
        while not self._ended.wait(0.01) or len(self.sums) < POLLS:
            seen = read_together(self._store, [("HGETALL", key) for key in keys])
            assert seen.whole
            self.moments.append(seen.as_of_ms)
            self.sums.append(dict(zip(SCOPES, map(summed, seen.answers), strict=True)))

    def end(self) -> None:
        self._ended.set()
        self.join()


def summed(cells: dict[bytes, bytes]) -> list[int]:
    found = [decode_cell(cell, EVENT_TIME_COUNTS) for cell in cells.values()]
    return [sum(counts[name] for counts in found) for name in ADDITIVE]


def distinct(values: list[Any]) -> int:
    return len(set(map(str, values)))


def test_no_poll_ever_sees_scopes_that_do_not_add_up(generate: Any, tmp_path: Path) -> None:
    events = generate(25_000, 2.0)
    with open_redis(None, tmp_path) as store:
        poller = Poller(store.client)
        poller.start()
        try:
            dims = events.parent / "dimensions"
            replayed(tmp_path, events, settings={"batch_rows": 400}, speed=900.0, dims=dims)
        finally:
            poller.end()
    assert distinct(poller.sums) > 20, "the job was over before anything could be seen of it"
    broken = [sums for sums in poller.sums if distinct(list(sums.values())) > 1]
    assert broken == []
    told = [moment for moment in poller.moments if moment is not None]
    assert told == sorted(told)
