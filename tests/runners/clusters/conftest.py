"""The markers of tests that start a real cluster."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "flink: starts a real Flink cluster; needs Java and the jars in the cache"
    )
    config.addinivalue_line(
        "markers", "prism: runs on a real Prism; needs its program on PATH or in the cache"
    )
