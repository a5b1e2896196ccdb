"""What the demo shows: money by hour or day, leaders, attribution, recommendations for one buyer."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from runners.cli.demo_truth import as_rows, coupon_truths, print_coupons
from runners.cli.looking import asked_ids
from runners.cli.money import money
from runners.cli.output import console, print_table
from runners.moments import parse_moment
from serving.windows import to_text

if TYPE_CHECKING:
    from online_models.answer import Answer
    from runners.demo_sample import Sample
    from runners.settings import Settings
    from serving.metrics import MetricsRow
    from serving.reader import Reader

LEADERS = 5
RECOMMENDED = 5
ROWS_SHOWN = 31
_MONEY = ("gmv_paid_minor", "refunds_minor", "net_gmv_minor")


def as_document(reader: "Reader", sample: "Sample", settings: "Settings") -> dict[str, Any]:
    """Return the results as plain values."""
    from schemas.metrics import MODELS

    return {
        "currency": sample.currency,
        "timezone": sample.timezone,
        "synthetic": sample.synthetic,
        "total": reader.metrics("platform", "all")[0].values,
        f"{sample.window}s": [
            {"window_start": to_text(row.window_start_ms), **row.values}
            for row in reader.metrics("platform", "all", window=sample.window)
        ],
        **{
            f"top_{scope}s": [asdict(place) for place in reader.leaderboard(scope, k=LEADERS).places]
            for scope in sample.boards
        },
        "attribution": {model: [asdict(row) for row in reader.attribution(model)] for model in MODELS},
        **({"coupons": as_rows(coupon_truths(reader, sample))} if sample.synthetic else {}),
        "recommendations": {
            sample.buyer: [asdict(item) for item in _recommended(reader, sample, settings).items]
        },
        "refused": reader.dead_letter_counts(),
    }


def print_tables(reader: "Reader", sample: "Sample", settings: "Settings") -> None:
    """Print the results for people, and where to look next."""
    if sample.synthetic:
        print_table("These data are synthetic", ["", ""], _told_of_simulation(sample))
    _print_windows(reader, sample)
    for scope in sample.boards:
        places = reader.leaderboard(scope, k=LEADERS).places
        rows = [[place.rank, place.id, money(place.value, sample.currency)] for place in places]
        print_table(f"{scope.capitalize()}s by GMV paid", ["rank", scope, "GMV paid"], rows)
    _print_attribution(reader, sample)
    if sample.synthetic:
        print_coupons(coupon_truths(reader, sample), sample.currency)
    answer = _recommended(reader, sample, settings)
    best = [[rank, item.item_id, item.part] for rank, item in enumerate(answer.items, start=1)]
    print_table(
        f"Recommended to buyer {sample.buyer}", ["rank", "item", "because of"], best, "no model was published"
    )
    print_table("Refused", ["reason", "events"], list(reader.dead_letter_counts().items()), "nothing")
    _print_next(sample, settings)


def _recommended(reader: "Reader", sample: "Sample", settings: "Settings") -> "Answer":
    asked_at_ms = parse_moment(sample.asked_at, sample.timezone) if sample.asked_at else None
    [buyer] = asked_ids(reader, settings, ["user_id"], [sample.buyer])
    return reader.recommend(buyer, RECOMMENDED, asked_at_ms)


def _told_of_simulation(sample: "Sample") -> list[list[object]]:
    return [
        ["what", "no user, merchant or order is real; every id begins with sim-"],
        ["how", "interestream simulate, from a fixed seed"],
        ["the truth", str(sample.path / "truth")],
        ["real data", "interestream demo --data online-retail"],
    ]


def _print_windows(reader: "Reader", sample: "Sample") -> None:
    """Print the platform's figures by day, or by the hours in which anything was sold, and in total."""
    windows = reader.metrics("platform", "all", window=sample.window)
    sold = [row for row in windows if row.values["orders_paid"]] if sample.window == "hour" else windows
    rows = [
        [
            _began(row, sample),
            row.values["orders_paid"],
            row.values["units_paid"],
            *(money(row.values[name], sample.currency) for name in _MONEY),
        ]
        for row in [*sold[-ROWS_SHOWN:], *reader.metrics("platform", "all")]
    ]
    more = f", the last {ROWS_SHOWN} of {len(sold)} {sample.window}s" if len(sold) > ROWS_SHOWN else ""
    print_table(
        f"The platform by {sample.window} ({sample.timezone}){more}",
        [sample.window, "orders", "units", "GMV paid", "refunds", "net GMV"],
        rows,
    )


def _began(row: "MetricsRow", sample: "Sample") -> str:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    if row.window_start_ms is None:
        return "total"
    began = datetime.fromtimestamp(row.window_start_ms / 1000, UTC).astimezone(ZoneInfo(sample.timezone))
    return began.strftime("%Y-%m-%d %H:%M" if sample.window == "hour" else "%Y-%m-%d")


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
        for row in reader.attribution(model)[:LEADERS]
    ]
    print_table(
        "Net GMV by the traffic that earned it",
        ["model", "channel", "id", "credit", "orders", "touches"],
        rows,
    )


def _print_next(sample: "Sample", settings: "Settings") -> None:
    from rich.text import Text

    where = f"--redis {settings.redis}" if settings.redis else f"--data-dir {settings.data_dir}"
    asked = f" --at {sample.asked_at}" if sample.asked_at else ""
    secret = f" --pseudonymize {settings.pseudonymize}" if settings.pseudonymize else ""
    lines = [
        "Look further:",
        f"  interestream metrics platform all --window {sample.window} {where}",
        f"  interestream leaderboard item --metric net_gmv_minor {where}",
        f"  interestream attribution --model linear {where}",
        f"  interestream recommend {sample.buyer}{asked}{secret} {where}",
        f"  interestream export results {where}",
    ]
    console().print(Text("\n".join(lines)), soft_wrap=True)
