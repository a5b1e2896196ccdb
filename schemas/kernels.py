"""Kernels: functions compiled by numba, kept on disk under names that two processes cannot give to different code.

numba numbers what it keeps, and writes the index before the code: a process that starts while another compiles can
find the number of one signature, or of an earlier version, with the code of another behind it, and end in a
segmentation fault. Workers of a cluster do start at once. Here a name follows from what it names.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pickle import UnpicklingError
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_DAMAGED = (EOFError, UnpicklingError, ValueError, ImportError, AttributeError, IndexError)
"""What reading a file ends in that a full disk or a lost power supply left short."""


class _NamedByContent(IndexDataCacheFile):
    """Names code by its signature, machine and source; writes it before anything tells of it."""

    def save(self, key: Any, data: Any) -> None:
        """Keep code; what cannot be written, or another process overwrote meanwhile, is compiled again."""
        named = self._dump((key, self._source_stamp, self._version))
        name = self._data_name_pattern.replace("{number:d}", blake2b(named, digest_size=8).hexdigest())
        with suppress(OSError):
            self._save_data(name, data)
            self._save_index(self._load_index() | {key: name})

    def load(self, key: Any) -> Any:
        """Return kept code, None where there is none that can be read."""
        with suppress(*_DAMAGED):
            return super().load(key)
        return None

    def _load_index(self) -> Any:
        with suppress(*_DAMAGED):
            return super()._load_index()
        return {}


class KernelCache(FunctionCache):
    """Where a function's machine code is kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _NamedByContent(
            self._cache_path, self._impl.filename_base, locator.get_source_stamp()
        )


def kept(dispatcher: Any, function: Callable[..., Any], cache: type[KernelCache] = KernelCache) -> Any:
    """Return the dispatcher with its code kept on disk; where there is nowhere to write it is compiled each time."""
    # No file (a console), or no folder that may be written to.
    with suppress(RuntimeError):
        dispatcher._cache = cache(function)
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """Return the function as machine code that releases the interpreter.

    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """
    return kept(njit(nogil=True)(function), function)


def kernel_for(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return what makes a kernel of one signature, compiled at once."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = kept(njit(nogil=True)(function), function)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher

    return decorate


def inlined(function: Callable[..., Any]) -> Any:
    """Return the function as machine code that is put in the place of each call."""
    return kept(njit(nogil=True, inline="always")(function), function)
