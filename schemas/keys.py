"""The Redis key layout: the contract between the pipeline that writes and whoever reads.

Every published value is absolute and carries a version; a write is accepted only if its version is not
older (`schemas.scripts`), so that a bundle run twice, late or out of order leaves the same Redis.

| key | type | field → value |
|---|---|---|
| `NS:job` | hash | what the figures belong to: `job_id`, `epoch`, `currency`, `timezone`, `sources`, `scopes`, … |
| `NS:epoch` | string | counter of attempts; each attempt's writes carry its number |
| `NS:progress` | hash | `watermark_ms`, `as_of_ms`, `events` … of the running attempt |
| `NS:counts` | hash | shard → how many events it has judged, by verdict (jobs on a cluster only) |
| `NS:incidents` | hash | `writes_refused`, `store_losses`: how often since the job began, at least |
| `NS:{m:e:SCOPE:WINDOW:START}` | hash | id → cell of `EVENT_TIME_COUNTS` |
| `NS:{m:o:SCOPE:WINDOW:START}` | hash | id → cell of `ORDER_TIME_COUNTS` |
| `NS:{a:MODEL:AWINDOW:WINDOW:START}` | hash | channel US id → cell of `ATTRIBUTION_COUNTS` |
| `NS:{t:WINDOW:START}` | hash | channel US id → cell of `TOUCH_CELL` |
| `NS:{n:MODEL:AWINDOW:WINDOW:START}` | hash | further channel US id → cell of `ATTRIBUTION_COUNTS` |
| `NS:{g:WINDOW:START}` | hash | further channel US id → cell of `TOUCH_CELL` |
| `NS:{f:START}` | hash | category US from US to → cell of moves: users, and of all days (`-1`) twice their median time |
| `NS:{b:LAYER:SCOPE:WINDOW:START}:METRIC` | zset | id scored by its value: the first hundred; layer `e` or `o` as above |
| `NS:{w:WINDOW}` | zset | START scored by itself: which windows exist |
| `NS:{k:BUCKET}` | hash | coupon_id → coupon record |
| `NS:{l:BUCKET}` | hash | coupon_id → incrementality record, of coupons with a hold-out |
| `NS:{h}` | hash | start of a day → what each node of channel paths weighs by its end |
| `NS:{p:BUCKET}` | hash | ad_plan_id → [cost_minor] |
| `NS:{c:BUCKET}` | hash | order_id US item_id → credit record |
| `NS:{x:BUCKET}` | hash | kind US order_id US item_id → [amount_minor, event_time_ms]; amount 0: settled |
| `NS:{o:SHARD}` | hash | number → order events as they came, as a compressed Arrow stream |
| `NS:{d:REASON}` | hash | digest of the raw bytes → dead letter record |
| `NS:{r}:model` | hash | `model`, `rooms` → recommender models, of items and of live rooms |
| `NS:{r:i:BUCKET}`, `NS:{r:u:BUCKET}`, `NS:{r:r:BUCKET}` | hash | item_id, user_id, room_id → recommender rows |
| `NS:{r:v:BUCKET}` | hash | user_id → live rooms ranked for the user |
| `NS:{r}:shown` | stream | `shown` → logged answers: items, chances, what was said (`schemas.shown`); the newest 100,000 |
| `NS:erased` | hash | user_id → UTC ms at which the user was erased from features |
| `NS:{y}` | hash | `catalogue`, `as_of`, `freshness`, `backfill` → views, newest event, ms to readable, names |
| `NS:{y:ENTITY:BUCKET}` | hash | id (US between the parts of a pair) → feature record of all views of that kind of entity |
| `NS:{y:ENTITY:BUCKET:GENERATION}` | hash | the same from the first change of views on; the catalogue says which is read |
| `NS:{s}` | hash | `begin`, `end`, `boards` → version of the figures being written, last written whole, and of the boards |
| `NS:{s}:changes` | stream | `changed` → what each publication changed (`schemas.changes`); the newest few thousand |
| `NS:writers` | hash | writer → how many flushes it has made; one that finds less knows that something was lost |
| `NS:writers:{N}` | hash | the same on further nodes of a Redis Cluster: the smallest N in a slot of each |
| `NS:v:{…}` | string | the newest version that was written to the hash of the same braces; for writers only |

`START` is UTC milliseconds, `-1` for `total`; `US` is the unit separator `\\x1f`; braces are hash tags, so
that each atomic write stays in one slot of a Redis Cluster.

>>> metric_key("is", "e", "room", "minute", 60_000)
'is:{m:e:room:minute:60000}'
>>> value = pack(Version(1, 5, 9), [3, 0, 7])
>>> unpack(value)
(Version(epoch=1, as_of_ms=5, sequence=9), [3, 0, 7])
"""

import struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

NAMESPACE: Final = "is"
US: Final = "\x1f"
BUCKETS: Final = 128

_VERSION = struct.Struct(">IqQ")
VERSION_BYTES: Final = _VERSION.size
"""A version is 20 bytes, big-endian, so that comparing bytes compares versions."""

BEGIN: Final = "begin"
END: Final = "end"
BOARDS: Final = "boards"
"""Fields of `snapshot_key`; leaderboards may be as of an earlier moment than the figures."""

RAISE: Final = """
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
"""
"""Raise a counter to at least a number."""

TELL: Final = """
local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if held >= tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return held
"""
"""Raise a writer's number of flushes, unless less stands there than the writer knows of; returns what stood there.

Key: of writers. Arguments: the writer, the number known to stand there, the new one. A number that is missing
stays missing, so that a loss whose answer did not arrive is found when the same is sent again.
"""


class Version(NamedTuple):
    """Which of two writes is newer: the attempt, then the event time it is as of, then how much was absorbed.

    `sequence` counts events absorbed, not bundles, so it does not depend on how the input was cut.
    """

    epoch: int
    as_of_ms: int
    sequence: int


def pack_version(version: Version) -> bytes:
    """Return the 20 bytes that stand before every stored value."""
    return _VERSION.pack(*version)


def pack(version: Version, body: Any) -> bytes:
    """Return a stored value: the version, then the body as MessagePack."""
    return _VERSION.pack(*version) + msgspec.msgpack.encode(body)


def unpack_version(value: bytes) -> Version:
    """Read only the version of a stored value."""
    return Version(*_VERSION.unpack_from(value))


def unpack(value: bytes) -> tuple[Version, Any]:
    """Split a stored value into its version and its body."""
    return Version(*_VERSION.unpack_from(value)), msgspec.msgpack.decode(value[VERSION_BYTES:])


def bucket(identifier: str) -> int:
    """Spread ids over a fixed number of hashes, the same in every process and version."""
    return crc32(identifier.encode()) % BUCKETS


def mark_key(key: str) -> str:
    """Key of the newest version written to a hash; in the hash's own slot.

    >>> mark_key("is:{m:e:room:minute:60000}")
    'is:v:{m:e:room:minute:60000}'
    """
    namespace, brace, rest = key.partition("{")
    return f"{namespace}v:{brace}{rest}"


def metric_key(namespace: str, layer: str, scope: str, window: str, start_ms: int) -> str:
    """Key of one scope's cells in one window; layer `e` books by event time, `o` by order time."""
    return f"{namespace}:{{m:{layer}:{scope}:{window}:{start_ms}}}"


def board_key(namespace: str, layer: str, scope: str, window: str, start_ms: int, metric: str = "") -> str:
    """Key of one leaderboard; without a metric, what the keys of all boards of the scope and window begin with.

    >>> board_key("is", "e", "room", "hour", 0, "clicks")
    'is:{b:e:room:hour:0}:clicks'
    """
    key = f"{namespace}:{{b:{layer}:{scope}:{window}:{start_ms}}}"
    return f"{key}:{metric}" if metric else key


def is_board_key(key: str) -> bool:
    """Say whether a key is of leaderboards."""
    return key.partition(":{")[2].startswith("b:")


def attribution_key(
    namespace: str, model: str, attribution_window: str, window: str, start_ms: int, *, further: bool = False
) -> str:
    """Key of all channels' credit, or all further channels', under one model in one window."""
    return f"{namespace}:{{{'n' if further else 'a'}:{model}:{attribution_window}:{window}:{start_ms}}}"


def touch_key(namespace: str, window: str, start_ms: int, *, further: bool = False) -> str:
    """Key of all channels' touch counts, or all further channels', in one window."""
    return f"{namespace}:{{{'g' if further else 't'}:{window}:{start_ms}}}"


def funnel_key(namespace: str, start_ms: int) -> str:
    """Key of the moves between all categories' stages on the day that begins then, -1: of all."""
    return f"{namespace}:{{f:{start_ms}}}"


def funnel_field(category: str, step: tuple[str | None, str]) -> str:
    """Field of one category's move from a stage (None: the first of all) to another.

    >>> funnel_field("tea", (None, "known")).split(US)
    ['tea', '', 'known']
    """
    return US.join((category, step[0] or "", step[1]))


def window_index_key(namespace: str, window: str) -> str:
    """Key of the sorted set of window starts that hold any figure."""
    return f"{namespace}:{{w:{window}}}"


def credit_key(namespace: str, number: int) -> str:
    """Key of one bucket of credit records; an order's is `bucket(order_id)`."""
    return f"{namespace}:{{c:{number}}}"


