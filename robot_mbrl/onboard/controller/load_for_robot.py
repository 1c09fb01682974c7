"""A controller file and the robot that it is for."""

from pathlib import Path

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.onboard.controller.controller import OnnxController, load_controller


def load_for_robot(
    path: str | Path, robot: str | Path | None, *, seed: int
) -> tuple[RobotSpec, OnnxController]:
    """Read a controller and the robot that it is for, checked against each other.

    Args:
        path: controller.onnx.
        robot: built-in name or folder; the one that the controller names by default.
        seed: of the planner's noise.

    Raises:
        DataError, ContractMismatchError: as `load_controller`.
        SpecError: no such robot, or a broken one.
    """
    name = robot or load_controller(path).metadata.robot
    try:
        spec = load_robot(name)
    except SpecError as error:
        if robot is None:
            error.add_note(f"{path} names robot {name!r}; say in which folder it is (--robot)")
        raise
    return spec, load_controller(path, spec, seed=seed)
