"""The true effect of each promotion, summed over its eligible users while their visits are simulated."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from transforms.io.simulation.coupon_life import Lives
from transforms.io.simulation.draws import Floats, Ints
from transforms.io.simulation.names import names, promotion_name, session_name
from transforms.io.simulation.promotions import DESIGNS, Promotions
from transforms.io.simulation.shopping import Shown
from transforms.io.simulation.visits import Visits


@dataclass
class Effects:
    """Sums over an evening's promotions: users, and expected net money in the two worlds."""

    promotions: Promotions
    eligible: Ints
    exposed: Ints
    exposed_net: Floats
    held_out_net: Floats
    incremental_net: Floats

    @classmethod
    def none(cls, promotions: Promotions) -> "Effects":
        """Begin an evening."""
        count = len(promotions.number)
        whole, real = np.zeros(count, np.int64), np.zeros(count)
        return cls(promotions, whole, whole.copy(), real, real.copy(), real.copy())

    def add(self, visits: Visits, shown: Shown, row: Ints, net_minor: Ints) -> None:
        """Add visits; `row` names what was shown in promoted ones, `net_minor` what each of these would bring."""
        count = len(self.eligible)
        promoted = visits.promotion >= 0
        self.eligible += np.bincount(visits.promotion[promoted], minlength=count)
        self.exposed += np.bincount(visits.promotion[promoted & ~visits.held_out], minlength=count)
        visit = shown.visit[row]
        promotion = visits.promotion[visit]
        clicked = shown.click_chance[row] * net_minor
        exposed = clicked * shown.boosted_chance[row]
        anyway = clicked * shown.buy_chance[row] * self.promotions.comes_anyway[promotion]
        caused = (exposed - anyway) * ~visits.held_out[visit]
        self.exposed_net += np.bincount(promotion, exposed, count)
        self.held_out_net += np.bincount(promotion, anyway, count)
        self.incremental_net += np.bincount(promotion, caused, count)

    def columns(self, evening: int, places: Ints, life: Lives) -> dict[str, pa.Array]:
        """Return the rows of some promotions, coupons or ad plans."""
        promotions, count = self.promotions, np.maximum(self.eligible, 1)
        identities = [promotion_name(evening, int(place), promotions.coupons) for place in places]
        exposed, held_out = self.exposed_net / count, self.held_out_net / count
        columns = {
            "design": np.array(DESIGNS)[promotions.design],
            "holdout_share": promotions.holdout_share,
            "comes_anyway": promotions.comes_anyway,
            "boost": promotions.boost,
            "valid_from": promotions.valid_from_ms,
            "valid_to": promotions.valid_to_ms,
            "eligible": self.eligible,
            "exposed": self.exposed,
            "held_out": self.eligible - self.exposed,
            "true_lift_minor": exposed - held_out,
            "exposed_net_minor": exposed,
            "held_out_net_minor": held_out,
            "incremental_net_minor": self.incremental_net,
            "impressions": life.bought,
            "delivered": life.delivered,
            "cost_minor": life.cost_minor,
        }
        rooms = promotions.room[places]
        return {
            "coupon_id": pa.array(identities),
            "ad_plan_id": pa.array(identities),
            "evening": pa.array(np.full(len(places), evening)),
            "room_id": pa.array(names("room", rooms)),
            "session_id": pa.array([session_name(evening, int(room)) for room in rooms]),
            **{name: pa.array(values[places]) for name, values in columns.items()},
        }
