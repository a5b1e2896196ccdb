"""A server of its own process over the demo's figures, for the benchmarks of serving."""

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from measured import COMMAND, ROOT

FILES: Final = 16_384
FEATURES: Final = Path(__file__).with_name("fifty_features.py")
"""Declares views beside those that ship, so that a user has fifty features."""


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a running server and its port; the demo is replayed first where the folder has no figures yet."""
    allow_files()
    if not (data_dir / "redis").is_dir():
        print("replaying the demo's evening …", file=sys.stderr)
        demo = [*COMMAND, "demo", "--no-serve", "--json", "--data-dir", str(data_dir)]
        fifty = os.environ | {"INTERESTREAM_FEATURES": str(FEATURES)}
        subprocess.run(demo, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=fifty)
    command = [*COMMAND, "serve", "--data-dir", str(data_dir), "--port", "0", "--rate-limit", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r":(\d+); Ctrl-C", server.stderr.readline())
        try:
            assert found, "the server did not start"
            yield server, int(found[1])
        finally:
            server.send_signal(signal.SIGINT)


def allow_files() -> None:
    """Let this process and those that it starts open many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
