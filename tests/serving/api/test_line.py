"""The quick way to Redis answers as the client does, keeps questions apart, and comes back after it was cut."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import redis

from runners.embedded_redis import OpenRedis
from schemas.errors import StoreError
from serving.http.line import Line, address_of

READS: list[tuple[Any, ...]] = [
    ("HGET", "h", "a"), ("HGET", "h", "none"), ("HMGET", "h", "a", "none", "b"), ("HGETALL", "h"),
    ("HGETALL", "nothing"), ("ZREVRANGE", "z", 0, -1), ("ZREVRANGEBYSCORE", "z", "+inf", "(1", "LIMIT", 0, 9),
    ("HGET", "large", "value"), ("EVAL", "return {redis.call('HGETALL', KEYS[1]), false, 3}", 1, "h"),
]  # fmt: skip


@pytest.fixture
def written(store: OpenRedis) -> OpenRedis:
    client = store.client
    client.flushdb()
    client.hset("h", mapping={"a": b"\x00\r\n1", "b": "二"})
    client.zadd("z", {"one": 1, "two": 2, "three": 3})
    client.hset("large", "value", b"x" * 3_000_000)
    client.set("text", "1")
    return store


def on_a_line(store: OpenRedis, work: Any) -> Any:
    address = address_of(store.url)
    assert address is not None

    async def run() -> Any:
        line = Line(address)
        try:
            return await work(line)
        finally:
            line.close()

    return asyncio.run(run())


def test_answers_are_those_of_the_client(written: OpenRedis) -> None:
    pipeline = written.client.pipeline(transaction=False)
    for command in READS:
        pipeline.execute_command(*command)
    assert on_a_line(written, lambda line: line.ask(READS)) == pipeline.execute()


def test_everyone_gets_their_own_answers(written: OpenRedis) -> None:
    async def many(line: Line) -> list[Any]:
        def one(number: int) -> Coroutine[Any, Any, list[Any]]:
            return line.ask([("ECHO", f"{number}/{part}") for part in range(number % 4)])

        given_up = [asyncio.ensure_future(one(number)) for number in range(1, 200)]
        await asyncio.sleep(0)
        for each in given_up[::3]:
            each.cancel()
        return [await each for each in given_up if not each.cancelled() and each not in given_up[::3]]

    wanted = [
        [f"{number}/{part}".encode() for part in range(number % 4)]
        for number in range(1, 200)
        if (number - 1) % 3
    ]
    assert on_a_line(written, many) == wanted


def test_what_another_program_wrote_is_told_and_the_next_question_answered(written: OpenRedis) -> None:
    async def asked(line: Line) -> Any:
        with pytest.raises(StoreError, match="did not write"):
            await line.ask([("HGET", "text", "a"), ("HGET", "h", "a")])
        return await line.ask([("HGET", "h", "a")])

    assert on_a_line(written, asked) == [b"\x00\r\n1"]


def test_a_cut_connection_is_told_to_those_who_wait_and_made_anew(written: OpenRedis) -> None:
    async def asked(line: Line) -> Any:
        await line.ask([("PING",)])
        waiting = asyncio.ensure_future(line.ask([("BLPOP", "never", 0)]))
        await asyncio.sleep(0.1)
        assert isinstance(written.client, redis.Redis)
        for each in written.client.client_list():
            if each["cmd"] == "blpop":
                written.client.client_kill_filter(_id=each["id"])
        with pytest.raises(StoreError, match="went away"):
            await waiting
        return await line.ask([("HGET", "h", "b")])

    assert on_a_line(written, asked) == ["二".encode()]


def test_nobody_there_is_told(store: OpenRedis) -> None:
    address = address_of("redis://127.0.0.1:1")
    assert address is not None
    with pytest.raises(StoreError, match="went away"):
        asyncio.run(Line(address).ask([("PING",)]))


def test_a_database_of_its_own_and_a_password_are_greeted_with() -> None:
    address = address_of("redis://ann:secret@localhost:7000/3")
    assert address is not None
    assert address.greeting == [("HELLO", 3, "AUTH", "ann", "secret"), ("SELECT", 3)]
    assert "secret" not in repr(address)
