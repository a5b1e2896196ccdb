"""One live job on the cluster: started as the command itself, watched in Redis, stopped, exported, compared."""

import json
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from killing import wait_until
from lab import Lab
from running import differing
from streaming import platform_counts

from runners.embedded_redis import open_redis
from serving.certify.compare import certify
from serving.certify.terms import Terms
from serving.export import export

SETTLED_S = 3.0
"""Longer than figures wait for company before they are published, once a source is idle."""
PATIENCE_S = 240.0
OPTIONS = ("--runner", "FlinkRunner", "--json", "--no-recommender", "--checkpoint-every", "2s")


class LiveJob:
    """`interestream run` of one address on the lab's cluster, with the figures in one data directory's Redis."""

    def __init__(self, lab: Lab, home: Path, address: str, url: str | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._lab, self.home, self._address, self._url = lab, home, address, url
        self._parts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.client: Any = (
            redis.Redis.from_url(url)
            if url
            else redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))
        )

    def start(self, *options: str, parallelism: int = 2, through: str | None = None) -> None:
        """Start the command; `through` is the address under which the job itself knows Redis."""
        self._parts += 1
        there = ["--redis", through or self._url] if self._url else []
        words = [self._address, "--data-dir", self.home, *there, *OPTIONS, *options]
        self.process = self._lab.started(self._log, "run", *words, f"--parallelism={parallelism}")

    @property
    def _log(self) -> Path:
        return self.home / f"run-{self._parts}"

    @property
    def said(self) -> str:
        return self._log.with_suffix(".err").read_text()

    def total(self) -> int:
        """Return the sum of the platform's counts in Redis now, 0 while Redis is away."""
        return sum(platform_counts(self.client))

    def await_figures(self) -> None:
        wait_until(lambda: self.total() > 0 or self.has_ended(), "the first figures")
        assert not self.has_ended(), self.said

    def await_counts(self, counts: list[int]) -> None:
        """Wait until the platform's figures are what they must come to, and all else has been published."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := platform_counts(self.client)) != counts:
            assert not self.has_ended(), self.said
            assert time.monotonic() < deadline, f"{found} did not come to {counts}"
            time.sleep(0.1)
        time.sleep(SETTLED_S)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> dict[str, Any]:
        """Press Ctrl-C and return the report."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=180)
        assert (code, "Traceback" in self.said) == (0, False), self.said
        report: dict[str, Any] = json.loads(self._log.with_suffix(".out").read_text())
        return report

    def abandon(self) -> None:
        """End the command whatever it does, and its jobs on the cluster: the next check needs the slots."""
        if self.process is not None and not self.has_ended():
            self.process.kill()
            self.process.wait()
        for each in self._lab.rest.jobs():
            if each["state"] not in ("FINISHED", "CANCELED", "FAILED"):
                with suppress(Exception):
                    self._lab.rest.cancel(each["jid"])

    def export(self) -> Path:
        """Return the folder of the export of what Redis holds now."""
        out = self.home / "export"
        with open_redis(self._url, self.home) as store:
            export(store.client, out_dir=out)
        return out


def assert_same(found: Path, wanted: Path) -> None:
    """Hold an export to another one: by `certify`, which says what differs, and by the bytes of every file."""
    verdict = certify(found, wanted, Terms((), (), False, 5), lambda *_: None)
    assert verdict.equal, json.dumps(verdict.to_dict(), default=str)[:4000]
    assert differing(found, wanted) == []
