"""The inner loops of sets of users: exact while they are small, the registers of a sketch beyond.

All sets live in one array of words, the arena, in blocks of 2^k words. A set is what its reference says: how many
members it has, the kind of its block, and where that begins; 0 is the empty set. Blocks of up to 8 words are filled
from the front, larger ones are open-addressing tables, three quarters full at most. From 1,537 members on a set is
the 16,384 registers of an HLL sketch, which take the place of the largest table. What is frozen is packed without
gaps in another array, which may be moved out of memory, and comes back with the next member that is added.
"""

from typing import Final

import numpy as np

from schemas.kernels import inlined, kernel
from transforms.state.index import place

EXACT_KINDS: Final = 12
"""Blocks of 1 to 2,048 words."""
LIMIT: Final = 1536
"""The largest set that is exact: three quarters of the largest table, as in a DataSketches sketch of this size."""
DENSE: Final = EXACT_KINDS
DENSE_WORDS: Final = 2048
LG_K: Final = 14
REGISTERS: Final = 1 << LG_K
WORD_BYTES: Final = 8

COUNT_BITS: Final = 11
COUNT_MASK: Final = (1 << COUNT_BITS) - 1
_KIND_MASK: Final = 15
FROZEN: Final = 1 << 15
CHANGED: Final = 1 << 16
"""Registers rose since they were last estimated."""
PLACE_SHIFT: Final = 17

_FILLED_KINDS: Final = 3
"""The largest kind of block that is filled from the front."""
TOP: Final = EXACT_KINDS
"""Where, behind the heads of the lists of free blocks, the end of the used arena is noted."""
_NO_BLOCK: Final = -1

KNOWN: Final = 0
NEW: Final = 1
MOVES: Final = 2

ROOM_WORDS: Final = 16 * DENSE_WORDS
"""What one step takes at most: an `add` to five sets, each thawed and moved to a larger block; or one union."""

_SEED: Final = np.uint64(9001)
_C1: Final = np.uint64(0x87C37B91114253D5)
_C2: Final = np.uint64(0x4CF5AD432745937F)
_F1: Final = np.uint64(0xFF51AFD7ED558CCD)
_F2: Final = np.uint64(0xC4CEB9FE1A85EC53)
_LONGEST_RUN: Final = 62


@inlined
def _finalised(value):
    value = (value ^ (value >> np.uint64(33))) * _F1
    value = (value ^ (value >> np.uint64(33))) * _F2
    return value ^ (value >> np.uint64(33))


@kernel
def register_of(user):
    """Return which register a user sets, and to what: MurmurHash3_x64_128 as DataSketches' `HllUtil::coupon` reads it."""
    mixed = user * _C1
    mixed = ((mixed << np.uint64(31)) | (mixed >> np.uint64(33))) * _C2
    one, two = (_SEED ^ mixed) ^ np.uint64(8), _SEED ^ np.uint64(8)
    one += two
    two += one
    one, two = _finalised(one), _finalised(two)
    one += two
    two += one
    zeros = 0
    while zeros < _LONGEST_RUN and (two >> np.uint64(63 - zeros)) & np.uint64(1) == 0:
        zeros += 1
    return np.int64(one & np.uint64(REGISTERS - 1)), np.uint8(zeros + 1)


@kernel
def registers_of(users):
    """Return which register each user sets, and to what."""
    which, values = np.empty(len(users), np.uint16), np.empty(len(users), np.uint8)
    for i in range(len(users)):
        which[i], values[i] = register_of(users[i])
    return which, values


@inlined
def kind_of(ref):
    """Return the kind of block that a set is in."""
    return (ref >> COUNT_BITS) & _KIND_MASK


@inlined
def _ref(at, kind, count):
    return (np.int64(at) << PLACE_SHIFT) | (np.int64(kind) << COUNT_BITS) | np.int64(count)


@inlined
def _words(kind):
    return 1 << min(kind, EXACT_KINDS - 1)


@inlined
def _most(kind):
    """Return how many members a block takes."""
    return 1 << kind if kind <= _FILLED_KINDS else 3 << (kind - 2)


