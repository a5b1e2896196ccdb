"""Events generated, and put onto a topic at a steady pace while something else happens; each line once."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Producer
from running import ROOT

_STEP_S = 0.02
_FIRST = 2000


class Feed(threading.Thread):
    """Puts lines onto the partitions of a topic in turn: a few when started, so many a second from `flow` on.

    `hurry` puts the rest at once.
    """

    def __init__(
        self, servers: str, topic: str, lines: Sequence[bytes], partitions: int, per_s: float
    ) -> None:
        super().__init__(daemon=True)
        # A broker that was killed is tried again for as long as it takes, and no line is put twice.
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 0,
                "queue.buffering.max.messages": 1_000_000,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        self._topic, self._lines, self._partitions, self._per_s = topic, lines, partitions, per_s
        self._flowing = threading.Event()
        self.put, self._refused = 0, 0

    def run(self) -> None:
        for at in range(min(_FIRST, len(self._lines))):
            self._put(at)
        self._producer.poll(0)
        self._flowing.wait()
        began = time.monotonic()
        while self.put < len(self._lines):
            due = min(_FIRST + int((time.monotonic() - began) * self._per_s), len(self._lines))
            for at in range(self.put, min(due, self.put + 20_000)):
                self._put(at)
            self._producer.poll(0)
            time.sleep(_STEP_S)
        while self._producer.flush(1):
            pass

    def _put(self, at: int) -> None:
        self._producer.produce(
            self._topic, self._lines[at], partition=at % self._partitions, on_delivery=self._told
        )
        self.put = at + 1

    def _told(self, error: object, _message: object) -> None:
        self._refused += error is not None

    def flow(self) -> None:
        """Begin to put lines at their pace; before, only the first few are there, to start with."""
        self._flowing.set()

    def hurry(self) -> None:
        """Put what is left without a pace, and return once the broker has all of it."""
        self._per_s = 1e9
        self.flow()
        self.join()
        assert self._refused == 0


def generated(file: Path, count: int, rate: float) -> Path:
    """Write so many events that happened at so many a second, and their dimensions beside them."""
    generator = ROOT / "benchmarks" / "generate_events.py"
    words = ["--events", count, "--rate", rate, "--out", file, "--dims", file.parent / "dimensions"]
    subprocess.run([sys.executable, generator, *map(str, words)], check=True, capture_output=True)
    return file
