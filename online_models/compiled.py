"""Kernels compiled by numba, kept on disk, and compiled anew when any source of this package changes.

numba's own cache looks only at the file of the function that is called, so that a kernel would go on
with an old version of what it calls from other files (numba/numba#1833).
"""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

from schemas.kernels import KernelCache, kept

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _sources_digest() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return blake2b(b"\0".join(source.read_bytes() for source in sources), digest_size=8).hexdigest()


SOURCES = _sources_digest()


class _SourcesCache(KernelCache):
    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), SOURCES)


def compiled(kernel: Kernel, **options: Any) -> Kernel:
    """The kernel as machine code that releases the GIL; `options` are numba's.

    Kernels work in place and allocate nothing, so numba's reference counting is off: it would count each
    array of a state at each call, which halves the speed. What does allocate fails to compile.

    >>> @compiled
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """
    compiled_kernel: Kernel = kept(njit(nogil=True, _nrt=False, **options)(kernel), kernel, _SourcesCache)
    return compiled_kernel
