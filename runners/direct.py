"""The default launcher: Beam's in-process runner, with checkpoints on local disk.

Beam's `DirectRunner` name would try other engines first; this one is named, so that a job behaves the same on
every machine.
"""

import ctypes
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from schemas.errors import InterestreamError, JobError, UsageError

MEMORY_TARGET_BYTES = 640 << 20
"""Resident memory at which large state arrays begin to be left to the kernel."""


def settle_memory(spill_directory: Path) -> None:
    """Keep memory bounded: one allocator for Arrow and Python without per-thread arenas, large state in files.

    Per-thread arenas and Arrow's own pool hold on to freed memory that the other could use.
    """
    import pyarrow as pa

    from transforms.state import spill

    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    spill.configure(spill_directory, MEMORY_TARGET_BYTES)


_M_ARENA_MAX = -8


def run_direct(compose: Callable[[Any], None], beam_options: Sequence[str]) -> None:
    """Run a pipeline to its end in this process.

    Raises JobError with the root cause if a step fails.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    options = PipelineOptions(["--streaming", *beam_options])
    if options.view_as(DirectOptions).direct_num_workers != 1:
        raise UsageError(
            "--direct_num_workers must be 1: local checkpoints hold one process. Use Flink for more workers."
        )
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=options)
    compose(pipeline)
    with quiet_beam():
        try:
            pipeline.run().wait_until_finish()
        except InterestreamError:
            raise
        except Exception as error:
            if _is_interrupt(error):
                raise KeyboardInterrupt from error
            raise JobError(f"The pipeline stopped: {root_cause(error)}") from error


def _is_interrupt(error: BaseException) -> bool:
    """Whether it was Ctrl-C: Beam makes a RuntimeError of whatever ends a step, and keeps only its name."""
    return str(error).startswith(KeyboardInterrupt.__name__)


def root_cause(error: BaseException) -> str:
    """Return the message of the first error of a chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


@contextmanager
def quiet_beam() -> Iterator[None]:
    """Hide what Beam logs, unless logs were asked for: an error comes out as the exception that it is."""
    logger = logging.getLogger("apache_beam")
    before = logger.level
    if not logging.getLogger().isEnabledFor(logging.INFO):
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
