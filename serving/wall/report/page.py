"""The report's page: the figures of one broadcast, what made them, and what each of them is."""

from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from serving.wall.alarms import Alarm
from serving.wall.pace import RATIOS, TILES
from serving.wall.report.boards import (
    LABELS,
    coupon_table,
    definition_table,
    funnel_table,
    product_table,
    source_table,
)
from serving.wall.report.drawings import Clock, Tell, trend_drawing
from serving.wall.report.markup import Markup, joined, tag
from serving.wall.room_view import RoomView

STYLE: Final = Path(__file__).with_name("report.css")
COUPONS: Final = (
    "Dots: ROI by model (full: last touch). Bar: incremental ROI with its 95 % interval. Dashed: break-even; the scale is "
    "closer far away."
)
TOLD: Final = {
    "gmv_fell": "money a minute fell to less than half of the half hour before",
    "gmv_rose": "money a minute rose to more than twice the half hour before",
    "refunds_high": "refund rate is far above the platform's",
    "conversion_low": "turns far fewer clicks into orders than the platform",
    "coupon_over": "was delivered beyond what was bought",
    "coupon_idle": "does not cause what it costs, whatever is credited to it",
    "coupon_pays": "causes more than it costs",
}


def report_page(view: RoomView, tell: Tell) -> str:
    """Return one broadcast's report as HTML that needs nothing else; `tell` says a figure in its unit.

    The same figures give the same bytes: it holds no moment but those of the broadcast and of its figures.
    """
    title = f"{view.session_id or view.room_id}: a broadcast's report"
    body = [
        _head(view),
        _tiles(view, tell),
        _section("By the minute", _trend(view, tell), "GMV paid as bars, users online as a line."),
        _section("Funnel", funnel_table(view, tell), "Distinct users; the last are orders again within 30 days."),
        _section("Products", product_table(view, tell), "Money is of this show, all else of all rooms in its hours."),
        _section("Traffic", source_table(view, tell), "Views are of all rooms in its hours, money is of this show."),
        _section("Traffic coupons", coupon_table(view, tell), COUPONS),
        _section("Wrong or new", _alarms(view.alarms, _clock(view))),
        _section("What each figure is", definition_table()),
    ]  # fmt: skip
    style = tag("style", Markup(STYLE.read_text(encoding="utf-8")))
    head = tag("head", tag("meta", charset="utf-8"), tag("title", title), style)
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _head(view: RoomView) -> Markup:
    day = _moment(view.from_ms, view.moment.timezone, "%Y-%m-%d %H:%M")
    to = _moment(view.to_ms, view.moment.timezone, "%H:%M")
    as_of = _moment(view.moment.as_of_ms, view.moment.timezone, "%Y-%m-%d %H:%M:%S")
    parts = [
        f"room {view.room_id}",
        f"host {view.creator_id or 'unknown'}",
        f"{day} to {to} ({view.moment.timezone})",
    ]
    if view.campaign_id:
        parts.append(f"campaign {view.campaign_id}")
    state = "final" if view.is_final else "provisional: late events may still change them"
    return joined(
        [
            tag("h1", view.session_id or view.room_id),
            tag("p", " · ".join(parts), klass="lead"),
            tag(
                "p",
                tag("span", "SYNTHETIC", klass="synthetic") if view.moment.synthetic else None,
                f" Figures as of {as_of}, {state}. Amounts in {view.moment.currency}.",
                klass="note",
            ),
        ]
    )


def _tiles(view: RoomView, tell: Tell) -> Markup:
    shown = [
        tag("div", tag("dt", LABELS[name]), tag("dd", tell(name, view.total.get(name))))
        for name in TILES
        if name in LABELS
    ]
    beside = [
        tag(
            "div",
            tag("dt", LABELS[name]),
            tag(
                "dd",
                tell(name, view.ratios.get(name)),
                tag("span", f"platform {tell(name, view.benchmark.get(name))}", klass="beside"),
            ),
        )
        for name in RATIOS
    ]
    return tag("dl", *shown, *beside, klass="tiles")


def _section(title: str, content: Markup, note: str = "") -> Markup:
    return tag("section", tag("h2", title), tag("p", note, klass="note") if note else None, content)


def _trend(view: RoomView, tell: Tell) -> Markup:
    if view.trend is None:
        return tag("p", "Nobody was seen in the room.")
    return tag("div", trend_drawing(view.trend, view.marks, tell, _clock(view)), klass="wide")


def _alarms(alarms: list[Alarm], clock: Clock) -> Markup:
    if not alarms:
        return tag("p", "Nothing to tell.")
    lines = [
        tag("li", f"{alarm.id} {TOLD[alarm.kind]}{_since(alarm, clock)}", klass=alarm.severity) for alarm in alarms
    ]  # fmt: skip
    return tag("ul", *lines)


def _since(alarm: Alarm, clock: Clock) -> str:
    return "" if alarm.since_ms is None else f", since {clock(alarm.since_ms)}"


def _clock(view: RoomView) -> Clock:
    return lambda moment_ms: _moment(moment_ms, view.moment.timezone, "%H:%M")


def _moment(moment_ms: int | None, timezone: str, form: str) -> str:
    if moment_ms is None:
        return "unknown"
    return datetime.fromtimestamp(moment_ms / 1000, ZoneInfo(timezone)).strftime(form)
