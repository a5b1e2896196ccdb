"""How long buyers took to pay, against the middle of a sorted list."""

import statistics

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.wall.paying import median_to_pay_ms

PLACED, PAID, CANCELLED, REFUNDED = range(4)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.sampled_from([PLACED, PAID, CANCELLED, REFUNDED]), st.integers(0, 50)
    )
)


def table(events: list[tuple[str, int, int]]) -> pa.Table:
    orders, statuses, times = zip(*events, strict=True) if events else ((), (), ())
    return pa.table(
        {
            "order_id": pa.array(orders, pa.string()),
            "status": pa.array(statuses, pa.int8()),
            "event_time_ms": pa.array(times, pa.int64()),
        }
    )


@settings(deadline=None)
@given(EVENTS)
def test_the_middle_of_all_that_took_time(events: list[tuple[str, int, int]]) -> None:
    took = []
    for order in {event[0] for event in events}:
        placed = sorted(at for name, status, at in events if (name, status) == (order, PLACED))
        paid = sorted(at for name, status, at in events if (name, status) == (order, PAID))
        if placed and paid and paid[0] >= placed[0]:
            took.append(paid[0] - placed[0])
    assert median_to_pay_ms(table(events)) == (statistics.median(took) if took else None)


def test_a_room_without_orders_has_none() -> None:
    assert median_to_pay_ms(None) is None
