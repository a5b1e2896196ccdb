"""The launcher for Prism, Beam's portable runner in Go: on PATH, by `--prism_location`, or built where Go is.

Prism keeps state in memory only: a run that was killed starts over. As it comes it is not exact for stateful
steps; what it may not do is said by `WHOLE_BUNDLES`, and `transforms.ordering` mends the rest.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from runners.clusters.progress import Tell
from runners.direct import quiet_beam, root_cause
from runners.flink_target import option_value
from schemas.errors import InterestreamError, JobError, UsageError

VERSION: Final = "v2.77.0"
MODULE: Final = f"github.com/apache/beam/sdks/v2/go/cmd/prism@{VERSION}"
LOCATION: Final = "--prism_location"
WHOLE_BUNDLES: Final = "--experiments=prism_disable_sdf_split"
"""Prism splits bundles of stateful steps too when they are slow, and forgets that the key of the first part is
still being worked on: two bundles of one key run at once, and the state that one of them wrote is lost."""
_BUILD_PATIENCE_S: Final = 900.0


def find_prism(cache: Path, environment: Mapping[str, str]) -> str | None:
    """Return the Prism on PATH, in Go's own folder, or built by us before; None where there is none."""
    on_path = shutil.which("prism", path=environment.get("PATH"))
    if on_path:
        return on_path
    for built in (Path.home() / "go" / "bin" / "prism", built_prism(cache)):
        if built.is_file():
            return str(built)
    return None


def built_prism(cache: Path) -> Path:
    """Return where a Prism that we build stands."""
    return cache / "prism" / VERSION / "prism"


def ensure_prism(cache: Path, environment: Mapping[str, str], tell: Tell) -> str:
    """Return a Prism, built now if it must be, which takes a minute or two; raises UsageError without Go."""
    found = find_prism(cache, environment)
    if found:
        return found
    go = shutil.which("go", path=environment.get("PATH"))
    if go is None:
        raise UsageError(
            f"No prism was found on PATH, and no Go to build it. Name one with {LOCATION} PATH, "
            f"or install Go and run: go install {MODULE}"
        )
    tell(f"building Prism {VERSION} with Go: a minute or two")
    target = built_prism(cache)
    fresh = target.parent.with_name(f".{VERSION}-{os.getpid()}")
    done = subprocess.run(
        [go, "install", MODULE],
        env={**environment, "GOBIN": str(fresh)},
        capture_output=True,
        text=True,
        timeout=_BUILD_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise JobError(f"Prism could not be built: {last}. Build it by hand: go install {MODULE}")
    target.parent.mkdir(parents=True, exist_ok=True)
    (fresh / "prism").replace(target)
    shutil.rmtree(fresh, ignore_errors=True)
    return str(target)


def run_prism(
    compose: Callable[[Any], None], beam_options: Sequence[str], prism: str, stopping: Callable[[], bool]
) -> dict[str, int]:
    """Run a pipeline to its end on Prism and return what it counted; raises JobError if it fails."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    located = [] if option_value(beam_options, LOCATION) else [f"{LOCATION}={prism}"]
    options = PipelineOptions(["--runner=PrismRunner", "--streaming", WHOLE_BUNDLES, *located, *beam_options])
    with quiet_beam():
        try:
            pipeline = beam.Pipeline(options=options)
            compose(pipeline)
            result = pipeline.run()
            _await(result, stopping)
        except InterestreamError:
            raise
        except Exception as error:
            raise JobError(f"The pipeline stopped: {root_cause(error)}") from error
    return _counters(result)


_LOOK_EVERY_S: Final = 0.2


def _await(result: Any, stopping: Callable[[], bool]) -> None:
    """Wait for the end on a thread of its own, so that a Ctrl-C is heard meanwhile."""
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            result.wait_until_finish()
        except BaseException as error:
            failed.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    while waiting.is_alive():
        if stopping():
            result.cancel()
            return
        waiting.join(_LOOK_EVERY_S)
    if failed:
        raise failed[0]


def _counters(result: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for counter in result.metrics().query()["counters"]:
        if counter.key.metric.namespace == "interestream":
            name = counter.key.metric.name
            found[name] = found.get(name, 0) + int(counter.result)
    return found
