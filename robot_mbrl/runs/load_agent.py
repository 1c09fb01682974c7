"""A finished run folder -> its agent and its robot."""

from pathlib import Path
from typing import Any

from robot_mbrl.agents.registry import make_agent
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.errors import ContractMismatchError, SpecError
from robot_mbrl.runs.agent_state import REAL, agent_config, read_state
from robot_mbrl.runs.run_folder import CONFIG, RunFolder
from robot_mbrl.runs.stored_calibration import calibrated_as_run
from robot_mbrl.tasks import make_task


def load_agent(path: Path, spec: RobotSpec | None = None) -> tuple[Any, RobotSpec]:
    """Read a finished run: its agent (an `Agent`; what more it can do, `with_model` and `refinable`
    say) with its transitions, and the robot it is for.

    Raises DataError for a broken or unfinished run, ContractMismatchError when the robot's
    description has changed since, SpecError when it is not found.
    """
    folder = RunFolder(path)
    head, state = folder.read_json(CONFIG), read_state(folder)
    spec = robot_of(path, spec)
    rows = len(state.transitions[REAL].rows) if REAL in state.transitions else 0
    layout = ObservationLayout.from_spec(spec)
    agent = make_agent(layout, make_task(spec), agent_config(head), max(rows, 1), head["seed"])
    agent.set_state(state)
    return agent, spec


def robot_of(path: Path, spec: RobotSpec | None = None) -> RobotSpec:
    """The robot that a run is for: `spec` if it is that one, or the one in the folder that the run
    names, or where that is gone (the run was made elsewhere) the built-in one of its name. It is
    calibrated as `spec` is, else as it was for the run.

    Raises ContractMismatchError when its description has changed, SpecError when there is none.
    """
    head = RunFolder(path).read_json(CONFIG)
    spec = spec or _load_robot(path, head)
    if spec.fingerprint != head["fingerprint"]:
        raise ContractMismatchError(
            f"{path}: made for robot {head['robot']!r} with fingerprint {head['fingerprint']}, the "
            f"description in {spec.folder} has {spec.fingerprint}; pretrain again"
        )
    return calibrated_as_run(spec, head, path)


def _load_robot(path: Path, head: dict[str, Any]) -> RobotSpec:
    if Path(head["robot_folder"]).is_dir():
        return load_robot(head["robot_folder"])
    try:
        return load_robot(head["robot"])
    except SpecError as error:
        error.add_note(
            f"{path} was made with {head['robot_folder']}, which is not there; put the robot's "
            "folder back, or write where it is into the run's config.json, key 'robot_folder'"
        )
        raise
