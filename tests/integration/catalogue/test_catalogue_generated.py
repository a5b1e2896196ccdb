"""Every figure that is exported, of events made to meet every edge, against the oracle of the whole
catalogue."""

from pathlib import Path

import pytest
from catalogued import assert_agrees, catalogued
from nasty_events import nasty_arrivals, write_arrivals
from nasty_world import WORLDS, write_world


@pytest.mark.parametrize("name", WORLDS)
def test_every_figure_of_a_small_world_in_which_everything_meets(name: str, tmp_path: Path) -> None:
    world = WORLDS[name]
    events = write_arrivals(tmp_path / "events.jsonl", nasty_arrivals(world, 700, seed=len(name)))
    store, given = catalogued(
        tmp_path / "home", events, world.terms(), write_world(tmp_path / "dimensions", world)
    )
    assert_agrees(store, given)
