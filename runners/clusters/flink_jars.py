"""Which jars the Flink cluster runs on, and in which versions.

Flink's own come out of its Python distribution; Beam's runner and job service come by Maven coordinates. The
job service is the newest published as plain jars, and works with the runner of the later version.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from runners.clusters.jar_cache import cached
from runners.clusters.maven import Coordinates, fetch_artifacts, pom_of
from runners.clusters.progress import Tell
from runners.clusters.pypi import fetch_archive, take_out

FLINK_VERSION: Final = "1.19.3"
BEAM_VERSION: Final = "2.70.0"
JOB_SERVICE_VERSION: Final = "2.65.0"

FLINK_FOLDERS: Final = (f"flink-{FLINK_VERSION}", f"beam-flink-{BEAM_VERSION}-{JOB_SERVICE_VERSION}")
"""Folders of the jar cache."""

FLINK_ARCHIVE: Final = f"apache-flink-libraries=={FLINK_VERSION}"
FLINK_SHA256: Final = "4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60"
FLINK_JARS: Final = ("flink-dist-", "log4j-")

_FLINK: Final = ("org.apache.flink",)
BEAM_WANTED: Final = (Coordinates(f"org.apache.beam:beam-runners-flink-1.19:{BEAM_VERSION}", without=_FLINK),)
BEAM_HELD: Final = (
    Coordinates(f"org.apache.beam:beam-runners-java-job-service:{JOB_SERVICE_VERSION}"),
    *(
        Coordinates(f"org.apache.beam:{name}:{BEAM_VERSION}")
        for name in (
            "beam-sdks-java-core", "beam-runners-core-java", "beam-runners-java-fn-execution",
            "beam-sdks-java-harness", "beam-model-pipeline", "beam-model-fn-execution",
            "beam-model-job-management", "beam-sdks-java-expansion-service",
            "beam-sdks-java-transform-service-launcher",
        )
    ),
)  # fmt: skip
"""Without this Maven would take the job service's own, older versions of the rest."""


def flink_class_path(cache: Path, environment: Mapping[str, str], tell: Tell) -> list[Path]:
    """Return Flink's and Beam's jars in the order in which they are searched; fetches them once, about 350 MB."""
    flink = cached(cache, FLINK_FOLDERS[0], partial(_fetch_flink, tell=tell))
    beam = cached(
        cache,
        FLINK_FOLDERS[1],
        partial(_fetch_beam, environment=environment, tell=tell),
    )
    # Flink brings its own binding of slf4j; a second one would be taken by chance.
    return [*flink, *(jar for jar in beam if not jar.name.startswith("slf4j-"))]


def _fetch_flink(folder: Path, tell: Tell) -> None:
    archive = fetch_archive(FLINK_ARCHIVE, FLINK_SHA256, folder, tell)
    take_out(archive, folder, FLINK_JARS)
    archive.unlink()


def _fetch_beam(folder: Path, environment: Mapping[str, str], tell: Tell) -> None:
    pom = pom_of("beam-on-flink", BEAM_WANTED, BEAM_HELD)
    fetch_artifacts(pom, f"Beam's Flink runner {BEAM_VERSION}", folder, environment, tell)
