"""Synthetic live commerce with known truth: `simulate`, and what marks its output as synthetic."""

from transforms.io.simulation.manifest import is_synthetic
from transforms.io.simulation.scenario import VERSION, Scenario
from transforms.io.simulation.simulate import Simulated, simulate

__all__ = ["VERSION", "Scenario", "Simulated", "is_synthetic", "simulate"]
