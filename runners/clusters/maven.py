"""Jars by Maven coordinates, with all they need, through the machine's own Maven and its settings."""

import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from runners.clusters.progress import Tell
from schemas.errors import SourceError, UsageError

COPY_GOAL: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_LOOK_EVERY_S: Final = 0.5
_LAST_LINES: Final = 3


@dataclass(frozen=True)
class Coordinates:
    """One artifact: `group:name:version`; `without` names groups whose artifacts are left out of what it needs."""

    artifact: str
    without: tuple[str, ...] = field(default=())

    @property
    def parts(self) -> tuple[str, str, str]:
        """Group, name and version."""
        group, name, version = self.artifact.split(":")
        return group, name, version


def pom_of(name: str, wanted: Iterable[Coordinates], held: Iterable[Coordinates] = ()) -> str:
    """Return a project file that needs the wanted artifacts; what is `held` comes in that version or not at all.

    >>> "<artifactId>kafka_2.13</artifactId>" in pom_of("broker", [Coordinates("org.apache.kafka:kafka_2.13:4.1.0")])
    True
    """
    managed = "".join(map(_dependency, held))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<project xmlns="http://maven.apache.org/POM/4.0.0">\n'
        f"<modelVersion>4.0.0</modelVersion><groupId>interestream</groupId><artifactId>{escape(name)}</artifactId>"
        "<version>1</version><packaging>pom</packaging>\n"
        f"<dependencyManagement><dependencies>\n{managed}</dependencies></dependencyManagement>\n"
        f"<dependencies>\n{''.join(map(_dependency, wanted))}</dependencies>\n</project>\n"
    )


def _dependency(coordinates: Coordinates) -> str:
    group, name, version = map(escape, coordinates.parts)
    left_out = "".join(
        f"<exclusion><groupId>{escape(each)}</groupId><artifactId>*</artifactId></exclusion>"
        for each in coordinates.without
    )
    exclusions = f"<exclusions>{left_out}</exclusions>" if left_out else ""
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version>{exclusions}</dependency>\n"
    )


def command_line(maven: str, pom: Path, folder: Path) -> list[str]:
    """Return the command that copies all jars of a project into a folder, checksums held to strictly."""
    return [
        maven, "--quiet", "--batch-mode", "--strict-checksums", "--file", str(pom), COPY_GOAL,
        "-DincludeScope=runtime", f"-DoutputDirectory={folder}",
    ]  # fmt: skip


def fetch_artifacts(pom: str, what: str, folder: Path, environment: Mapping[str, str], tell: Tell) -> None:
    """Fetch a project's jars into a folder; raises UsageError without Maven, SourceError if it fails."""
    maven = shutil.which("mvn", path=environment.get("PATH"))
    if maven is None:
        raise UsageError(
            "No Maven (mvn) was found on PATH; it fetches the jars. Install it: apt-get install maven"
        )
    project = folder / "pom.xml"
    project.write_text(pom, encoding="utf-8")
    with subprocess.Popen(
        command_line(maven, project, folder),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(what, folder, tell, ended), daemon=True)
        watch.start()
        try:
            said, _ = running.communicate()
        finally:
            ended.set()
            watch.join()
    project.unlink()
    if running.returncode:
        raise SourceError(
            f"Maven could not fetch {what}: {_essence(said)} "
            "Check that it reaches its repositories (~/.m2/settings.xml), then run the command again."
        )


def _watch(what: str, folder: Path, tell: Tell, ended: threading.Event) -> None:
    while not ended.wait(_LOOK_EVERY_S):
        sizes = [each.stat().st_size for each in folder.glob("*.jar")]
        tell(f"fetching {what}: {len(sizes)} jars, {sum(sizes) / 1e6:,.0f} MB")


def _essence(said: str) -> str:
    lines = [line.removeprefix("[ERROR]").strip() for line in said.splitlines() if line.startswith("[ERROR]")]
    return " ".join(line for line in lines[:_LAST_LINES] if line) or "it said nothing."