def coupon_key(namespace: str, number: int) -> str:
    """Key of one bucket of coupons; a coupon's is `bucket(coupon_id)`."""
    return f"{namespace}:{{k:{number}}}"


def incrementality_key(namespace: str, number: int) -> str:
    """Key of one bucket of what coupons caused; a coupon's is `bucket(coupon_id)`."""
    return f"{namespace}:{{l:{number}}}"


def path_weights_key(namespace: str) -> str:
    """Key of the weights of all days, by their starts in UTC milliseconds; a day without has those of the one before."""
    return f"{namespace}:{{h}}"


def plan_key(namespace: str, number: int) -> str:
    """Key of one bucket of ad plans' costs; a plan's is `bucket(ad_plan_id)`."""
    return f"{namespace}:{{p:{number}}}"


def reconciliation_key(namespace: str, number: int) -> str:
    """Key of one bucket of reconciliation records; an order's is `bucket(order_id)`."""
    return f"{namespace}:{{x:{number}}}"


def order_log_key(namespace: str, shard: int) -> str:
    """Key of the order events that one shard of orders took."""
    return f"{namespace}:{{o:{shard}}}"


def dead_letter_key(namespace: str, reason: str) -> str:
    """Key of the dead letters refused for one reason."""
    return f"{namespace}:{{d:{reason}}}"


def model_key(namespace: str) -> str:
    """Key of the recommender's model."""
    return f"{namespace}:{{r}}:model"


def recommender_key(namespace: str, kind: str, identifier: str) -> str:
    """Key of the bucket of a recommender row; kind `i`: items, `u`: users, `r`: rooms, `v`: rooms for users."""
    return f"{namespace}:{{r:{kind}:{bucket(identifier)}}}"


def shown_key(namespace: str) -> str:
    """Key of the stream of what was shown with exploration; in the slot of the model."""
    return f"{namespace}:{{r}}:shown"


def feature_key(namespace: str, entity: str, identifier: str, generation: int = 0) -> str:
    """Key of the bucket that holds the features of an entity, named by its fields.

    >>> feature_key("is", "user_id", "u1"), feature_key("is", "user_id", "u1", 2)
    ('is:{y:user_id:118}', 'is:{y:user_id:118:2}')
    """
    return feature_bucket_key(namespace, entity, bucket(identifier), generation)


def feature_bucket_key(namespace: str, entity: str, number: int, generation: int = 0) -> str:
    """Key of one bucket of the features of a kind of entity; each set of views that a job came to has a generation."""
    return f"{namespace}:{{y:{entity}:{number}{f':{generation}' if generation else ''}}}"


def feature_generation(key: str) -> int:
    """Return the generation of a key of feature records, or of its mark.

    >>> feature_generation("is:{y:user_id:118}"), feature_generation("is:v:{y:user_id:118:2}")
    (0, 2)
    """
    _, _, generation = key.rpartition("{y:")[2].rstrip("}").partition(":")[2].partition(":")
    return int(generation or 0)


def features_key(namespace: str) -> str:
    """Key of what is told of all features: the views and their layout, and what they are as of."""
    return f"{namespace}:{{y}}"


def erased_key(namespace: str) -> str:
    """Key of the tombstones of erased users."""
    return f"{namespace}:erased"


CATALOGUE: Final = "catalogue"
AS_OF: Final = "as_of"
FRESHNESS: Final = "freshness"
BACKFILL: Final = "backfill"
"""Fields of `features_key`; the last has the names of views that are being backfilled."""


def job_key(namespace: str) -> str:
    """Key of the description of the job that the figures belong to."""
    return f"{namespace}:job"


def epoch_key(namespace: str) -> str:
    """Key of the counter of attempts."""
    return f"{namespace}:epoch"


def progress_key(namespace: str) -> str:
    """Key of the running attempt's progress."""
    return f"{namespace}:progress"


def snapshot_key(namespace: str) -> str:
    """Key of which figures stand there whole: written first and last, so equal unless some are under way."""
    return f"{namespace}:{{s}}"


def changes_key(namespace: str) -> str:
    """Key of the stream of what each publication changed; in the slot of the snapshot."""
    return f"{namespace}:{{s}}:changes"


def counts_key(namespace: str) -> str:
    """Key of what the shards of a job on a cluster have counted since it began."""
    return f"{namespace}:counts"


def incidents_key(namespace: str) -> str:
    """Key of how often writers were refused, or found the store emptied or restored from an old copy."""
    return f"{namespace}:incidents"


def writers_key(namespace: str, number: int = 0) -> str:
    """Key of how many flushes each writer has made; further numbers lie in other slots of a Redis Cluster.

    >>> writers_key("is"), writers_key("is", 2)
    ('is:writers', 'is:writers:{2}')
    """
    return f"{namespace}:writers:{{{number}}}" if number else f"{namespace}:writers"
