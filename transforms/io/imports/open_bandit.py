"""Open Bandit (ZOZOTOWN): logged recommendations of fashion items, with clicks.

Each logged impression becomes a `view` of the item; where it was clicked, a `click` at the same time too, for
the log has no other. Users are anonymous: `user_id` is a digest of the four hashed user features, so it names
a kind of user rather than a person. Items are numbered anew in each campaign, hence `men-12` and `all-12`.
Every impression was shown by a recommender, so the traffic source is `recommend`. Positions, propensities and
affinities have no column in an event and are left out: off-policy estimates need the publisher's own files.
"""

import hashlib
from pathlib import Path
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.imports.columns import each_distinct, event_batch, integers, iso_ms
from transforms.io.imports.files import find_files
from transforms.io.imports.importer import Importer
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.sieve import Check, sound_rows
from transforms.io.imports.tables import TEXT_SUFFIXES, Chunk, Column, Layout, matching_files, read_chunks

FEATURES: Final = tuple(f"user_feature_{number}" for number in range(4))
LAYOUT: Final = Layout(tuple(map(Column, ("timestamp", "item_id", "click", *FEATURES))))


class OpenBandit(Importer):
    """Imports impressions and clicks of one or all campaigns (about 60,000 rows a second: rows are wide)."""

    name: ClassVar[str] = "open-bandit"
    title: ClassVar[str] = "Open Bandit Dataset, ZOZOTOWN, November 2019"
    licence: ClassVar[str] = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
    citation: ClassVar[str] = (
        "Saito, Y., Aihara, S., Matsutani, M., & Narita, Y. (2021). Open Bandit Dataset and Pipeline: "
        "Towards Realistic and Reproducible Off-Policy Evaluation. NeurIPS Datasets and Benchmarks. "
        "arXiv:2008.07146"
    )
    homepage: ClassVar[str] = "https://research.zozo.com/data.html"
    notes: ClassVar[str] = (
        "User ids are digests of the hashed user features. Positions, propensity scores and affinities are "
        "left out."
    )

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read each policy's campaigns in name order."""
        items: set[str] = set()
        files = matching_files(find_files(path, TEXT_SUFFIXES), LAYOUT, r"(^|/|:)(all|men|women)\.csv", out)
        for file, header in files:
            for chunk in read_chunks(file, header, out):
                batch = _events(chunk, out)
                items.update(pc.unique(batch["item_id"]).to_pylist())
                out.add_events(batch)
        names = pa.array(sorted(items), pa.string())
        out.add_dimension(
            "items", pa.table({"item_id": names, "merchant_id": pa.repeat("zozotown", len(names))})
        )


def _events(chunk: Chunk, out: ImportOutput) -> pa.RecordBatch:
    text = chunk.columns
    times = each_distinct(text["timestamp"], iso_ms)
    clicked = integers(text["click"])
    users = _users(text)
    sound = sound_rows(
        chunk,
        [
            Check("timestamp", pc.is_valid(times), "bad_timestamp", "an ISO 8601 time"),
            Check("item_id", pc.is_valid(text["item_id"]), "missing_item", "an item number"),
            Check("click", pc.is_in(clicked, pa.array([0, 1])), "bad_click", "0 or 1"),
            Check("user_feature_0", pc.is_valid(users), "missing_user", "four user features"),
        ],
        out,
        times,
    )
    ids = chunk.event_ids(OpenBandit.name)
    campaign = chunk.file_name.rpartition("-")[2]
    shared = {
        "event_time": times, "user_id": users, "traffic_source": "recommend",
        "item_id": pc.binary_join_element_wise(campaign, text["item_id"], "-"),
    }  # fmt: skip
    views = event_batch(len(chunk), event_id=ids, event_type="view", **shared)
    click_ids = pc.binary_join_element_wise(ids, "click", "-")
    clicks = event_batch(len(chunk), event_id=click_ids, event_type="click", **shared)
    return _interleaved(views, clicks, sound, pc.and_(sound, pc.fill_null(pc.equal(clicked, 1), False)))


def _interleaved(
    views: pa.RecordBatch, clicks: pa.RecordBatch, shown: pa.Array, clicked: pa.Array
) -> pa.RecordBatch:
    both = pa.Table.from_batches([views.filter(shown), clicks.filter(clicked)])
    # Twice the row number, and one more for its click: a click follows its own impression.
    view_places = pc.multiply(pc.indices_nonzero(shown).cast(pa.int64()), 2)
    click_places = pc.add(pc.multiply(pc.indices_nonzero(clicked).cast(pa.int64()), 2), 1)
    order = pc.sort_indices(pa.concat_arrays([view_places, click_places]))
    return (
        both.take(order).combine_chunks().to_batches(max_chunksize=None)[0]
        if both.num_rows
        else views.slice(0, 0)
    )


def _users(text: dict[str, pa.Array]) -> pa.Array:
    features = pc.binary_join_element_wise(*(text[name] for name in FEATURES), "|")
    encoded = features.dictionary_encode()
    names = [_digest(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def _digest(features: str) -> str:
    return f"u-{hashlib.sha256(features.encode()).hexdigest()[:16]}"
