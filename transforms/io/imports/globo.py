"""Globo.com: clicks on news articles, with sessions; the recommender's main test.

Each row becomes one `click` of the user on the article. `session_id` keeps the publisher's session, since the
prequential protocol needs it, though `room_id` is null: there is no live room. Times are epoch milliseconds,
UTC. The files are by the hour in which a session *started*, so events come out of order and hours late, as
from a real collector. Where the publisher's `articles_metadata.csv` lies beside the clicks, it becomes the
items dimension: category, and the time of publication as `launched_at`.
"""

from pathlib import Path
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import TIMESTAMP
from transforms.io.imports.columns import event_batch, integers
from transforms.io.imports.files import SourceFile, find_files
from transforms.io.imports.importer import Importer
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.sieve import Check, sound_rows
from transforms.io.imports.tables import (
    TEXT_SUFFIXES,
    Chunk,
    Column,
    Layout,
    matching_files,
    read_chunks,
    read_header,
)  # fmt: skip

LAYOUT: Final = Layout(
    (
        Column("user_id"),
        Column("session_id", required=False),
        Column("click_article_id", ("article_id",)),
        Column("click_timestamp", ("timestamp",)),
    )
)
ARTICLES: Final = Layout(
    (Column("article_id"), Column("category_id", required=False), Column("created_at_ts", required=False))
)
_METADATA: Final = "articles_metadata.csv"
_LAST_MS: Final = 7_258_118_400_000  # the year 2200: later is no time but a broken row


class Globo(Importer):
    """Imports clicks, whole columns at a time (about 120,000 rows a second)."""

    name: ClassVar[str] = "globo"
    title: ClassVar[str] = "Globo.com news portal user interactions, 2017-10-01 to 2017-10-16"
    licence: ClassVar[str] = "none stated by the publisher: for research and evaluation, not to be passed on"
    citation: ClassVar[str] = (
        "Moreira, G. S. P., Ferreira, F., & da Cunha, A. M. (2018). News Session-Based Recommendations using "
        "Deep Neural Networks. DLRS 2018. https://doi.org/10.1145/3270323.3270328"
    )
    homepage: ClassVar[str] = (
        "https://www.kaggle.com/datasets/gspmoreira/news-portal-user-interactions-by-globocom"
    )
    notes: ClassVar[str] = (
        "Device, country and referrer codes have no published meaning here and are left out."
    )

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the hourly files in name order."""
        files = find_files(path, TEXT_SUFFIXES)
        metadata = [file for file in files if file.name.endswith(_METADATA.removesuffix(".csv"))]
        clicks = [file for file in files if file not in metadata]
        for file, header in matching_files(clicks, LAYOUT, r"clicks_hours?_\d", out):
            for chunk in read_chunks(file, header, out):
                out.add_events(_events(chunk, out))
        for file in metadata[:1]:
            out.add_dimension("items", _articles(file, out))


def _events(chunk: Chunk, out: ImportOutput) -> pa.RecordBatch:
    text = chunk.columns
    times = times_ms(text["click_timestamp"])
    sound = sound_rows(
        chunk,
        [
            Check("user_id", pc.is_valid(text["user_id"]), "missing_user", "a user id"),
            Check("click_article_id", pc.is_valid(text["click_article_id"]), "missing_item", "an article id"),
            Check("click_timestamp", pc.is_valid(times), "bad_timestamp", "epoch milliseconds"),
        ],
        out,
        times,
    )
    return event_batch(
        len(chunk),
        event_id=chunk.event_ids(Globo.name),
        event_type="click",
        event_time=times,
        user_id=text["user_id"],
        session_id=text.get("session_id"),
        item_id=text["click_article_id"],
        traffic_source="other",
    ).filter(sound)


def times_ms(text: pa.Array) -> pa.Array:
    """Read epoch milliseconds; what lies outside the years 1970 to 2200 becomes null.

    >>> times_ms(pa.array(["1506826828020", "-5", "soon"])).to_pylist()
    [1506826828020, None, None]
    """
    numbers = integers(text)
    possible = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, _LAST_MS))
    return pc.if_else(possible, numbers, pa.scalar(None, pa.int64()))


def _articles(file: SourceFile, out: ImportOutput) -> pa.Table:
    parts = [pa.table(chunk.columns) for chunk in read_chunks(file, read_header(file, ARTICLES), out)]
    articles = pa.concat_tables(parts).combine_chunks()
    columns = {"item_id": articles["article_id"], "merchant_id": pa.repeat(Globo.name, articles.num_rows)}
    if "category_id" in articles.column_names:
        columns["category_id"] = articles["category_id"]
    if "created_at_ts" in articles.column_names:
        columns["launched_at"] = times_ms(articles["created_at_ts"].combine_chunks()).cast(TIMESTAMP)
    return pa.table(columns)
