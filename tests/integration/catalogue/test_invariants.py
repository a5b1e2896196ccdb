"""What always holds, of events that hypothesis finds: sums over scopes and windows, and equal exports of equal events."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from catalogued import assert_agrees, catalogued
from event_strategies import Happened, happenings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants import scopes_off_the_platform, windows_off_their_minutes
from nasty_events import write_arrivals
from nasty_world import write_world
from running import TABLES, differing, results

from runners.embedded_redis import open_redis
from serving.reader import Reader


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(happened=happenings(), batch_rows=st.sampled_from((1, 2, 5, 65_536)))
def test_what_always_holds(happened: Happened, batch_rows: int) -> None:
    world, terms = happened.world, happened.world.terms()
    with TemporaryDirectory() as folder:
        home = Path(folder)
        dims = write_world(home / "dims", world)
        events = write_arrivals(home / "events.jsonl", happened.arrivals)
        both = catalogued(home / "one", events, terms, dims)
        assert scopes_off_the_platform(both.store) == []
        assert windows_off_their_minutes(both.store, terms.timezone) == []
        assert_agrees(both)
        others = write_arrivals(home / "others.jsonl", happened.others)
        run = {"settings": terms.settings() | {"batch_rows": batch_rows}, "dims": dims}
        assert differing(results(home / "other", others, **run), both.out) == []
        assert as_of_ms(home / "one") == as_of_ms(home / "other")
