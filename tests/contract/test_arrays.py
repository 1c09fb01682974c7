import numpy as np
import pytest

from robot_mbrl.contract.arrays import check_finite, check_shape
from robot_mbrl.contract.errors import NotFiniteError, ShapeError


def test_shape_names_what_was_expected() -> None:
    check_shape("obs", np.zeros((3, 5)), (None, 5))
    with pytest.raises(ShapeError, match=r"obs: expected shape \(any, 5\), got \(3, 4\)"):
        check_shape("obs", np.zeros((3, 4)), (None, 5))
    with pytest.raises(ShapeError, match=r"reward: expected shape \(3\), got \(3, 1\)"):
        check_shape("reward", np.zeros((3, 1)), (3,))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_column_is_named(bad: float) -> None:
    check_finite("obs", [[1.0, 2.0]])
    with pytest.raises(NotFiniteError, match=r"obs: arm.velocity is -?(nan|inf)"):
        check_finite("obs", [[0.0, 1.0], [0.0, bad]], ["arm.position", "arm.velocity"])
    with pytest.raises(NotFiniteError, match="value: index \\(\\) is"):
        check_finite("value", bad)
