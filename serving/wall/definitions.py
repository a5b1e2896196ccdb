"""What every figure is: the one text that the page, the export and the reference share."""

from dataclasses import dataclass

from schemas.metrics import DEFINITIONS, PER_THOUSAND, RATIOS


@dataclass(frozen=True)
class Definition:
    """One figure: what it is, its unit (`minor`, `share`, `ms` or `count`), and whether it is a ratio."""

    formula: str
    unit: str
    is_ratio: bool


def definitions() -> dict[str, Definition]:
    """Return the definition of every figure by its name.

    >>> definitions()["ctr"]
    Definition(formula='clicks / impressions', unit='share', is_ratio=True)
    """
    return {name: Definition(text, unit_of(name), name in RATIOS) for name, text in DEFINITIONS.items()}


def unit_of(metric: str) -> str:
    """Return the unit of a figure.

    >>> unit_of("net_gmv_minor"), unit_of("mean_dwell_ms"), unit_of("buyers")
    ('minor', 'ms', 'count')
    """
    if metric.endswith("_minor") or metric in PER_THOUSAND:
        return "minor"
    if metric.endswith("_ms"):
        return "ms"
    return "share" if metric in RATIOS else "count"
