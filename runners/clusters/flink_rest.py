"""Flink's REST interface, as far as jobs are looked after through it."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from schemas.errors import JobError

_PATIENCE_S: Final = 10.0


class UnreachableError(Exception):
    """Nobody answers, or not as a JobManager does: it may come back."""


class FlinkRest:
    """One cluster's REST interface at a URL such as http://127.0.0.1:8081."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # The machine's proxy settings are for other hosts.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
        """Return an answer; raises UnreachableError where none comes, JobError where it is a refusal."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._open(request, timeout=_PATIENCE_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            if error.code >= 500:
                raise UnreachableError(said) from error
            raise JobError(f"Flink at {self.url} refused {method} {path}: {said[:300]}") from error
        except (OSError, ValueError) as error:
            raise UnreachableError(str(error)) from error

    def overview(self) -> dict[str, Any] | None:
        """Return how many TaskManagers and slots there are; None where nobody answers."""
        try:
            return dict(self.ask("/overview"))
        except (UnreachableError, JobError):
            return None

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs with `jid`, `name` and `state`."""
        return list(self.ask("/jobs/overview")["jobs"])

    def job(self, job: str) -> dict[str, Any]:
        """Return a job with its `state` and `vertices`."""
        return dict(self.ask(f"/jobs/{job}"))

    def metrics(self, job: str, vertex: str) -> dict[str, str]:
        """Return every metric of a vertex that is about watermarks, by its full name."""
        path = f"/jobs/{job}/vertices/{vertex}/metrics"
        names = [metric["id"] for metric in self.ask(path) if _of_interest(metric["id"])]
        found: dict[str, str] = {}
        for begin in range(0, len(names), 40):
            wanted = ",".join(urllib.parse.quote(name, safe="") for name in names[begin : begin + 40])
            found |= {metric["id"]: metric["value"] for metric in self.ask(f"{path}?get={wanted}")}
        return found

    def root_cause(self, job: str) -> str:
        """Return what ended a job, in a line."""
        said = self.ask(f"/jobs/{job}/exceptions")
        entries = said.get("exceptionHistory", {}).get("entries", [])
        return essence(entries[0]["stacktrace"] if entries else said.get("root-exception") or "")

    def cancel(self, job: str) -> None:
        """Ask for a job's end; its last checkpoint stays."""
        self.ask(f"/jobs/{job}?mode=cancel", "PATCH")

    def stop_with_savepoint(self, job: str, directory: str) -> str:
        """Ask for a savepoint and then the job's end; returns the number to ask for its outcome."""
        return str(
            self.ask(f"/jobs/{job}/stop", "POST", {"targetDirectory": directory, "drain": False})[
                "request-id"
            ]
        )

    def savepoint(self, job: str, request: str) -> dict[str, Any]:
        """Return what became of a savepoint: `status.id`, and `operation.location` or `failure-cause`."""
        return dict(self.ask(f"/jobs/{job}/savepoints/{request}"))


def essence(stacktrace: str) -> str:
    """Return the one line of a stack trace that says what went wrong: Python's own where it began there.

    >>> essence("java.lang.RuntimeException: bundle\\nTraceback:\\nschemas.errors.StoreError: away\\n\\tat java.x")
    'schemas.errors.StoreError: away'
    >>> essence("java.io.IOException: a\\nCaused by: java.net.ConnectException: b")
    'java.net.ConnectException: b'
    >>> essence("org.apache.flink.RemoteException: Lost connection\\n\\tat java.base/java.lang.Thread.run(Thread.java:1)")
    'org.apache.flink.RemoteException: Lost connection'
    """
    python = _PYTHON_ERROR.findall(stacktrace)
    if python:
        return str(python[-1]).strip()
    lines = [line.strip() for line in stacktrace.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return (causes[-1:] or lines[:1] or ["Flink names no cause"])[0].removeprefix("Caused by: ")


_PYTHON_ERROR: Final = re.compile(
    r"^(?!java|org\.|Caused|io\.)[A-Za-z_][\w.]*(?:Error|Exception|Interrupt): .*", re.MULTILINE
)


def _of_interest(name: str) -> bool:
    return name.endswith(("currentInputWatermark", "currentOutputWatermark"))
