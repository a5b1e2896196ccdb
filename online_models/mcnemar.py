"""McNemar's test over windows: whether one model is better than another on the same questions, all along."""

from itertools import pairwise
from math import erfc, sqrt
from typing import NamedTuple

import numpy as np

WINDOW = 5_000


class Comparison(NamedTuple):
    """In one window: questions that only the first answered, only the second, and the chance of as much by luck."""

    only_first: int
    only_second: int
    p: float


def sliding_mcnemar(first: np.ndarray, second: np.ndarray, window: int = WINDOW) -> list[Comparison]:
    """Compare hits of two models on the same questions, window after window; a short rest joins the last.

    Gama, Sebastião, Rodrigues: "On evaluating stream learning algorithms", 2013, section 4.3. `p` is that of
    the chi-squared with Edwards' continuity correction, 1 where both answer the same.

    >>> import numpy as np
    >>> [window] = sliding_mcnemar(np.array([True] * 30 + [False] * 10), np.array([False] * 30 + [True] * 10))
    >>> window.only_first, window.only_second, round(window.p, 4)
    (30, 10, 0.0027)
    """
    windows = max(1, len(first) // window)
    edges = [n * window for n in range(windows)] + [len(first)]
    return [_compare(first[start:end], second[start:end]) for start, end in pairwise(edges)]


def _compare(first: np.ndarray, second: np.ndarray) -> Comparison:
    return compared(int((first & ~second).sum()), int((second & ~first).sum()))


def compared(only_first: int, only_second: int) -> Comparison:
    """The test itself, of how many questions only the first and only the second answered.

    >>> compared(0, 0).p
    1.0
    """
    either = only_first + only_second
    if either == 0:
        return Comparison(0, 0, 1.0)
    chi_squared = max(abs(only_first - only_second) - 1, 0) ** 2 / either
    return Comparison(only_first, only_second, erfc(sqrt(chi_squared / 2)))
