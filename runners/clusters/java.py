"""The Java that runs a cluster: found, checked, and opened up as Flink needs it.

>>> major_of('openjdk version "17.0.15" 2025-04-15'), major_of('java version "1.8.0_412"')
(17, 8)
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import UsageError

OLDEST_MAJOR: Final = 11
"""Flink 1.19 runs on Java 11 and 17; Kafka 4 needs 17 for the broker."""
WANTED: Final = "Install JDK 17 (`apt-get install openjdk-17-jre-headless`), or set JAVA_HOME."

_OPENED: Final = (
    "java.lang", "java.net", "java.io", "java.nio", "java.lang.reflect", "java.text", "java.time", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch",
)  # fmt: skip
_EXPORTED: Final = (
    "java.base/sun.net.util",
    "java.rmi/sun.rmi.registry",
    "java.security.jgss/sun.security.krb5",
)
MODULE_FLAGS: Final = (
    *(f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTED),
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
)
"""What Flink's serializers and network stack reach into, closed since Java 16."""


@dataclass(frozen=True)
class Java:
    """A Java program and its major version."""

    program: str
    major: int


def find_java(environment: Mapping[str, str], oldest: int = OLDEST_MAJOR) -> Java:
    """Return the Java of JAVA_HOME, else of PATH; raises UsageError if there is none that is new enough."""
    program = _of_home(environment.get("JAVA_HOME")) or shutil.which("java", path=environment.get("PATH"))
    if program is None:
        raise UsageError(f"No Java was found on PATH or in JAVA_HOME. {WANTED}")
    major = java_major(program)
    if major is None or major < oldest:
        raise UsageError(
            f"{program} is Java {major or 'of an unknown version'}; {oldest} or newer is needed. {WANTED}"
        )
    return Java(program, major)


def java_major(program: str) -> int | None:
    """Return a Java program's major version, None if it does not run."""
    try:
        shown = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return major_of(shown.stderr + shown.stdout)


def major_of(text: str) -> int | None:
    """Read the major version from what `java -version` prints; 1.8 is 8."""
    version = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(version.group(1)) if version else None


def _of_home(home: str | None) -> str | None:
    program = Path(home or "") / "bin" / "java"
    return str(program) if home and program.is_file() else None
