"""What one would write by hand in Beam: one event an element, keyed state in the runner, Redis for results.

    python benchmarks/element_pipeline.py kafka://127.0.0.1:9092/events --redis unix:///tmp/redis.sock

The element-at-a-time competitor on Flink, written as the Beam guides teach it and then made as fast as that gets:
orjson, combiners lifted before the shuffle, one HSET a bundle, few and small state cells. Its outputs are those of
`hand_loop.py`: exact duplicates, base counts of six scopes in four windows, last-touch and linear credit a line,
refunds taken back, transitions of items for recommendations. It submits to the cluster of `interestream flink up`.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import orjson
from apache_beam.coders import BytesCoder, PickleCoder, StrUtf8Coder
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.trigger import AccumulationMode, AfterProcessingTime, Repeatedly
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp
from hand_attribution import CLICK_WINDOW_MS, VIEW_WINDOW_MS
from hand_counts import DAY_MS, HOUR_MS, MINUTE_MS, TIMEZONE_MS

TOTAL: Final = "peer:seen"
SCOPES: Final = ("room_id", "session_id", "creator_id", "item_id", "traffic_source")
COUNTED: Final = {"view": "views", "click": "clicks", "follow": "follows"}
CHANNELS: Final = ("coupon_id", "ad_plan_id", "campaign_id", "traffic_source")
HAND_BACK_S: Final = 0.3
WRITE_EVERY_S: Final = 1

Event = dict[str, Any]
Increments = dict[str, int]


class _Offsets(RestrictionProvider):
    """All offsets of one partition."""

    def initial_restriction(self, element: tuple[str, str, int]) -> OffsetRange:  # noqa: ARG002
        return OffsetRange(0, 1 << 62)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: Any, restriction: OffsetRange) -> float:  # noqa: ARG002
        return 1.0

    def split(self, element: Any, restriction: OffsetRange) -> Iterator[OffsetRange]:  # noqa: ARG002
        yield restriction


class _ReadTopic(beam.DoFn):
    """Messages of one partition, one by one."""

    def setup(self) -> None:
        self._consumers: dict[int, tuple[Any, int]] = {}

    @beam.DoFn.unbounded_per_element()
    def process(
        self, element: tuple[str, str, int],
        tracker: Any = beam.DoFn.RestrictionParam(_Offsets()),
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),
    ) -> Iterator[Any]:  # fmt: skip
        from confluent_kafka import Consumer, TopicPartition

        servers, topic, partition = element
        start = tracker.current_restriction().start
        consumer, at = self._consumers.get(partition, (None, -1))
        if consumer is None or at != start:
            consumer = Consumer(
                {"bootstrap.servers": servers, "group.id": "peer", "enable.auto.commit": False}
            )
            consumer.assign([TopicPartition(topic, partition, start)])
        deadline = time.monotonic() + HAND_BACK_S
        at = start
        while time.monotonic() < deadline:
            for message in consumer.consume(500, 0.05):
                if not tracker.try_claim(message.offset()):
                    return
                at = message.offset() + 1
                event = orjson.loads(message.value())
                stamp = Timestamp(micros=event["event_time"] * 1000)
                yield TimestampedValue(event, stamp)
                current = estimator.current_watermark()
                estimator.set_watermark(stamp if current is None else max(current, stamp))
        self._consumers[partition] = (consumer, at)
        tracker.defer_remainder(Duration(0))


class _Distinct(beam.DoFn):
    """Lets each event id through once."""

    SEEN = ReadModifyWriteStateSpec("seen", BytesCoder())

    def process(self, element: tuple[str, Event], seen: Any = beam.DoFn.StateParam(SEEN)) -> Iterator[Event]:
        if seen.read() is None:
            seen.write(b"1")
            yield element[1]


def windows(time_ms: int) -> tuple[tuple[str, int], ...]:
    """Return the four windows of a time."""
    return (
        ("minute", time_ms - time_ms % MINUTE_MS), ("hour", time_ms - time_ms % HOUR_MS),
        ("day", time_ms - (time_ms + TIMEZONE_MS) % DAY_MS), ("total", 0),
    )  # fmt: skip


def counts(event: Event) -> Iterator[tuple[str, Increments]]:
    """Return what an event adds to each cell of six scopes in four windows."""
    kind = event["event_type"]
    if kind in COUNTED:
        if event.get("holdout"):
            return
        adds = {COUNTED[kind]: 1}
        if kind == "view":
            adds["dwell_ms"] = event.get("dwell_ms") or 0
    elif kind == "order":
        status = event["order_status"]
        adds = {
            f"orders_{status}": 1,
            f"gmv_{status}_minor": event["amount_minor"],
            "units": event["quantity"],
        }
    else:
        return
    cells = [("platform", "all"), *((scope, event.get(scope) or "none") for scope in SCOPES)]
    for window, start in windows(event["event_time"]):
        for scope, identity in cells:
            yield f"{scope}|{window}|{start}|{identity}", adds


class _AddUp(beam.CombineFn):
    """Sums increments by name."""

    def create_accumulator(self) -> Increments:
        return {}

    def add_input(self, accumulator: Increments, adds: Increments) -> Increments:
        for name, number in adds.items():
            accumulator[name] = accumulator.get(name, 0) + number
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Increments]) -> Increments:
        merged: Increments = {}
        for each in accumulators:
            self.add_input(merged, each)
        return merged

    def extract_output(self, accumulator: Increments) -> Increments:
        return accumulator


class _Attribute(beam.DoFn):
    """Last-touch and linear credit of a user's order lines, taken back when they are refunded."""

    TOUCHES = BagStateSpec("touches", PickleCoder())
    LINES = ReadModifyWriteStateSpec("lines", PickleCoder())

    def process(
        self, element: tuple[str, Event], touches: Any = beam.DoFn.StateParam(TOUCHES),
        lines: Any = beam.DoFn.StateParam(LINES),
    ) -> Iterator[tuple[str, Increments]]:  # fmt: skip
        event, time_ms = element[1], element[1]["event_time"]
        if event["event_type"] in ("view", "click"):
            named = next(
                ((name, event[name]) for name in CHANNELS if event.get(name)), ("traffic_source", "none")
            )
            touches.add(
                (
                    time_ms,
                    event["event_type"] == "click",
                    event.get("session_id"),
                    event.get("item_id"),
                    named,
                )
            )
        elif event["event_type"] == "order" and event["order_status"] in ("paid", "refunded"):
            held = lines.read() or {}
            line = (event["order_id"], event["item_id"])
            eligible, net, before = held.get(line, (None, 0, []))
            if event["order_status"] == "paid":
                eligible, net = self._eligible(event, touches.read()), net + event["amount_minor"]
            else:
                net -= event["amount_minor"]
            after = self._credit(eligible, max(net, 0)) if eligible else []
            held[line] = (eligible, net, after)
            lines.write(held)
            for sign, credits in ((-1, before), (1, after)):
                for model, (channel, identity), credit in credits:
                    for window, start in windows(time_ms):
                        yield f"credit|{window}|{start}|{channel}:{identity}", {model: sign * credit}
            yield f"line|{'|'.join(line)}", {model: credit for model, _, credit in after}

    def _eligible(self, event: Event, touches: Iterable[Any]) -> list[Any]:
        paid_ms = event["event_time"]
        found = sorted(
            touch for touch in touches
            if paid_ms - (CLICK_WINDOW_MS if touch[1] else VIEW_WINDOW_MS) <= touch[0] <= paid_ms
            and event["item_id"] == touch[3]
        )  # fmt: skip
        return [touch[4] for touch in found] or [("traffic_source", "direct")]

    def _credit(self, eligible: list[Any], net: int) -> list[tuple[str, Any, int]]:
        share, rest = divmod(net, len(eligible))
        linear = [("linear", channel, share + (place < rest)) for place, channel in enumerate(eligible)]
        return [("last_touch", eligible[-1], net), *linear]