@inlined
def _packed_words(ref):
    return DENSE_WORDS if kind_of(ref) == DENSE else ref & COUNT_MASK


@inlined
def is_short(arena, heads):
    """Say whether the arena may have no room for the next step."""
    return len(arena) - heads[TOP] < ROOM_WORDS


@kernel
def _take_block(space, kind):
    arena, _, heads, _, _ = space
    listed, words = min(kind, EXACT_KINDS - 1), _words(kind)
    at = heads[listed]
    if at == _NO_BLOCK:
        at = heads[TOP]
        heads[TOP] = at + words
    else:
        heads[listed] = np.int64(arena[at])
    if kind > _FILLED_KINDS:
        arena[at : at + words] = 0
    return at


@kernel
def _give_block(space, at, kind):
    arena, _, heads, _, _ = space
    listed = min(kind, EXACT_KINDS - 1)
    arena[at] = np.uint64(heads[listed])
    heads[listed] = at


@inlined
def _slot(arena, at, kind, count, user):
    """Return the place in its block where a user is missing, or -1 where it is a member."""
    slot = np.int64(0)
    if kind <= _FILLED_KINDS:
        while slot < count and arena[at + slot] != user:
            slot += 1
        found = slot < count
    else:
        mask = (1 << kind) - 1
        slot = place(user, mask)
        while arena[at + slot] != 0 and arena[at + slot] != user:
            slot = (slot + 1) & mask
        found = arena[at + slot] == user
    return np.int64(-1) if found else slot


@kernel
def _raise(registers, at, user):
    register, value = register_of(user)
    slot = at * WORD_BYTES + register
    if registers[slot] >= value:
        return False
    registers[slot] = value
    return True


@kernel
def _moved(space, source, begin, span, count, kind):
    """Put the members in a stretch of words, which may have gaps, into a new block."""
    arena, registers, _, _, _ = space
    at = _take_block(space, kind)
    held = 0
    for k in range(begin, begin + span):
        user = source[k]
        if user == 0:
            continue
        if kind == DENSE:
            _raise(registers, at, user)
        else:
            arena[at + _slot(arena, at, kind, held, user)] = user
            held += 1
    return _ref(at, kind, 0) | CHANGED if kind == DENSE else _ref(at, kind, count)


@inlined
def _span(kind, count):
    return count if kind <= _FILLED_KINDS else 1 << kind


@kernel
def _larger(space, ref, kind):
    """Move an exact set into a block of a larger kind."""
    held, at, count = kind_of(ref), ref >> PLACE_SHIFT, ref & COUNT_MASK
    moved = _moved(space, space[0], at, _span(held, count), count, kind)
    _give_block(space, at, held)
    return moved


@kernel
def thawed(space, ref):
    """Return a set to which may be added: a frozen one is taken back into the arena."""
    if not ref & FROZEN:
        return ref
    arena, _, _, cold, tally = space
    at, count, words = ref >> PLACE_SHIFT, ref & COUNT_MASK, _packed_words(ref)
    tally[1] += words
    if kind_of(ref) == DENSE:
        block = _take_block(space, DENSE)
        arena[block : block + words] = cold[at : at + words]
        return _ref(block, DENSE, 0) | (ref & CHANGED)
    kind = 0
    while _most(kind) < count:
        kind += 1
    return _moved(space, cold, at, words, count, kind)


@inlined
def add_in_place(arena, registers, ref, user, register, value):
    """Add a user where the set's block takes it: returns the set's reference, and what came of it.

    That is KNOWN, NEW, or MOVES where nothing was done since the set needs another block: that is for `add`.
    """
    kind, at, outcome = kind_of(ref), ref >> PLACE_SHIFT, MOVES
    if ref == 0 or ref & FROZEN:
        return ref, outcome
    if kind == DENSE:
        slot = at * WORD_BYTES + register
        if registers[slot] < value:
            registers[slot] = value
            ref, outcome = ref | CHANGED, NEW
        else:
            outcome = KNOWN
    else:
        count = ref & COUNT_MASK
        slot = _slot(arena, at, kind, count, user)
        if slot < 0:
            outcome = KNOWN
        elif count < _most(kind):
            arena[at + slot] = user
            ref, outcome = ref + 1, NEW
    return ref, outcome


