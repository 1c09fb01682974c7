"""Ranges that widen while the policy succeeds at their ends and narrow when it fails there.

Automatic domain randomization (OpenAI et al. 2019, "Solving Rubik's Cube with a Robot Hand",
section 5 and Algorithm 1), with two differences: the paper evaluates episodes of training itself,
here the policy is tried at the boundaries without exploration, every so many updates; and it draws
the boundary of each episode at random, here they take turns, which tries all equally often.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import Parameters
from robot_mbrl.contract.errors import DataError, SettingsError, check_range
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters
from robot_mbrl.contract.parameters.vocabulary import parameter_limits
from robot_mbrl.contract.task import Task
from robot_mbrl.envs.episodes import evaluate

INITIAL = "initial."
ROUNDING = 1e-9


@dataclass(frozen=True)
class AutomaticConfig:
    """Settings of automatic randomization."""

    every: int = 1_000
    """gradient steps between two evaluations at the boundaries"""
    worlds: int = 256
    """episodes of an evaluation, the boundaries in turn"""
    episodes: int = 8
    """episodes at a boundary before it may move; m of the paper"""
    widen_at: float = 0.8
    """share of successes from which on a boundary moves outwards; t_H"""
    narrow_at: float = 0.5
    """share of successes up to which it moves inwards; t_L"""
    step: float = 0.1
    """how far it moves, as a share of what robot.toml states; Delta"""
    widest: float = 2.0
    """it stops at so many times what robot.toml states"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1e9, "every", "worlds", "episodes")
        check_range(self, 0, 1, "widen_at", "narrow_at")
        check_range(self, 0, 1e3, "step", "widest")


@dataclass
class Boundary:
    """One end of a parameter's range.

    Attributes:
        path: the parameter.
        side: -1 for the lower end, 1 for the upper.
        centre, reach: where ranges grow from and how far robot.toml goes from there, in the
            parameter's number, or in its logarithm where that is drawn.
        most: largest extent: of the settings, or where the parameter's own limits are.
        logarithmic: whether it is the logarithm.
        extent: how far the range goes now, in reaches.
        results: successes and failures (1.0, 0.0) since it could last move.
    """

    path: str
    side: Literal[-1, 1]
    centre: float
    reach: float
    most: float
    logarithmic: bool
    extent: float = 0.0
    results: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The boundary's name, for files and people."""
        return f"{self.path} {'low' if self.side < 0 else 'high'}"

    def value(self, extent: float | None = None) -> float:
        """Where the range ends now, or would with another extent."""
        at = self.centre + self.side * self.reach * (self.extent if extent is None else extent)
        return float(np.exp(at)) if self.logarithmic else at

    def move(self, config: AutomaticConfig) -> None:
        """Move by what the results say, once there are enough of them."""
        if len(self.results) < config.episodes:
            return
        success = sum(self.results) / len(self.results)
        change = (success >= config.widen_at) * config.step
        change -= (success <= config.narrow_at) * config.step
        self.extent = min(max(self.extent + change, 0.0), self.most)
        self.results.clear()


