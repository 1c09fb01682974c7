"""The real-log benchmark: four models predict measured runs that none of them has seen.

logs -> episodes -> | nominal simulation
                    | ensemble pretrained in randomized simulation
                    | ensemble trained on the training runs from scratch
                    | the pretrained one, finetuned on them by what `robot-mbrl finetune` runs
each predicts 0.5 s open loop from every tick of the unseen runs
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calibration.excitation import exciting, explore, with_ideal_sensors
from calibration.log_windows import LogWindows
from calibration.resimulate import resimulator
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data import import_csv, read_episode
from robot_mbrl.data.segment import Segment, long_enough, transitions_of
from robot_mbrl.data.transitions import concatenate
from robot_mbrl.data.windows import Windows
from robot_mbrl.learning.finetune.config import FinetuneConfig, no_progress
from robot_mbrl.learning.finetune.model import (
    FinetuneData,
    Simulate,
    finetune_model,
)
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.judging.open_loop import (
    OpenLoopError,
    increments_error,
    open_loop_error,
)
from robot_mbrl.tasks import make_task
from sim.mujoco_engine.model import mujoco_model
from sim.open_loop import simulate_increments

MODELS = ("nominal", "pretrained", "scratch", "finetuned")
Report = Callable[[str, int, int, dict[str, float]], None]


@dataclass(frozen=True)
class RealLogConfig:
    """Settings of the benchmark."""

    train_runs: tuple[str, ...] = ("pd_system_identification", "energy_shaping")
    """runs to learn from"""
    test_runs: tuple[str, ...] = ("ilqr", "pd_1nm_failure")
    """runs never seen, not even to choose among candidates"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """each seed pretrains, finetunes and trains from scratch anew, with other parts held out"""
    ticks: int = 25
    """predicted ahead: 0.5 s"""
    worlds: int = 400
    """randomized worlds to pretrain in"""
    world_ticks: int = 250
    """ticks in each"""
    one_step: FitConfig = field(default_factory=lambda: FitConfig(steps=3000))
    """first fit of the pretraining: likelihood of one tick"""
    multi_step: FitConfig = field(
        default_factory=lambda: FitConfig(
            steps=500, check_every=100, multistep_weight=1.0, multistep_cap=3.0
        )
    )
    """second fit of the pretraining: with windows of `ticks`"""
    members: int = 5
    """networks of an ensemble"""
    hidden: int = 96
    """their width"""
    dry_friction: bool = True
    """dry friction as a part of the ensemble: the pendulum rests by it, upright too"""
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    """finetuning, and training from scratch without the simulated share"""
    push_nm: float = 0.8
    """unexplained torque over 0.1 s from which on a window counts as disturbed"""
    rest_rad: float = 0.02
    """a window that travels less is at rest"""


def read_runs(spec: RobotSpec, logs: Path, names: tuple[str, ...]) -> dict[str, list[Segment]]:
    """Import RUN.measured.csv of each name as an episode; its segments."""
    with tempfile.TemporaryDirectory() as folder:
        files = import_csv([logs / f"{n}.measured.csv" for n in names], spec, folder)
        return {n: read_episode(f).segments() for n, f in zip(names, files, strict=True)}


def bench_real_log(
    spec: RobotSpec, logs: Path, config: RealLogConfig, report: Report
) -> dict[str, Any]:
    """Train for every seed and measure; returns `errors[kind][run][model][measure]` with mean, low,
    high over seeds, `windows[kind][run]`, and what each seed chose."""
    torch.set_num_threads(1)  # batches are small: more threads only wait for each other
    train = read_runs(spec, logs, config.train_runs)
    test = read_runs(spec, logs, config.test_runs)
    bench = Bench(spec, config, train)
    windows = {name: Windows.cut(segments, config.ticks) for name, segments in test.items()}
    kinds = bench.kinds(test, windows)
    nominal = {name: bench.nominal(w) for name, w in windows.items()}
    seeds: list[dict[str, dict[str, OpenLoopError]]] = []
    choices = []
    for number, seed in enumerate(config.seeds):
        models, choice = bench.train(seed)
        errors = {
            m: {n: open_loop_error(e, w) for n, w in windows.items()} for m, e in models.items()
        }
        seeds.append({"nominal": nominal} | errors)
        choices.append({"seed": seed} | choice)
        numbers = {m: pool(e)["rms_rad"] for m, e in seeds[-1].items()}
        report("seeds", number + 1, len(config.seeds), numbers)
    return {
        "ticks": config.ticks,
        "windows": {k: {n: int(c.sum()) for n, c in runs.items()} for k, runs in kinds.items()},
        "errors": {k: over_seeds([by_run(only(s, c)) for s in seeds]) for k, c in kinds.items()},
        "seeds": choices,
    }


class Bench:
    """Trains the models of one seed and measures them; `runs` are the segments to learn from."""

    def __init__(
        self, spec: RobotSpec, config: RealLogConfig, runs: dict[str, list[Segment]]
    ) -> None:
        self.spec, self.config, self.runs = spec, config, runs
        self.layout = ObservationLayout.from_spec(spec)

    def train(self, seed: int) -> tuple[dict[str, DynamicsEnsemble], dict[str, Any]]:
        """The three learned models of a seed, and how they were chosen."""
        config = replace(self.config.finetune, seed=seed)
        pretrained, fresh = self.pretrain(seed), self.fresh(seed + 1000)  # weights of its own

        def whitened(data: FinetuneData) -> DynamicsEnsemble:
            fit_normalizers(fresh, data.real)
            return fresh

        tuned = finetune_model(pretrained, self.runs, self.simulator(seed), config, no_progress)
        alone = replace(config, real_shares=(1.0,))  # what is simulated is not learned from
        scratch = finetune_model(
            pretrained, self.runs, transitions_of, alone, no_progress, start=whitened
        )
        choice = {
            "accepted": tuned.report.accepted,
            "held_out_rad": {
                "pretrained": tuned.report.error_before_rad,
                "finetuned": tuned.report.error_after_rad,
                "scratch": scratch.report.error_after_rad,
            },
            "train_rows": tuned.report.train_transitions,
            "held_out_rows": tuned.report.holdout_transitions,
        }
        kept = tuned.model if tuned.report.accepted else pretrained
        models = {"pretrained": pretrained, "scratch": scratch.model, "finetuned": kept}
        return models, choice

    def simulator(self, seed: int) -> Simulate:
        """What `robot-mbrl finetune` simulates; no policy was pretrained, so the posterior worlds
        move by excitation."""
        act = exciting(self.spec, np.random.default_rng((seed, 5)))
        return resimulator(self.spec, make_task(self.spec), act, seed)

    def fresh(self, seed: int) -> DynamicsEnsemble:
        """An ensemble that knows nothing."""
        rng = torch.Generator().manual_seed(seed)
        sizes = self.config.members, self.config.hidden
        return DynamicsEnsemble(self.layout, *sizes, rng, dry_friction=self.config.dry_friction)

    def pretrain(self, seed: int) -> DynamicsEnsemble:
        """An ensemble of randomized worlds that has seen nothing real."""
        config = self.config
        ideal, measured = (
            explore(spec, config.worlds, config.world_ticks, seed)
            for spec in (with_ideal_sensors(self.spec), self.spec)
        )
        cut = max(1, len(measured) // 12)
        held, train = transitions_of(ideal[:cut]), transitions_of(ideal[cut:])
        model, rng = self.fresh(seed), np.random.default_rng(seed)
        fit_normalizers(model, concatenate([train, transitions_of(measured[cut:])]))
        source = [Source(train, 1.0)]
        fit_ensemble(model, source, held, config.one_step, rng)
        fit_ensemble(
            model,
            source,
            held,
            config.multi_step,
            rng,
            windows=self.windows(measured[cut:]),
            holdout_windows=self.windows(measured[:cut]),
        )
        return model

    def windows(self, segments: list[Segment]) -> Windows:
        """Three neighbouring windows in each `ticks` + 3 ticks of simulated segments: more tell
        little new."""
        ticks = self.config.ticks
        parts = [s.take(b, b + ticks + 2) for s in segments for b in range(0, len(s), ticks + 3)]
        return Windows.cut(long_enough(parts, ticks), ticks)

    def nominal(self, windows: Windows) -> OpenLoopError:
        """Errors of the nominal simulation."""
        return increments_error(self.layout, windows, self.simulate(windows))

    def simulate(self, windows: Windows, *, centred: bool = False) -> FloatArray:
        """Increments (W, K, J) of the nominal simulation."""
        w = LogWindows.of(self.layout, windows, centred=centred)
        return simulate_increments(self.spec, w.q_rad, w.qd_rad_s, w.before, w.action)

    def kinds(
        self, runs: dict[str, list[Segment]], windows: dict[str, Windows]
    ) -> dict[str, dict[str, np.ndarray]]:
        """Which windows (W,) of each run belong to each kind; kinds without any are left out."""
        alone = {n: ~self.disturbed(segments) for n, segments in runs.items()}
        rest = {n: self.resting(w) for n, w in windows.items()}
        kinds = {
            "all": {n: np.ones(len(w), bool) for n, w in windows.items()},
            "undisturbed": alone,
            "undisturbed, at rest": {n: alone[n] & rest[n] for n in windows},
            "undisturbed, moving": {n: alone[n] & ~rest[n] for n in windows},
        }
        return {
            kind: masks for kind, masks in kinds.items() if any(m.any() for m in masks.values())
        }

    def resting(self, windows: Windows) -> np.ndarray:
        """Which windows (W,) never get `rest_rad` away from where they start."""
        steps = self.layout.increments(windows.obs[:, :-1], windows.obs[:, 1:])
        still: np.ndarray = np.abs(np.cumsum(steps, 1)).max((1, 2)) < self.config.rest_rad
        return still

    def disturbed(self, segments: list[Segment]) -> np.ndarray:
        """Which windows (W,) hold torque that is in no column, such as a push by hand.

        Found by the nominal simulation over 0.1 s: what it misses by is read as a constant torque,
        e = tau t^2 / 2 J. So this measure leans to the nominal simulation, never to a learned
        model.
        """
        span, ticks = round(0.1 / self.layout.dt), self.config.ticks
        # J at the hanging position; a chain with several joints would need its whole matrix
        inertia = float(mujoco_model(self.spec).dof_M0[0])
        per_rad = 2 * inertia / (span * self.layout.dt) ** 2
        found = []
        for segment in long_enough(segments, ticks):
            windows = Windows.cut([segment], span)
            guess = self.simulate(windows, centred=True)
            missed = increments_error(self.layout, windows, guess).position_rad[:, -1, 0]
            hit = np.abs(missed) * per_rad > self.config.push_nm
            window = np.lib.stride_tricks.sliding_window_view(hit, ticks - span + 1)
            found.append(window.any(1))
        return np.concatenate(found)


def only(
    seed: dict[str, dict[str, OpenLoopError]], chosen: dict[str, np.ndarray]
) -> dict[str, dict[str, OpenLoopError]]:
    """The same errors for the chosen windows (W,) of each run; runs without any are left out."""
    return {
        model: {run: e.take(chosen[run]) for run, e in errors.items() if chosen[run].any()}
        for model, errors in seed.items()
    }


def pool(errors: dict[str, OpenLoopError]) -> dict[str, float]:
    """Summary of the windows of all runs together."""
    return OpenLoopError(
        np.concatenate([e.position_rad for e in errors.values()]),
        np.concatenate([e.velocity_rad_s for e in errors.values()]),
    ).summary()


def by_run(seed: dict[str, dict[str, OpenLoopError]]) -> dict[str, dict[str, dict[str, float]]]:
    """run -> model -> summary, the run "pooled" included."""
    runs = {
        run: {m: errors[run].summary() for m, errors in seed.items()} for run in seed["nominal"]
    }
    return runs | {"pooled": {m: pool(errors) for m, errors in seed.items()}}


def over_seeds(seeds: list[dict[str, dict[str, dict[str, float]]]]) -> dict[str, Any]:
    """run -> model -> measure -> mean, low and high over seeds."""
    first = seeds[0]
    return {
        run: {
            model: {key: spread([s[run][model][key] for s in seeds]) for key in first[run][model]}
            for model in first[run]
        }
        for run in first
    }


def spread(values: list[float]) -> dict[str, float]:
    """Mean, least and greatest."""
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}