class _Follow(beam.DoFn):
    """What item a user clicked after which."""

    LAST = ReadModifyWriteStateSpec("last", StrUtf8Coder())

    def process(
        self, element: tuple[str, Event], last: Any = beam.DoFn.StateParam(LAST)
    ) -> Iterator[tuple[str, Increments]]:
        item = element[1]["item_id"]
        before = last.read()
        last.write(item)
        yield "popular", {item: 1}
        if before:
            yield f"next|{before}", {item: 1}


class _Write(beam.DoFn):
    """Writes what changed, a bundle at a time."""

    def __init__(self, url: str) -> None:
        self._url = url

    def setup(self) -> None:
        import redis

        self._client: Any = redis.Redis.from_url(self._url)

    def start_bundle(self) -> None:
        self._waiting: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._seen = 0

    def process(self, element: tuple[str, Increments]) -> None:
        key, values = element
        cell, _, identity = key.rpartition("|")
        self._waiting[cell][identity] = orjson.dumps(values)
        if key == "platform|total|0|all":
            self._seen = sum(values.get(name, 0) for name in COUNTED.values())

    def finish_bundle(self) -> None:
        pipe = self._client.pipeline(transaction=False)
        for key, values in self._waiting.items():
            pipe.hset(f"peer:{key}", mapping=values)
        if self._seen:
            pipe.set(TOTAL, self._seen)
        pipe.execute()


