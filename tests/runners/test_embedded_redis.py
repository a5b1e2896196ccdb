"""The embedded Redis from outside: real servers, real processes, real signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from runners.embedded_redis import Embedded, open_redis
from runners.redis_guard import GUARD_LOCK
from runners.redis_server import find_server, remember_server
from schemas.errors import StoreError, UsageError

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0

HOLDER = """
import sys, time
from pathlib import Path
from runners.embedded_redis import open_redis
with open_redis(None, Path(sys.argv[1])) as store:
    store.client.incr("users")
    print(store.client.info("server")["process_id"], flush=True)
    sys.stdin.read() if sys.argv[2] == "hold" else None
"""


def server_pid(client: redis.Redis) -> int:
    return int(client.info("server")["process_id"])


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def processes_of(data_dir: Path) -> list[int]:
    """Every server and guard that works in a data directory."""
    home = str(data_dir.resolve() / "redis")
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == home and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def holder(data_dir: Path, mode: str = "hold") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir), mode],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told_pid(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    return int(process.stdout.readline())


@pytest.fixture(params=["short", "long"])
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path if request.param == "short" else tmp_path / ("a-long-name" * 12) / "data"
    yield path
    until(lambda: not processes_of(path), "servers and guards of the test to end")


def test_data_stays_between_runs_and_the_server_does_not(data_dir: Path) -> None:
    with open_redis(None, data_dir) as store:
        store.client.hset("h", "f", b"\x00\xff")
        first = server_pid(store.client)
    until(lambda: gone(first), "the server to stop after its last user")
    with open_redis(None, data_dir) as store:
        assert store.client.hgetall("h") == {b"f": b"\x00\xff"}
        assert server_pid(store.client) != first


def test_the_directory_is_private_and_no_port_is_open(data_dir: Path) -> None:
    with open_redis(None, data_dir) as store:
        assert (data_dir / "redis").stat().st_mode & 0o777 == 0o700
        assert psutil.Process(server_pid(store.client)).net_connections("tcp") == []
        assert store.client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_a_second_process_connects_by_the_url(data_dir: Path) -> None:
    with open_redis(None, data_dir) as store, open_redis(store.url, data_dir / "unused") as other:
        store.client.set("k", "v")
        assert other.client.get("k") == b"v"
        assert not (data_dir / "unused").exists()


def test_processes_share_one_server_until_the_last_leaves(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        pid = server_pid(store.client)
        other = holder(tmp_path)
        assert told_pid(other) == pid
    assert not gone(pid)
    with redis.Redis.from_url(Embedded(tmp_path).url) as outsider:
        assert outsider.get("users") == b"1"
    other.communicate()
    until(lambda: not processes_of(tmp_path), "the server to stop after its last user")


def test_many_at_once_start_one_server(tmp_path: Path) -> None:
    crowd = [holder(tmp_path) for _ in range(6)]
    assert len({told_pid(process) for process in crowd}) == 1
    for process in crowd:
        process.communicate()
        assert process.returncode == 0


def test_coming_and_going_loses_no_write(tmp_path: Path) -> None:
    rounds, crowd = 5, 4
    for _ in range(rounds):
        visitors = [holder(tmp_path, "leave") for _ in range(crowd)]
        for visitor in visitors:
            visitor.communicate()
            assert visitor.returncode == 0
    with open_redis(None, tmp_path) as store:
        assert store.client.get("users") == str(rounds * crowd).encode()


def test_a_killed_user_loses_nothing_and_leaves_no_orphan(tmp_path: Path) -> None:
    user = holder(tmp_path)
    told_pid(user)
    user.kill()
    user.communicate()
    until(lambda: not processes_of(tmp_path), "server and guard to notice that their user was killed")
    with open_redis(None, tmp_path) as store:
        assert store.client.get("users") == b"1"


def test_ensure_revives_a_killed_server_with_all_it_acknowledged(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        for number in range(500):
            store.client.set(f"k{number}", number)
        killed = server_pid(store.client)
        os.kill(killed, signal.SIGKILL)
        until(lambda: gone(killed), "the server to die")
        store.ensure()
        assert store.client.dbsize() == 500
        assert server_pid(store.client) != killed


def test_several_users_revive_one_server(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        store.client.set("k", "v")
        killed = server_pid(store.client)
        os.kill(killed, signal.SIGKILL)
        threads = [threading.Thread(target=store.ensure) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.client.get("k") == b"v"
        now = server_pid(store.client)
        until(
            lambda: set(processes_of(tmp_path)) == {now, psutil.Process(now).ppid()}, "one guard and server"
        )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_killed_guard_takes_its_server_along_and_ensure_brings_both_back(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        store.client.set("k", "v")
        server = server_pid(store.client)
        os.kill(psutil.Process(server).ppid(), signal.SIGKILL)
        until(lambda: gone(server), "the server to follow its guard")
        store.ensure()
        assert store.client.get("k") == b"v"


def test_the_server_is_out_of_the_terminals_reach(tmp_path: Path) -> None:
    with open_redis(None, tmp_path) as store:
        pid = server_pid(store.client)
        assert os.getsid(pid) != os.getsid(0)
        assert os.getpgid(pid) != os.getpgid(0)


def test_a_server_that_cannot_start_is_named_with_its_reason(tmp_path: Path) -> None:
    home = tmp_path / "redis"
    with open_redis(None, tmp_path) as store:
        store.client.set("k", "v")
    until(lambda: not processes_of(tmp_path), "the server to stop")
    log = next((home / "appendonlydir").glob("*.manifest"))
    log.write_text("nonsense\n")
    with pytest.raises(StoreError, match=r"stopped at once.*server\.log"), open_redis(None, tmp_path):
        pass
    assert (home / GUARD_LOCK).exists()


def test_the_program_that_wrote_the_data_is_kept(tmp_path: Path) -> None:
    program = tmp_path / "my-server"
    program.touch()
    remember_server(tmp_path, program)
    assert find_server(tmp_path) == program
    program.unlink()
    assert find_server(tmp_path) != program


def test_an_unreachable_url_says_so_and_hides_the_password(tmp_path: Path) -> None:
    url = f"unix://user:s3cret@{tmp_path}/none.sock"
    with pytest.raises(StoreError, match="leave --redis away") as caught, open_redis(url, tmp_path):
        pass
    assert "s3cret" not in str(caught.value)


def test_a_url_of_another_kind_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="redis://HOST"), open_redis("http://localhost", tmp_path):
        pass
