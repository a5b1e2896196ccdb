"""`HeldLines`: lines whose credit by path models may still change, with the names that each of their nodes gives to."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution.channel_names import ChannelNames
from transforms.attribution.credit_kernels import MOST_CHANNELS
from transforms.attribution.path_lines import FAMILY, NAMES
from transforms.state.columns import Columns

_LINE: Final = {
    "minute": np.int64, "net": np.int64, "micro": np.int64, "times": np.int64, "group": np.int16,
    "new_customer": np.uint8, "many": np.int8,
}  # fmt: skip
_FIELDS: Final = ("minute", "net_minor", "micro_orders", FAMILY, "group", "new_customer")

Array = npt.NDArray[Any]


class Lines(NamedTuple):
    """Lines as columns; `many` rows of `names` are a line's, and as many of `together`."""

    minute: Array
    net: Array
    micro: Array
    times: Array
    group: Array
    new_customer: Array
    many: Array
    together: Array
    names: Array

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each line's names begin, and where the last one's end."""
        return np.concatenate([[0], np.cumsum(self.many, dtype=np.int64)])

    def some(self, rows: npt.NDArray[np.int64]) -> "Lines":
        """Return these lines alone."""
        counts, starts = self.many[rows].astype(np.int64), self.starts[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = np.repeat(starts, counts) + within
        return Lines._make([*(field[rows] for field in self[:-2]), self.together[chosen], self.names[chosen]])


class HeldLines:
    """46 bytes a line of two nodes and one kind of names."""

    def __init__(self, kinds: int) -> None:
        self._kinds, self.names = kinds, ChannelNames(MOST_CHANNELS)
        self._line, self._touch = self._nothing()

    def __len__(self) -> int:
        return len(self._line)

    def _nothing(self) -> tuple[Columns, Columns]:
        names = {f"{NAMES}{kind}": np.int32 for kind in range(self._kinds)}
        return Columns(**_LINE), Columns(together=np.uint8, **names)

    def read(self, lines: pa.RecordBatch) -> Lines:
        """Return a batch of `path_lines`, its names by their numbers."""
        fields = [lines[name].to_numpy() for name in _FIELDS]
        kinds = [
            self.names.numbers_of(lines[f"{NAMES}{kind}"].flatten(), kind > 0) for kind in range(self._kinds)
        ]
        together = lines["together"]
        many = np.diff(together.offsets.to_numpy()).astype(np.int8)
        return Lines._make([*fields, many, together.flatten().to_numpy(), np.stack(kinds, axis=1)])

    def hold(self, lines: Lines) -> None:
        """Add lines."""
        self._line.extend(len(lines.minute), **{name: getattr(lines, name) for name in _LINE})
        names = {f"{NAMES}{kind}": lines.names[:, kind] for kind in range(self._kinds)}
        self._touch.extend(len(lines.names), together=lines.together, **names)

    def all(self) -> Lines:
        """Return all lines held."""
        names = np.stack([self._touch[f"{NAMES}{kind}"] for kind in range(self._kinds)], axis=1)
        return Lines._make([*(self._line[name] for name in _LINE), self._touch["together"], names])

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        """Let go of all but these lines."""
        kept = self.all().some(rows)
        self._line, self._touch = self._nothing()
        self.hold(kept)

    def _parts(self) -> dict[str, Any]:
        return {"names": self.names, "line": self._line, "touch": self._touch}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
