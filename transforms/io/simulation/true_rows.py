"""Rows of the truth about orders and interests."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from transforms.io.simulation.directory import Directory, Rows
from transforms.io.simulation.draws import Ints
from transforms.io.simulation.evening_run import Stretch
from transforms.io.simulation.interests import Interests
from transforms.io.simulation.names import names, numbered
from transforms.io.simulation.scenario import CATEGORIES, Scenario
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.truth import USERS_AT_ONCE, moment
from transforms.io.simulation.visits import SOURCE

OWN_ACCORD: Final = "own_accord"


def order_rows(directory: Directory, evening: Evening, stretch: Stretch) -> dict[str, pa.Array]:
    """Return one row an order line."""
    visits, shown, lines = stretch.visits, stretch.shown, stretch.lines
    visit = shown.visit[lines.row]
    session, traffic = evening.code[visits.room[visit]], stretch.traffic[visit]
    boosted = visits.promotion[visit] >= 0
    exposed = boosted & ~visits.held_out[visit]
    by_coupon = visits.source[visit] == SOURCE["coupon"]
    caused = exposed & ~shown.buys_anyway[lines.row]
    cause = np.where(caused, np.where(by_coupon, "coupon", "ad_plan"), OWN_ACCORD)
    chance = np.where(exposed, shown.boosted_chance[lines.row], shown.buy_chance[lines.row])
    fate, times = lines.fate, lines.times
    return {
        "evening": pa.array(np.full(len(visit), evening.number)),
        "order_id": numbered("o", visits.id[visit]),
        "item_id": pa.array(directory.items).take(pa.array(shown.item[lines.row])),
        "user_id": numbered("u", visits.user[visit]),
        **_texts(directory.sessions, ("room_id", "session_id", "creator_id"), session),
        **_texts(directory.traffic, ("traffic_source", "coupon_id", "ad_plan_id", "campaign_id"), traffic),
        "cause": pa.array(cause.tolist(), pa.string()),
        "click_chance": pa.array(shown.click_chance[lines.row]),
        "buy_chance": pa.array(chance),
        "quantity": pa.array(fate.quantity),
        "amount_minor": pa.array(fate.amount_minor),
        "placed_at": moment(times.placed),
        "paid_at": moment(times.paid),
        "cancelled_at": moment(times.cancelled),
        "shipped_at": moment(times.shipped),
        "delivered_at": moment(times.delivered),
        "refunded_at": moment(times.refunded),
        "refund_minor": pa.array(np.where(times.refunded >= 0, fate.refund_minor, 0)),
        "refunded_again_at": moment(times.refunded_again),
        "second_refund_minor": pa.array(np.where(times.refunded_again >= 0, fate.second_refund_minor, 0)),
        "net_minor": pa.array(fate.net_minor),
    }


def interest_rows(scenario: Scenario, interests: Interests, evening: int) -> Iterator[dict[str, pa.Array]]:
    """Yield every user's weight on every category in an evening, some thousand users at a time."""
    categories = pa.array(names("category", range(CATEGORIES)))
    for begin in range(0, scenario.users, USERS_AT_ONCE):
        users = np.arange(begin, min(begin + USERS_AT_ONCE, scenario.users))
        user, category = np.repeat(users, CATEGORIES), np.tile(np.arange(CATEGORIES), len(users))
        yield {
            "evening": pa.array(np.full(len(user), evening)),
            "user_id": numbered("u", user),
            "category_id": categories.take(pa.array(category)),
            "weight": pa.array(interests.weights(user, category, evening)),
        }


def _texts(table: Rows, columns: tuple[str, ...], codes: Ints) -> dict[str, pa.Array]:
    used, places = np.unique(codes, return_inverse=True)
    held = [table[code] for code in used]
    return {
        column: pa.array([row.get(column) for row in held], pa.string()).take(pa.array(places))
        for column in columns
    }
