"""How fast ensemble and SAC learn on one thread, and how fast the model imagines.

Everything is timed by the CPU time of the thread that computes, in turn, so that other programs
count for little; medians over rounds. Sizes are those of MBPO on HalfCheetah (Janner et al. 2019).
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import torch

from launch.bench import sgemm
from launch.terminal import print_numbers
from launch.verb import Outcome, Verb
from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.fitting.fit import FitConfig, Mix, Source, Training, fit_normalizers
from robot_mbrl.networks.batched_linear import BatchedLinear

OBS, ACTIONS, ROWS, BATCH, HIDDEN = 17, 6, 20_000, 256, 256
ENSEMBLE = EnsembleConfig(members=7, hidden=200, layers=4)
# What stable-baselines3 does: plain critics, the actor at each update.
PLAIN = SacConfig(
    actor_hidden=HIDDEN, critic_hidden=HIDDEN, batch=BATCH, layer_norm=False, policy_delay=1
)
HORIZON = 10


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Updates of ensemble and SAC per second of one thread: as a share of the sgemm rate, and
    against stable-baselines3's SAC; imagined transitions per second. Two minutes.
    """

    rounds: int = 25
    """all are measured in turn so often; medians are reported"""
    updates: int = 8
    """updates of each kind in a round"""
    branches: int = 2000
    """imagined rollouts in a round, of 10 ticks"""
    activation: Literal["silu", "relu"] = "silu"
    """of the ensemble's hidden layers"""


@dataclass(frozen=True)
class TrainRates:
    """Rates per second of one thread's CPU time, medians over rounds.

    Attributes:
        ensemble_updates_per_s: gradient steps of 7 members, 4 layers of 200, batch 256: drawing
            the batch, gradients, Adam.
        sgemm_gflop_s: rate of a product of square matrices in the same rounds, of the library that
            is fastest here.
        sgemm_library: which that is: torch, numpy or onnxruntime.
        sgemm_share: arithmetic of an ensemble update's matrix products per second as a share of
            that: median update against median product of each round.
        share_of_best_sgemm: the same against the best product of each round.
        products_share: what an update's matrix products alone reach, with nothing in between:
            no update of these sizes can be faster.
        sac_updates_per_s: SAC updates, networks 256x256, batch 256 drawn from a replay buffer,
            without LayerNorm and with the actor at each update.
        sb3_updates_per_s: the same of stable-baselines3.
        sb3_ratio: the median over rounds of the ratio of these two.
        sac_default_updates_per_s: SAC updates with our default settings.
        imagined_per_s: transitions imagined with that ensemble and the default actor.
    """

    ensemble_updates_per_s: float
    sgemm_gflop_s: float
    sgemm_library: str
    sgemm_share: float
    share_of_best_sgemm: float
    products_share: float
    sac_updates_per_s: float
    sb3_updates_per_s: float
    sb3_ratio: float
    sac_default_updates_per_s: float
    imagined_per_s: float


def run(settings: Settings) -> Outcome:
    """Rates of learning and imagination."""
    rates = asdict(measure_training(settings))
    print_numbers(rates)
    return Outcome(rates)


class Unending:
    """Reward for being near 0; nothing ends an episode."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Minus the first column's square."""
        return -(next_obs[..., 0] ** 2)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """Nowhere."""
        return next_obs[..., 0] != next_obs[..., 0]


def make_data(seed: int) -> Transitions:
    """Steps of a stable linear system under random actions."""
    rng = np.random.default_rng(seed)
    obs = rng.standard_normal((ROWS, OBS)).astype(np.float32)
    action = rng.uniform(-1, 1, (ROWS, ACTIONS)).astype(np.float32)
    next_obs = 0.9 * obs + 0.1 * rng.standard_normal((ROWS, OBS)).astype(np.float32)
    next_obs[:, :ACTIONS] += 0.1 * action
    return Transitions(obs, action, next_obs, -(next_obs[:, 0] ** 2), np.zeros(ROWS, bool))


def make_bench_agent(
    data: Transitions, sac: SacConfig, real_share: float, ensemble: EnsembleConfig = ENSEMBLE
) -> Mbpo:
    """An agent that holds the data and knows their statistics."""
    imagination = ImaginationConfig(horizon=HORIZON, keep_rounds=1)
    config = MbpoConfig(sac, ensemble, imagination, real_share=real_share)
    task: Any = Unending()  # without the goal that a robot's task has
    agent = Mbpo(PlainLayout(OBS, ACTIONS), task, config, ROWS, seed=0)
    agent.real.add(data)
    agent.sac.set_observation_statistics(data.obs.astype(np.float64))
    fit_normalizers(agent.model, data)
    return agent