def build(pipeline: beam.Pipeline, servers: str, topic: str, partitions: int, redis_url: str) -> None:
    """Compose the pipeline."""
    places = [(servers, topic, partition) for partition in range(partitions)]
    events = pipeline | beam.Create(places) | beam.Reshuffle() | "Read" >> beam.ParDo(_ReadTopic())
    new = (
        events | "ById" >> beam.Map(lambda e: (e["event_id"], e)).with_output_types(tuple[str, Event])
        | "Distinct" >> beam.ParDo(_Distinct()).with_output_types(Event)
    )  # fmt: skip
    users = new | "ByUser" >> beam.Map(lambda e: (e.get("user_id") or "", e)).with_output_types(
        tuple[str, Event]
    )
    clicks = users | "Clicks" >> beam.Filter(lambda keyed: keyed[1]["event_type"] == "click")
    kinds = tuple[str, Increments]
    parts = (
        new | "Counts" >> beam.FlatMap(counts).with_output_types(kinds),
        users | "Attribute" >> beam.ParDo(_Attribute()).with_output_types(kinds),
        clicks | "Follow" >> beam.ParDo(_Follow()).with_output_types(kinds),
    )
    _ = (
        parts | beam.Flatten()
        | beam.WindowInto(
            GlobalWindows(), trigger=Repeatedly(AfterProcessingTime(WRITE_EVERY_S)),
            accumulation_mode=AccumulationMode.ACCUMULATING,
        )
        | "AddUp" >> beam.CombinePerKey(_AddUp())
        | "Write" >> beam.ParDo(_Write(redis_url))
    )  # fmt: skip


def main() -> None:
    """Submit the pipeline and stay until it is interrupted."""
    from confluent_kafka.admin import AdminClient

    from runners.flink_target import local_target
    from runners.settings import Settings

    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("topic", help="kafka://HOST:PORT/TOPIC")
    parser.add_argument("--redis", required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="that of `interestream flink up`")
    parser.add_argument("--parallelism", type=int, default=2)
    options = parser.parse_args()
    servers, _, topic = options.topic.removeprefix("kafka://").partition("/")
    partitions = len(AdminClient({"bootstrap.servers": servers}).list_topics(topic).topics[topic].partitions)
    target = local_target(Settings(data_dir=options.data_dir), print)
    pipeline = beam.Pipeline(options=PipelineOptions([
        "--runner=PortableRunner", "--streaming", *target.options, f"--parallelism={options.parallelism}",
        "--finish_bundle_before_checkpointing", "--checkpointing_interval=10000", "--state_backend=rocksdb",
        "--max_bundle_time_mills=200", "--job_name=element-at-a-time",
    ]))  # fmt: skip
    build(pipeline, servers, topic, partitions, options.redis)
    before = {each["jid"] for each in target.rest.jobs()}
    result = pipeline.run()
    try:
        while result.state not in ("FAILED", "CANCELLED", "DONE"):
            time.sleep(0.5)
    except KeyboardInterrupt:
        for each in target.rest.jobs():
            if each["jid"] not in before:
                target.rest.cancel(each["jid"])


if __name__ == "__main__":
    main()
