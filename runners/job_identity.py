"""The identity of a job: what decides its figures, not how fast or in what batches they come.

It has three parts: what is read and how, what is made of it besides features, and the feature views.

>>> same_but_for_views("a-b-c", "a-b-d"), same_but_for_views("a-b-c", "a-x-c"), same_reading("a-b-c", "a-x-c")
(True, False, True)
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from runners.composition import feature_views, job_dimensions
from runners.job_sources import dimension_folder
from runners.jobs_request import JobRequest
from runners.pseudonyms import described_pseudonyms
from runners.settings import Settings

NO_VIEWS: Final = "none"
_SEMANTIC: Final = (
    "currency", "timezone", "max_out_of_orderness_ms", "allowed_lateness_ms", "dedup_horizon_ms",
    "order_horizon_ms", "attribution_window", "namespace",
)  # fmt: skip


def job_id(request: JobRequest, settings: Settings) -> str:
    """Return the identity of a job."""
    sources = sorted(source if "://" in source else str(Path(source).resolve()) for source in request.sources)
    read: dict[str, Any] = {name: getattr(settings, name) for name in _SEMANTIC}
    dims = dimension_folder(request.sources, request.dims)
    read |= {
        "sources": sources, "from": request.from_ms, "to": request.to_ms,
        "dims": str(dims.resolve()) if dims else None, "scopes": job_dimensions(request).scopes,
    }  # fmt: skip
    read |= described_pseudonyms(settings)
    made = {"recommender": request.recommender, "attribution": request.attribution}
    return f"{_digest(read)}-{_digest(made)}-{_views_digest(request, settings)}"


def same_but_for_views(one: str, other: str) -> bool:
    """Whether two jobs differ in feature views at most."""
    return one.rpartition("-")[0] == other.rpartition("-")[0] != ""


def same_reading(one: str, other: str) -> bool:
    """Whether two jobs read the same in the same way."""
    return one.partition("-")[0] == other.partition("-")[0]


def views_id(job: str) -> str:
    """Return what decides a job's features: what is read, and the views.

    >>> views_id("a-b-c")
    'a-c'
    """
    return f"{job.partition('-')[0]}-{job.rpartition('-')[2]}"


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=12).hexdigest()


def _views_digest(request: JobRequest, settings: Settings) -> str:
    """Return what tells one set of feature views from another."""
    views = feature_views(request, settings)
    if not views:
        return NO_VIEWS
    from schemas.features.layout import encoded
    from transforms.features.compiled import compile_views

    return hashlib.blake2b(encoded(compile_views(views).catalogue), digest_size=12).hexdigest()
