"""What stands on the page is what the API answers and what the export holds."""

from typing import Any

import duckdb
from wall_browser import Evening, Server, Tab, scrub

TILES = ("gmv_paid_minor", "net_gmv_minor", "orders_paid", "buyers", "viewers")


def digits(text: str) -> int:
    """Return an exact figure in its smallest unit."""
    return int("".join(char for char in text if char.isdigit() or char == "-").replace("−", "-"))


def shown(tab: Tab, metric: str) -> int:
    return digits(tab.page.get_attribute(f"[data-tile={metric}] data.fig", "value"))


def best(evening: Evening) -> tuple[str, str]:
    """Return the session with the most money, and its room."""
    (found,) = duckdb.sql(f"""
        SELECT id FROM '{evening.export}/metrics.parquet' WHERE scope = 'session' AND "window" = 'total' AND id != 'none'
        ORDER BY gmv_paid_minor DESC, id LIMIT 1""").fetchall()
    return found[0], found[0].rpartition("-")[0]


def exported(evening: Evening, scope: str, identifier: str) -> dict[str, Any]:
    held = duckdb.execute(
        f"SELECT * FROM '{evening.export}/metrics.parquet' WHERE scope = ? AND id = ? AND \"window\" = 'total'",
        [scope, identifier],
    )
    names = [column[0] for column in held.description or ()]
    [row] = held.fetchall()
    return dict(zip(names, row, strict=True))


def test_a_room_opens_on_the_broadcast_with_the_most_money(
    tab: Tab, server: Server, evening: Evening
) -> None:
    session, room = best(evening)
    tab.open()
    assert tab.page.inner_text("h1") == room
    assert session in tab.page.inner_text(".subtitle")
    [row] = server.ask(f"/v1/metrics/session/{session}?window=total")["rows"]
    wanted = exported(evening, "session", session)
    for metric in TILES:
        assert shown(tab, metric) == wanted[metric], metric
        assert row[metric] == wanted[metric], metric


def test_ratios_and_funnel(tab: Tab, evening: Evening) -> None:
    session, room = best(evening)
    tab.open(f"#room/{room}/{session}")
    wanted = exported(evening, "session", session)
    assert tab.page.inner_text("[data-ratio=ctr] dd") == f"{wanted['ctr'] * 100:.1f}%"
    assert digits(tab.page.get_attribute("[data-ratio=aov_minor] data", "value")) == round(
        wanted["aov_minor"]
    )
    steps = [digits(text) for text in tab.page.locator(".funnel data.fig").all_inner_texts()]
    assert steps == [wanted[name] for name in ("viewers", "clickers", "buyers", "repurchase_orders")]


def test_how_long_buyers_took_to_pay(tab: Tab, server: Server, evening: Evening) -> None:
    session, room = best(evening)
    ((wanted,),) = duckdb.execute(
        f"""WITH events AS (SELECT DISTINCT ON (event_id) * FROM read_json('{evening.events}/*.jsonl')),
        firsts AS (
            SELECT order_id, min(event_time) FILTER (order_status = 'placed') AS placed,
                min(event_time) FILTER (order_status = 'paid') AS paid
            FROM events WHERE event_type = 'order' AND session_id = ? GROUP BY order_id)
        SELECT median(paid - placed) FROM firsts WHERE paid >= placed""",
        [session],
    ).fetchall()
    assert server.ask(f"/v1/wall/room/{room}?session={session}")["to_pay_ms"] == wanted
    tab.open(f"#room/{room}/{session}")
    assert f"median {wanted / 1000:.1f} s" in tab.page.inner_text(".funnel .took")


def test_products_and_sources_add_up_to_the_broadcast(tab: Tab, server: Server, evening: Evening) -> None:
    session, room = best(evening)
    wanted = exported(evening, "session", session)
    answer = server.ask(f"/v1/wall/room/{room}?session={session}")
    assert sum(product["gmv_paid_minor"] for product in answer["products"]) == wanted["gmv_paid_minor"]
    assert sum(source["gmv_paid_minor"] for source in answer["sources"]) == wanted["gmv_paid_minor"]
    tab.open(f"#room/{room}/{session}")
    money = [digits(text) for text in tab.page.locator(".product-panel tbody tr td:nth-child(2) data").evaluate_all(
        "cells => cells.map(cell => cell.getAttribute('value'))")]  # fmt: skip
    assert sum(money) == wanted["gmv_paid_minor"]
    assert money == sorted(money, reverse=True)


def test_a_past_minute_has_the_sum_of_the_minutes_before(tab: Tab, server: Server, evening: Evening) -> None:
    session, room = best(evening)
    tab.open(f"#room/{room}/{session}")
    answer = server.ask(f"/v1/wall/room/{room}?session={session}")
    at = answer["from_ms"] + 40 * 60_000
    scrub(tab, 40)
    tab.page.wait_for_selector(".state[data-state=review]")
    ((paid, orders),) = duckdb.execute(
        f"""SELECT sum(gmv_paid_minor), sum(orders_paid) FROM '{evening.export}/metrics.parquet'
        WHERE scope = 'session' AND id = ? AND "window" = 'minute' AND epoch_ms(window_start) < ?""",
        [session, at],
    ).fetchall()
    assert (shown(tab, "gmv_paid_minor"), shown(tab, "orders_paid")) == (paid, orders)
    assert tab.page.get_attribute("[data-tile=viewers] data.fig", "value") == "–"
    tab.page.keyboard.press("ArrowRight")
    tab.page.locator(".review .at", has_text="41 /").wait_for()


def test_the_platform(tab: Tab, evening: Evening) -> None:
    tab.open("#platform")
    wanted = exported(evening, "platform", "all")
    assert (
        digits(tab.page.get_attribute("[data-ratio=gmv_paid_minor] data", "value"))
        == wanted["gmv_paid_minor"]
    )
    tab.page.click("text=total")
    leader, value = duckdb.sql(f"""
        SELECT id, value FROM '{evening.export}/leaderboards.parquet'
        WHERE scope = 'item' AND metric = 'gmv_paid_minor' AND "window" = 'total' AND rank = 1""").fetchall()[0]
    line = tab.page.locator(".board", has_text="Items").locator("li").first
    line.filter(has_text=leader).wait_for()
    assert digits(line.locator("data").get_attribute("value")) == value
