"""Hypothesis strategies of what may happen in the small world, in any order of arrival that still counts."""

from dataclasses import dataclass
from typing import Any, Final

from expected_now import FORGOTTEN_REFUNDS_NOW
from hypothesis import strategies as st
from nasty_world import CAMPAIGNS, CREATORS, ITEMS, ROOMS, USERS, WORLDS, World, launches_ms
from oracle_terms import DAY_MS

Event = dict[str, Any]
_HOUR_MS: Final = 3_600_000
_NEAR: Final = (-60_000, -1, 0, 1, 59_999, _HOUR_MS - 1)
_FAR: Final = (0, 1, DAY_MS, 30 * DAY_MS, 30 * DAY_MS + 1)
_STATUSES: Final = ("placed", "paid", "paid", "refunded", "refunded", "cancelled", "shipped")


@dataclass(frozen=True)
class Happened:
    """Events of a world, twice: as they come in one order of arrival, and in another with some of them again."""

    world: World
    arrivals: list[Event]
    others: list[Event]


@st.composite
def happenings(draw: st.DrawFn) -> Happened:
    """Draw a world and a few stories in it; no arrival is later than what is allowed."""
    world = WORLDS[draw(st.sampled_from(sorted(WORLDS)))]
    stories = draw(
        st.lists(st.one_of(_touches(world), _orders(world), _broadcasts(world)), min_size=1, max_size=12)
    )
    told = [
        _named(event, number, place)
        for number, story in enumerate(stories)
        for place, event in enumerate(story)
    ]
    return Happened(world, draw(_arrivals(told, world)), draw(_arrivals(told, world, again=True)))


def _named(event: Event, story: int, place: int) -> Event:
    """Name an event by its place; the first character makes sure that ids are no order of time."""
    name = f"{(story * 7 + place * 5) % 10}-{story}-{place}"
    return event | {"event_id": name} | ({"order_id": f"o{story}"} if event["event_type"] == "order" else {})


@st.composite
def _arrivals(draw: st.DrawFn, events: list[Event], world: World, again: bool = False) -> list[Event]:
    longest = world.terms().allowed_lateness_ms
    delays = st.integers(0, 20_000) | st.integers(0, longest) | st.just(longest)
    coming = [(event["event_time"] + draw(delays), event) for event in events]
    for event in draw(st.lists(st.sampled_from(events), max_size=5)) if again else ():
        coming.append((event["event_time"] + draw(delays), event))
    return [event for _, event in sorted(coming, key=lambda arrival: arrival[0])]


def _moments(world: World) -> st.SearchStrategy[int]:
    near = st.tuples(st.sampled_from(world.magnets_ms), st.sampled_from(_NEAR)).map(sum)
    launches = st.tuples(
        st.sampled_from(sorted(launches_ms(world).values())), st.sampled_from((-1, *_FAR[3:]))
    ).map(sum)
    return st.integers(world.begin_ms, world.begin_ms + world.span_ms) | near | launches


def _places() -> st.SearchStrategy[Event]:
    inside = st.sampled_from(ROOMS).flatmap(
        lambda room: st.fixed_dictionaries(
            {"room_id": st.just(room)},
            optional={"session_id": st.just(f"{room}-0"), "creator_id": st.sampled_from(CREATORS)},
        )
    )
    anywhere = st.fixed_dictionaries(
        {"user_id": st.sampled_from(USERS[:3])},
        optional={
            "traffic_source": st.sampled_from(("recommend", "search", "campaign")),
            "campaign_id": st.sampled_from(CAMPAIGNS),
        },
    )
    return st.tuples(anywhere, inside | st.just({})).map(lambda parts: parts[0] | parts[1])


@st.composite
def _touches(draw: st.DrawFn, world: World) -> list[Event]:
    kind = draw(st.sampled_from(("view", "view", "click", "follow")))
    event = draw(_places()) | {"event_type": kind, "event_time": draw(_moments(world))}
    if kind == "click" or (kind == "view" and draw(st.booleans())):
        event["item_id"] = draw(st.sampled_from(ITEMS))
    if kind == "view":
        event |= draw(
            st.fixed_dictionaries({}, optional={"dwell_ms": st.integers(0, 5000), "holdout": st.booleans()})
        )
    return [event]


@st.composite
def _orders(draw: st.DrawFn, world: World) -> list[Event]:
    """Order a few items, in one place or several."""
    buyer, begin_ms = draw(_places()), draw(_moments(world))
    items = draw(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=3, unique=True))
    places = [
        draw(st.just(buyer) | _places()) | {"user_id": buyer["user_id"], "item_id": item} for item in items
    ]
    return [event for place in places for event in draw(_lines(place, begin_ms))]


@st.composite
def _lines(draw: st.DrawFn, place: Event, begin_ms: int) -> list[Event]:
    """Give a line any statuses at any distance: refunds before their payment, too much, and of what was never paid."""
    minor = draw(st.sampled_from((0, 1, 999)) | st.integers(0, 100_000))
    line = place | {"event_type": "order", "currency": "CNY", "quantity": 2}
    events: list[Event] = []
    # Nothing says which of two payments of one moment is a line's first: offsets are unique.
    offsets = st.sampled_from(_FAR) | st.integers(-_HOUR_MS, 2 * DAY_MS)
    for offset in sorted(draw(st.lists(offsets, min_size=1, max_size=4, unique=True))):
        refunded = any(event["order_status"] == "refunded" for event in events)
        payable = FORGOTTEN_REFUNDS_NOW or not refunded or offset < 29 * DAY_MS
        status = draw(st.sampled_from(_STATUSES if payable else ("refunded", "cancelled")))
        amount = draw(st.sampled_from((minor, minor // 3 + 1, minor * 2))) if status == "refunded" else minor
        told = {"order_status": status, "amount_minor": amount, "event_time": begin_ms + offset}
        events.append(line | told)
    return events


@st.composite
def _broadcasts(draw: st.DrawFn, world: World) -> list[Event]:
    """Begin and end a broadcast, saying what it belongs to at once, later, twice or never."""
    room, begin_ms = draw(st.sampled_from(ROOMS)), draw(_moments(world))
    told = st.fixed_dictionaries(
        {"live_status": st.sampled_from(("started", "ended"))},
        optional={"campaign_id": st.sampled_from(CAMPAIGNS), "base_id": st.sampled_from(("base0", "base9"))},
    )
    base = {"event_type": "live", "room_id": room, "session_id": f"{room}-0"}
    offsets = draw(
        st.lists(st.sampled_from((0, 1, 60_000, 2 * _HOUR_MS)), min_size=1, max_size=3, unique=True)
    )
    return [base | draw(told) | {"event_time": begin_ms + offset} for offset in offsets]
