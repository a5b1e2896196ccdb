"""A cached folder is whole or not there, and fetched once."""

import threading
import time
from pathlib import Path

import pytest

from runners.clusters.jar_cache import cached, is_whole, verify
from schemas.errors import SourceError


class Fetching:
    """Writes two jars, and counts how often it was asked to."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.calls, self._pause_s = 0, pause_s

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        time.sleep(self._pause_s)
        (folder / "b.jar").write_bytes(b"bee")
        (folder / "a.jar").write_bytes(b"ay")


def test_it_is_fetched_once_and_comes_sorted(tmp_path: Path) -> None:
    fetch = Fetching()
    first, second = cached(tmp_path, "x", fetch), cached(tmp_path, "x", fetch)
    assert [jar.name for jar in first] == ["a.jar", "b.jar"]
    assert first == second
    assert fetch.calls == 1


def test_two_at_once_fetch_once(tmp_path: Path) -> None:
    fetch = Fetching(pause_s=0.2)
    threads = [threading.Thread(target=cached, args=(tmp_path, "x", fetch)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetch.calls == 1


def test_a_fetch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "a.jar").write_bytes(b"half")
        raise SourceError("the line broke")

    with pytest.raises(SourceError, match="the line broke"):
        cached(tmp_path, "x", fails)
    assert not (tmp_path / "jars" / "x").exists()
    assert not [each for each in (tmp_path / "jars").iterdir() if each.is_dir()]
    assert [jar.name for jar in cached(tmp_path, "x", Fetching())] == ["a.jar", "b.jar"]


@pytest.mark.parametrize("damage", ["missing", "shorter", "no record", "damaged record"])
def test_a_damaged_folder_is_fetched_anew(tmp_path: Path, damage: str) -> None:
    fetch = Fetching()
    jar = cached(tmp_path, "x", fetch)[1]
    record = jar.parent / "contents.json"
    match damage:
        case "missing":
            jar.unlink()
        case "shorter":
            jar.write_bytes(b"b")
        case "no record":
            record.unlink()
        case _:
            record.write_text("{")
    assert not is_whole(jar.parent)
    assert cached(tmp_path, "x", fetch)[1].read_bytes() == b"bee"
    assert fetch.calls == 2


def test_verify_names_what_changed_even_at_the_same_size(tmp_path: Path) -> None:
    jar = cached(tmp_path, "x", Fetching())[1]
    assert verify(jar.parent) == []
    jar.write_bytes(b"bug")
    assert verify(jar.parent) == ["b.jar"]
