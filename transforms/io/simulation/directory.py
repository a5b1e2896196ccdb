"""What the codes in a block stand for: sessions, traffic and coupons, as rows; grows by an evening at a time."""

from typing import Any, Final

from schemas.events import TRAFFIC_SOURCES
from transforms.io.simulation.coupon_life import Lives
from transforms.io.simulation.names import name, names, promotion_name, session_name
from transforms.io.simulation.promotions import Promotions
from transforms.io.simulation.scenario import PREFIX, Scenario
from transforms.io.simulation.sessions import Evening
from transforms.io.simulation.traffic import campaigns

Rows = list[dict[str, Any]]
TASKS: Final = ("broadcast", "selling_fans", "value", "traffic_efficiency")


class Directory:
    """Rows by code: `sessions` and `live` by a session's, `traffic` by a source's, `coupons` by a promotion's number.

    A row has only what is not null, in the order of the events' columns.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.items = names("item", range(scenario.items))
        self.sessions: Rows = []
        self.live: Rows = []
        self.coupons: Rows = []
        self.traffic: Rows = [{"traffic_source": source} for source in TRAFFIC_SOURCES]
        self.traffic += [
            {"traffic_source": "campaign", "campaign_id": name("campaign", number)}
            for number in range(campaigns(scenario))
        ]

    def add(self, evening: Evening, promotions: Promotions, life: Lives) -> None:
        """Take up an evening, in order."""
        last = len(evening.code) - 1
        for room in range(last):
            self.sessions.append(
                {
                    "room_id": name("room", room),
                    "session_id": session_name(evening.number, room),
                    "creator_id": name("creator", room),
                }
            )
            joins = evening.campaign if evening.joins_campaign[room] else -1
            row = {"campaign_id": name("campaign", joins), "base_id": name("base", int(evening.base[room]))}
            self.live.append({key: value for key, value in row.items() if value is not None})
        self.sessions.append({})
        self.live.append({})
        for place in range(len(promotions.number)):
            self._add_promotion(evening, promotions, life, place)

    def _add_promotion(self, evening: Evening, promotions: Promotions, life: Lives, place: int) -> None:
        identity = promotion_name(evening.number, place, promotions.coupons)
        if place >= promotions.coupons:
            self.traffic.append({"traffic_source": "qianchuan", "ad_plan_id": identity})
            self.coupons.append({})
            return
        self.traffic.append({"traffic_source": "coupon", "coupon_id": identity})
        terms: dict[str, Any] = {
            "cost_minor": int(life.cost_minor[place]),
            "impressions": int(life.bought[place]),
            "valid_from": int(promotions.valid_from_ms[place]),
            "valid_to": int(promotions.valid_to_ms[place]),
        }
        if life.by_task[place]:
            terms["task_id"] = f"{PREFIX}task-{TASKS[place % len(TASKS)]}-e{evening.number:03d}"
        self.coupons.append(terms | {"holdout_share": float(promotions.holdout_share[place])})
