"""The dashboard and the alerts ask for meters that the server has, and the alerts say what to do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import ROOT

from serving.http.meters import METERS_PATH, Meters

FOLDER = ROOT / "deploy" / "observability"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
ALERTS = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


def known() -> set[str]:
    """Return every name under which Prometheus knows a sample of the server."""
    families = list(Meters().registry.collect())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {f"{family.name}{suffix}" for family in families for suffix in suffixes[family.type]}


def asked() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return panels + [rule["expr"] for rule in ALERTS]


@pytest.mark.parametrize("expression", asked())
def test_what_is_asked_for_is_there(expression: str) -> None:
    named = set(re.findall(r"interestream_\w+", expression))
    assert named <= known()
    assert named or "up{" in expression
    assert expression.count("(") == expression.count(")")


def test_every_meter_is_looked_at() -> None:
    looked_at = set(re.findall(r"interestream_\w+", " ".join(asked())))
    roots = {re.sub("_(total|bucket)$", "", name) for name in looked_at}
    without = {family.name for family in Meters().registry.collect()} - roots
    assert without == {"interestream_watermark_timestamp_seconds"}


def test_alerts_say_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS) > 5
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert all(rule["annotations"][part].endswith(".") for part in ("summary", "description"))


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_prometheus_is_sent_where_the_server_is() -> None:
    [job] = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["metrics_path"] == METERS_PATH
    assert (Path(FOLDER) / "alerts.yaml").exists()
