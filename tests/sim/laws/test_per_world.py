"""Copying worlds as items is copying their rows."""

import numpy as np
import pytest

from sim.laws.per_world import by_world


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 3), (5, 2, 4)])
@pytest.mark.parametrize("kind", [np.float64, np.int64, np.bool_])
def test_items_are_the_rows(shape: tuple[int, ...], kind: type) -> None:
    rng = np.random.default_rng(0)
    mine, theirs = (rng.integers(0, 9, shape).astype(kind) for _ in range(2))
    expected, ids = mine.copy(), np.array([0, 3, 4])
    expected[ids] = theirs[1:4]
    by_world(mine)[ids] = by_world(theirs)[1:4]
    np.testing.assert_array_equal(mine, expected)


def test_what_would_be_a_copy_is_refused() -> None:
    with pytest.raises(ValueError, match="copy"):
        by_world(np.zeros((4, 3, 2)).swapaxes(1, 2))
