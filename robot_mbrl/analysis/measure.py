"""Everything that is measured of a run, on episodes that it did not learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.analysis.coverage import (
    ConformalAlarm,
    CoverageReport,
    conformal_alarms,
    measure_coverage,
    predict_recording,
)
from robot_mbrl.analysis.growth import ErrorGrowth, measure_growth
from robot_mbrl.analysis.lineage_error import LineageError, measure_lineage_error
from robot_mbrl.analysis.novelty import Novelty, measure_novelty
from robot_mbrl.analysis.recordings import Recording, of_episode, segments_of, split
from robot_mbrl.analysis.returns import ReturnError, measure_return_error
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import DataError, check_range
from robot_mbrl.data import Episode
from robot_mbrl.data.windows import Windows
from robot_mbrl.envs.episodes import record_worlds
from robot_mbrl.learning.finetune.split import check_episodes
from robot_mbrl.runs.lineage import kept_out_of, learned_from, without
from robot_mbrl.runs.load_agent import load_agent

UNSEEN = 40_000  # seeds of training, evaluation and alarms lie elsewhere
T = TypeVar("T")


@dataclass(frozen=True)
class AnalysisConfig:
    """Settings of an analysis."""

    worlds: int = 256
    """simulated episodes, one in each unseen world; half calibrates, half tests"""
    horizon: int = 50
    """longest prediction and planning horizon, ticks"""
    starts: int = 2000
    """start states of open-loop predictions"""
    level: float = 0.9
    """coverage that intervals are calibrated for"""
    false_alarm_rate: float = 0.05
    """requested rate of the conformal thresholds"""
    seed: int = 0
    """of every generator"""

    def __post_init__(self) -> None:
        check_range(self, 2, 1e6, "worlds")
        check_range(self, 1, 1e4, "horizon")
        check_range(self, 1, 1e6, "starts")


@dataclass(frozen=True)
class Analysis:
    """What was measured; a part that the data do not allow is None, its reason in `notes`.

    Attributes:
        robot: name.
        run: folder.
        source: where the episodes come from, in words.
        episodes, ticks: how much there was.
        rate_hz: ticks per second.
        growth: error against prediction length.
        returns: error of the planner's estimate against horizon.
        coverage: calibration of predicted spreads.
        alarms: conformal thresholds.
        novelty: disagreement inside and outside.
        lineage_error: along the line of runs.
        notes: what is missing and why.
    """

    robot: str
    run: Path
    source: str
    episodes: int
    ticks: int
    rate_hz: float
    growth: ErrorGrowth | None
    returns: ReturnError | None
    coverage: CoverageReport
    alarms: tuple[ConformalAlarm, ...]
    novelty: Novelty | None
    lineage_error: LineageError | None
    notes: tuple[str, ...]


def analyze(
    run: Path,
    config: AnalysisConfig,
    *,
    episodes: dict[str, Episode] | None = None,
    make_env: Callable[..., Any] | None = None,
    spec: RobotSpec | None = None,
) -> Analysis:
    """Measure a run.

    Args:
        run: run folder.
        config: settings.
        episodes: recorded ones by name; those that the run learned from are left out.
        make_env: `make_env(spec, num_envs, seed=...)` -> vector environment, used without episodes:
            the policy alone acts in unseen worlds.
        spec: the robot; the one that the run names by default.

    Raises DataError without usable episodes, ContractMismatchError for episodes of another robot.
    """
    agent, spec = load_agent(run, spec)
    if episodes is not None:
        recordings, source = held_out(run, spec, episodes)
    elif make_env is not None:
        recordings, source = simulate(agent, spec, make_env, config)
    else:
        raise DataError("analysis: expected recorded episodes or a simulator")
    return measure(run, agent, spec, recordings, source, config)


def simulate(
    agent: Mbpo, spec: RobotSpec, make_env: Callable[..., Any], config: AnalysisConfig
) -> tuple[list[Recording], str]:
    """Episodes of the policy alone in worlds that no training has seen."""
    env = make_env(spec, config.worlds, seed=0)
    segments = record_worlds(env, agent.policy(), seed=UNSEEN + config.seed)
    env.close()
    source = f"{config.worlds} simulated episodes of the policy alone, worlds unseen in training"
    return [Recording((segment,)) for segment in segments], source


def held_out(
    run: Path, spec: RobotSpec, episodes: dict[str, Episode]
) -> tuple[list[Recording], str]:
    """Recorded episodes that the run was not fitted to.

    Those that its finetuning kept out are used, and the source says so: they chose the model.
    """
    check_episodes(episodes, spec)
    fresh = without(episodes, learned_from(run))
    unbiased = without(fresh, kept_out_of(run))
    recordings = [r for e in fresh.values() if (r := of_episode(e)).segments]
    source = f"{len(recordings)} recorded episodes"
    if len(fresh) < len(episodes):
        source += f"; {len(episodes) - len(fresh)} that the run learned from are left out"
    if len(unbiased) < len(fresh):
        source += f"; {len(fresh) - len(unbiased)} of them chose among its candidates"
    return recordings, source


def measure(
    run: Path,
    agent: Mbpo,
    spec: RobotSpec,
    recordings: Sequence[Recording],
    source: str,
    config: AnalysisConfig,
) -> Analysis:
    """All parts on given episodes."""
    rng, notes = np.random.default_rng(config.seed), list[str]()

    def attempt(name: str, part: Callable[[], T]) -> T | None:
        try:
            return part()
        except DataError as error:
            notes.append(f"{name}: not measured: {error}")
            return None

    model = agent.model
    calibrate, test = split(recordings, rng)
    known, fresh = ([predict_recording(model, r) for r in group] for group in (calibrate, test))
    coverage = measure_coverage(model, known, fresh, config.level)
    alarms = conformal_alarms(known, fresh, config.false_alarm_rate)
    notes += [f"{a.name} per {a.threshold.per}: {a.threshold.guarantee}" for a in alarms if a.none]
    windows = attempt(
        "error growth",
        lambda: Windows.sample(segments_of(recordings), config.horizon, config.starts, rng),
    )
    returns = attempt(
        "return error",
        lambda: measure_return_error(agent, recordings, config.horizon, config.starts, rng),
    )
    if returns and not np.isfinite(returns.with_value).all():
        finite = int(np.isfinite(returns.with_value).sum())
        notes.append(f"return error: the model diverges, not finite beyond {finite} ticks")
    limit = alarms[0].threshold.limit
    rows = agent.real.split(agent.real.sample(config.starts, rng))
    novelty = attempt(
        "disagreement",
        lambda: measure_novelty(model, rows, test, fresh, limit, rng),
    )
    lineage = measure_lineage_error(run, agent, spec, windows) if windows else None
    if lineage and len(lineage.runs) == 1:
        notes.append(
            "lineage error: this run was not made from another one, so there are no iterations"
        )
    return Analysis(
        robot=spec.name,
        run=run,
        source=source,
        episodes=len(recordings),
        ticks=sum(map(len, segments_of(recordings))),
        rate_hz=spec.control.rate_hz,
        growth=measure_growth(model, windows) if windows else None,
        returns=returns,
        coverage=coverage,
        alarms=alarms,
        novelty=novelty,
        lineage_error=lineage,
        notes=tuple(notes),
    )
