"""Counters that pass the end of their 32 bits go on."""

import numpy as np
import pytest

from hardware.counters import Unwrapped, signed, unsigned


def test_any_walk_comes_back_from_its_32_bits() -> None:
    rng = np.random.default_rng(0)
    for wrap in (signed, unsigned):
        steps = rng.integers(-(2**31) + 1, 2**31, (200, 3))
        walk = np.cumsum(steps, 0).tolist()
        counter, first = Unwrapped(), [wrap(x) for x in walk[0]]
        shift = [x - y for x, y in zip(walk[0], first, strict=True)]
        for values in walk:
            found = counter.take([wrap(x) for x in values])
            assert [x + s for x, s in zip(found, shift, strict=True)] == values


def test_the_ranges() -> None:
    assert [signed(x) for x in (2**31 - 1, 2**31, -(2**31) - 1)] == [2**31 - 1, -(2**31), 2**31 - 1]
    assert [unsigned(x) for x in (2**32, -1)] == [0, 2**32 - 1]


def test_a_restart_forgets() -> None:
    counter = Unwrapped()
    assert counter.take([2**31 - 1]) == (2**31 - 1,)
    assert counter.take([-(2**31)]) == (2**31,)
    counter.restart()
    assert counter.take([-(2**31)]) == (-(2**31),)
    with pytest.raises(ValueError, match="longer"):
        counter.take([0, 0])
