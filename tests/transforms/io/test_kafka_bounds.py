"""Where a topic ends, and what is gone from its beginning."""

from dataclasses import replace

import pytest
from in_memory_topic import LIVE, NAME, Open, Topic, ids

from schemas.errors import SourceError
from transforms.io.blocks import Place
from transforms.io.kafka_partitions import parse_place


def test_a_bounded_read_ends_where_the_topic_ended_at_the_start(topic: Topic, opened: Open) -> None:
    bounded = replace(LIVE, bounded=True)
    before = [topic.event(number, at) for at in range(10) for number in (0, 1)]
    first = opened(bounded, rows=3)
    read = ids([block for block in (first.block() for _ in range(6)) if block])
    topic.event(0, 99)
    topic.event(2, 99)
    assert not first.reader.finished
    second = opened(bounded, first.places)
    read += ids(second.rest())
    assert second.reader.finished
    assert sorted(read) == sorted(before)
    assert all(place.ended for place in second.places.values())
    assert sorted(ids(opened(bounded, second.places).rest())) == ["0-10", "2-0"]


@pytest.mark.parametrize("beyond", [False, True])
def test_a_bounded_read_ends_behind_markers_that_are_no_messages(
    topic: Topic, opened: Open, beyond: bool
) -> None:
    topic.event(0, 1)
    topic.high[0] += 2
    reading = opened(replace(LIVE, bounded=True))
    reading.block()
    if beyond:
        topic.event(0, 2)
    assert ids(reading.rest()) == ["0-0"]
    assert reading.reader.finished


def test_an_empty_part_of_a_bounded_topic_is_finished(opened: Open) -> None:
    reading = opened(replace(LIVE, bounded=True), reader=3, readers=4)
    assert reading.rest() == []
    assert reading.reader.finished


def with_a_gap(topic: Topic, opened: Open) -> dict[str, Place]:
    """Read four of a partition's ten messages, and let three of the next be deleted; returns the places."""
    for at in range(10):
        topic.event(1, at)
    first = opened(rows=4)
    while parse_place(first.places.get(NAME(1), Place("0", 0)).offset)[0] < 4:
        first.block()
    topic.delete_before(1, 7)
    return dict(first.places)


def test_messages_deleted_before_they_were_read_stop_the_job(topic: Topic, opened: Open) -> None:
    places = with_a_gap(topic, opened)
    with pytest.raises(
        SourceError, match=r"Offsets 4 to 6 of partition 1 of t were deleted.*up to 3 .*gaps=skip"
    ):
        opened(LIVE, places).rest()


def test_a_gap_that_is_skipped_is_counted_by_a_dead_letter(topic: Topic, opened: Open) -> None:
    places = with_a_gap(topic, opened)
    blocks = opened(replace(LIVE, skip_gaps=True), places).rest()
    assert ids(blocks) == ["1-7", "1-8", "1-9"]
    letters = [row for block in blocks for row in block.decoded.refused.to_pylist()]
    assert [(row["reason"], row["rule"]) for row in letters] == [("unreadable_input", "partition.retention")]
    assert b"Offsets 4 to 6" in letters[0]["raw"]


def test_a_topic_made_anew_stops_the_job(topic: Topic, opened: Open) -> None:
    places = {NAME(number): Place("50", 1) for number in range(3)}
    with pytest.raises(SourceError, match="ends at offset 0, but was read up to 50"):
        opened(replace(LIVE, skip_gaps=True), places).rest()
