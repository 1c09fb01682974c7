"""Actions and physical units."""

import numpy as np

from robot_mbrl.contract import ActionCodec, RobotSpec


def test_codec_goes_both_ways(furuta: RobotSpec) -> None:
    codec = ActionCodec(np.array([5.0, 0.25]))
    np.testing.assert_array_equal(codec.to_physical(np.array([[-1.0, 0.5]])), [[-5.0, 0.125]])
    np.testing.assert_array_equal(codec.to_action(np.array([2.5, -0.25])), [0.5, -1.0])
    assert ActionCodec.from_spec(furuta).limit.tolist() == [5.0]
