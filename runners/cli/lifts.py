"""What coupons with a hold-out caused, beside what each attribution model says that they earned."""

from typing import TYPE_CHECKING, Any

from runners.cli.output import console, print_table

if TYPE_CHECKING:
    from schemas.records import IncrementalityRecord
    from serving.reader import Reader

_COLUMNS = (
    "coupon_id", "exposed", "held_out", "lift_minor_per_user", "ci_low", "ci_high", "incremental_gmv_minor",
    "cost_minor", "would_have_come_share",
)  # fmt: skip
_ROI_COLUMNS = ("coupon_id", "by", "roi", "low", "high")


def lift_rows(reader: "Reader", credited: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a coupon with a hold-out; `roi` is that of each model in the rows of credit, if any was earned."""
    rois: dict[str, dict[str, float | None]] = {}
    for row in credited:
        if row["channel"] == "coupon":
            rois.setdefault(row["id"], {})[row["model"]] = row["roi"]
    return [
        {"coupon_id": lift.coupon_id, **_plain(lift.record), "roi": rois.get(lift.coupon_id, {})}
        for lift in reader.incrementality()
    ]


def _plain(record: "IncrementalityRecord") -> dict[str, Any]:
    """Return a record's fields, and the ends of the incremental ROI's interval."""
    ends = {
        f"roi_{end}": lift * record.exposed / record.cost_minor
        if lift is not None and record.cost_minor
        else None
        for end, lift in (("low", record.ci_low), ("high", record.ci_high))
    }
    return {name: getattr(record, name) for name in record.__struct_fields__} | ends


def print_lifts(rows: list[dict[str, Any]]) -> None:
    """Print a table of the lifts, and one of the ROI by every model beside the incremental one; none without a hold-out."""
    if not rows:
        return
    shown = [[row[name] for name in _COLUMNS] for row in rows]
    console().print()
    print_table("What coupons caused: lift over the users held out, 95 % at all looks", _COLUMNS, shown, "")
    rois = [line for row in rows for line in _roi_lines(row)]
    console().print()
    print_table("Return on a coupon's cost: caused, and attributed under each model", _ROI_COLUMNS, rois, "")


def _roi_lines(row: dict[str, Any]) -> list[list[Any]]:
    caused = [row["coupon_id"], "caused", row["incremental_roi"], row["roi_low"], row["roi_high"]]
    return [caused, *([row["coupon_id"], model, roi, None, None] for model, roi in row["roi"].items())]
