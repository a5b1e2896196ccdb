"""Why two figures of one id differ, step by step, to the smallest unit of money."""

from serving.explain.chains import Chain, Step
from serving.explain.explanation import Explanation, explain

__all__ = ["Chain", "Explanation", "Step", "explain"]
