"""What the demo shows: money by day, leading items, attribution, recommendations for one buyer."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from runners.cli.money import money
from runners.cli.output import console, print_table
from serving.windows import to_text

if TYPE_CHECKING:
    from runners.demo_sample import Sample
    from runners.settings import Settings
    from serving.metrics import MetricsRow
    from serving.reader import Reader

ITEMS = 5
RECOMMENDED = 5
DAYS_SHOWN = 31
_MONEY = ("gmv_paid_minor", "refunds_minor", "net_gmv_minor")


def as_document(reader: "Reader", sample: "Sample") -> dict[str, Any]:
    """Return the results as plain values."""
    from schemas.metrics import MODELS

    return {
        "currency": sample.currency,
        "timezone": sample.timezone,
        "total": reader.metrics("platform", "all")[0].values,
        "days": [
            {"window_start": to_text(row.window_start_ms), **row.values}
            for row in reader.metrics("platform", "all", window="day")
        ],
        "top_items": [asdict(place) for place in reader.leaderboard("item", k=ITEMS).places],
        "attribution": {model: [asdict(row) for row in reader.attribution(model)] for model in MODELS},
        "recommendations": {
            sample.buyer: [asdict(item) for item in reader.recommend(sample.buyer, RECOMMENDED).items]
        },
        "refused": reader.dead_letter_counts(),
    }


def print_tables(reader: "Reader", sample: "Sample", settings: "Settings") -> None:
    """Print the results for people, and where to look next."""
    _print_days(reader, sample)
    places = reader.leaderboard("item", k=ITEMS).places
    rows = [[place.rank, place.id, money(place.value, sample.currency)] for place in places]
    print_table("Items by GMV paid", ["rank", "item", "GMV paid"], rows)
    _print_attribution(reader, sample)
    answer = reader.recommend(sample.buyer, RECOMMENDED)
    best = [[rank, item.item_id, item.part] for rank, item in enumerate(answer.items, start=1)]
    print_table(
        f"Recommended to buyer {sample.buyer}", ["rank", "item", "because of"], best, "no model was published"
    )
    print_table("Refused", ["reason", "events"], list(reader.dead_letter_counts().items()), "nothing")
    _print_next(sample, settings)


def _print_days(reader: "Reader", sample: "Sample") -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    def day(row: "MetricsRow") -> str:
        if row.window_start_ms is None:
            return "total"
        return datetime.fromtimestamp(row.window_start_ms / 1000, UTC).astimezone(zone).date().isoformat()

    zone = ZoneInfo(sample.timezone)
    days = reader.metrics("platform", "all", window="day")
    rows = [
        [
            day(row),
            row.values["orders_paid"],
            row.values["units_paid"],
            *(money(row.values[name], sample.currency) for name in _MONEY),
        ]
        for row in [*days[-DAYS_SHOWN:], *reader.metrics("platform", "all")]
    ]
    more = f", the last {DAYS_SHOWN} of {len(days)} days" if len(days) > DAYS_SHOWN else ""
    print_table(
        f"The platform by day ({sample.timezone}){more}",
        ["day", "orders", "units", "GMV paid", "refunds", "net GMV"],
        rows,
    )


def _print_attribution(reader: "Reader", sample: "Sample") -> None:
    from schemas.metrics import MODELS

    rows = [
        [
            model,
            row.channel,
            row.id,
            money(row.credit_minor, sample.currency),
            row.credited_orders,
            row.touches,
        ]
        for model in MODELS
        for row in reader.attribution(model)[:ITEMS]
    ]
    print_table(
        "Net GMV by the traffic that earned it",
        ["model", "channel", "id", "credit", "orders", "touches"],
        rows,
    )


def _print_next(sample: "Sample", settings: "Settings") -> None:
    from rich.text import Text

    where = f"--redis {settings.redis}" if settings.redis else f"--data-dir {settings.data_dir}"
    lines = [
        "Look further:",
        f"  interestream metrics platform all --window day {where}",
        f"  interestream leaderboard item --metric net_gmv_minor {where}",
        f"  interestream attribution --model linear {where}",
        f"  interestream recommend {sample.buyer} {where}",
        f"  interestream export results {where}",
    ]
    console().print(Text("\n".join(lines)), soft_wrap=True)
