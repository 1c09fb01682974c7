"""What policy and critics see and choose: all as it is for plain robots, moves for slewed ones."""

from typing import Any

import numpy as np
import pytest
import torch

import sim
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.networks.policy_view import PolicyView, TaskPolicyView
from robot_mbrl.planners.objective.imagination import Imagination
from robot_mbrl.tasks import make_task


def view_of(name: str) -> tuple[TaskPolicyView, ObservationLayout]:
    spec = load_robot(name)
    layout = ObservationLayout.from_spec(spec)
    return TaskPolicyView(layout, make_task(spec)), layout


def test_a_voltage_is_chosen_as_it_is() -> None:
    view, layout = view_of("furuta")
    obs, action = torch.randn(4, layout.size), torch.rand(4, 1) * 2 - 1
    assert view.size == layout.size
    for x, same in [(view.inputs(obs), obs), (view.to_action(obs, action), action)]:
        assert torch.equal(x, same)
    assert torch.equal(view.to_output(obs, action), action)
    assert torch.equal(PolicyView(3).to_action(obs, action), action)


def test_a_slewed_position_is_chosen_as_a_move_from_the_last_one() -> None:
    view, layout = view_of("arm")
    obs = torch.zeros(3, layout.size)
    last = torch.tensor([0.2, -0.4, 0.5, 0.0, 0.999])
    obs[:, layout.column("pan_servo.action[-1]") :][:, :5] = last
    step = torch.tensor(layout.action_step, dtype=torch.float32)
    output = torch.tensor([[0.0] * 5, [1.0] * 5, [-0.5] * 5])
    action = view.to_action(obs, output)
    torch.testing.assert_close(action[0], last)
    torch.testing.assert_close(action[1], (last + step).clamp(max=1.0))
    torch.testing.assert_close(action[2], last - 0.5 * step)
    torch.testing.assert_close(view.to_output(obs, action)[2], output[2], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["furuta", "arm"])
def test_the_slope_is_that_of_the_output_that_an_action_really_is(name: str) -> None:
    view, layout = view_of(name)
    rng = torch.Generator().manual_seed(0)
    obs = torch.rand(60, layout.size, generator=rng) * 2.2 - 1.1
    size = layout.action_size
    output = (torch.rand(60, size, generator=rng) * 2 - 1).requires_grad_()
    (expected,) = torch.autograd.grad(
        view.to_output(obs, view.to_action(obs, output)).sum(), [output]
    )
    slope = view.slope(obs, output.detach())
    if name == "furuta":
        assert slope is None and (expected == 1).all()
    else:
        torch.testing.assert_close(slope, expected)
        assert 0 < slope.mean() < 1


def test_an_output_is_what_the_simulator_does() -> None:
    """Every output is within what a tick allows, so nothing of it is cut."""
    env = sim.make_vec_env("arm", 6, threads=1)
    view = TaskPolicyView(env.layout, env.task)
    obs, _ = env.reset(seed=0)
    rng = torch.Generator().manual_seed(0)
    for _ in range(5):
        action = view.to_action(
            torch.as_tensor(obs), torch.rand(6, 5, generator=rng) * 2 - 1
        ).numpy()
        obs, _, _, _, info = env.step(action)
        np.testing.assert_allclose(info["applied"], action, atol=1e-6)


def test_policy_and_critics_are_given_the_features() -> None:
    spec = load_robot("arm")
    layout, task = ObservationLayout.from_spec(spec), make_task(spec)
    config = MbpoConfig(sac=SacConfig(actor_hidden=8, critic_hidden=8))
    agent = Mbpo(layout, task, config, 1, seed=0)
    assert agent.sac.view.size == layout.size + 3 + 5
    obs = torch.zeros(2, layout.size)
    obs[1, -1] = 0.3  # only the goal differs
    with torch.no_grad():
        a, b = agent.sac.average.act(obs)
        assert not torch.equal(a, b)
        q = agent.sac.critics(obs, torch.zeros(2, 5))
        assert not torch.equal(q[:, 0], q[:, 1])
        mean, _ = agent.model.increments(agent.model.spread(obs), torch.zeros(5, 2, 5))
        assert torch.equal(mean[:, 0], mean[:, 1])  # a goal moves nothing


def test_plans_are_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of zeros is to stay: the imagined commands do not change."""
    spec = load_robot("arm")
    layout, task = ObservationLayout.from_spec(spec), make_task(spec)
    config = MbpoConfig(sac=SacConfig(actor_hidden=8, critic_hidden=8))
    agent = Mbpo(layout, task, config, 1, seed=0)
    sac = agent.sac
    imagination = Imagination(
        agent.model, task, sac.average, sac.critics, gamma=0.9, disagreement_penalty=0.0
    )
    obs = torch.zeros(layout.size)
    at = layout.column("pan_servo.action[-1]")
    obs[at : at + 5] = 0.3
    seen: list[torch.Tensor] = []
    advance = ObservationLayout.advance

    def spy(self: Any, x: Any, dq: Any, action: Any, xp: Any, axis: int) -> Any:
        seen.append(action.transpose(-1, axis))
        return advance(self, x, dq, action, xp, axis)

    monkeypatch.setattr(ObservationLayout, "advance", spy)
    imagined = imagination(obs, torch.zeros(3, 2, 5))
    assert torch.equal(imagined.plans, torch.zeros(3, 2, 5))
    for action in seen:
        torch.testing.assert_close(action, torch.full_like(action, 0.3))
