"""Tasks by name; what is wrong with one is named."""

from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.tasks import PendulumSwingUp, make_task
from tests.support.robots import furuta_toml, write_robot


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            {"name": "moonwalk"},
            "'moonwalk' is unknown; built in: furuta_swing_up, .*, reach_point, reach_pose",
        ),
        ({"name": "no.such.module:Task"}, "unknown"),
        ({"name": "robot_mbrl.tasks:NoSuch"}, "unknown"),
        ({"name": "furuta_swing_up", "parameters": {"leg_limit": 1.0}}, "leg_limit"),
    ],
)
def test_unknown_tasks_are_named(task: dict[str, Any], message: str, tmp_path: Path) -> None:
    spec = load_robot(write_robot(tmp_path, furuta_toml() | {"task": task}))
    with pytest.raises(SpecError, match=message):
        make_task(spec)


def test_own_task_by_module_and_class(tmp_path: Path) -> None:
    task = {"name": "robot_mbrl.tasks.pendulum:PendulumSwingUp", "parameters": {"hold_s": 2.0}}
    made = make_task(load_robot(write_robot(tmp_path, furuta_toml() | {"task": task})))
    assert isinstance(made, PendulumSwingUp)
    assert made.hold_s == 2.0


class NeedsACart:
    """A task of a robot that has a cart."""

    def __init__(self, layout: ObservationLayout) -> None:
        self.column = layout.column("cart.position")


def test_what_a_known_task_lacks_is_not_taken_for_an_unknown_task(tmp_path: Path) -> None:
    task = {"name": f"{__name__}:NeedsACart"}
    spec = load_robot(write_robot(tmp_path, furuta_toml() | {"task": task}))
    with pytest.raises(SpecError, match=r"task '.*NeedsACart': .*no column 'cart\.position'"):
        make_task(spec)


class LooksForACart:
    """A task that misses its joint only when it looks at an observation."""

    episode_s = hold_s = 1.0

    def __init__(self, layout: ObservationLayout) -> None:
        self.layout = layout

    def reward(self, next_obs: Any, action: Any) -> Any:
        return next_obs[..., self.layout.column("cart.position")]


def test_a_joint_that_is_missed_later_is_missed_at_once(tmp_path: Path) -> None:
    task = {"name": f"{__name__}:LooksForACart"}
    spec = load_robot(write_robot(tmp_path, furuta_toml() | {"task": task}))
    with pytest.raises(SpecError, match=r"task '.*LooksForACart': .*no column 'cart\.position'"):
        make_task(spec)
