"""A controller file and the robot that it is for, calibrated as both were."""

from pathlib import Path

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import (
    check_calibration,
    describe_offsets,
    load_calibration,
)
from robot_mbrl.contract.errors import CalibrationError, SpecError
from robot_mbrl.onboard.controller.controller import OnnxController, load_controller
from robot_mbrl.onboard.controller.metadata import ControllerMetadata


def load_for_robot(
    path: str | Path, robot: str | Path | None, *, seed: int, calibration: Path | None = None
) -> tuple[RobotSpec, OnnxController]:
    """Read a controller and the robot that it is for, checked against each other.

    Args:
        path: controller.onnx.
        robot: built-in name or folder; the one that the controller names by default.
        seed: of the planner's noise.
        calibration: file of what was measured on this robot; what the controller holds by default.

    Returns:
        The robot, calibrated, and the controller.

    Raises:
        DataError, ContractMismatchError: as `load_controller`.
        SpecError: no such robot, or a broken one.
        CalibrationError: a broken calibration, that of another robot, or one with other joint
            offsets than those the controller was made with.
    """
    controller = load_controller(path, seed=seed)
    spec = _load_robot(path, controller.metadata, robot)
    controller.metadata.check_robot(spec, str(path))
    return calibrate_for(controller.metadata, spec, str(path), calibration), controller


def calibrate_for(
    metadata: ControllerMetadata, spec: RobotSpec, source: str, calibration: Path | None
) -> RobotSpec:
    """The robot with the calibration in a file, or without one with that of the controller.

    Raises CalibrationError, see `load_for_robot`; `source` names the controller.
    """
    stored = metadata.calibration
    own = spec.with_calibration(check_calibration(stored, spec, source)) if stored else spec
    if calibration is None:
        return own
    given = spec.with_calibration(load_calibration(calibration, spec))
    named = any(stored.get(f"joint_offset_{unit}") for unit in ("rad", "m"))
    if named and own.offsets_rad != given.offsets_rad:
        raise CalibrationError(
            f"joint offsets: {source} was made with {describe_offsets(own)}, {calibration} has "
            f"{describe_offsets(given)}. If this calibration is newer, export the controller again "
            f"with --calibration {calibration}; else leave it out, and the controller's is used"
        )
    return given


def _load_robot(
    path: str | Path, metadata: ControllerMetadata, robot: str | Path | None
) -> RobotSpec:
    try:
        return load_robot(robot or metadata.robot)
    except SpecError as error:
        if robot is None:
            error.add_note(
                f"{path} names robot {metadata.robot!r}; say in which folder it is (--robot)"
            )
        raise
