"""What concerns all tests: those that start a cluster come first, so that no worker is left alone with them at the end."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move tests on Flink to the front; all others keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("flink") is None)