@kernel
def add(space, ref, user):
    """Add a user; returns the set's reference from then on, and whether the set is another one."""
    arena, registers, _, _, _ = space
    if ref == 0:
        at = _take_block(space, 0)
        arena[at] = user
        return _ref(at, 0, 1), True
    register, value = register_of(user)
    ref, outcome = add_in_place(arena, registers, thawed(space, ref), user, register, value)
    if outcome == MOVES:
        ref, outcome = add_in_place(
            arena, registers, _larger(space, ref, kind_of(ref) + 1), user, register, value
        )
        outcome = NEW
    return ref, outcome == NEW


@kernel
def add_all(space, ref, users, begin):
    """Add users from one place on while there is room; returns the set's reference, and where the room ended."""
    for i in range(begin, len(users)):
        if is_short(space[0], space[2]):
            return ref, i
        ref, _ = add(space, ref, users[i])
    return ref, len(users)


@kernel
def free(space, ref):
    """Give a set's room back."""
    if ref & FROZEN:
        space[4][1] += _packed_words(ref)
    elif ref:
        _give_block(space, ref >> PLACE_SHIFT, kind_of(ref))


@kernel
def union(space, into, other):
    """Add another set's members, or its registers; returns the reference of the first from then on."""
    arena, registers, _, cold, _ = space
    source, at = (cold if other & FROZEN else arena), other >> PLACE_SHIFT
    if kind_of(other) != DENSE:
        count = other & COUNT_MASK
        span = count if other & FROZEN else _span(kind_of(other), count)
        for k in range(at, at + span):
            if source[k] != 0:
                into, _ = add(space, into, source[k])
        return into
    into = thawed(space, into)
    if into == 0:
        into = _ref(_take_block(space, DENSE), DENSE, 0)
    elif kind_of(into) != DENSE:
        into = _larger(space, into, DENSE)
    held = into >> PLACE_SHIFT
    for k in range(DENSE_WORDS):
        word = source[at + k]
        for byte in range(WORD_BYTES):
            value = np.uint8((word >> np.uint64(8 * byte)) & np.uint64(0xFF))
            slot = (held + k) * WORD_BYTES + byte
            registers[slot] = max(registers[slot], value)
    return into | CHANGED


@kernel
def packed_words(refs, rows):
    """Return how many words the sets of some rows take when they are frozen."""
    words = 0
    for row in rows:
        for k in range(refs.shape[1]):
            if refs[row, k] and not refs[row, k] & FROZEN:
                words += _packed_words(refs[row, k])
    return words


@kernel
def freeze(space, refs, rows):
    """Pack the sets of some rows behind what is frozen."""
    arena, _, _, cold, tally = space
    for row in rows:
        for k in range(refs.shape[1]):
            ref = refs[row, k]
            if ref == 0 or ref & FROZEN:
                continue
            kind, at, count, to = kind_of(ref), ref >> PLACE_SHIFT, ref & COUNT_MASK, tally[0]
            span = DENSE_WORDS if kind == DENSE else _span(kind, count)
            for word in arena[at : at + span]:
                if word != 0 or kind == DENSE:
                    cold[tally[0]] = word
                    tally[0] += 1
            _give_block(space, at, kind)
            refs[row, k] = _ref(to, kind, count) | FROZEN | (ref & CHANGED)


@kernel
def repack(cold, refs, fresh):
    """Copy what is frozen and still belongs to a set; returns how many words that were."""
    used = 0
    for row in range(len(refs)):
        for k in range(refs.shape[1]):
            ref = refs[row, k]
            if ref & FROZEN:
                at, words = ref >> PLACE_SHIFT, _packed_words(ref)
                fresh[used : used + words] = cold[at : at + words]
                refs[row, k] = (ref & ((1 << PLACE_SHIFT) - 1)) | (used << PLACE_SHIFT)
                used += words
    return used


@kernel
def free_rows(space, refs, rows):
    """Give back the room of all sets of some rows."""
    for row in rows:
        for k in range(refs.shape[1]):
            free(space, refs[row, k])
            refs[row, k] = 0
