"""`run_elsewhere`: one run of the pipeline on Prism or Flink, from request to report."""

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.cluster_job import ClusterJob
from runners.clusters.progress import Tell, telling
from runners.embedded_redis import OpenRedis
from runners.job_report import JobReport, report_of
from runners.job_sources import openers
from runners.jobs_request import JobRequest
from runners.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class Stopping:
    """Whether the job is to stop: set by Ctrl-C and SIGTERM."""

    stopping: bool = False


def run_elsewhere(
    request: JobRequest, settings: Settings, redis: OpenRedis, identity: str, console: "Console"
) -> JobReport:
    """Run a job where state is the runner's to keep; raises InterestreamError."""
    from runners.jobs import stopping_on_signals

    paced, readers = request.speed is not None, settings.source_parallelism
    opened = openers(request.sources, settings.batch_rows, request.follow, paced, readers)
    job = ClusterJob(request, settings, redis, identity, opened)
    if job.is_complete():
        return JobReport(resumed=True, nothing_to_do=True)
    stop, began = Stopping(), time.monotonic()
    with telling(console) as tell, stopping_on_signals(stop):
        counted = (
            _on_flink(job, stop, tell) if request.runner == "FlinkRunner" else _on_prism(job, stop, tell)
        )
    return report_of({}, counted, time.monotonic() - began, job.resumed, stop.stopping)


def _on_flink(job: ClusterJob, stop: Stopping, tell: Tell) -> dict[str, int]:
    from runners.flink import FlinkRun
    from runners.flink_target import flink_target

    with flink_target(job.settings, job.request.beam_options, tell) as target:
        return FlinkRun(job, target, stop, tell).run()


def _on_prism(job: ClusterJob, stop: Stopping, tell: Tell) -> dict[str, int]:
    from runners.clusters.places import cache_home
    from runners.flink_target import option_value
    from runners.prism import LOCATION, ensure_prism, run_prism

    given = option_value(job.request.beam_options, LOCATION)
    prism = given or ensure_prism(cache_home(os.environ), os.environ, tell)
    job.begin()
    tell("running on Prism")
    counted = run_prism(job.compose, job.request.beam_options, prism, lambda: stop.stopping)
    if not stop.stopping:
        job.end()
    return counted
