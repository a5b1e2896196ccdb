"""The hand-written loop's attribution: touches in lists, credit in dicts, exact under refunds."""

import heapq
from collections import defaultdict
from typing import Any, Final

from hand_counts import DAY_MS, MINUTE_MS, Counts

CLICK_WINDOW_MS: Final = 7 * DAY_MS
VIEW_WINDOW_MS: Final = DAY_MS
CHANNELS: Final = ("coupon", "ad_plan", "campaign", "traffic_source")

Event = dict[str, Any]
Line = tuple[str, str]


class Attribution:
    """Last-touch and linear credit, 7 days of clicks and 1 day of views, exact under refunds."""

    def __init__(self) -> None:
        self.counts = Counts(2, ("credit",))
        self._touches: defaultdict[str, list[tuple[int, str, bool, str, str, str]]] = defaultdict(list)
        self._waiting: list[tuple[int, str, Event]] = []
        self._lines: dict[Line, _Credited] = {}
        self._early_refunds: defaultdict[Line, int] = defaultdict(int)
        self._names: dict[str, str] = {}
        self._channels: dict[tuple[Any, ...], str] = {}

    def touch(self, event: Event, time_ms: int, is_click: bool) -> None:
        """Remember a view or click; strings that repeat are kept once."""
        get, name = event.get, self._names.setdefault
        session, item = get("session_id") or "", get("item_id") or ""
        self._touches[event["user_id"]].append(
            (
                time_ms,
                event["event_id"],
                is_click,
                name(session, session),
                name(item, item),
                self._channel(event),
            )
        )

    def paid(self, event: Event, time_ms: int) -> None:
        """Hold a paid line until no earlier touch can come any more."""
        heapq.heappush(self._waiting, (time_ms, event["event_id"], event))

    def refunded(self, event: Event) -> None:
        """Take credit back from whom it was given."""
        line = (event["order_id"], event["item_id"])
        credited = self._lines.get(line)
        if credited is None:
            self._early_refunds[line] += event["amount_minor"]
        else:
            credited.refund(event["amount_minor"], self.counts)

    def settle(self, watermark_ms: int) -> None:
        """Credit the paid lines that the watermark has passed."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= watermark_ms:
            time_ms, _, event = heapq.heappop(waiting)
            line = (event["order_id"], event["item_id"])
            credited = _Credited(self._eligible(event, time_ms), event["amount_minor"], time_ms // MINUTE_MS)
            self._lines[line] = credited
            credited.book(self.counts)
            if line in self._early_refunds:
                credited.refund(self._early_refunds.pop(line), self.counts)

    def forget(self, before_ms: int) -> None:
        """Drop the touches that are older than the longest window."""
        for user, touches in list(self._touches.items()):
            if touches[0][0] < before_ms:
                self._touches[user] = [touch for touch in touches if touch[0] >= before_ms]
                if not self._touches[user]:
                    del self._touches[user]

    def _channel(self, event: Event) -> str:
        get = event.get
        key = (get("coupon_id"), get("ad_plan_id"), get("campaign_id"), get("traffic_source"))
        channel = self._channels.get(key)
        if channel is None:
            named = zip(CHANNELS, key, strict=True)
            found = next(
                ((kind, identity) for kind, identity in named if identity), ("traffic_source", "none")
            )
            channel = self._channels[key] = ":".join(found)
        return channel

    def _eligible(self, event: Event, paid_ms: int) -> list[str]:
        session, item = event.get("session_id") or "", event["item_id"]
        clicks_from, views_from = paid_ms - CLICK_WINDOW_MS, paid_ms - VIEW_WINDOW_MS
        found = [
            touch for touch in self._touches.get(event["user_id"], ())
            if touch[0] <= paid_ms and touch[0] >= (clicks_from if touch[2] else views_from)
            and (touch[4] == item or (session and touch[3] == session))
        ]  # fmt: skip
        found.sort()
        return [touch[5] for touch in found]


class _Credited:
    """One order line, the channels that led to it, and the credit that each model gave them."""

    __slots__ = ("_booked", "_channels", "_minute", "_net")

    def __init__(self, channels: list[str], net: int, minute: int) -> None:
        self._channels = channels or ["traffic_source:direct"]
        self._net = net
        self._minute = minute
        self._booked: list[tuple[str, int, int]] = []

    def book(self, counts: Counts) -> None:
        channels, net = self._channels, self._net
        share, rest = divmod(net, len(channels))
        booked = [(channels[-1], 0, net)]
        booked += [(channel, 1, share + (place < rest)) for place, channel in enumerate(channels)]
        for sign, entries in ((-1, self._booked), (1, booked)):
            for channel, model, credit in entries:
                counts.add_one(self._minute, 0, channel, model, sign * credit)
        self._booked = booked

    def refund(self, amount: int, counts: Counts) -> None:
        self._net = max(0, self._net - amount)
        self.book(counts)
