"""Forgetting a user: gone from what is served and from what was refused, and not brought back by what writes later."""

from pathlib import Path

import msgspec
import pytest
import redis
from published import Writer

from runners.job_store import JobStore
from schemas.keys import Version, pack_version, recommender_key
from schemas.records import DeadLetterRecord
from schemas.scripts import TOMBSTONE
from serving.access import Store
from serving.forgetting import ForgottenUser, forget_user
from transforms.io.redis_publisher import RedisPublishers


def letter(raw: bytes) -> DeadLetterRecord:
    return DeadLetterRecord(None, "rule", "detail", raw, 5, None)


def held(client: redis.Redis, user: str) -> object:
    return client.hget(recommender_key("is", "u", user), user)


@pytest.fixture
def publish(client: redis.Redis):  # type: ignore[no-untyped-def]
    path = client.connection_pool.connection_kwargs["path"]
    publisher = RedisPublishers(f"unix://{Path(path)}", "is")()

    def row(user: str, as_of_ms: int) -> int:
        """Write a user's row as the pipeline does; returns how many writes were refused."""
        value = pack_version(Version(publisher.epoch(), as_of_ms, 1)) + msgspec.msgpack.encode([as_of_ms])
        publisher.set_newer(recommender_key("is", "u", user), [user], [value])
        publisher.flush()
        return publisher.refused()

    return row


def test_rows_and_dead_letters_go_and_others_stay(client: redis.Redis, writer: Writer, publish) -> None:  # type: ignore[no-untyped-def]
    publish("u1", 1)
    publish("u2", 1)
    writer.refused("malformed_json", "a", letter(b'{"user_id": "u1"'))
    writer.refused("too_late", "b", letter(b'{"event_id": "u1", "user_id": "u2"}'))
    writer.refused("too_late", "c", letter(b'{"user_id": "u1", "event_type": "view"}'))
    assert forget_user(Store(client, "is"), "u1") == ForgottenUser(1, 2, 0)
    assert held(client, "u1") == TOMBSTONE
    assert held(client, "u2") is not None
    assert list(client.hgetall("is:{d:too_late}")) == [b"b"]
    assert forget_user(Store(client, "is"), "u1") == ForgottenUser(0, 0, 0)


def test_what_is_written_later_does_not_bring_a_user_back(client: redis.Redis, publish) -> None:  # type: ignore[no-untyped-def]
    publish("u1", 1)
    forget_user(Store(client, "is"), "u1")
    assert publish("u1", 10**15) == 0, "kept out, and nobody is alarmed"
    assert held(client, "u1") == TOMBSTONE
    other = next(
        f"v{n}"
        for n in range(10_000)
        if recommender_key("is", "u", f"v{n}") == recommender_key("is", "u", "u1")
    )
    publish(other, 5)
    publish(other, 6)
    assert msgspec.msgpack.decode(held(client, other)[20:]) == [6]  # type: ignore[index]


def test_a_job_that_starts_over_forgets_nobody_anew(client: redis.Redis, publish) -> None:  # type: ignore[no-untyped-def]
    for user in ("u1", "u2", "u3"):
        publish(user, 1)
    forget_user(Store(client, "is"), "u2")
    JobStore(client, "is").clear()
    assert (held(client, "u1"), held(client, "u2")) == (None, TOMBSTONE)
    publish("u2", 9)
    assert held(client, "u2") == TOMBSTONE
