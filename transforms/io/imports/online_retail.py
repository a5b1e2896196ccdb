"""UCI Online Retail: two years' invoices and cancellations of a British gift wholesaler, in pounds.

| source row (amount = Quantity × UnitPrice) | becomes |
|---|---|
| amount > 0 | `order` with status `paid`, `amount_minor` = amount in pence, rounded half to even |
| amount < 0 | `order` with status `refunded`, `amount_minor` = the amount's absolute value, likewise |
| amount = 0 | a dead letter `no_sale`: stock counts, damages and free samples, in which no money moves |

The sign of a line decides, and no line with money is left out. So paid − refunded is the publisher's net to
the penny; cancellations are the refunded lines whose invoice begins with `C`; and gross is paid − refunded
over all other invoices. Gross differs from paid only by three bad-debt adjustments, numbered
`A…`: one of +11,062.06 (paid) and two of −11,062.06 (refunded).

A cancellation names no invoice that it cancels: it keeps its own number (`C536379`) as order id, and the
pipeline lists it as an orphan refund. Lines of one invoice and stock code stay apart, each its own event.
Times are naive UK local time, read as Europe/London (the first of the two where clocks go back).
"""

import re
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.imports.columns import (
    decimals,
    each_distinct,
    event_batch,
    half_even_minor,
    integers,
    utc_ms,
)
from transforms.io.imports.files import find_files
from transforms.io.imports.importer import Importer
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.sieve import Check, sound_rows
from transforms.io.imports.tables import TEXT_SUFFIXES, Chunk, Column, Layout, matching_files, read_chunks

LAYOUT: Final = Layout(
    (
        Column("InvoiceNo", ("Invoice",)),
        Column("StockCode"),
        Column("Quantity"),
        Column("InvoiceDate"),
        Column("UnitPrice", ("Price",)),
        Column("CustomerID", ("Customer ID",), required=False),
    )
)
_LONDON: Final = ZoneInfo("Europe/London")
_US_DATE: Final = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})$")
_INT32_MAX: Final = 2**31 - 1


class OnlineRetail(Importer):
    """Imports invoices as order lines, whole columns at a time (about 80,000 rows a second)."""

    name: ClassVar[str] = "online-retail"
    title: ClassVar[str] = "UCI Online Retail, 2010-12-01 to 2011-12-09"
    licence: ClassVar[str] = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
    citation: ClassVar[str] = (
        "Chen, D. (2015). Online Retail [Dataset]. UCI Machine Learning Repository. "
        "https://doi.org/10.24432/C5BW33"
    )
    homepage: ClassVar[str] = "https://archive.ics.uci.edu/dataset/352/online+retail"
    notes: ClassVar[str] = (
        "Lines with a positive amount are paid, with a negative one refunded; paid less refunded is the "
        "publisher's net to the penny. Lines without money are dead letters (no_sale). Descriptions and "
        "countries are left out."
    )

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the invoice lines in the order of the file."""
        items: set[str] = set()
        files = matching_files(find_files(path, TEXT_SUFFIXES), LAYOUT, r"online[ _-]?retail", out)
        for file, header in files:
            for chunk in read_chunks(file, header, out):
                batch = _events(chunk, out)
                items.update(pc.unique(batch["item_id"]).to_pylist())
                out.add_events(batch)
        names = sorted(items)
        merchants = pa.repeat(self.name, len(names))
        out.add_dimension(
            "items", pa.table({"item_id": pa.array(names, pa.string()), "merchant_id": merchants})
        )


def london_ms(text: str) -> int | None:
    """Read UK local time (`2011-03-27 10:16:00` or `3/27/2011 10:16`) as UTC milliseconds.

    >>> london_ms("2011-07-01 12:00:00") == london_ms("7/1/2011 12:00") == 1309518000000
    True
    """
    american = _US_DATE.match(text)
    try:
        if american:
            month, day, year, hour, minute = map(int, american.groups())
            local = datetime(year, month, day, hour, minute)
        else:
            local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return utc_ms(local if local.tzinfo else local.replace(tzinfo=_LONDON))


def _events(chunk: Chunk, out: ImportOutput) -> pa.RecordBatch:
    text = chunk.columns
    times = each_distinct(text["InvoiceDate"], london_ms)
    quantities, prices = integers(text["Quantity"]), decimals(text["UnitPrice"], places=6)
    units = pc.if_else(pc.less_equal(pc.abs(quantities), _INT32_MAX), quantities, pa.scalar(None, pa.int64()))
    amounts = pc.multiply(units.cast(pa.decimal128(19, 0)), prices)
    pence = half_even_minor(amounts)
    zero = pa.scalar(0, pa.int64()).cast(amounts.type)
    sound = sound_rows(
        chunk,
        [
            Check("InvoiceNo", pc.is_valid(text["InvoiceNo"]), "missing_invoice", "an invoice number"),
            Check("StockCode", pc.is_valid(text["StockCode"]), "missing_item", "a stock code"),
            Check(
                "InvoiceDate", pc.is_valid(times), "bad_timestamp", "a local time such as 2011-03-27 10:16:00"
            ),
            Check("Quantity", pc.is_valid(units), "bad_quantity", "a whole number"),
            Check("UnitPrice", pc.is_valid(pence), "bad_amount", "a decimal number of pounds"),
            Check("UnitPrice", pc.not_equal(amounts, zero), "no_sale", "a line in which money moves"),
        ],
        out,
        times,
    )
    batch = event_batch(
        len(chunk),
        event_id=chunk.event_ids(OnlineRetail.name),
        event_type="order",
        event_time=times,
        user_id=_users(text, len(chunk)),
        traffic_source="other",
        order_id=text["InvoiceNo"],
        item_id=text["StockCode"],
        quantity=pc.abs(units),
        amount_minor=pc.abs(pence),
        currency="GBP",
        order_status=pc.if_else(pc.greater(amounts, zero), "paid", "refunded"),
    )
    return batch.filter(sound)


def _users(text: dict[str, pa.Array], rows: int) -> pa.Array:
    customers = text.get("CustomerID", pa.nulls(rows, pa.string()))
    guests = pc.binary_join_element_wise("guest", text["InvoiceNo"], "-")
    return pc.coalesce(pc.replace_substring_regex(customers, r"\.0$", ""), guests)