def measure_training(bench: Settings) -> TrainRates:
    """All rates. Raises RobotMbrlError when stable-baselines3 is missing."""
    from launch.bench.reference.updates import make_reference  # a package that only this needs

    torch.set_num_threads(1)
    data = make_data(0)
    ensemble = replace(ENSEMBLE, activation=bench.activation)
    agent = make_bench_agent(data, SacConfig(), 0.1, ensemble)
    plain, default = make_bench_agent(data, PLAIN, 1.0), make_bench_agent(data, SacConfig(), 1.0)
    reference = make_reference(data, hidden=HIDDEN, batch=BATCH)
    config = FitConfig(batch=BATCH)
    training = Training(agent.model, [Mix([Source(data, 1.0)])], config, [np.random.default_rng(0)])
    flop = update_flop(layer_sizes(agent.model), ENSEMBLE.members, BATCH)
    products, libraries = Products(agent.model, BATCH), sgemm.products()
    starts = data.obs[: bench.branches]
    n = bench.updates
    works: dict[str, tuple[Callable[[], object], int]] = {
        **{name: (product, n) for name, product in libraries.items()},
        "products": (products.run, n),
        "ensemble": (training.step, n),
        "sac": (lambda: plain.update(n), 1),
        "sb3": (lambda: reference(n), 1),
        "default": (lambda: default.update(n), 1),
        "imagine": (lambda: agent.imagine(starts), 1),
    }
    for work, _ in works.values():
        work()
    rounds = [
        {k: seconds(*w, threads=k == "numpy") for k, w in works.items()}
        for _ in range(bench.rounds)
    ]
    found = {k: [statistics.median(r[k]) for r in rounds] for k in works}
    rate = {k: 1 / statistics.median(v) for k, v in found.items()}
    limit = sgemm.fastest({name: sgemm.PRODUCT_FLOP * rate[name] for name in libraries})
    product, best = found[limit.library], [min(r[limit.library]) for r in rounds]
    size = flop / sgemm.PRODUCT_FLOP
    return TrainRates(
        ensemble_updates_per_s=rate["ensemble"],
        sgemm_gflop_s=limit.flop_s / 1e9,
        sgemm_library=limit.library,
        sgemm_share=size * ratio(product, found["ensemble"]),
        share_of_best_sgemm=size * ratio(best, found["ensemble"]),
        products_share=size * ratio(product, found["products"]),
        sac_updates_per_s=n * rate["sac"],
        sb3_updates_per_s=n * rate["sb3"],
        sb3_ratio=ratio(found["sb3"], found["sac"]),
        sac_default_updates_per_s=n * rate["default"],
        imagined_per_s=len(agent.imagined) * rate["imagine"],
    )


def seconds(work: Callable[[], object], times: int, *, threads: bool = False) -> list[float]:
    """CPU seconds of this thread for each call; with `threads` of every thread, for work that does
    not let itself be held to one."""
    clock, found = time.process_time if threads else time.thread_time, []
    for _ in range(times):
        start = clock()
        work()
        found.append(clock() - start)
    return found


def ratio(a: Sequence[float], b: Sequence[float]) -> float:
    """Median of a / b, round by round."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def layer_sizes(model: DynamicsEnsemble) -> list[int]:
    """Width of inputs, hidden layers and outputs."""
    shapes = [w.shape for w in layer_weights(model)]
    return [shapes[0][1], *(shape[2] for shape in shapes)]


def layer_weights(model: DynamicsEnsemble) -> list[torch.Tensor]:
    """The weights of each layer, (E, n_in, n_out)."""
    return [cast(BatchedLinear, layer).weight.detach() for layer in model.layers]


def update_flop(sizes: Sequence[int], members: int, batch: int) -> int:
    """Arithmetic of the matrix products of one update: forward, weights' gradients, and inputs'
    gradients of all layers but the first; whitening not counted."""
    products = [a * b for a, b in pairwise(sizes)]
    return 2 * members * batch * (3 * sum(products) - products[0])


class Products:
    """The matrix products of one update and nothing else."""

    def __init__(self, model: DynamicsEnsemble, batch: int) -> None:
        members, sizes = model.members, layer_sizes(model)
        self.weights = layer_weights(model)
        self.gradients = [torch.empty_like(w) for w in self.weights]
        self.values = [torch.ones(members, batch, size) for size in sizes]
        self.slopes = [torch.ones(members, batch, size) for size in sizes]

    def run(self) -> None:
        """Forwards, then backwards."""
        last = len(self.weights)
        for k in range(last):
            torch.bmm(self.values[k], self.weights[k], out=self.values[k + 1])
        for k in range(last - 1, -1, -1):
            torch.bmm(self.values[k].mT, self.slopes[k + 1], out=self.gradients[k])
            if k:
                torch.bmm(self.slopes[k + 1], self.weights[k].mT, out=self.slopes[k])
