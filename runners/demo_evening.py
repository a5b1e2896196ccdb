"""The demo's own data: a simulated evening, made on the spot, and what the demo tells of it."""

import json
from pathlib import Path
from typing import Final

from runners.demo_sample import Sample
from transforms.io.simulation import VERSION, Scenario, simulate

SCENARIO: Final = Scenario(events=150_000, users=12_000, items=600, seed=618)
FOLDER: Final = "simulated"
TIMEZONE: Final = "Asia/Shanghai"
CURRENCY: Final = "CNY"
ASKED_AT: Final = "2026-06-18T22:00+08:00"
"""While rooms are live: a week later, when the last parcel has come, nothing of the evening is on sale any more."""


def simulated_evening(data_dir: Path) -> Sample:
    """Return the evening under a data directory; a second or two to make it, nothing where it is there already."""
    folder = data_dir / FOLDER
    if not _is_made(folder):
        simulate(SCENARIO, folder)
    return Sample(
        path=folder,
        dims=folder / "dims",
        currency=CURRENCY,
        timezone=TIMEZONE,
        buyer=_best_buyer(folder),
        boards=("room", "item"),
        window="hour",
        synthetic=True,
        asked_at=ASKED_AT,
    )


def _is_made(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False
    wanted = (VERSION, SCENARIO.parameters())
    return (manifest.get("simulator_version"), manifest.get("parameters")) == wanted


def _best_buyer(folder: Path) -> str:
    """Return who paid for most lines, by the simulation's own truth."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    orders = pq.read_table(folder / "truth" / "orders.parquet", columns=["user_id", "paid_at"])
    buyers = pc.value_counts(orders.filter(pc.field("paid_at").is_valid())["user_id"]).to_pylist()
    best: str = min(buyers, key=lambda buyer: (-buyer["counts"], buyer["values"]))["values"]
    return best
