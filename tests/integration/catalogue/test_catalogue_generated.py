"""Every figure that is exported, of events made to meet every edge, against the oracle of the whole catalogue."""

from collections.abc import Callable
from pathlib import Path

import pytest
from catalogued import assert_agrees, catalogued
from nasty_events import nasty_arrivals, write_arrivals
from nasty_world import WORLDS, write_world
from oracle_terms import DAY_MS, Terms


@pytest.mark.parametrize("name", WORLDS)
def test_a_small_world_in_which_everything_meets(name: str, tmp_path: Path) -> None:
    world = WORLDS[name]
    events = write_arrivals(tmp_path / "events.jsonl", nasty_arrivals(world, 700, seed=len(name)))
    dims = write_world(tmp_path / "dimensions", world)
    assert_agrees(catalogued(tmp_path / "home", events, world.terms(), dims))


@pytest.mark.parametrize("left_out", [("items",), ("creators", "merchants")])
def test_with_fewer_dimensions(left_out: tuple[str, ...], tmp_path: Path) -> None:
    """A scope whose dimension is not given is not published, and the others say what they can."""
    world = WORLDS["midnight in Shanghai"]
    events = write_arrivals(tmp_path / "events.jsonl", nasty_arrivals(world, 300, seed=len(left_out)))
    dims = write_world(tmp_path / "dimensions", world)
    for name in left_out:
        next(dims.glob(f"{name}.*")).unlink()
    assert_agrees(catalogued(tmp_path / "home", events, world.terms(), dims))


def test_other_terms(tmp_path: Path) -> None:
    """Half an hour late is too late, a day after its order a refund is an orphan, and ids come again after six hours."""
    world = WORLDS["25 hours in New York"]
    events = write_arrivals(tmp_path / "events.jsonl", nasty_arrivals(world, 700, seed=5))
    terms = Terms(
        timezone=world.timezone, max_out_of_orderness_ms=1000, allowed_lateness_ms=1_800_000,
        dedup_horizon_ms=6 * 3_600_000, order_horizon_ms=DAY_MS,
    )  # fmt: skip
    dims = write_world(tmp_path / "dimensions", world)
    assert_agrees(catalogued(tmp_path / "home", events, terms, dims, batch_rows=64))


def test_a_day_of_a_plausible_shop(generate: Callable[..., Path], tmp_path: Path) -> None:
    events = generate(2_000, 0.02)
    assert_agrees(catalogued(tmp_path / "home", events, Terms(), events.parent / "dimensions"))
