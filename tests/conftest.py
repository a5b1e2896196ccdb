"""What concerns all tests: which come first, and which take so long that they must be asked for."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark."""
    config.addinivalue_line("markers", "long: the whole of what a test sees a part of; run by make chaos")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move tests on Flink to the front, so that no worker is left alone with them; leave out long ones not asked for."""
    items.sort(key=lambda item: item.get_closest_marker("flink") is None)
    if "long" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; make chaos runs it"))
