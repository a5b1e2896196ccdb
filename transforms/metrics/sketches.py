"""Registers as Apache DataSketches' HLL sketch: its binary image, and its estimate.

A sketch is what the library would hold after an update with each user's 64-bit hash, so any program that speaks
DataSketches reads the image and may merge it. The estimate is the composite one, which depends on the registers
alone and not on the order in which they rose; its standard error is 1.04 / sqrt(16384) = 0.81 %.
Source: Flajolet et al., HyperLogLog (2007); github.com/apache/datasketches-cpp, `HllArray`.

>>> image = image_of(np.zeros(REGISTERS, np.uint8))
>>> len(image), hll_sketch.deserialize(image).lg_config_k, estimate(np.zeros(REGISTERS, np.uint8))
(16424, 14, 0)
"""

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from datasketches import hll_sketch

from schemas.kernels import kernel
from transforms.metrics.set_kernels import LG_K, REGISTERS

Registers = npt.NDArray[np.uint8]

_HEAD: Final = struct.Struct("<8B3dii")
_INTS: Final = 10
_SERIAL_VERSION: Final = 1
_FAMILY: Final = 7
_OUT_OF_ORDER: Final = 16
"""Says that the registers come from merging, so that they alone make the estimate."""
_HLL_8: Final = 10
_LARGE: Final = 32
"""Powers of registers from this value on are summed apart, so that both sums are exact."""
STANDARD_ERROR: Final = 1.04 / REGISTERS**0.5


@kernel
def _sums(registers):
    """Return the sums of 2^-register of the small and of the large ones, and how many are 0."""
    counts = np.zeros(64, np.int64)
    for value in registers:
        counts[value] += 1
    small, large = 0.0, 0.0
    for value in range(64):
        power = counts[value] * 2.0**-value
        if value < _LARGE:
            small += power
        else:
            large += power
    return small, large, counts[0]


def image_of(registers: Registers) -> bytes:
    """Return the image of an updatable HLL_8 sketch; about 10 µs."""
    small, large, zeros = _sums(registers)
    head = (_INTS, _SERIAL_VERSION, _FAMILY, LG_K, 0, _OUT_OF_ORDER, 0, _HLL_8)
    return _HEAD.pack(*head, 0.0, small, large, zeros, 0) + registers.tobytes()


def sketch_of(registers: Registers) -> Any:
    """Return the library's own sketch."""
    return hll_sketch.deserialize(image_of(registers))


def estimate(registers: Registers) -> int:
    """Return how many distinct users there are, to the nearest whole one."""
    return round(sketch_of(registers).get_estimate())
