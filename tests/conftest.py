"""What concerns all tests: which come first, and which take so long that they must be asked for."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark."""
    config.addinivalue_line("markers", "long: the whole of what a test sees a part of; run by make chaos")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no worker is left alone with it; leave out what was not asked for."""
    items.sort(key=_turn)
    if "long" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; make chaos runs it"))


def _turn(item: pytest.Item) -> int:
    """One cluster first, then whole jobs, then the other cluster: two at once are slow on two cores."""
    on_cluster, folders = item.get_closest_marker("flink") is not None, item.path.parts
    if on_cluster and "chaos" not in folders:
        return 0
    if "integration" in folders:
        return 1
    return 2 if on_cluster else 3