class AutomaticRanges:
    """The ranges of one training.

    What is drawn once an episode adapts, starting from the nominal robot, or from the mean where a
    calibration gave one. Initial states, and what changes within an episode, stay as robot.toml
    says.

    Args:
        spec: the robot.
        config: settings.
    """

    def __init__(self, spec: RobotSpec, config: AutomaticConfig) -> None:
        self._check(config)
        self.spec, self.config = spec, config
        self.boundaries = [
            boundary
            for path, variation in spec.randomization.items()
            if adapts(path, variation)
            for boundary in _ends(path, variation, spec.nominal[path], config.widest)
        ]
        if not self.boundaries:
            raise DataError(
                f"{spec.name}: automatic randomization needs a parameter in [randomization] that "
                "is drawn at each reset and is no initial state; got none"
            )
        self._turn = 0

    @staticmethod
    def _check(config: AutomaticConfig) -> None:
        if not 0 <= config.narrow_at < config.widen_at <= 1:
            raise SettingsError(
                "automatic randomization: expected 0 <= narrow_at < widen_at <= 1, got "
                f"{config.narrow_at:g} and {config.widen_at:g}"
            )

    def variations(self, extent: float | None = None) -> dict[str, Variation]:
        """[randomization] with the ranges of now, or all of the same extent."""
        found = {
            path: replace(v, when="reset") if v.when == "build" else v
            for path, v in self.spec.randomization.items()
        }
        for path in {b.path for b in self.boundaries}:
            middle = found[path].centre(self.spec.nominal[path])
            found[path] = replace(found[path], low=middle, high=middle)
            if found[path].distribution == "normal":
                found[path] = replace(found[path], distribution="uniform")
        for b in self.boundaries:
            end, known = b.value(None if extent is None else min(extent, b.most)), found[b.path]
            found[b.path] = replace(known, low=end) if b.side < 0 else replace(known, high=end)
        return found

    @property
    def widest_spec(self) -> RobotSpec:
        """The robot with the widest ranges that may come: what an environment is built for."""
        return replace(self.spec, randomization=self.variations(self.config.widest))

    def evaluate_boundaries(
        self, make_env: Callable[..., Any], policy: Policy, task: Task, seed: int
    ) -> None:
        """Let the policy act once in each of `worlds` worlds at boundaries; move the boundaries.

        Args:
            make_env: `make_env(spec, num_envs, seed=...)` -> vector environment.
            policy: acts, without exploration.
            task: decides on success.
            seed: of the worlds.
        """
        chosen = self.take_turns(self.config.worlds)
        given = self.parameters_at(chosen, np.random.default_rng((seed, 1)))
        env = make_env(self.widest_spec, self.config.worlds, seed=seed)
        report = evaluate(env, policy, seed=seed, task=task, parameters=given)
        env.close()
        self.take_results(chosen, report.success)

    def take_turns(self, count: int) -> np.ndarray:
        """Indices (count,) of the boundaries whose turn it is."""
        chosen = (self._turn + np.arange(count)) % len(self.boundaries)
        self._turn = int(chosen[-1] + 1) % len(self.boundaries)
        return chosen

    def parameters_at(self, chosen: np.ndarray, rng: np.random.Generator) -> Parameters:
        """Parameters (n,) of worlds that are at one boundary each, `chosen` (n,), and anywhere
        within the ranges otherwise; those that do not adapt are left out."""
        paths = list(dict.fromkeys(b.path for b in self.boundaries))
        drawn = sample_parameters(self.variations(), self.spec.nominal, rng, len(chosen))
        for index, boundary in enumerate(self.boundaries):
            drawn[boundary.path][chosen == index] = boundary.value()
        return {path: drawn[path] for path in paths}

    def take_results(self, chosen: np.ndarray, success: np.ndarray) -> None:
        """Take the results of one episode at each boundary `chosen` (n,), and move."""
        for index, result in zip(chosen, success, strict=True):
            self.boundaries[index].results.append(float(result))
        for boundary in self.boundaries:
            boundary.move(self.config)

    @property
    def mean_extent(self) -> float:
        """How wide the ranges are: 0 nominal, 1 as robot.toml states them."""
        return float(np.mean([b.extent for b in self.boundaries]))

    def state(self) -> dict[str, Any]:
        """JSON-able, for `load_state`."""
        return {
            "turn": self._turn,
            "extents": {b.name: b.extent for b in self.boundaries},
            "results": {b.name: list(b.results) for b in self.boundaries},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a state back. Raises DataError for that of another [randomization]."""
        names = [b.name for b in self.boundaries]
        if sorted(state["extents"]) != sorted(names):
            raise DataError(
                "the run's automatic ranges are of other parameters than [randomization] of "
                f"{self.spec.folder} names; pretrain again"
            )
        self._turn = state["turn"]
        for b in self.boundaries:
            b.extent, b.results = state["extents"][b.name], list(state["results"][b.name])

    def described(self) -> dict[str, Any]:
        """The ranges of now beside those that robot.toml states, for people."""
        stated = self.spec.randomization
        now = self.variations()
        return {
            path: {
                "range": [now[path].low, now[path].high],
                "stated": [stated[path].low, stated[path].high],
            }
            for path in dict.fromkeys(b.path for b in self.boundaries)
        }


def adapts(path: str, variation: Variation) -> bool:
    """Whether automatic randomization changes the range of a parameter."""
    return variation.when in ("build", "reset") and not path.startswith(INITIAL)


def without_randomization(spec: RobotSpec) -> dict[str, Variation]:
    """One machine, the nominal or the calibrated one, started where robot.toml says."""
    found = {}
    for path, variation in spec.randomization.items():
        middle = variation.centre(spec.nominal[path])
        found[path] = variation if path.startswith(INITIAL) else Variation(middle, middle)
    return found


def _ends(path: str, variation: Variation, nominal: float, widest: float) -> list[Boundary]:
    """The ends that can move: not one that robot.toml puts where the range grows from."""
    logarithmic = variation.distribution == "log-uniform"

    def at(number: float) -> float:
        return float(np.log(number)) if logarithmic else number

    centre = at(variation.centre(nominal))
    low, high = parameter_limits(path)
    found = []
    sides: tuple[tuple[Literal[-1, 1], float, float], ...] = (
        (-1, variation.low, low),
        (1, variation.high, high),
    )
    for side, stated, limit in sides:
        reach = side * (at(stated) - centre)
        if reach > ROUNDING:
            farthest = side * (at(limit) - centre) / reach
            found.append(Boundary(path, side, centre, reach, min(widest, farthest), logarithmic))
    return found
