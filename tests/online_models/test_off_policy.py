"""Off-policy estimates: exact on a log of every choice, and on Open Bandit against obp's own README."""

import importlib.util
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from online_models.off_policy import Logged, doubly_robust, ips, snips
from schemas.errors import UsageError

POSITIONS = 3


def obp_file(inside: str) -> pa.BufferReader:
    """A file of the `obp` package, installed or in the wheel that OBP_WHEEL names; skips where neither is."""
    wheel = os.environ.get("OBP_WHEEL")
    if wheel:
        return pa.BufferReader(zipfile.ZipFile(wheel).read(inside))
    found = importlib.util.find_spec("obp")
    if found is None or found.origin is None:
        pytest.skip("Open Bandit's data come with obp: install it, or let OBP_WHEEL name its wheel")
    return pa.BufferReader((Path(found.origin).parents[1] / inside).read_bytes())


def bernoulli_ts(simulations: int = 100_000) -> np.ndarray:
    """How often Thompson sampling from ZOZOTOWN's prior puts each item at each position."""
    prior = yaml.safe_load(obp_file("obp/policy/conf/prior_bts.yaml").read())["all"]
    rng = np.random.default_rng(12_345)
    drawn = rng.beta(prior["alpha"], prior["beta"], (simulations, len(prior["alpha"])))
    top = np.argsort(-drawn, axis=1)[:, :POSITIONS]
    counts = [np.bincount(top[:, place], minlength=drawn.shape[1]) for place in range(POSITIONS)]
    return np.array(counts).T / simulations


def test_bernoulli_ts_over_random_is_what_obp_says() -> None:
    log = csv.read_csv(obp_file("obp/dataset/obd/random/all/all.csv"))
    columns = ("item_id", "position", "click", "propensity_score")
    item, position, click, propensity = (log[name].to_numpy() for name in columns)
    chance = bernoulli_ts()[item, position - 1]
    logged = Logged(click.astype(np.float64), propensity, chance)
    assert ips(logged) / click.mean() == pytest.approx(1.198, abs=0.005)
    # A model that knows only the mean reward leaves what it is right about on average as it was.
    mean = np.full(len(click), click.mean())
    assert doubly_robust(logged, mean, mean) == pytest.approx(snips(logged), rel=0.1)


chances = st.lists(st.integers(1, 9), min_size=3, max_size=3)


@given(logging=chances, candidate=chances, rewards=st.lists(st.integers(0, 5), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_log_with_every_choice_as_often_as_its_chance_gives_the_exact_value(
    logging: list[int], candidate: list[int], rewards: list[int]
) -> None:
    shown = np.repeat(np.arange(3), logging)
    p, q, r = (np.array(each, np.float64) for each in (logging, candidate, rewards))
    p, q = p / p.sum(), q / q.sum()
    logged = Logged(r[shown], p[shown], q[shown])
    value = float(q @ r)
    assert ips(logged) == pytest.approx(value)
    assert snips(logged) == pytest.approx(value)
    wrong = np.array([3.0, -1.0, 2.0])
    assert doubly_robust(logged, wrong[shown], np.full(len(shown), q @ wrong)) == pytest.approx(value)


def test_what_cannot_be_estimated_says_why() -> None:
    none, one = np.array([]), np.array([1.0])
    with pytest.raises(UsageError, match="no logged entries"):
        ips(Logged(none, none, none))
    with pytest.raises(UsageError, match="propensities"):
        ips(Logged(one, np.array([0.0]), one))
    with pytest.raises(UsageError, match="nothing is known"):
        snips(Logged(one, one, np.array([0.0])))
