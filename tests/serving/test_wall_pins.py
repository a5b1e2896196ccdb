"""Items put on show, found in minutes of exposures put into Redis by hand, and held to a slow search for them."""

from collections.abc import Sequence

import redis
from hypothesis import given
from hypothesis import strategies as st
from published import Writer

from schemas.metrics import EVENT_TIME_COUNTS
from serving.access import Store
from serving.wall.pins import Pins, pinned

MINUTE = 60_000
ITEMS = ["a", "b", "c"]


def show(writer: Writer, minute: int, **impressions: int) -> None:
    for item, count in impressions.items():
        cell = [count if name == "impressions" else 0 for name in EVENT_TIME_COUNTS]
        writer.cell("e", "item", ("minute", minute * MINUTE), item, cell)


def test_an_item_is_pinned_while_it_has_most_exposures(client: redis.Redis, writer: Writer) -> None:
    for minute in range(10):
        show(writer, minute, a=5, b=5, c=5)
    for minute in range(10, 15):
        show(writer, minute, a=30, b=5, c=5)
    pins = Pins(Store(client, "is"))
    assert pins.of("s", ITEMS, 0, 15 * MINUTE) == [(10 * MINUTE, "a")]
    for minute in range(15, 19):
        show(writer, minute, b=30, c=5)
    assert pins.of("s", ITEMS, 0, 19 * MINUTE) == [(10 * MINUTE, "a"), (15 * MINUTE, "b")]


def test_newest_minutes_are_read_again_and_part_of_a_show_knows_nothing_later(
    client: redis.Redis, writer: Writer
) -> None:
    for minute in range(6):
        show(writer, minute, a=30, b=5)
    pins = Pins(Store(client, "is"))
    assert pins.of("s", ITEMS, 0, 6 * MINUTE) == [(0, "a")]
    show(writer, 4, b=90)  # what came late
    show(writer, 5, b=90)
    show(writer, 6, b=90)
    assert pins.of("s", ITEMS, 0, 7 * MINUTE) == [(0, "a"), (4 * MINUTE, "b")]
    assert pins.of("s", ITEMS, 0, 6 * MINUTE) == [(0, "a")]


@given(st.lists(st.sampled_from([None, "a", "b"]), max_size=30))
def test_a_pin_is_three_minutes_of_another_item(leaders: Sequence[str | None]) -> None:
    expected: list[tuple[int, str]] = []
    for at, item in enumerate(leaders):
        begins = item is not None and (at == 0 or leaders[at - 1] != item)
        if begins and list(leaders[at : at + 3]) == [item] * 3 and (not expected or expected[-1][1] != item):
            expected.append((at, str(item)))
    assert pinned(list(enumerate(leaders))) == expected
