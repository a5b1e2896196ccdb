"""What only a simulation can show: beside the credit of each coupon, what it truly caused."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runners.cli.money import money
from runners.cli.output import print_table

if TYPE_CHECKING:
    from runners.demo_sample import Sample
    from serving.reader import Reader

MODEL = "last_touch"
_WHAT = {
    "effective": "brings people who would not have come",
    "no_effect": "reaches people who come anyway",
    "at_buyers": "sent to those who buy anyway",
}


@dataclass(frozen=True)
class CouponTruth:
    """One coupon: what it cost, what the model credits it with, what it caused, in minor units."""

    coupon_id: str
    design: str
    cost_minor: int
    credit_minor: int
    caused_minor: int


def coupon_truths(reader: "Reader", sample: "Sample") -> list[CouponTruth]:
    """Return the coupons of the simulation, in order of their ids."""
    import pyarrow.parquet as pq

    credits = {row.id: row.credit_minor for row in reader.attribution(MODEL) if row.channel == "coupon"}
    return [
        CouponTruth(
            row["coupon_id"],
            row["design"],
            row["cost_minor"],
            credits.get(row["coupon_id"], 0),
            round(row["incremental_net_minor"]),
        )
        for row in pq.read_table(sample.path / "truth" / "coupons.parquet").to_pylist()
    ]


def as_rows(truths: list[CouponTruth]) -> list[dict[str, Any]]:
    """Return them as plain values."""
    return [asdict(truth) for truth in truths]


def print_coupons(truths: list[CouponTruth], currency: str) -> None:
    """Print them for people."""
    rows = [
        [
            truth.coupon_id,
            _WHAT[truth.design],
            *(money(value, currency) for value in (truth.cost_minor, truth.credit_minor, truth.caused_minor)),
        ]
        for truth in truths
    ]
    print_table(
        "Coupons: what last touch credits, and what they truly caused",
        ["coupon", "it", "cost", MODEL, "caused"],
        rows,
    )
