"""What an episode is worth without having learned anything."""

from dataclasses import replace

import numpy as np
import pytest

import sim
from robot_mbrl.contract import load_robot
from robot_mbrl.envs.episodes import EvaluationReport, evaluate
from robot_mbrl.envs.unlearned import UnlearnedReport, evaluate_unlearned


def report(*returns: float) -> EvaluationReport:
    none = np.zeros(len(returns), bool)
    return EvaluationReport(none, np.array(returns), none)


def test_better_means_better_than_both_by_more_than_chance() -> None:
    worth = UnlearnedReport(idle=report(10, 12, 14), random=report(1, 1, 1))
    error = np.std([10, 12, 14]) / np.sqrt(3)
    assert not worth.beaten_by(12.0)
    assert not worth.beaten_by(12 + 1.9 * error)
    assert worth.beaten_by(12 + 2.1 * error)
    swapped = UnlearnedReport(idle=worth.random, random=worth.idle)
    assert not swapped.beaten_by(12.0)
    assert not worth.beaten_by(float("nan"))
    assert worth.summary == {"idle": 12.0, "random": 1.0}


@pytest.mark.parametrize("robot", ["furuta", "arm"])
def test_doing_nothing_is_no_drive_or_the_held_pose(robot: str) -> None:
    env = sim.make_vec_env(load_robot(robot), 3, threads=1, episode_s=0.3)
    worth = evaluate_unlearned(env, seed=4, task=env.task)
    resting = []

    def rest(obs: np.ndarray) -> np.ndarray:
        """Of a servo the pose at the start, of a motor no drive."""
        if not resting:
            q = env.worlds.true_state()[0]
            resting.append(env.layout.hold(q))
        return resting[0]

    nothing = evaluate(env, rest, seed=4, task=env.task)
    np.testing.assert_allclose(worth.idle.returns, nothing.returns, atol=0.05)
    assert worth.random.returns.shape == (3,)
    assert np.abs(worth.random.returns - worth.idle.returns).max() > 0
    env.close()


def test_a_robot_without_action_history_has_no_last_command() -> None:
    spec = load_robot("furuta")
    spec = replace(spec, control=replace(spec.control, action_history=0))
    env = sim.make_vec_env(spec, 2, threads=1, episode_s=0.1)
    assert np.isfinite(evaluate_unlearned(env, seed=0, task=env.task).idle.returns).all()
    env.close()
