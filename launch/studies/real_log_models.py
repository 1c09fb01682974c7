"""The real-log benchmark: four models predict measured runs that none of them has seen.

logs -> episodes -> | nominal simulation
                    | ensemble pretrained in randomized simulation
                    | ensemble trained on the training runs from scratch
                    | the pretrained one, finetuned on the training runs
each predicts 0.5 s open loop from every tick of the unseen runs
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calibration.excitation import Piece, explore, transitions_of, with_ideal_sensors
from calibration.log_windows import log_windows
from calibration.posterior import plausible_worlds
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.data import import_csv, read_episode
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.learning.finetune.agent import stretches
from robot_mbrl.learning.finetune.model import (
    AdaptConfig,
    Split,
    adapt,
    cut_evenly,
    split_stretches,
)
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.fitting.multistep import Windows
from robot_mbrl.models.judging.open_loop import (
    ForecastError,
    Starts,
    forecast_error,
    predict_increments,
)
from sim.mujoco_engine.model import mujoco_model
from sim.mujoco_engine.open_loop import simulate_increments

MODELS = ("nominal", "pretrained", "scratch", "finetuned")
Tell = Callable[[str, int, int, dict[str, float]], None]


@dataclass(frozen=True)
class RealLogConfig:
    """Settings of the benchmark."""

    train_runs: tuple[str, ...] = ("pd_system_identification", "energy_shaping")
    """runs to learn from"""
    test_runs: tuple[str, ...] = ("ilqr", "pd_1nm_failure")
    """runs never seen, not even to choose among candidates"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """each seed pretrains, finetunes and trains from scratch anew, with other stretches held out"""
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
    """second fit of the pretraining: with windows of `adapt.ticks`"""
    members: int = 5
    """networks of an ensemble"""
    hidden: int = 96
    """their width"""
    dry_friction: bool = True
    """dry friction as a part of the ensemble: the pendulum rests by it, upright too"""
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
    """finetuning, and training from scratch without the simulated share"""
    push_nm: float = 0.8
    """unexplained torque over 0.1 s from which on a window counts as disturbed"""
    rest_rad: float = 0.02
    """a window that travels less is at rest"""


def read_runs(spec: RobotSpec, logs: Path, names: tuple[str, ...]) -> dict[str, list[Piece]]:
    """Import RUN.measured.csv of each name as an episode; its stretches without gaps."""
    with tempfile.TemporaryDirectory() as folder:
        files = import_csv([logs / f"{n}.measured.csv" for n in names], spec, folder)
        return {n: stretches(read_episode(f)) for n, f in zip(names, files, strict=True)}


def bench_real_log(
    spec: RobotSpec, logs: Path, config: RealLogConfig, tell: Tell
) -> dict[str, Any]:
    """Train for every seed and measure; returns `errors[kind][run][model][measure]` with mean, low,
    high over seeds, `windows[kind][run]`, and what each seed chose."""
    torch.set_num_threads(1)  # batches are small: more threads only wait for each other
    train = read_runs(spec, logs, config.train_runs)
    test = read_runs(spec, logs, config.test_runs)
    bench = Bench(spec, config, [p for pieces in train.values() for p in pieces])
    starts = {name: Starts.cut(pieces, config.adapt.ticks) for name, pieces in test.items()}
    kinds = bench.kinds(test, starts)
    nominal = {name: bench.nominal(s) for name, s in starts.items()}
    seeds: list[dict[str, dict[str, ForecastError]]] = []
    choices = []
    for number, seed in enumerate(config.seeds):
        models, choice = bench.train(seed)
        errors = {
            m: {n: bench.ensemble(e, s) for n, s in starts.items()} for m, e in models.items()
        }
        seeds.append({"nominal": nominal} | errors)
        choices.append({"seed": seed} | choice)
        numbers = {m: pool(e)["rms_rad"] for m, e in seeds[-1].items()}
        tell("seeds", number + 1, len(config.seeds), numbers)
    return {
        "ticks": config.adapt.ticks,
        "windows": {k: {n: int(c.sum()) for n, c in runs.items()} for k, runs in kinds.items()},
        "errors": {k: over_seeds([by_run(only(s, c)) for s in seeds]) for k, c in kinds.items()},
        "seeds": choices,
    }


class Bench:
    """Trains the models of one seed and measures them; `runs` are all stretches to learn from."""

    def __init__(self, spec: RobotSpec, config: RealLogConfig, runs: list[Piece]) -> None:
        self.spec, self.config, self.runs = spec, config, runs
        self.layout = ObservationLayout.from_spec(spec)

    def train(self, seed: int) -> tuple[dict[str, DynamicsEnsemble], dict[str, Any]]:
        """The three learned models of a seed, and how they were chosen."""
        config = self.config
        split = split_stretches(self.runs, config.adapt, offset=seed)
        real = transitions_of(split.train), transitions_of(split.held)
        pretrained = self.pretrain(seed)
        tuned = adapt(pretrained, split, real, self.plausible(split, seed), config.adapt, seed)
        fresh = self.fresh(seed + 1000)  # weights of its own
        fit_normalizers(fresh, real[0])
        scratch = adapt(fresh, split, real, None, config.adapt, seed)
        choice = {
            "accepted": tuned.accepted,
            "held_out_rad": {"pretrained": tuned.error_before_rad}
            | {f"finetuned, {s:g} real": e for s, e in tuned.candidates.items()}
            | {"scratch": min(scratch.candidates.values())},
            "train_rows": len(real[0]),
            "held_out_rows": len(real[1]),
        }
        models = {"pretrained": pretrained, "scratch": scratch.model, "finetuned": tuned.model}
        return models, choice

    def fresh(self, seed: int) -> DynamicsEnsemble:
        """An ensemble that knows nothing."""
        rng = torch.Generator().manual_seed(seed)
        sizes = self.config.members, self.config.hidden
        return DynamicsEnsemble(self.layout, *sizes, rng, dry_friction=self.config.dry_friction)

    def pretrain(self, seed: int) -> DynamicsEnsemble:
        """An ensemble of randomized worlds that has seen nothing real."""
        config = self.config
        ideal, pieces = (
            explore(spec, config.worlds, config.world_ticks, seed)
            for spec in (with_ideal_sensors(self.spec), self.spec)
        )
        cut = max(1, len(pieces) // 12)
        held, train = transitions_of(ideal[:cut]), transitions_of(ideal[cut:])
        model, rng = self.fresh(seed), np.random.default_rng(seed)
        fit_normalizers(model, concatenate([train, transitions_of(pieces[cut:])]))
        source = [Source(train, 1.0)]
        fit_ensemble(model, source, held, config.one_step, rng)
        fit_ensemble(
            model,
            source,
            held,
            config.multi_step,
            rng,
            windows=self.windows(model, pieces[cut:]),
            holdout_windows=self.windows(model, pieces[:cut]),
        )
        return model

    def windows(self, model: DynamicsEnsemble, pieces: list[Piece]) -> Windows:
        """Windows of simulated pieces, three ticks of start apart: neighbours tell little new."""
        ticks = self.config.adapt.ticks
        parts = [p for piece in pieces for p in cut_evenly(piece, ticks + 3)]
        return Windows.cut(model, [p for p in parts if len(p[0]) > ticks], ticks)

    def plausible(self, split: Split, seed: int) -> tuple[Transitions, Windows]:
        """Simulated steps and windows of those worlds that explain the training stretches best."""
        ticks = self.config.adapt.ticks
        starts = Starts.cut([p for p in split.train if len(p[0]) > ticks], ticks)
        rng = np.random.default_rng(seed)
        kept = plausible_worlds(self.spec, log_windows(self.layout, starts, centred=True), rng)
        # worlds of other seeds than those of the pretraining
        other = int(np.random.SeedSequence((seed, 1)).generate_state(1)[0])
        size = max(1, self.config.worlds // 2)
        ideal, pieces = (
            explore(spec, size, self.config.world_ticks, other, kept.parameters)
            for spec in (with_ideal_sensors(self.spec), self.spec)
        )
        return transitions_of(ideal), self.windows(self.fresh(0), pieces)

    def nominal(self, starts: Starts) -> ForecastError:
        """Errors of the nominal simulation."""
        w = log_windows(self.layout, starts)
        dq = simulate_increments(self.spec, w.q_rad, w.qd_rad_s, w.before, w.actions)
        return forecast_error(self.layout, starts, dq)

    def ensemble(self, model: DynamicsEnsemble, starts: Starts) -> ForecastError:
        """Errors of an ensemble."""
        return forecast_error(self.layout, starts, predict_increments(model, starts))

    def kinds(
        self, runs: dict[str, list[Piece]], starts: dict[str, Starts]
    ) -> dict[str, dict[str, np.ndarray]]:
        """Which windows (W,) of each run belong to each kind; kinds without any are left out."""
        calm = {n: ~self.disturbed(pieces) for n, pieces in runs.items()}
        rest = {n: self.resting(s) for n, s in starts.items()}
        kinds = {
            "all": {n: np.ones(len(s), bool) for n, s in starts.items()},
            "undisturbed": calm,
            "undisturbed, at rest": {n: calm[n] & rest[n] for n in starts},
            "undisturbed, moving": {n: calm[n] & ~rest[n] for n in starts},
        }
        return {
            kind: masks for kind, masks in kinds.items() if any(m.any() for m in masks.values())
        }

    def resting(self, starts: Starts) -> np.ndarray:
        """Which windows (W,) never get `rest_rad` away from where they start."""
        steps = self.layout.increments(starts.obs[:, :-1], starts.obs[:, 1:])
        still: np.ndarray = np.abs(np.cumsum(steps, 1)).max((1, 2)) < self.config.rest_rad
        return still

    def disturbed(self, pieces: list[Piece]) -> np.ndarray:
        """Which windows (W,) hold torque that is in no column, such as a push by hand.

        Judged by the nominal simulation over 0.1 s: what it misses by is read as a constant torque,
        e = tau t^2 / 2 J. So this measure leans to the nominal simulation, never to a learned
        model.
        """
        span, ticks = round(0.1 / self.layout.dt), self.config.adapt.ticks
        # J at the hanging position; a chain with several joints would need its whole matrix
        inertia = float(mujoco_model(self.spec).dof_M0[0])
        per_rad = 2 * inertia / (span * self.layout.dt) ** 2
        found = []
        for piece in pieces:
            if len(piece[0]) <= ticks:
                continue
            starts = Starts.cut([piece], span)
            w = log_windows(self.layout, starts, centred=True)
            guess = simulate_increments(self.spec, w.q_rad, w.qd_rad_s, w.before, w.actions)
            missed = forecast_error(self.layout, starts, guess).position_rad[:, -1, 0]
            hit = np.abs(missed) * per_rad > self.config.push_nm
            window = np.lib.stride_tricks.sliding_window_view(hit, ticks - span + 1)
            found.append(window.any(1))
        return np.concatenate(found)


def only(
    seed: dict[str, dict[str, ForecastError]], chosen: dict[str, np.ndarray]
) -> dict[str, dict[str, ForecastError]]:
    """The same errors for the chosen windows (W,) of each run; runs without any are left out."""
    return {
        model: {
            run: ForecastError(e.position_rad[chosen[run]], e.velocity_rad_s[chosen[run]])
            for run, e in errors.items()
            if chosen[run].any()
        }
        for model, errors in seed.items()
    }


def pool(errors: dict[str, ForecastError]) -> dict[str, float]:
    """Summary of the windows of all runs together."""
    return ForecastError(
        np.concatenate([e.position_rad for e in errors.values()]),
        np.concatenate([e.velocity_rad_s for e in errors.values()]),
    ).summary()


def by_run(seed: dict[str, dict[str, ForecastError]]) -> dict[str, dict[str, dict[str, float]]]:
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
