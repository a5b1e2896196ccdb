"""The stated effects are there to be found: plain differences of means over the events agree with the truth."""

import math
from pathlib import Path

import pytest
from simulated_folders import opened

from transforms.io.simulation import Scenario, simulate

SEEDS = (1, 2, 3, 4)
DIFFERENCES = """
    WITH eligible AS (
        SELECT coupon_id, user_id, min(event_time) AS since_ms, bool_or(coalesce(holdout, false)) AS held
        FROM events WHERE event_type = 'view' AND coupon_id IS NOT NULL GROUP BY ALL
    ), money AS (
        SELECT user_id, order_id, item_id, min(event_time) FILTER (order_status = 'paid') AS paid_ms,
               sum(CASE order_status WHEN 'paid' THEN amount_minor WHEN 'refunded' THEN -amount_minor ELSE 0 END) AS net
        FROM events WHERE event_type = 'order' GROUP BY ALL
    ), spent AS (
        SELECT coupon_id, eligible.user_id, held, coalesce(sum(net), 0)::DOUBLE AS net FROM eligible
        JOIN coupons USING (coupon_id)
        LEFT JOIN money ON money.user_id = eligible.user_id
            AND paid_ms BETWEEN since_ms AND epoch_ms(valid_to) + 86400000
        GROUP BY ALL
    )
    SELECT design, avg(net) FILTER (NOT held) - avg(net) FILTER (held) AS difference, any_value(true_lift_minor),
           sqrt(var_samp(net) FILTER (NOT held) / count(*) FILTER (NOT held)
                + var_samp(net) FILTER (held) / count(*) FILTER (held)) AS error
    FROM spent JOIN coupons USING (coupon_id) WHERE holdout_share > 0 GROUP BY coupon_id, design ORDER BY coupon_id
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float, float, float]]:
    """Every measured coupon of some seeds: its design, difference of means, true lift, standard error."""
    rows: list[tuple[str, float, float, float]] = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp("effects") / str(seed)
        simulate(Scenario(seed=seed, events=200_000, users=60_000, late=0, duplicates=0), folder)
        rows += opened(folder).sql(DIFFERENCES).fetchall()
    return rows


def test_differences_of_means_agree_with_the_truth(found: list[tuple[str, float, float, float]]) -> None:
    scores = [(difference - truth) / error for _, difference, truth, error in found]
    assert len(scores) >= 5 * len(SEEDS)
    assert max(map(abs, scores)) < 3.5
    # Squares of standard normals sum to their number, with variance twice that.
    assert abs(sum(score**2 for score in scores) - len(scores)) < 3 * math.sqrt(2 * len(scores))
    assert abs(sum(scores)) < 3 * math.sqrt(len(scores))


def test_effects_differ_from_nothing_where_there_are_any(
    found: list[tuple[str, float, float, float]],
) -> None:
    of_design = {design: [row for row in found if row[0] == design] for design, *_ in found}
    assert all(truth == 0 for _, _, truth, _ in of_design["no_effect"])
    weights = [(difference / error**2, 1 / error**2) for _, difference, _, error in of_design["effective"]]
    mean = sum(each for each, _ in weights) / sum(weight for _, weight in weights)
    assert mean > 4 / math.sqrt(sum(weight for _, weight in weights))


def test_a_coupon_for_buyers_earns_much_and_causes_little(tmp_path: Path) -> None:
    simulate(Scenario(seed=9), tmp_path / "one")
    store = opened(tmp_path / "one")
    ((credited, cost, caused),) = store.sql("""
        SELECT (SELECT sum(net_minor) FROM orders WHERE orders.coupon_id = coupons.coupon_id), cost_minor,
               incremental_net_minor FROM coupons WHERE design = 'at_buyers'""").fetchall()
    assert credited > 2 * cost
    assert 0 < caused < 0.1 * credited


def test_lines_are_caused_as_often_as_the_truth_expects(tmp_path: Path) -> None:
    """The orders table tells of each line whether a promotion caused it; summed, that is the stated effect."""
    simulate(Scenario(seed=11, events=300_000, users=50_000), tmp_path / "one")
    store = opened(tmp_path / "one")
    for table, kind in (("coupons", "coupon"), ("ad_plans", "ad_plan")):
        ((expected,),) = store.sql(f"SELECT sum(incremental_net_minor) FROM {table}").fetchall()
        ((caused, error),) = store.sql(
            f"SELECT sum(net_minor), sqrt(sum(net_minor::DOUBLE ** 2)) FROM orders WHERE cause = '{kind}'"
        ).fetchall()
        assert abs(caused - expected) < 3.5 * error
