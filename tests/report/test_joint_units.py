"""Pages show a slider in millimetres and a hinge in degrees."""

import numpy as np

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.contract.observation.protocol import joint_units
from robot_mbrl.models.judging.open_loop import OpenLoopError
from robot_mbrl.report.joint_units import axis_label, common_error
from robot_mbrl.report.run_figures import episode_figure, prediction_error
from tests.support.episodes import make_episode


def test_axes_and_numbers_name_the_unit() -> None:
    assert axis_label(["rad", "rad"]) == "angle (deg)"
    assert axis_label(["m", "rad"]) == "place (mm), angle (deg)"
    assert axis_label(["m"], "error") == "error (mm)"
    assert common_error(np.pi / 180, ["rad"]) == "1.00°"
    assert common_error(0.0123, ["m"]) == "12.30 mm"
    assert common_error(0.0123, ["m", "rad"]) == "0.0123 rad and m"


def test_figures_of_the_cart_and_its_pole() -> None:
    spec = load_robot("cart_pole")
    episode = make_episode(spec, np.zeros((5, 1)))
    picture = episode_figure(episode, spec, np.zeros(5))
    assert "place (mm), angle (deg)" in picture
    assert "1 = 10 V" in picture
    error = OpenLoopError(np.full((3, 4, 2), 0.01), np.full((3, 4, 2), 0.1))
    picture = prediction_error({"model": error}, spec.joints, 0.02)
    assert "(mm)" in picture and "(deg)" in picture
    assert "10 mm" in picture and "0.573°" in picture


def test_columns_of_nothing_known_are_in_rad() -> None:
    assert joint_units(PlainLayout(3, 1)) == ("rad",) * 3
