"""Jobs and exports run from outside: in this process where speed matters, else as the command itself."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from runners.embedded_redis import open_redis
from runners.job_report import JobReport
from runners.jobs import run_job
from runners.jobs_request import JobRequest
from runners.settings import Settings
from serving.export import export

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "runners.cli.app")
TABLES = (
    "metrics", "attribution", "attribution_further", "credits", "coupons", "incrementality", "leaderboards",
    "reconciliation", "deadletters",
)  # fmt: skip
QUIET = Console(stderr=True, quiet=True)


def replayed(
    data_dir: Path, *paths: Path, settings: Mapping[str, Any] | None = None, **request: Any
) -> JobReport:
    """Run `replay` in this process; `settings` and `request` override the defaults by name."""
    asked = JobRequest(
        kind="replay", sources=tuple(map(str, paths)), **({"recommender": False, "features": False} | request)
    )
    return run_job(asked, replace(Settings(data_dir=data_dir), **(settings or {})), QUIET)


def exported(data_dir: Path, out: Path | None = None) -> Path:
    """Export what a data directory holds, and return the folder."""
    folder = out or data_dir / "export"
    with open_redis(None, data_dir) as store:
        export(store.client, out_dir=folder)
    return folder


def results(data_dir: Path, *paths: Path, **options: Any) -> Path:
    """Replay and export."""
    replayed(data_dir, *paths, **options)
    return exported(data_dir)


def contents(folder: Path, tables: Sequence[str] = TABLES) -> dict[str, bytes]:
    """Return the bytes of every table of an export."""
    return {name: (folder / f"{name}.parquet").read_bytes() for name in tables}


def differing(one: Path, other: Path, tables: Sequence[str] = TABLES) -> list[str]:
    """Return the tables whose files differ; named, since whole files in a failure's message help nobody."""
    first, second = contents(one, tables), contents(other, tables)
    return [name for name in tables if first[name] != second[name]]


def tables_of(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a database that sees each exported table under its name, with times in epoch milliseconds."""
    store = duckdb.connect()
    store.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        store.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
    return store


def environment() -> dict[str, str]:
    """Return an environment in which the command finds its packages from any folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERESTREAM_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def command(
    *arguments: object, check: bool = True, patience_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start the command and leave it running, in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
