"""What always holds, of events that hypothesis finds: sums over scopes and windows, and equal exports of equal events."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, TypeAlias

from catalogued import assert_agrees, catalogued
from event_strategies import Happened, happenings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from invariants import scopes_off_the_platform, windows_off_their_minutes
from nasty_events import write_arrivals
from nasty_world import write_world
from oracle_terms import Terms
from running import QUIET, differing, exported

from runners.embedded_redis import open_redis
from runners.jobs import run_job
from runners.jobs_request import JobRequest
from runners.settings import Settings
from serving.reader import Reader

Kind: TypeAlias = Literal["replay", "run"]
SLOW: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
UNSHRUNK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""A replay takes half a second: to shrink a failure would take minutes, and the differences tell enough."""


def as_of_ms(home: Path) -> int | None:
    with open_redis(None, home) as store:
        return Reader(store.client).job().as_of_ms


def other_way(home: Path, events: Path, terms: Terms, dims: Path, batch_rows: int, kind: Kind) -> Path:
    """Export what the live pipeline, or a replay in other batches, makes of a file."""
    asked = JobRequest(kind=kind, sources=(str(events),), dims=dims, recommender=False)
    run_job(asked, Settings(data_dir=home, batch_rows=batch_rows, **terms.settings()), QUIET)
    return exported(home)


@settings(max_examples=4, deadline=None, phases=UNSHRUNK, suppress_health_check=SLOW)
@given(
    happened=happenings(),
    batch_rows=st.sampled_from((1, 2, 5, 65_536)),
    kind=st.sampled_from(("replay", "run")),
)
def test_what_always_holds(happened: Happened, batch_rows: int, kind: Kind) -> None:
    """Another order within the lateness bound, other batches, duplicates and a live run are the same events."""
    world, terms = happened.world, happened.world.terms()
    with TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "other")
        dims = write_world(Path(folder, "dims"), world)
        both = catalogued(one, write_arrivals(Path(folder, "one.jsonl"), happened.arrivals), terms, dims)
        assert scopes_off_the_platform(both.store) == []
        assert windows_off_their_minutes(both.store, terms.timezone) == []
        assert_agrees(both)
        others = write_arrivals(Path(folder, "other.jsonl"), happened.others)
        assert differing(other_way(other, others, terms, dims, batch_rows, kind), both.out) == []
        # As of the end, an export is as of the first moment after its last event.
        latest_ms = max(event["event_time"] for event in happened.arrivals)
        assert [as_of_ms(one), as_of_ms(other)] == [latest_ms + 1] * 2
