"""Sets of users against Python's sets while they are small, and against Apache DataSketches beyond."""

import pickle
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from datasketches import hll_sketch, hll_union, tgt_hll_type
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.metrics import user_sets as sets_module
from transforms.metrics.set_kernels import LIMIT
from transforms.metrics.sketches import STANDARD_ERROR, image_of, sketch_of
from transforms.metrics.user_sets import EMPTY, UserSets

Users = npt.NDArray[np.uint64]
LG_K = 14
HEAD_BYTES = 40
"""What stands before the registers in a DataSketches image."""


def some_users(seed: int, count: int) -> Users:
    return np.random.default_rng(seed).integers(1, 2**64 - 1, count, dtype=np.uint64)


def library(users: Users) -> hll_sketch:
    """What the library holds after these users, who are to it the signed integers with the same bits."""
    sketch = hll_sketch(LG_K, tgt_hll_type.HLL_8)
    for user in users.view(np.int64).tolist():
        sketch.update(user)
    return sketch


def merged(sketches: Iterable[hll_sketch]) -> hll_sketch:
    union = hll_union(LG_K)
    for sketch in sketches:
        union.update(sketch)
    return union.get_result(tgt_hll_type.HLL_8)


def registers_of(sketch: hll_sketch) -> bytes:
    return sketch.serialize_updatable()[HEAD_BYTES:]


class Model:
    """The same operations on Python's sets; a table of five."""

    def __init__(self) -> None:
        self.sets, self.refs = UserSets(), np.zeros((5, 1), np.int64)
        self.truth: list[set[int]] = [set() for _ in range(5)]

    def add(self, row: int, users: list[int]) -> None:
        for user in users:
            self.refs[row, 0], is_new = self.sets.add(int(self.refs[row, 0]), user)
            assert is_new == (user not in self.truth[row])
            self.truth[row].add(user)

    def unite(self, row: int, other: int) -> None:
        new = self.sets.united([int(self.refs[row, 0]), int(self.refs[other, 0])])
        self.sets.free(int(self.refs[row, 0]))
        self.refs[row, 0] = new
        self.truth[row] = self.truth[row] | self.truth[other]

    def freeze(self, row: int) -> None:
        self.sets.freeze(self.refs, np.array([row]))

    def empty(self, row: int) -> None:
        self.sets.free_rows(self.refs, np.array([row]))
        self.truth[row] = set()

    def repack(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sets_module, "_REPACK_LEAST", 1)
            self.sets.repack(self.refs)

    def restore(self) -> None:
        state = pickle.loads(pickle.dumps(self.sets.state()))
        self.sets = UserSets()
        self.sets.load(state)

    def check(self) -> None:
        sizes = [self.sets.size(int(ref)) for ref in self.refs[:, 0]]
        assert sizes == [len(truth) for truth in self.truth]


_ROW = st.integers(0, 4)
_USERS = st.lists(st.integers(1, 40) | st.integers(1, 2**64 - 1), max_size=60)
_STEP = st.one_of(
    st.tuples(st.just("add"), _ROW, _USERS), st.tuples(st.just("unite"), _ROW, _ROW),
    st.tuples(st.sampled_from(["freeze", "empty"]), _ROW), st.tuples(st.sampled_from(["repack", "restore"])),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_STEP, max_size=30))
def test_small_sets_are_pythons_sets(steps: list[tuple]) -> None:
    model = Model()
    for name, *arguments in steps:
        getattr(model, name)(*arguments)
        model.check()


@pytest.mark.parametrize("count", [1, 8, 9, 12, 13, 767, 768, 769, 1000, LIMIT - 1, LIMIT])
def test_exact_up_to_the_limit(count: int) -> None:
    sets, users = UserSets(), some_users(count, count).tolist()
    ref = sets.of([*users, *users[::-1]])
    assert (sets.size(ref), sets.registers(ref)) == (len(set(users)), None)


@pytest.mark.parametrize("count", [LIMIT + 1, 5_000, 60_000])
def test_beyond_the_registers_are_those_of_the_library(count: int) -> None:
    sets, users = UserSets(), some_users(count, count)
    registers = sets.registers(sets.of(users.tolist()))
    assert registers is not None
    assert registers.tobytes() == registers_of(library(users))


