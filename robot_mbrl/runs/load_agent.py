"""A finished run folder -> its agent and its robot."""

from pathlib import Path
from typing import Any

from robot_mbrl.agents.registry import make_agent
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.description.calibration import calibrate
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.errors import ContractMismatchError, SpecError
from robot_mbrl.runs.agent_state import REAL, agent_config, read_state
from robot_mbrl.runs.lineage import path_in
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.run_head import files_fit, read_head
from robot_mbrl.runs.stored_calibration import calibrated_as_run
from robot_mbrl.tasks import make_task


def load_agent(path: Path, spec: RobotSpec | None = None) -> tuple[Any, RobotSpec]:
    """Read a finished run: its agent (an `Agent`; what more it can do, `with_model` and `refinable`
    say) with its transitions, and the robot it is for.

    Raises DataError for a broken or unfinished run, ContractMismatchError when the robot's
    description has changed since, SpecError when it is not found.
    """
    folder = RunFolder(path)
    head, state = read_head(path), read_state(folder)
    spec = robot_of(path, spec)
    rows = len(state.transitions[REAL].rows) if REAL in state.transitions else 0
    layout = ObservationLayout.from_spec(spec)
    agent = make_agent(layout, make_task(spec), agent_config(head), max(rows, 1), head["seed"])
    with files_fit(path):
        agent.set_state(state)
    return agent, spec


def robot_of(
    path: Path, spec: RobotSpec | None = None, calibration: Path | None = None
) -> RobotSpec:
    """The robot that a run is for: `spec` if it is that one; or the one in the folder that the run
    names; or, where the run was moved, the built-in one of its name. The fingerprint decides.

    It is calibrated as the file `calibration` says, else as `spec` is, else as it was for the run.

    Raises CalibrationError for a calibration of another robot, ContractMismatchError when its
    description has changed, SpecError when there is none.
    """
    head = read_head(path)
    candidates = [spec] if spec else _robots(path, head)
    fits = [s for s in candidates if s.fingerprint == head["fingerprint"]]
    if fits:
        if calibration is not None:
            return calibrate(fits[0], calibration)
        return calibrated_as_run(fits[0], head, path)
    found = ", ".join(f"{s.name!r} in {s.folder} has {s.fingerprint}" for s in candidates)
    raise ContractMismatchError(
        f"{path}: made for robot {head['robot']!r} with fingerprint {head['fingerprint']}; robot "
        f"{found}. Say where the robot is as it was then (--robot FOLDER), or pretrain again"
    )


def _robots(path: Path, head: dict[str, Any]) -> list[RobotSpec]:
    """Those that the run may be for; raises SpecError when there is none."""
    folder = path_in(path, head["robot_folder"])
    places: list[str | Path] = [folder] if folder.is_dir() else []
    if (BUILT_IN / head["robot"]).is_dir():
        places.append(head["robot"])
    if not places:
        raise SpecError(
            f"{path}: robot {head['robot']!r} is neither in {folder}, where it was, nor built in; "
            "say where its folder is now (--robot FOLDER)"
        )
    return [load_robot(place) for place in places]
