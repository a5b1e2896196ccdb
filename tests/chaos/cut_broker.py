"""A broker that jobs reach through a cable alone, while whoever feeds it has a way of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_kafka import Broker, broker
from streaming import free_port
from tcp_proxy import Cable, cable

from runners.clusters import kafka_broker
from runners.clusters.cluster_state import changing
from runners.clusters.jar_cache import cached
from runners.clusters.java import find_java
from runners.clusters.lifecycle import await_ready, own_environment, start_missing


@contextmanager
def cut_broker(folder: Path) -> Iterator[tuple[Broker, str, Cable]]:
    """Run a broker; gives it, the address for the feed, and the cable, whose port it tells to all other clients."""
    with broker(folder) as made:
        own, behind = made.servers, free_port()
        made.down()
        with cable(behind) as laid:
            _start(folder, int(own.rpartition(":")[2]), behind, laid.port)
            yield made, own, laid


def _start(folder: Path, own: int, behind: int, told: int) -> None:
    """Start it with two listeners: one at its own port, and one that is told to be at another port."""
    home = folder / "kafka"
    jars = cached(folder / "cache", kafka_broker.KAFKA_FOLDERS[0], _no_fetching)
    with changing(home) as state:
        state.ports = {"broker": own, "controller": free_port()}
        kafka_broker.write_settings(home, state.ports)
        settings = home / "server.properties"
        lines = dict(line.split("=", 1) for line in settings.read_text().splitlines())
        lines["listeners"] += f",CUT://127.0.0.1:{behind}"
        lines["advertised.listeners"] += f",CUT://127.0.0.1:{told}"
        lines["listener.security.protocol.map"] += ",CUT:PLAINTEXT"
        lines["inter.broker.listener.name"] = "PLAINTEXT"
        settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        members = [kafka_broker.broker(find_java(os.environ).program, jars, home, state.ports)]
        start_missing(state, members, own_environment(os.environ))
        await_ready(state, members, lambda: True, lambda _line: None)


def _no_fetching(_folder: Path) -> None:
    raise AssertionError("the jars were there a moment ago")
