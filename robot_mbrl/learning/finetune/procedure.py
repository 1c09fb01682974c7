"""Finetuning of a run folder: recorded episodes in, a new run folder out."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robot_mbrl.agents.agent import RefinableAgent, refinable
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.folder_lock import FolderLock
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.task import Task
from robot_mbrl.data import Episode
from robot_mbrl.data.segment import Segment
from robot_mbrl.learning.false_stops import at_least, calibrate_alarms
from robot_mbrl.learning.finetune.agent import finetune
from robot_mbrl.learning.finetune.config import (
    FinetuneConfig,
    FinetuneReport,
    Progress,
    no_progress,
)
from robot_mbrl.learning.finetune.model import Simulate
from robot_mbrl.learning.finetune.split import check_episodes
from robot_mbrl.models.judging.surprise import surprise
from robot_mbrl.onboard import MonitorThresholds
from robot_mbrl.runs.agent_state import create_run, save_agent
from robot_mbrl.runs.lineage import FINETUNE, hash_file, path_from, run_lineage
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import (
    CHECKPOINT,
    CONFIG,
    REPLAY,
    STATE,
    THRESHOLDS,
    WEIGHTS,
    RunFolder,
)

MakeSimulate = Callable[[RobotSpec, Task, Policy, int], Simulate]
"""(robot, task, policy, seed) -> a simulator of worlds like the recorded one, such as
`calibration.resimulate.resimulator`."""


def finetune_run(
    parent: Path,
    episodes: Mapping[str, Episode],
    out: Path,
    config: FinetuneConfig | None = None,
    *,
    resimulate: MakeSimulate | None = None,
    progress: Progress = no_progress,
    spec: RobotSpec | None = None,
) -> dict[str, Any]:
    """Finetune the run in `parent` on episodes by file name and write the result to `out`.

    Where it was not accepted, `out` holds the parent's networks, marked as rolled back.

    Args:
        parent: run folder of a finished run.
        episodes: as `load_episodes` reads them; their files are hashed into the lineage.
        out: run folder to write; must not hold a run.
        config: settings; the defaults without them.
        resimulate: makes the simulator of worlds that explain the episodes; without one the
            parent's own simulated transitions are blended in.
        progress: called with (stage, done, total, numbers).
        spec: the robot; the one that the parent names by default.

    Returns the fields of FinetuneReport, and under "thresholds" where the new thresholds come
    from. Raises DataError for too little data or a folder in use, ContractMismatchError for
    episodes of another robot, SettingsError for an agent that cannot be finetuned.
    """
    with FolderLock(out):
        check_free(RunFolder(out))
        settings = config or FinetuneConfig()
        return _finetune(parent, episodes, out, settings, resimulate, spec, progress)


def check_free(folder: RunFolder) -> None:
    """Raise DataError where a run is; what was left by a finetuning that did not end is none."""
    if folder.has(STATE) or folder.has(CHECKPOINT):
        raise DataError(f"{folder.path}: holds a run already; choose another --out")


def _finetune(
    parent: Path,
    episodes: Mapping[str, Episode],
    out: Path,
    config: FinetuneConfig,
    resimulate: MakeSimulate | None,
    spec: RobotSpec | None,
    progress: Progress,
) -> dict[str, Any]:
    loaded, spec = load_agent(parent, spec)
    agent = refinable(loaded)
    check_episodes(episodes, spec)
    # names stand in the new run's files, and are meant from there
    episodes = {path_from(out, episode.path): episode for episode in episodes.values()}
    segments = {name: episode.segments() for name, episode in episodes.items()}
    simulated = agent.real.all()
    simulate = resimulate(spec, agent.task, agent.policy(), config.seed) if resimulate else None
    report = finetune(agent, segments, config, progress, simulate)
    # a later finetuning blends with the simulator again, not with these episodes
    agent.real.clear()
    agent.real.add(simulated)
    recorded = [s for parts in segments.values() for s in parts]
    thresholds, source = new_thresholds(agent, spec, recorded, report, parent)
    result = dataclasses.asdict(report) | {"thresholds": source}
    lineage = run_lineage(parent, out) | {
        "episodes": {name: hash_file(episode.path) for name, episode in episodes.items()},
        "rolled_back": not report.accepted,
    }
    write_run(out, agent, spec, config, lineage, result, thresholds)
    return result


def write_run(
    out: Path,
    agent: RefinableAgent,
    spec: RobotSpec,
    config: FinetuneConfig,
    lineage: dict[str, Any],
    result: dict[str, Any],
    thresholds: dict[str, Any] | None,
) -> None:
    """The new run folder, or nothing; state.json comes last and makes it valid."""
    folder = RunFolder(out)
    more = {"lineage": lineage, "finetuning": dataclasses.asdict(config)}
    try:
        create_run(folder, spec, agent.config, config.seed, **more)
        folder.write_json(FINETUNE, result)
        if thresholds is not None:
            folder.write_json(THRESHOLDS, thresholds)
        save_agent(folder, agent, rolled_back=not result["accepted"])
    except BaseException:
        folder.remove(STATE, CONFIG, FINETUNE, THRESHOLDS, WEIGHTS, REPLAY)
        raise


def new_thresholds(
    agent: RefinableAgent,
    spec: RobotSpec,
    recorded: list[Segment],
    report: FinetuneReport,
    parent: Path,
) -> tuple[dict[str, Any] | None, str]:
    """Thresholds for the new model from the real segments, or the parent's with the reason why."""
    known = RunFolder(parent).read_object(THRESHOLDS) if (parent / THRESHOLDS).exists() else None
    if not report.accepted:
        return known, "of the parent: rolled back"
    try:
        surprises = [surprise(agent.model, segment) for segment in recorded]
        rate, target = spec.control.rate_hz, spec.safety.false_stops_per_hour
        own = calibrate_alarms(surprises, rate, target)
        if known is None:
            return own.to_json(), "calibrated on these episodes"
        joint = at_least(own, MonitorThresholds.from_json(known))
        return joint.to_json(), "calibrated on these episodes, at least the parent's"
    except DataError as error:
        return known, f"of the parent: {error}"
