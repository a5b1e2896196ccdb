"""Measures Feast's Python feature server beside ours: the same users, the same fifty features, the same clients.

    python -m venv feast && feast/bin/pip install 'feast[redis]'
    python benchmarks/feast_latency.py --feast feast/bin/feast

Feast is optional and asks for versions of its own, so it stands in an environment of its own. Its online store is a Redis
on a unix socket's machine, too, filled with the values that our API answers: Feast stores values, ours are summed from tiles
at the moment of reading. Both are asked by `POST /get-online-features` in the same shape, one after the other, in one run;
`cpu_us` is the CPU of the server's process an answer.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from http_clients import Connection, one_after_another, request, together
from measured import ROOT
from served import serving
from serving_latency import users_of

from runners.redis_server import candidates

PATH: Final = "/get-online-features"
VIEW: Final = "user_features"
REQUESTS: Final = 16
_START_S: Final = 120.0

STORE: Final = """\
project: beside
registry: {folder}/registry.db
provider: local
online_store: {{type: redis, connection_string: "127.0.0.1:{port}"}}
offline_store: {{type: file}}
entity_key_serialization_version: 3
telemetry: false
"""
DEFINITIONS: Final = """\
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
source = FileSource(path="{folder}/features.parquet", timestamp_field="event_timestamp")
view = FeatureView(
    name="{view}", entities=[user], ttl=timedelta(days=36500), source=source,
    schema=[Field(name=name, dtype=Float64) for name in {names}],
)
"""


def numbers_of(port: int, users: list[str]) -> tuple[list[str], list[str], dict[str, list[float]]]:
    """Return all features by their two names, and each user's values as numbers: texts and lists count as their length."""
    body = json.dumps({"entity": "user", "ids": users}).encode()
    answer = json.loads(Connection(port).ask(request("/v1/features/batch-get", body)))
    first = answer["entities"][0]["features"]
    ours = [f"{each['view']}:{each['name']}" for each in first]
    theirs = [name.replace(":", "_") for name in ours]
    values = {held["id"]: [number(each["value"]) for each in held["features"]] for held in answer["entities"]}
    return ours, theirs, values


def number(value: Any) -> float:
    """Return a value as Feast's column takes it."""
    return float(len(value)) if isinstance(value, list | str) else float(value or 0)


def materialize(
    feast: str, folder: Path, port: int, names: list[str], values: dict[str, list[float]]
) -> None:
    """Describe the features to Feast and put the values into its online store."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame.from_dict(values, orient="index", columns=names)
    table.insert(0, "user_id", table.index)
    table["event_timestamp"] = pd.Timestamp.now("UTC") - pd.Timedelta("1h")
    table.to_parquet(folder / "features.parquet", index=False)
    (folder / "feature_store.yaml").write_text(STORE.format(folder=folder, port=port))
    (folder / "features.py").write_text(DEFINITIONS.format(folder=folder, view=VIEW, names=names))
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for command in (["apply"], ["materialize-incremental", until]):
        subprocess.run([feast, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def feast_serving(feast: str, folder: Path, port: int) -> Iterator[int]:
    """Run Feast's Python server with one worker; gives the process id of the worker."""
    command = [feast, "serve", "--port", str(port), "--no-access-log", "--max-requests", "1000000"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _await_port(port)
            yield _worker_of(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)


@contextmanager
def redis_on_a_port(port: int) -> Iterator[None]:
    """Run a Redis on a port of this machine alone, with nothing on disk: Feast knows no unix sockets."""
    command = [next(iter(candidates())), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _await_port(port)
            yield
        finally:
            server.terminate()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"Nothing answers at port {port}.")


def _worker_of(pid: int) -> int:
    """Return the only child of a process that has one, else the process itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[-1]) if children else pid


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def requests(users: list[str], names: list[str], entities: int) -> list[bytes]:
    """Return requests for these features of so many users, others in each."""
    groups = [users[place * entities : (place + 1) * entities] for place in range(len(users) // entities)]
    bodies = [
        {"features": names, "entities": {"user_id": group}, "full_feature_names": True}
        for group in groups[:REQUESTS]
    ]
    return [request(PATH, json.dumps(body).encode()) for body in bodies]


def main() -> None:
    """Measure both, question by question."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feast", required=True, help="the command `feast` of its environment")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each question (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path("build/bench/serving-50"))
    options = parser.parse_args()
    data_dir, feast = options.data_dir.resolve(), str(Path(options.feast).absolute())
    folder = ROOT / "build" / "bench" / "feast"
    store_port, feast_port = _free_port(), _free_port()
    results: dict[str, Any] = {}
    with serving(data_dir) as (server, port), redis_on_a_port(store_port):
        users = users_of(data_dir)[: 100 * REQUESTS]
        values: dict[str, list[float]] = {}
        for place in range(0, len(users), 100):
            ours, theirs, held = numbers_of(port, users[place : place + 100])
            values |= held
        materialize(feast, folder, store_port, theirs, values)
        with feast_serving(feast, folder, feast_port) as pid:
            sides = {
                "ours": (port, server.pid, ours),
                "Feast": (feast_port, pid, [f"{VIEW}:{n}" for n in theirs]),
            }
            for entities in (1, 10, 100):
                for name, (where, process, names) in sides.items():
                    asked = requests(users, names, entities)
                    Connection(where).ask(asked[0])
                    results[f"{len(names)} features × {entities}, {name}"] = together(
                        options.clients, options.seconds, one_after_another, where, asked, pid=process
                    )
    for name, found in results.items():
        print(f"{name:28}" + "".join(f"{key} {value:>9}  " for key, value in found.items()))
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
