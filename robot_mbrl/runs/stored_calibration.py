"""The calibration that a run was made with, as its config.json holds it."""

from pathlib import Path
from typing import Any

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.calibration import check_calibration
from robot_mbrl.runs.run_folder import CONFIG

CALIBRATION = "calibration"


def calibration_entry(spec: RobotSpec) -> dict[str, Any]:
    """The entry of config.json; none for a robot that is not calibrated."""
    return {CALIBRATION: spec.calibration} if spec.calibration else {}


def calibrated_as_run(spec: RobotSpec, head: dict[str, Any], run: Path) -> RobotSpec:
    """The robot with the calibration of a run's config.json; one that has another keeps it.

    Raises CalibrationError for one that does not belong to this robot.
    """
    stored = head.get(CALIBRATION)
    if spec.calibration or not stored:
        return spec
    return spec.with_calibration(check_calibration(stored, spec, str(run / CONFIG)))
