"""Silent partitions: which hold the watermark back, and until when."""

from in_memory_topic import Clock, Open, Topic, ids, passed

from transforms.pieces import BEFORE_ALL_MS


def test_watermark_is_the_least_until_a_partition_is_idle(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened()
    topic.event(0, 5000)
    topic.event(1, 9000)
    reading.rest()
    assert reading.watermark_ms == BEFORE_ALL_MS  # nothing is known of the third
    topic.event(2, 7000)
    reading.rest()
    assert reading.watermark_ms == 5000
    for second in range(9):
        topic.event(1, 10_000 + second)
        passed(clock, 1, reading)
    assert reading.watermark_ms == 5000
    for second in range(9, 12):
        topic.event(1, 10_000 + second)
        passed(clock, 1, reading)
    assert reading.watermark_ms == 10_011


def test_a_watermark_rises_without_any_event_once_others_are_idle(
    topic: Topic, clock: Clock, opened: Open
) -> None:
    reading = opened()
    for number in range(3):
        topic.event(number, 1000 * (number + 1))
    reading.rest()
    clock.now_s += 6
    topic.event(2, 8000)
    reading.rest()
    assert reading.watermark_ms == 1000
    assert passed(clock, 6, reading) == []
    assert reading.watermark_ms == 8000


def test_while_nobody_speaks_the_watermark_stands(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened()
    for number in range(3):
        topic.event(number, 1000 * (number + 1))
    reading.rest()
    passed(clock, 60, reading)
    assert reading.watermark_ms == 1000


def test_an_idle_partition_that_speaks_again_holds_back_again(
    topic: Topic, clock: Clock, opened: Open
) -> None:
    reading = opened()
    topic.event(0, 1000)
    for _ in range(20):
        topic.event(1, 50_000)
        topic.event(2, 50_000)
        passed(clock, 1, reading)
    assert reading.watermark_ms == 50_000
    topic.event(0, 60_000)
    topic.event(1, 99_000)
    topic.event(2, 99_000)
    assert len(ids(reading.rest())) == 3
    assert reading.watermark_ms == 60_000


def test_silence_of_a_broker_that_is_away_is_no_idleness(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened()
    for number in range(3):
        topic.event(number, 1000 * (number + 1))
    reading.rest()
    topic.away = True
    topic.event(0, 2000)
    assert passed(clock, 30, reading) == []
    assert reading.watermark_ms == 1000
    topic.away = False
    assert passed(clock, 1, reading) == ["0-1"]
    assert reading.watermark_ms == 2000


def test_a_partition_not_read_to_its_end_is_never_idle(topic: Topic, clock: Clock, opened: Open) -> None:
    reading = opened(rows=1, most=1)
    for at in range(40):
        for number in range(3):
            topic.event(number, at)
    blocks = []
    for _ in range(30):
        clock.now_s += 20
        block = reading.block()
        blocks += [block] if block else []
        assert reading.watermark_ms <= min(place.highest_ms for place in reading.places.values())
    assert blocks


def test_a_reader_whose_partitions_are_idle_goes_on_with_those_of_others(
    topic: Topic, clock: Clock, opened: Open
) -> None:
    reading = opened(reader=1, readers=2)
    topic.event(1, 1000)
    for second in range(15):
        topic.event(0, 20_000 + second)
        topic.event(2, 30_000 + second)
        passed(clock, 1, reading)
    assert 20_000 <= reading.watermark_ms <= 20_014
    said = topic.event(1, 40_000)
    assert passed(clock, 1, reading) == [said]
