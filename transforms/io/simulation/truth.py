"""What is known because it was simulated: the effect of each promotion, each order line's fate and cause, interests."""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.events import TIMESTAMP
from transforms.io.simulation.scenario import CATEGORIES

FOLDER: Final = "truth"
_TEXT: Final = pa.string()
_WHOLE: Final = pa.int64()
_REAL: Final = pa.float64()

_PROMOTION: Final = [
    ("evening", pa.int32()), ("design", _TEXT), ("room_id", _TEXT), ("session_id", _TEXT),
    ("holdout_share", _REAL), ("comes_anyway", _REAL), ("boost", _REAL),
    ("valid_from", TIMESTAMP), ("valid_to", TIMESTAMP),
    ("eligible", _WHOLE), ("exposed", _WHOLE), ("held_out", _WHOLE),
    ("true_lift_minor", _REAL), ("exposed_net_minor", _REAL), ("held_out_net_minor", _REAL),
    ("incremental_net_minor", _REAL), ("impressions", _WHOLE), ("delivered", _WHOLE), ("cost_minor", _WHOLE),
]  # fmt: skip

COUPONS: Final = pa.schema([("coupon_id", _TEXT), *_PROMOTION])
AD_PLANS: Final = pa.schema([("ad_plan_id", _TEXT), *_PROMOTION])
"""`true_lift_minor`: what exposure adds to the net GMV of an eligible user, in expectation, mean over all eligible;
`exposed_net_minor` and `held_out_net_minor` are its two sides, of the promoted moment alone; `incremental_net_minor`
the sum of the lifts of those who were exposed."""

INTERESTS: Final = pa.schema(
    [("evening", pa.int32()), ("user_id", _TEXT), ("category_id", _TEXT), ("weight", _REAL)]
)
ORDERS: Final = pa.schema(
    [
        ("evening", pa.int32()), ("order_id", _TEXT), ("item_id", _TEXT), ("user_id", _TEXT),
        ("room_id", _TEXT), ("session_id", _TEXT), ("creator_id", _TEXT), ("traffic_source", _TEXT),
        ("coupon_id", _TEXT), ("ad_plan_id", _TEXT), ("campaign_id", _TEXT), ("cause", _TEXT),
        ("click_chance", _REAL), ("buy_chance", _REAL), ("quantity", pa.int32()), ("amount_minor", _WHOLE),
        ("placed_at", TIMESTAMP), ("paid_at", TIMESTAMP), ("cancelled_at", TIMESTAMP), ("shipped_at", TIMESTAMP),
        ("delivered_at", TIMESTAMP), ("refunded_at", TIMESTAMP), ("refund_minor", _WHOLE),
        ("refunded_again_at", TIMESTAMP), ("second_refund_minor", _WHOLE), ("net_minor", _WHOLE),
    ]
)  # fmt: skip
"""`cause` is the promotion without which the line would not have been bought, by kind, else `own_accord`."""

TABLES: Final = {"coupons": COUPONS, "ad_plans": AD_PLANS, "orders": ORDERS, "interests": INTERESTS}
USERS_AT_ONCE: Final = 65_536 // CATEGORIES


class TruthFiles:
    """Writes the tables as Parquet, a batch at a time; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._writers = {
            name: pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd")
            for name, schema in TABLES.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, name: str, columns: dict[str, pa.Array]) -> None:
        """Append rows; columns are cast to the table's types, timestamps from UTC milliseconds."""
        schema = TABLES[name]
        arrays = [_cast(columns[field.name], field.type) for field in schema]
        self._writers[name].write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def moment(times: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
    """Return times as an array in which what never happens is null."""
    return pa.array(times, mask=times < 0)


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    if pa.types.is_timestamp(kind):
        return array.cast(pa.int64()).cast(kind)
    return array.cast(kind)
