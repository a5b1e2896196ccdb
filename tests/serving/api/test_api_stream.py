"""The stream: what changed, once for all, resumed by id, at most four times a second, whoever is slow."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import httpx
import pytest
from published import Writer
from serving_by_hand import asking, counts, served

from runners.embedded_redis import OpenRedis
from schemas.changes import FIELD, Changes
from schemas.keys import changes_key
from serving.client import Client
from serving.http.frames import Frame, Topic
from serving.http.hub import Watcher, ended
from serving.http.service import Service


class Pipeline:
    """Changes a room's figures and says so, as a publication does."""

    def __init__(self, store: OpenRedis) -> None:
        self._client, self._writer, self.clicks = store.client, Writer(store.client), 15

    def publish(self, minute: int = 0) -> str:
        """Add a click; returns the id of the entry."""
        self.clicks += 1
        self._writer.cell("e", "room", ("total", -1), "r1", counts(clicks=self.clicks))
        return self.announce("room", minute)

    def announce(self, kind: str, minute: int = 0) -> str:
        changes = Changes()
        changes.note(kind, "minute", minute * 60_000)
        changes.note(kind, "total", -1)
        return self._client.xadd(changes_key("is"), {FIELD: changes.take()}).decode()  # type: ignore[union-attr]


@pytest.fixture
def pipeline(published_store: OpenRedis) -> Pipeline:
    return Pipeline(published_store)


@pytest.fixture
def server(published_store: OpenRedis) -> Iterator[tuple[Service, str]]:
    with served(published_store) as running:
        yield running


def spans(update: Any) -> dict[str, list[tuple[str | None, str | None]]]:
    held: dict[str, list[tuple[str | None, str | None]]] = {}
    for each in update.changed:
        held.setdefault(f"{each.kind} {each.window}", []).append((each.first, each.last))
    return held


def test_a_newcomer_is_shown_all_and_then_every_change(
    server: tuple[Service, str], pipeline: Pipeline
) -> None:
    with Client(server[1]) as client:
        events = client.stream("room", "r1")
        at, kind, shown = next(events)
        assert (at, kind, shown.changed) == ("0-0", "update", None)
        assert shown.figures.clicks == 15
        told = pipeline.publish(minute=7)
        at, kind, update = next(events)
        assert (at, kind, update.figures.clicks) == (told, "update", 16)
        minute = "1970-01-01T00:07:00.000Z"
        assert spans(update) == {"room minute": [(minute, minute)], "room total": [(None, None)]}
        assert update.as_of == "2026-05-28T20:26:40.000Z"


def test_many_changes_are_few_updates_that_lose_none(server: tuple[Service, str], pipeline: Pipeline) -> None:
    with Client(server[1]) as client:
        events = client.stream("room", "r1")
        next(events)
        began, last = time.monotonic(), ""
        for minute in range(100):
            last = pipeline.publish(minute)
            time.sleep(0.01)
        updates = []
        for at, _, update in events:
            updates.append(update)
            if at == last:
                break
        seconds = time.monotonic() - began
    assert updates[-1].figures.clicks == 115
    assert len(updates) <= seconds * 4 + 2
    [(first, end)] = [(u[0][0], u[-1][1]) for u in [[s for up in updates for s in spans(up)["room minute"]]]]
    assert (first, end) == ("1970-01-01T00:00:00.000Z", "1970-01-01T01:39:00.000Z")


def test_a_reconnect_goes_on_behind_its_last_id(server: tuple[Service, str], pipeline: Pipeline) -> None:
    seen = pipeline.publish(1)
    missed = [pipeline.publish(minute) for minute in (2, 3)]
    with Client(server[1]) as client:
        at, kind, update = next(client.stream("room", "r1", last_id=seen))
        assert (at, kind) == (missed[-1], "update")
        assert spans(update)["room minute"] == [("1970-01-01T00:02:00.000Z", "1970-01-01T00:03:00.000Z")]
        at, kind, update = next(client.stream("room", "r1", last_id=missed[-1]))
        assert (at, kind, update.changed) == (missed[-1], "update", [])
        assert next(client.stream("room", "r1", last_id="5-0"))[1] == "resync", "trimmed since"
        assert next(client.stream("room", "r1", last_id="9999999999999-0"))[1] == "resync", (
            "of another stream"
        )


def test_who_watches_a_scope_hears_of_that_scope_only(
    server: tuple[Service, str], pipeline: Pipeline
) -> None:
    with Client(server[1]) as of_items, Client(server[1]) as of_all:
        items, everything = of_items.stream("item"), of_all.stream()
        next(items), next(everything)
        room = pipeline.publish()
        assert next(everything)[0] == room
        item = pipeline.announce("item")
        assert next(items)[0] == item
        assert {each.kind for each in next(everything)[2].changed} == {"item"}


def test_a_stream_that_is_emptied_and_begun_again_is_followed(
    server: tuple[Service, str], pipeline: Pipeline, published_store: OpenRedis
) -> None:
    with Client(server[1]) as client:
        events = client.stream("room", "r1")
        pipeline.publish()
        list(islice(events, 1))
        published_store.client.delete(changes_key("is"))
        time.sleep(1.5)
        told = pipeline.publish()
        assert any(at == told for at, _, _ in islice(events, 3))


def test_who_does_not_fetch_is_told_to_look_again_and_holds_one_frame() -> None:
    async def watch() -> list[Frame]:
        watcher = Watcher(Topic())
        for number in range(1000):
            watcher.put(Frame(f"{number}-0", b"{}"))
        late = await watcher.next()
        watcher.put(Frame("1000-0", b"{}"))
        return [late, await watcher.next()]

    assert asyncio.run(watch()) == [Frame("999-0", b"{}", "resync"), Frame("1000-0", b"{}")]


def test_clients_that_take_nothing_cost_the_others_nothing(
    server: tuple[Service, str], pipeline: Pipeline
) -> None:
    service, url = server
    with httpx.Client(base_url=url, timeout=30, limits=httpx.Limits(max_connections=None)) as idle:
        asleep = [idle.send(idle.build_request("GET", "/v1/stream"), stream=True) for _ in range(40)]
        with Client(url) as client:
            events = client.stream("room", "r1")
            next(events)
            assert service.hub.watching == 41
            told = pipeline.publish()
            assert next(events)[0] == told
        for response in asleep:
            response.close()
    deadline = time.monotonic() + 10
    while service.hub.watching and time.monotonic() < deadline:
        time.sleep(0.05)
    assert service.hub.watching == 0


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [("id=r1", {}, 409), ("scope=planet", {}, 400), ("", {"Last-Event-ID": "x"}, 400), ("rooms=r1", {}, 400)],
)
def test_what_cannot_be_watched_is_a_problem(
    server: tuple[Service, str], query: str, headers: dict[str, str], status: int
) -> None:
    with asking(server[1], **headers) as client:
        assert client.get(f"/v1/stream?{query}").status_code == status


def test_a_task_that_takes_a_cancellation_for_its_own_is_ended_all_the_same() -> None:
    async def stubborn() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    async def end() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await ended(task)
        return task.cancelled()

    assert asyncio.run(end())


def test_a_server_that_ends_ends_its_streams(published_store: OpenRedis) -> None:
    with served(published_store) as (_, url), Client(url) as client:
        events = client.stream()
        next(events)
        began = time.monotonic()
    with pytest.raises((StopIteration, httpx.HTTPError)):
        next(events)
    assert time.monotonic() - began < 20
