"""`Origins`: the channels that touches come from, each distinct combination under one number.

A touch is held with one number, whatever it belongs to. Combinations are few: about 30 bytes each and their names'.
Number 0 is what no touch earned: `direct` in every kind.

>>> origins = Origins(("creator",))
>>> names = [f"traffic_source{US}search", f"creator{US}c"]
>>> columns = {"channel": names[:1], "by_creator": names[1:]}
>>> batch = pa.record_batch({name: pa.array(held).dictionary_encode() for name, held in columns.items()})
>>> origins.of(batch).tolist(), origins.name_list(origins.table[1]) == names, origins.paid[:2].tolist()
([1], True, [0, 0])
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.keys import US
from schemas.metrics import DIRECT, FURTHER_CHANNELS, ORGANIC
from schemas.path_nodes import nodes_of
from transforms.attribution.touches import FURTHER
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import fold, hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts

UNTOUCHED: Final = 0
NO_NAME: Final = -1

Array = npt.NDArray[Any]


class Origins:
    """All origins that one shard has met, and the names of their channels."""

    def __init__(self, further: tuple[str, ...] = ()) -> None:
        """`further` are the kinds of further channels; a batch may lack some, and may have others."""
        self._columns = ["channel", *(f"{FURTHER}{kind}" for kind in further)]
        self._names, self._texts, self._list = HashIndex(), Texts(), list[str]()
        self._index, self._paid, self._further = (
            HashIndex(),
            Columns(paid=np.uint8),
            Columns(further=np.uint8, node=np.uint8),
        )
        self._table = np.zeros((0, len(self._columns)), np.int32)
        kinds = [ORGANIC, *further]
        self._admit(
            np.array([self._names_of(pa.array([f"{kind}{US}{DIRECT}"]))[0] for kind in kinds]).reshape(1, -1)
        )

    def __len__(self) -> int:
        return len(self._paid)

    @property
    def table(self) -> npt.NDArray[np.int32]:
        """The number of the name of each origin's channel and further channels, `NO_NAME` where a batch lacked it."""
        return self._table[: len(self)]

    @property
    def paid(self) -> npt.NDArray[np.uint8]:
        """Whether somebody paid for touches of each origin."""
        return self._paid["paid"]

    @property
    def further(self) -> npt.NDArray[np.uint8]:
        """Whether each name is that of a further channel."""
        return self._further["further"]

    @property
    def nodes(self) -> npt.NDArray[np.uint8]:
        """The node (`schemas.path_nodes`) of each name; of no meaning for further channels."""
        return self._further["node"]

    def of(self, touches: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """Return the number of each touch's origin."""
        indices = touches["channel"].indices.to_numpy()
        used, numbers = np.unique(indices, return_inverse=True)
        codes = np.full((len(used), len(self._columns)), NO_NAME, np.int32)
        for place, name in enumerate(self._columns):
            if name in touches.schema.names:
                codes[:, place] = self._names_of(touches[name].dictionary.take(pa.array(used)))
        return self._admit(codes)[numbers.reshape(-1)]

    def _names_of(self, names: pa.StringArray) -> npt.NDArray[np.int32]:
        known = len(self._names)
        rows = self._names.rows_of(hash_text(names))
        if len(self._names) > known:
            _, first = np.unique(rows, return_index=True)
            new = names.take(pa.array(first[rows[first] >= known]))
            self._texts.extend(new)
            further = [name.partition(US)[0] in FURTHER_CHANNELS for name in new.to_pylist()]
            self._further.extend(len(new), further=np.array(further, np.uint8), node=nodes_of(new))
        return rows

    def _admit(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        known, hashes = len(self._index), np.zeros(len(codes), np.uint64)
        for place in range(codes.shape[1]):
            fold(hashes, (codes[:, place] + 2).astype(np.uint64), place)
        rows = self._index.rows_of(hashes)
        if len(self._index) > known:
            _, first = np.unique(rows, return_index=True)
            self._extend(codes[first[rows[first] >= known]])
        return rows

    def _extend(self, codes: npt.NDArray[np.int32]) -> None:
        before, width = len(self), len(self._columns)
        if len(self._table) < before + len(codes):
            self._table = spill.grown(self._table.reshape(-1), (before + len(codes)) * width).reshape(
                -1, width
            )
        self._table[before : before + len(codes)] = codes
        organic = f"{ORGANIC}{US}"
        paid = [not name.startswith(organic) for name in self.names(codes[:, 0]).to_pylist()]
        self._paid.extend(len(codes), paid=np.array(paid, np.uint8))

    def names(self, codes: Array) -> pa.StringArray:
        """Return names, kind and id in one, by their numbers."""
        return self._texts.take(codes)

    def name_list(self, codes: Array) -> list[str]:
        """Return names as Python strings, each made once."""
        more = np.arange(len(self._list), len(self._texts))
        self._list.extend(self.names(more).to_pylist())
        held = self._list
        return [held[code] for code in codes.tolist()]

    def _parts(self) -> dict[str, Any]:
        return {
            "names": self._names, "texts": self._texts, "further": self._further, "index": self._index, "paid": self._paid,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()} | {"table": self.table}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()` of the same further kinds."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._table, self._list = np.array(state["table"]), []
