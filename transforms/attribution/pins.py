"""`Pins`: copies of the touches that lines may credit, beside the lines, so that they outlive the touches' own window."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution.sealed_touches import Found
from transforms.state.columns import Columns
from transforms.state.texts import Texts

Array = npt.NDArray[Any]


class Pins:
    """One row a line and touch, those of a line side by side in order of time: 9 bytes and the event id."""

    def __init__(self) -> None:
        self._pin, self._ids = Columns(origin=np.int32, age=np.uint32, flags=np.uint8), Texts()

    def __len__(self) -> int:
        return len(self._pin)

    def add(self, found: Found, age_ms: Array, flags: Array) -> None:
        """Append touches as they were found."""
        self._pin.extend(len(found.line), origin=found.origin, age=age_ms, flags=flags)
        self._ids.extend(found.ids)

    def columns(self) -> tuple[Array, Array, Array]:
        """Return origin, age before the payment and flags, for kernels."""
        return self._pin["origin"], self._pin["age"], self._pin["flags"]

    def ids(self, rows: Array) -> pa.StringArray:
        """Return the event ids of some rows."""
        return self._ids.take(rows)

    def keep(self, rows: Array) -> None:
        """Keep only these rows, in this order."""
        self._pin.keep(rows)
        self._ids.keep(rows)

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {"pin": self._pin.state(), "ids": self._ids.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._pin.load(state["pin"])
        self._ids.load(state["ids"])
