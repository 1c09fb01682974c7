"""How wrong is the return that the planner sees, at every horizon, with and without the value?

    with value     sum_{h<H} gamma^h r(x_h+1, a_h) + gamma^H Q(x_H, policy(x_H)),  x from the model
    without        the same sum alone
    policy acts    with the value, but the policy chooses a_h at the model's states, as in the
                   planner's proposals: feedback holds an unstable robot where a plan lets it fall
    true states    with the value, but x as it was: what is left is the value's own error

A short horizon relies on the value, a long one on the model; the best one is where the error is
least.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.analysis.recordings import Recording, segments_of
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.windows import Windows

TAIL = 0.05  # weight gamma^n at which the value may stand in for the rest of the true return


@dataclass(frozen=True)
class ReturnError:
    """Errors of the discounted return of the policy at horizons 1..H, (H,) each.

    Infinite where an estimate is not finite: the model diverges.

    Attributes:
        with_value: root mean square error, the horizon closed with the value.
        without_value: of the summed reward alone.
        policy_acts: with the value, the policy acting in the model.
        true_states: with the value, at the states that really came.
        bias_with_value: mean of estimate - truth, of `with_value`.
        best_horizon: where `with_value` is least.
        best_horizon_policy_acts: where `policy_acts` is least.
        true_spread: standard deviation of the true return over starts: error of knowing nothing.
        starts: number of start states.
        truth_ticks: ticks at least that the true return sums before the value stands in.
    """

    with_value: FloatArray
    without_value: FloatArray
    policy_acts: FloatArray
    true_states: FloatArray
    bias_with_value: FloatArray
    best_horizon: int
    best_horizon_policy_acts: int
    true_spread: float
    starts: int
    truth_ticks: int


def measure_return_error(
    agent: Mbpo,
    recordings: Sequence[Recording],
    horizon: int,
    count: int,
    rng: np.random.Generator,
) -> ReturnError:
    """Compare estimates with what episodes of the policy really returned.

    Starts lie at least ln(TAIL) / ln(gamma) ticks before an episode's end, so that the truth hardly
    depends on the value. Raises DataError when no episode is long enough.
    """
    gamma = agent.config.sac.gamma
    tail = max(horizon, math.ceil(math.log(TAIL) / math.log(gamma)))
    windows, true = _sample(agent, segments_of(recordings), horizon, tail, count, rng)
    obs, action = (torch.as_tensor(x).float() for x in (windows.obs, windows.action))
    summed, value = _estimate(agent, *_roll(agent, obs[:, 0], action, policy_acts=False))
    acted, acted_value = _estimate(agent, *_roll(agent, obs[:, 0], action, policy_acts=True))
    true_summed, true_value = _estimate(agent, obs[None, :, 1:], action)
    truth = true[:, None]
    errors = {
        "with_value": summed + value - truth,
        "without_value": summed - truth,
        "policy_acts": acted + acted_value - truth,
        "true_states": true_summed + true_value - truth,
    }
    # An estimate that is not finite is infinitely wrong; as NaN it would be the best horizon.
    errors = {name: np.where(np.isfinite(e), e, np.inf) for name, e in errors.items()}
    rms = {name: np.sqrt((e**2).mean(0)) for name, e in errors.items()}
    return ReturnError(
        **rms,
        bias_with_value=errors["with_value"].mean(0),
        best_horizon=int(np.argmin(rms["with_value"])) + 1,
        best_horizon_policy_acts=int(np.argmin(rms["policy_acts"])) + 1,
        true_spread=float(true.std()),
        starts=len(true),
        truth_ticks=tail,
    )


def _sample(
    agent: Mbpo,
    segments: Sequence[Segment],
    horizon: int,
    tail: int,
    count: int,
    rng: np.random.Generator,
) -> tuple[Windows, FloatArray]:
    """Random windows, and the true return (W,) of their first states."""
    # where the truth is known without the value, a window may reach up to the segment's end
    rooms = [
        len(s) - (horizon if agent.task.terminated(s.obs[-1:])[0] else tail) + 1 for s in segments
    ]
    usable = [
        (s.take(0, room + horizon - 1), _true_returns(agent, s)[:room])
        for s, room in zip(segments, rooms, strict=True)
        if room > 0
    ]
    if not usable:
        raise DataError(
            f"no episode has {tail} ticks in a row, which the true return needs; record longer ones"
        )
    windows = Windows.cut([s for s, _ in usable], horizon)
    chosen = np.sort(rng.permutation(len(windows))[:count])
    return windows.take(chosen), np.concatenate([r for _, r in usable])[chosen]


def _true_returns(agent: Mbpo, segment: Segment) -> FloatArray:
    """Discounted return from every tick, (T,); the value follows the end unless that is a
    termination."""
    obs, action = segment.obs, segment.action
    reward = np.asarray(agent.task.reward(obs[1:], action), np.float64)
    last = torch.as_tensor(obs[-1:], dtype=torch.float32)
    ahead = 0.0 if agent.task.terminated(obs[-1:])[0] else float(_value(agent, last)[0])
    returns = np.zeros(len(reward))
    for t in range(len(reward) - 1, -1, -1):
        ahead = reward[t] + agent.config.sac.gamma * ahead
        returns[t] = ahead
    return returns


@torch.no_grad()
def _roll(
    agent: Mbpo, start: Tensor, applied: Tensor, *, policy_acts: bool
) -> tuple[Tensor, Tensor]:
    """States 1..H of every elite, (E, W, H, O), and actions (W, H, A), from start (W, O).

    Actions are those applied, or the policy's at the elites' mean state, as in planning.
    """
    model = agent.model.elite_model()
    x, states, actions = model.spread(start), [], []
    for h in range(applied.shape[1]):
        action = agent.sac.average.act(x.mean(0)) if policy_acts else applied[:, h]
        x = model.advance(x, model.spread(action))
        states.append(x)
        actions.append(action)
    return torch.stack(states, 2), torch.stack(actions, 1)


@torch.no_grad()
def _estimate(agent: Mbpo, states: Tensor, actions: Tensor) -> tuple[FloatArray, FloatArray]:
    """Discounted summed reward and discounted value at each horizon, (W, H) each, mean over E.

    As the planner counts: nothing after a termination.
    """
    horizon = states.shape[2]
    reward = agent.task.reward(states, actions.expand(len(states), *actions.shape), xp=torch)
    ended = agent.task.terminated(states, xp=torch).double().cumsum(-1)
    alive_after = (ended < 0.5).double()
    alive_before = torch.cat([torch.ones_like(ended[..., :1]), alive_after[..., :-1]], -1)
    discount = agent.config.sac.gamma ** torch.arange(horizon + 1, dtype=torch.float64)
    summed = (discount[:-1] * alive_before * reward).cumsum(-1).mean(0)
    value = (discount[1:] * alive_after * _value(agent, states)).mean(0)
    return summed.numpy(), value.numpy()


@torch.no_grad()
def _value(agent: Mbpo, obs: Tensor) -> Tensor:
    """The planner's terminal value of obs (..., O): the critics' mean at the policy's action."""
    flat = obs.reshape(-1, obs.shape[-1])
    q: Tensor = agent.sac.critics(flat, agent.sac.average.act(flat)).mean(0)
    return q.double().reshape(obs.shape[:-1])
