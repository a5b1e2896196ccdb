"""Credit under `markov` and `shapley`, from all paths as they were by the end of each line's day, one by one.

Written from the definitions: paths are walked anew for each day, removal effects are solved densely, and Shapley values
are fractions. `true_touches` and `eligible` are those of `credits_oracle`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

KINDS: Final = ("coupon", "ad_plan", "campaign")
SOURCES: Final = (
    "recommend", "follow", "search", "short_video", "share", "coupon", "qianchuan", "campaign", "other", "none",
)  # fmt: skip
NODES: Final = (*KINDS, *(f"traffic_source/{source}" for source in SOURCES))
PAUSE_MS: Final = 7 * 86_400_000
WHOLE: Final = 10**9

Path = tuple[tuple[int, ...], bool]
"""Nodes, and whether it converted."""


def node_of(channel: str, identifier: str) -> int:
    """Return the place of a channel's node."""
    return NODES.index(channel if channel in KINDS else f"traffic_source/{identifier}")


def day_of(time_ms: int, zone: str) -> str:
    """Return the calendar day of a moment."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def paths_of(steps: Sequence[tuple[int, int | None]]) -> Iterable[Path]:
    """Walk one user's touches and payments (None), in order."""
    nodes: list[int] = []
    last_ms = 0
    for time_ms, node in steps:
        if nodes and time_ms - last_ms > PAUSE_MS:
            yield tuple(nodes), False
            nodes = []
        if node is None:
            if nodes:
                yield tuple(nodes), True
            nodes = []
        elif not nodes or nodes[-1] != node:
            nodes.append(node)
        last_ms = time_ms
    if nodes:
        yield tuple(nodes), False


def rate(paths: Counter[Path], without: int | None) -> float:
    """Return the share of walks that convert where every step onto one node leads to the end without conversion."""
    steps, leaving = np.zeros((len(NODES) + 1, len(NODES) + 1)), np.zeros(len(NODES) + 1)
    won = np.zeros(len(NODES) + 1)
    for (nodes, converted), count in paths.items():
        states = [0, *(node + 1 for node in nodes)]
        for at, state in enumerate(states):
            leaving[state] += count
            if at + 1 < len(states):
                steps[state, states[at + 1]] += count
        won[states[-1]] += count * converted
    leaving[leaving == 0] = 1
    steps, won = steps / leaving[:, None], won / leaving
    if without is not None:
        steps[:, without + 1] = 0
    return float(np.linalg.solve(np.eye(len(won)) - steps, won)[0])


def weights_of(paths: Counter[Path]) -> dict[str, list[int]]:
    """Return each node's share of all removal effects, and of all Shapley values, in whole billionths."""
    brought = [Fraction(0)] * len(NODES)
    for (nodes, converted), count in paths.items():
        for node in set(nodes):
            brought[node] += Fraction(count * converted, len(set(nodes)))
    base = rate(paths, None)
    effects = [1 - rate(paths, node) / base if base else 0.0 for node in range(len(NODES))]
    effects = [effect if effect > 1e-12 else 0.0 for effect in effects]
    return {
        name: [round(value * WHOLE / sum(values)) if sum(values) else 0 for value in values]
        for name, values in (("markov", effects), ("shapley", brought))
    }


def day_weights(store: duckdb.DuckDBPyConnection, zone: str) -> dict[str, dict[str, list[int]]]:
    """Return the weights by the end of every day on which a line was paid."""
    steps: dict[str, list[tuple[int, int, int]]] = {}
    for user, time_ms, channel, identifier in store.execute(
        "SELECT user_id, event_time, channel, id FROM true_touches"
    ).fetchall():
        steps.setdefault(user, []).append((time_ms, 0, node_of(channel, identifier)))
    payments = "event_type = 'order' AND order_status = 'paid' AND user_id IS NOT NULL"
    for user, time_ms in store.execute(f"SELECT user_id, event_time FROM events WHERE {payments}").fetchall():
        steps.setdefault(user, []).append((time_ms, 1, -1))
    days = {day_of(time_ms, zone) for (time_ms,) in store.execute("SELECT pay_ms FROM true_lines").fetchall()}
    found = {}
    for day in days:
        paths: Counter[Path] = Counter()
        for own in steps.values():
            known = [
                (ms, None if paid else node) for ms, paid, node in sorted(own) if day_of(ms, zone) <= day
            ]
            paths.update(paths_of(known))
        found[day] = weights_of(paths)
    return found


def split(net: int, weights: Sequence[int]) -> list[int]:
    """Split by largest remainder, ties to the earlier; equally where nothing weighs anything."""
    used = list(weights) if any(weights) else [1] * len(weights)
    exact = [Fraction(net * weight, sum(used)) for weight in used]
    shares = [int(part) for part in exact]
    for at in sorted(range(len(exact)), key=lambda n: (shares[n] - exact[n], n))[: net - sum(shares)]:
        shares[at] += 1
    return shares


def path_credits(store: duckdb.DuckDBPyConnection, zone: str) -> dict[tuple[str, str, str, str | None], int]:
    """Return what each line gives to which touch under both models, by order, item, model and event id."""
    weights = day_weights(store, zone)
    lines = store.execute("SELECT order_id, item_id, net, pay_ms FROM true_lines").fetchall()
    touched: dict[tuple[str, str], dict[int, str]] = {}
    for order, item, event_id, channel, identifier in store.execute(
        "SELECT order_id, item_id, event_id, channel, id FROM eligible ORDER BY place"
    ).fetchall():
        latest = touched.setdefault((order, item), {})
        node = node_of(channel, identifier)
        latest.pop(node, None)
        latest[node] = event_id
    found: dict[tuple[str, str, str, str | None], int] = {}
    for order, item, net, pay_ms in lines:
        latest = touched.get((order, item), {})
        for model, weighs in weights[day_of(pay_ms, zone)].items():
            shares = split(net, [weighs[node] for node in latest]) if latest else [net]
            for event_id, share in zip(latest.values() or [None], shares, strict=True):
                found[order, item, model, event_id] = share
    return {key: share for key, share in found.items() if share}
