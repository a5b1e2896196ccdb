"""Draws what two synthetic coupons earned by attribution, and what they caused.

    python benchmarks/attributed_and_caused.py --out docs/images/attributed-and-caused.svg

Both coupons are shown to their users just before these decide. One goes to regular customers, half of whom buy whatever
they see; the other to strangers, of whom more buy for having seen it. Three in ten of the users of each are held out.
The events are replayed, and the figure is drawn from the export. Everything is seeded.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

T0: Final = 1_772_928_000_000
DAY_MS: Final = 86_400_000
HOLDOUT: Final = 0.3
MODELS: Final = ("last_touch", "first_touch", "linear", "time_decay", "markov", "shapley")


class Coupon(NamedTuple):
    """Whom a coupon is shown to: how many of them buy, without and with it."""

    name: str
    buying_anyway: float
    buying_exposed: float
    cost_minor: int


COUPONS: Final = (Coupon("for regulars", 0.5, 0.5, 2_000_000), Coupon("for strangers", 0.05, 0.25, 1_000_000))

Row = dict[str, Any]


def events(users: int, seed: int = 2026) -> list[Row]:
    """Return the events around both coupons, so many users each, in order of time."""
    draw = random.Random(seed)
    rows = [row for coupon in COUPONS for row in _around(draw, coupon, users)]
    rows.sort(key=lambda row: row["event_time"])
    return [{"event_id": f"e{at:07}", **row} for at, row in enumerate(rows)]


def _around(draw: random.Random, coupon: Coupon, users: int) -> Iterator[Row]:
    granted = {"event_type": "coupon", "coupon_status": "granted", "creator_id": "c", "event_time": T0}
    terms = {"cost_minor": coupon.cost_minor, "valid_to": T0 + 2 * DAY_MS, "holdout_share": HOLDOUT}
    yield granted | terms | {"coupon_id": coupon.name}
    for number in range(users):
        here = {
            "user_id": f"{coupon.name} {number}",
            "room_id": "r",
            "session_id": "s",
            "creator_id": "c",
            "item_id": "i",
        }
        moment, kept_out = T0 + draw.randrange(1, 2 * DAY_MS - 3_600_000), draw.random() < HOLDOUT
        if draw.random() < 0.4:
            before = {"event_type": "click", "traffic_source": draw.choice(["search", "recommend", "follow"])}
            yield here | before | {"event_time": moment - 60_000}
        shown = {"event_type": "view", "coupon_id": coupon.name, "traffic_source": "coupon"}
        yield here | shown | {"event_time": moment} | ({"holdout": True} if kept_out else {})
        if draw.random() < (coupon.buying_anyway if kept_out else coupon.buying_exposed):
            paid = {"event_type": "order", "order_status": "paid", "currency": "CNY", "quantity": 1}
            told = {
                "order_id": f"o {coupon.name} {number}",
                "amount_minor": round(draw.lognormvariate(8.8, 0.5)),
            }
            yield here | paid | told | {"event_time": moment + 600_000, "traffic_source": "coupon"}


def written(rows: list[Row], path: Path) -> Path:
    """Write events as a file."""
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    return path


def replayed(users: int, folder: Path) -> dict[str, Any]:
    """Replay the events, and return what `interestream attribution` says."""
    written(events(users), folder / "events.jsonl")
    command = [sys.executable, "-m", "runners.cli.app"]
    home = ["--data-dir", str(folder / "home")]
    replay = [*command, "replay", str(folder / "events.jsonl"), *home, "--no-recommender", "--json"]
    subprocess.run(replay, check=True, capture_output=True)
    told = subprocess.run([*command, "attribution", *home, "--json"], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def drawn(lifts: list[dict[str, Any]], out: Path) -> None:
    """Draw the return on each coupon's cost, as attributed and as caused."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "interestream", "font.size": 10, "svg.fonttype": "none"})
    from matplotlib import pyplot

    names = [*MODELS, "caused"]
    figure, axes = pyplot.subplots(1, len(lifts), figsize=(8.4, 3.2), sharey=True, layout="constrained")
    for axis, lift in zip(axes, sorted(lifts, key=lambda each: each["coupon_id"]), strict=True):
        axis.barh(names[:-1], [lift["roi"][model] for model in MODELS], color="#9db4c8")
        middle, low, high = lift["incremental_roi"], lift["roi_low"], lift["roi_high"]
        axis.errorbar(
            [middle], ["caused"], xerr=[[middle - low], [high - middle]], fmt="o", color="#b5482a", capsize=4
        )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.axvline(1, color="gray", linewidth=0.8, linestyle=":")
        axis.set_title(f"coupon {lift['coupon_id']}", fontsize=10)
        axis.set_xlabel("return on its cost")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(out, format="svg", metadata={"Date": None})


def main() -> None:
    """Replay, draw, and print what was drawn."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--users", type=int, default=6000, help="of each coupon (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/attributed-and-caused.svg"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = replayed(options.users, Path(folder))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    drawn(found["caused"], options.out)
    print(json.dumps(found["caused"], indent=2))


if __name__ == "__main__":
    main()
