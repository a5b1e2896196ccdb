"""What always holds, of events that hypothesis finds: sums over scopes and windows, and equal exports of equal events."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from catalogued import assert_agrees, catalogued
from event_strategies import Happened, happenings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from invariants import scopes_off_the_platform, windows_off_their_minutes
from nasty_events import write_arrivals
from nasty_world import write_world
from running import differing, results

from runners.embedded_redis import open_redis
from serving.reader import Reader

SLOW: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
UNSHRUNK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""A replay takes half a second: to shrink a failure would take minutes, and the differences tell enough."""


def as_of_ms(home: Path) -> int | None:
    with open_redis(None, home) as store:
        return Reader(store.client).job().as_of_ms


@settings(max_examples=60, deadline=None, phases=UNSHRUNK, suppress_health_check=SLOW)
@given(happened=happenings(), batch_rows=st.sampled_from((1, 2, 5, 65_536)))
def test_what_always_holds(happened: Happened, batch_rows: int) -> None:
    """Another order within the lateness bound, other batches and duplicates are the same events."""
    world, terms = happened.world, happened.world.terms()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        dims = write_world(home / "dims", world)
        both = catalogued(home / "one", write_arrivals(home / "one.jsonl", happened.arrivals), terms, dims)
        assert scopes_off_the_platform(both.store) == []
        assert windows_off_their_minutes(both.store, terms.timezone) == []
        assert_agrees(both)
        others = write_arrivals(home / "others.jsonl", happened.others)
        cut = {"settings": terms.settings() | {"batch_rows": batch_rows}, "dims": dims}
        assert differing(results(home / "other", others, **cut), both.out) == []
        print(
            as_of_ms(home / "one"), as_of_ms(home / "other"), max(e["event_time"] for e in happened.arrivals)
        )
