"""The manifests as data, and what they refer to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    """Return every object that is applied."""
    return [
        each
        for name in KUSTOMIZATION["resources"]
        for each in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    ]


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def named(kind: str, name: str) -> Manifest:
    [found] = [each for each in manifests() if name_of(each) == f"{kind}/{name}"]
    return found


def pods() -> Iterator[tuple[str, Manifest]]:
    """Yield the template of each pod with the name of what makes it."""
    for each in manifests():
        template = each.get("spec", {}).get("template")
        if template:
            yield name_of(each), template


def container(pod: Manifest, name: str) -> Manifest:
    [found] = [each for each in pod["spec"]["containers"] if each["name"] == name]
    return found


def bytes_of(quantity: str) -> int:
    """Read a size as Kubernetes writes it, or as Flink does (whose `m` are Mi)."""
    units = {"Ki": 10, "Mi": 20, "Gi": 30, "m": 20, "g": 30}
    for unit, shift in units.items():
        if quantity.endswith(unit):
            return int(quantity.removesuffix(unit)) << shift
    return int(quantity)