@pytest.mark.parametrize("count", [2 * LIMIT + 2, 20_000, 200_000])
def test_the_image_and_the_estimate_are_those_of_a_merged_sketch_of_the_library(count: int) -> None:
    """The library knows of a sketch that comes from merging that its registers alone may be judged."""
    sets, users = UserSets(), some_users(count, count)
    ref = sets.united([sets.of(users[: count // 2].tolist()), sets.of(users[count // 2 :].tolist())])
    registers = sets.registers(ref)
    assert registers is not None
    theirs = merged([library(users[: count // 2]), library(users[count // 2 :])])
    assert registers.tobytes() == registers_of(theirs)
    assert sketch_of(registers).get_estimate() == theirs.get_estimate()
    assert sets.size(ref) == round(theirs.get_estimate())


def test_the_library_goes_on_with_an_image() -> None:
    sets, users = UserSets(), some_users(1, 30_000)
    registers = sets.registers(sets.of(users[:20_000].tolist()))
    assert registers is not None
    theirs = merged([hll_sketch.deserialize(image_of(registers)), library(users[20_000:])])
    assert registers_of(theirs) == registers_of(library(users))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_size_depends_on_the_members_alone(counts: list[int], frozen: list[bool], random) -> None:
    """However a set came to be: user by user in any order, or merged of parts that overlap, frozen in between."""
    pool = some_users(sum(counts), max(counts)).tolist()
    sets, parts = UserSets(), [random.sample(pool, count) for count in counts]
    refs = np.array([[sets.of(part)] for part in parts], np.int64)
    sets.freeze(refs, np.flatnonzero(frozen[: len(parts)]))
    order = refs[:, 0].tolist()
    random.shuffle(order)
    united = sets.united(order)
    members = list({user for part in parts for user in part})
    random.shuffle(members)
    at_once = sets.of(members)
    assert sets.size(united) == sets.size(at_once)
    if len(members) <= LIMIT:
        assert sets.size(united) == len(members)
    else:
        assert np.array_equal(sets.registers(united), sets.registers(at_once))


def test_a_frozen_sketch_thaws_with_what_is_added() -> None:
    sets, users = UserSets(), some_users(3, 9_000)
    refs = np.array([[sets.of(users[:5_000].tolist())]], np.int64)
    before = sets.size(int(refs[0, 0]))
    sets.freeze(refs, np.array([0]))
    assert sets.size(int(refs[0, 0])) == before
    ref = int(refs[0, 0])
    for user in users[5_000:].tolist():
        ref, _ = sets.add(ref, user)
    assert sets.size(ref) == sets.size(sets.of(users.tolist()))


@pytest.mark.parametrize("count", [1_600, 5_000, 20_000, 60_000])
def test_the_standard_error_is_at_most_one_percent(count: int) -> None:
    """Over 60 seeds the mean square error is within four of its own standard errors of what is stated, and unbiased."""
    seeds, errors = 60, []
    for seed in range(seeds):
        sets = UserSets()
        errors.append(sets.size(sets.of(some_users(1000 * count + seed, count).tolist())) / count - 1)
    root_mean_square = np.sqrt(np.mean(np.square(errors)))
    assert STANDARD_ERROR < 0.01
    assert root_mean_square < STANDARD_ERROR * (1 + 4 / np.sqrt(2 * seeds))
    assert abs(np.mean(errors)) < 4 * STANDARD_ERROR / np.sqrt(seeds)


def test_freed_room_is_used_again() -> None:
    sets, ref = UserSets(), EMPTY
    for seed in range(50):
        sets.free(ref)
        ref = sets.of(some_users(seed, 3_000).tolist())
    warm, _ = sets.held_bytes()
    assert warm < 4 * 2**14


def test_frozen_sets_take_eight_bytes_a_member() -> None:
    sets = UserSets()
    refs = np.array([[sets.of(some_users(n, 100 + n).tolist())] for n in range(500)], np.int64)
    sets.freeze(refs, np.arange(500))
    assert sets.held_bytes()[1] == 8 * sum(100 + n for n in range(500))
