"""The inner loop that adds users to the sets of their cells."""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from transforms.metrics.kernels import KINDS
from transforms.metrics.set_kernels import (
    CHANGED,
    COUNT_MASK,
    DENSE,
    KNOWN,
    MOVES,
    NEW,
    add,
    add_in_place,
    is_short,
    kind_of,
)
from transforms.metrics.windows import HOUR, MINUTE

_NO_ROLE: Final = 0
_NONE: Final = -1


@kernel
def _by_row(rows, scope):
    """Return the events that have a row in a scope, those of one row together: a counting sort."""
    least, most = np.int64(1) << 40, np.int64(_NONE)
    for i in range(len(rows)):
        if rows[i, scope] != _NONE:
            least, most = min(least, np.int64(rows[i, scope])), max(most, np.int64(rows[i, scope]))
    if most == _NONE:
        return np.empty(0, np.int64)
    starts = np.zeros(most - least + 2, np.int64)
    for i in range(len(rows)):
        if rows[i, scope] != _NONE:
            starts[rows[i, scope] - least + 1] += 1
    for row in range(len(starts) - 1):
        starts[row + 1] += starts[row]
    order = np.empty(starts[-1], np.int64)
    for i in range(len(rows)):
        if rows[i, scope] != _NONE:
            row = rows[i, scope] - least
            order[starts[row]] = i
            starts[row] += 1
    return order


@kernel
def add_users(
    space, refs, cells_of, users, which, heights, roles, rows, online_scope, online_kind, first_scope, first
):
    """Add each user to the sets of its role in the cells of its rows, from one place on while there is room.

    Whoever is in the minute's set is in its hour's, day's and total's too, so most events look at minutes only. Who is
    in the hour's need not be in the day's: where a day begins within an hour, the hour is of two days.
    In the cells of one scope everyone is online, in the minute alone. Events go scope by scope and row by row, so that
    the sets of one row are in the processor's cache. Returns the scope and the place in it at which the room ended.
    """
    arena, registers, heads, _, _ = space
    for scope in range(first_scope, rows.shape[1]):
        order = _by_row(rows, scope)
        for k in range(first if scope == first_scope else 0, len(order)):
            i = order[k]
            row, online = rows[i, scope], scope == online_scope
            if roles[i] == _NO_ROLE and not online:
                continue
            if is_short(arena, heads):
                return scope, k
            user, register, value = users[i], np.int64(which[i]), heights[i]
            window = 0 if roles[i] != _NO_ROLE else KINDS
            kind = np.int64(roles[i]) - 1
            while window < KINDS or online:
                if window == KINDS:
                    online, window, kind = False, KINDS - 1, np.int64(online_kind)
                    cell = cells_of[row, MINUTE]
                else:
                    cell = cells_of[row, window]
                if cell == _NONE:
                    window = KINDS
                    continue
                ref, outcome = add_in_place(arena, registers, refs[cell, kind], user, register, value)
                if outcome == MOVES:
                    ref, is_new = add(space, ref, user)
                    outcome = NEW if is_new else KNOWN
                    refs[cell, kind] = ref
                if outcome == KNOWN:
                    window = window + 1 if window == HOUR else KINDS
                    continue
                refs[cell, kind] = ref
                window += 1
    return rows.shape[1], 0


@kernel
def count_exact(refs, rows, values, first):
    """Put the sizes of these rows' exact sets among their cells' values."""
    for row in rows:
        for kind in range(refs.shape[1]):
            if kind_of(refs[row, kind]) != DENSE:
                values[row, first + kind] = refs[row, kind] & COUNT_MASK


@kernel
def unsettled(refs, rows):
    """Return the places (row, kind) of sketches that rose since they were last estimated, and call them settled."""
    out = np.empty((refs.shape[1] * len(rows), 2), np.int64)
    used = 0
    for row in rows:
        for kind in range(refs.shape[1]):
            if refs[row, kind] & CHANGED:
                refs[row, kind] &= ~CHANGED
                out[used, 0], out[used, 1] = row, kind
                used += 1
    return out[:used]


@kernel
def with_warm_sets(refs, rows, frozen):
    """Return those rows that have a set which is not frozen."""
    out = np.empty(len(rows), np.int64)
    used = 0
    for row in rows:
        for kind in range(refs.shape[1]):
            if refs[row, kind] and not refs[row, kind] & frozen:
                out[used] = row
                used += 1
                break
    return out[:used]
