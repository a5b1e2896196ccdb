"""How jars are fetched: command lines, project files, and what is said when it fails. Nothing is downloaded."""

import hashlib
import io
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runners.clusters import maven, pypi
from runners.clusters.flink_jars import BEAM_HELD, BEAM_WANTED, FLINK_ARCHIVE
from runners.clusters.maven import Coordinates
from schemas.errors import SourceError, UsageError

NAMES = {"m": "http://maven.apache.org/POM/4.0.0"}


def silent(line: str) -> None:
    pass


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_project_file_asks_for_what_is_wanted_and_holds_versions() -> None:
    root = ET.fromstring(maven.pom_of("x", BEAM_WANTED, BEAM_HELD))
    wanted = [each.text for each in root.findall("m:dependencies/m:dependency/m:artifactId", NAMES)]
    held = root.findall("m:dependencyManagement/m:dependencies/m:dependency", NAMES)
    assert wanted == ["beam-runners-flink-1.19"]
    assert len(held) == len(BEAM_HELD)
    left_out = root.findall("m:dependencies/m:dependency/m:exclusions/m:exclusion/m:groupId", NAMES)
    assert [each.text for each in left_out] == ["org.apache.flink"]


def test_no_file_names_a_registry() -> None:
    folder = Path(maven.__file__).parent
    for source in folder.glob("*.py"):
        text = source.read_text()
        assert "repo1." not in text
        assert "pypi.org" not in text
        assert "--index-url" not in text


def test_the_command_lines() -> None:
    words = maven.command_line("mvn", Path("p/pom.xml"), Path("out"))
    assert "--strict-checksums" in words
    assert "-DoutputDirectory=out" in words
    words = pypi.command_line(FLINK_ARCHIVE, Path("out"))
    assert words[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--no-binary", "apache-flink-libraries==1.19.3"} <= set(words)


def test_without_maven_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="apt-get install maven"):
        maven.fetch_artifacts("", "things", tmp_path, {"PATH": str(tmp_path)}, silent)


def test_what_maven_says_is_passed_on_in_a_line(tmp_path: Path) -> None:
    program(tmp_path, "mvn", "echo '[ERROR] Could not resolve a:b:1'; echo noise; exit 1")
    with pytest.raises(SourceError, match="Could not resolve a:b:1"):
        maven.fetch_artifacts("", "things", tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin"}, silent)


def test_maven_gets_the_project_and_fills_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    program(
        tmp_path,
        "mvn",
        'for w in "$@"; do case $w in -DoutputDirectory=*) cp pom.xml "${w#*=}/got.jar";; esac; done',
    )
    pom = maven.pom_of("x", [Coordinates("g:a:1")])
    maven.fetch_artifacts(pom, "things", out, {"PATH": f"{tmp_path}:/usr/bin:/bin"}, silent)
    assert (out / "got.jar").read_text() == pom
    assert [each.name for each in out.iterdir()] == ["got.jar"]


def archive(path: Path, names: list[str]) -> bytes:
    with tarfile.open(path, "w:gz") as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            packed.addfile(member, io.BytesIO(name.encode()))
    return path.read_bytes()


def test_only_the_jars_of_lib_that_are_named_are_taken_out(tmp_path: Path) -> None:
    names = [
        "f/deps/lib/flink-dist-1.jar",
        "f/deps/lib/log4j-a.jar",
        "f/deps/opt/flink-dist-2.jar",
        "f/deps/lib/other.jar",
    ]
    archive(tmp_path / "f.tar.gz", names)
    pypi.take_out(tmp_path / "f.tar.gz", tmp_path, ("flink-dist-", "log4j-"))
    assert sorted(each.name for each in tmp_path.glob("*.jar")) == ["flink-dist-1.jar", "log4j-a.jar"]


def test_an_archive_is_held_to_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive(tmp_path / "x.tar.gz", ["lib/a.jar"])
    place = tmp_path / "got"
    place.mkdir()
    monkeypatch.setattr(
        pypi, "command_line", lambda _, folder: ["cp", str(tmp_path / "x.tar.gz"), str(folder)]
    )
    with pytest.raises(SourceError, match="damaged"):
        pypi.fetch_archive("x==1", "0" * 64, place, silent)
    assert (
        pypi.fetch_archive("x==1", hashlib.sha256(content).hexdigest(), place, silent).read_bytes() == content
    )
